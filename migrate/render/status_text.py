"""Where a migration stands, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from migrate.render.live_text import live_lines
from migrate.render.many_tables import MANY_TABLES
from migrate.render.status import DONE, FAILED, PENDING, RUNNING, MigrationStatus, StepStatus, TableStatus, next_command
from migrate.render.style import Style, duration, plural

_COLOURS = {DONE: "green", RUNNING: "blue", FAILED: "red", PENDING: "dim"}
_SHOWN = 8
_KINDS = {
    "bucket-policy": ("bucket policy statement",),
    "export": ("folder of export files", "folders of export files"),
    "job-files": ("folder of job files", "folders of job files"),
    "job-work": ("folder of a job's books", "folders of jobs' books"),
    "glue-job": ("Glue job",),
    "emr-application": ("EMR Serverless application",),
}


def status_text(one: MigrationStatus, style: Style, *, is_whole: bool = False) -> str:
    """One migration: each table, what runs, what failed, what comes next.

    Of many tables only those are shown that something happens to, or that failed; the others are counted, unless
    `is_whole`.
    """
    lines = [f"{style.paint(one.migration, 'bold')}: {one.source_account or '?'}  ->  {one.target_account or '?'}"]
    lines.append(f"  {_counts(one)}")
    if one.lock:
        lines.append(f"  locked by {one.lock.holder} since {one.lock.since}, last sign of life {one.lock.renewed}")
    lines.append("")
    is_short = len(one.tables) > MANY_TABLES and not is_whole
    told = [table for table in one.tables if not (is_short and _is_quiet(table))]
    width = max((len(table.table) for table in told), default=0)
    for table in told:
        lines += _table(table, width, style)
    lines += _others([table for table in one.tables if is_short and _is_quiet(table)])
    lines += _copies(one)
    lines += ["", *_owned(one), *_next(one)]
    return "\n".join(lines)


def list_text(found: Sequence[MigrationStatus], style: Style) -> str:
    """One line for each of several migrations."""
    width = max(len(one.migration) for one in found)
    lines = [f"{style.paint(f'{one.migration:<{width}}', 'bold')}  {_counts(one)}{_lock(one)}" for one in found]
    return "\n".join([*lines, "", "More about one: migrate status MIGRATION"])


def _counts(one: MigrationStatus) -> str:
    if one.active is None:
        return "nothing was applied yet"
    counts = Counter(step.status for step in one.steps())
    total = sum(counts.values())
    words = [f"{counts[status]} {status}" for status in (RUNNING, FAILED, PENDING) if counts[status]]
    what = "finished: " if one.is_finished else ""
    return f"{what}{counts[DONE]} of {plural(total, 'step')} done" + "".join(f", {word}" for word in words)


def _lock(one: MigrationStatus) -> str:
    return f"   locked by {one.lock.holder}" if one.lock else ""


def _is_quiet(table: TableStatus) -> bool:
    is_equal = table.verification is None or table.verification.is_accepted
    return is_equal and not any(step.status in (RUNNING, FAILED) for step in table.steps)


def _others(tables: Sequence[TableStatus]) -> Iterator[str]:
    if tables:
        done = sum(table.status == DONE for table in tables)
        waiting = sum(table.status != DONE and any(step.status == DONE for step in table.steps) for table in tables)
        words = f"{done:,} done, {waiting:,} begun and waiting, {len(tables) - done - waiting:,} not begun"
        yield f"  {plural(len(tables), 'other table')}: {words} (each of them: migrate -v status)"


def _table(table: TableStatus, width: int, style: Style) -> Iterator[str]:
    done = sum(step.status == DONE for step in table.steps)
    status = style.paint(f"{table.status:<7}", _COLOURS[table.status])
    row = f"  {style.paint(f'{table.table:<{width}}', 'bold')}  {status}"
    row += f"  {done} of {plural(len(table.steps), 'step')}" if table.status != DONE else ""
    if table.verification:
        seen = table.verification
        items = (
            f"{seen.same:,} items are equal" if seen.mode == "digest" and seen.same is not None else "counts are equal"
        )
        items += f"; {seen.kept:,} kept, unlike the source's" if seen.kept else ""
        items += f"; {seen.extra:,} only in the target" if seen.extra else ""
        passed = seen.is_accepted
        row += f"  {'verified' if passed else 'NOT EQUAL'} {seen.ended}{f': {items}' if passed else ''}"
    yield row
    pending = [step for step in table.steps if step.status == PENDING]
    for step in table.steps:
        if step.status in (RUNNING, FAILED):
            yield from _step(step, style)
    if pending and table.status != DONE:
        names = [_short(step) for step in pending[:_SHOWN]]
        more = f", and {len(pending) - _SHOWN} more" if len(pending) > _SHOWN else ""
        yield f"      to come  {', '.join(names)}{more}"


def _step(step: StepStatus, style: Style) -> Iterator[str]:
    since = f" since {step.started}" if step.started and step.status == RUNNING else ""
    attempt = f", attempt {step.attempt}" if step.attempt > 1 else ""
    yield f"      {style.paint(f'{step.status:<7}', _COLOURS[step.status])}  {_short(step)}{since}{attempt}"
    if step.status == RUNNING and step.handle and not step.handle.startswith("local:"):
        yield f"               {step.handle}"
    if step.live:
        yield from (f"               {line}" for line in live_lines(step.live))
    if step.error:
        yield f"               {step.error.summary}"
        if step.error.why:
            first, *more = step.error.why.splitlines()
            yield f"        why    {first}"
            yield from (f"               {line}" for line in more)
        if step.error.hint:
            yield f"        advice {step.error.hint}"


def _short(step: StepStatus) -> str:
    return step.address.split("/", 1)[-1]


def _copies(one: MigrationStatus) -> Iterator[str]:
    """The newest copy of each protected table, oldest first: what needs a look stands on top."""
    if one.copies is None and not one.unread:
        return
    yield ""
    yield "  protected: the newest copy in the target account"
    if one.unread:
        yield f"    could not be read: {one.unread}"
    copies = sorted(one.copies or (), key=lambda copy: copy.created or "")
    width = max((len(copy.table) for copy in copies), default=0)
    for copy in copies:
        if copy.recovery_point is None or copy.age_seconds is None:
            yield f"    {copy.table:<{width}}  none yet"
        else:
            age = duration(copy.age_seconds / 60)
            yield f"    {copy.table:<{width}}  {copy.created}  {age} old  {copy.recovery_point}"


def _owned(one: MigrationStatus) -> Iterator[str]:
    if one.owned:
        kinds = Counter(resource.kind for resource in one.owned)
        words = ", ".join(plural(count, *_KINDS.get(kind, (kind,))) for kind, count in sorted(kinds.items()))
        yield f"  made by this migration: {words}"


def _next(one: MigrationStatus) -> Iterator[str]:
    command = next_command(one)
    if command:
        yield f"  next: {command}"
    elif one.active:
        yield f"  next: nothing; to look again: migrate plan {one.active.manifest_file}"
