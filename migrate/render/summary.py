"""How an apply ended: what was verified, what failed and why, which command goes on."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.apply.run import Summary
from migrate.core.codec import Json, encode
from migrate.plan.model import Plan, PlannedTable
from migrate.plan.strategy import load_record
from migrate.render.diagnostics import error_value, step_error_text
from migrate.render.style import Style, plural
from migrate.state.model import State, Status, StepRecord

FORMAT_VERSION = 1


def summary_text(plan: Plan, state: State, summary: Summary, style: Style, command: str) -> str:
    """The closing text of `migrate apply`. `command` resumes it."""
    lines = list(verification_lines(plan, state, style))
    total, done = len(plan.actions), len(summary.done)
    if summary.is_complete:
        lines.append(style.paint(f"Apply complete: {plural(total, 'step')} done.", "bold", "green"))
        return "\n".join(lines)
    lines += [
        step_error_text(address, error, style) for address, error in {**summary.failed, **summary.blocked}.items()
    ]
    if summary.cause is not None:
        lines.append(f"{style.paint('error:', 'red', 'bold')} stopped: {summary.cause.summary}")
        lines += [f"  why     {summary.cause.why}"] if summary.cause.why else []
        lines += [f"  advice  {summary.cause.hint}"] if summary.cause.hint else []
    if summary.is_interrupted:
        lines.append("Interrupted.")
    waiting = f", {plural(len(summary.skipped), 'step')} waiting for them" if summary.skipped else ""
    failed = f", {len(summary.failed)} failed" if summary.failed else ""
    blocked = f", {len(summary.blocked)} to be looked at again" if summary.blocked else ""
    lines.append(f"  state   saved; {done} of {plural(total, 'step')} done{failed}{blocked}{waiting}")
    lines.append(f"  next    {command}   goes on from here")
    return "\n".join(lines)


def result_document(
    plan: Plan,
    outcome: str,
    exit_code: int,
    state: State | None = None,
    summary: Summary | None = None,
    command: str = "",
) -> Json:
    """How an apply ended, as JSON (`schemas/result.schema.json`). Without a summary, nothing was carried out."""
    summary = summary or Summary(done=())
    document = {
        "format_version": FORMAT_VERSION,
        "migration": plan.migration,
        "plan_id": plan.plan_id,
        "outcome": outcome,
        "exit_code": exit_code,
        "steps": len(plan.actions),
        "done": list(summary.done),
        "failed": [{"address": address, "error": encode(error)} for address, error in summary.failed.items()],
        "blocked": [{"address": address, "error": encode(error)} for address, error in summary.blocked.items()],
        "waiting": list(summary.skipped),
        "verified": [_verified(table, record) for table, record in _comparisons(plan, state)] if state else [],
    }
    if summary.cause is not None:
        document["cause"] = error_value(summary.cause)
    return {**document, "next": command} if command else document


def _verified(table: PlannedTable, record: StepRecord) -> Json:
    names = ("mode", "same", "source_items", "target_items")
    return {"source": table.source, "target": table.target, **{name: record.outputs[name] for name in names}}


def _comparisons(plan: Plan, state: State) -> Iterator[tuple[PlannedTable, StepRecord]]:
    for table in plan.tables:
        record = state.record(f"{table.target}/verify")
        if record is not None and record.plan_id == plan.plan_id and record.status is Status.DONE:
            yield table, record


def verification_lines(plan: Plan, state: State, style: Style) -> Iterator[str]:
    """One line for each table that was verified under this plan."""
    for table, record in _comparisons(plan, state):
        found = record.outputs
        what = "items are equal" if found["mode"] == "digest" else "items on both sides (counts only)"
        if found.get("compared_with") == "copy":
            what = "items are what the copy read (the source was not read again)"
        mark = style.paint("=", "green", "bold")
        load = load_record(table.target, state)
        done = load.outputs if load else {}
        more = {"left out by the transform": done.get("filtered"), "more by splitting": done.get("extra")}
        more |= {"kept, unlike the source's": found["differs"], "only in the target": found["extra"]}
        allowed = "".join(f"; {count:,} {words}" for words, count in more.items() if count)
        yield (
            f"{mark} {table.source} -> {table.target}: {found['same']:,} {what}; "
            f"source {found['source_items']:,}, target {found['target_items']:,}{allowed}"
        )
