"""A plan as Markdown for a pull request's comment: one folded part for each table, and never more than a comment holds.

What comes from tables, manifests and AWS is escaped, or stands in a code block whose fence is longer than any in it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from migrate.core.diagnostics import Diagnostic, Severity
from migrate.core.printable import printable
from migrate.plan.model import Action, Change, Plan, PlannedTable, Risk
from migrate.plan.planfile import plan_digest
from migrate.render.plan_text import closing, heading, table_lines, why_lines
from migrate.render.style import Style, plural
from migrate.render.table_title import table_title
from migrate.state.model import SHARED

MOST_BYTES = 59_000
"""Below 60 kB with what a pipeline adds; GitHub refuses comments of more than 65,536 characters."""

_PLAIN = Style(colour=False)
_MISSES = 50
"""So many parts in a row that are too large for what room is left: the others are not even written."""

_MOST_DIAGNOSTICS = 20_000
_SPECIAL = re.compile(r"[\\`*_\[\]#|<>&~@$]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_NOT_IN_URLS = re.compile(r"[<>\s\\\x00-\x1f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SIGNS = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.NOTE: "ℹ️"}


def plan_markdown(plan: Plan, *, file: str = "", link: str = "") -> str:
    """The plan as GitHub-flavoured Markdown of at most `MOST_BYTES` bytes of UTF-8.

    Parts that do not fit are counted, and the whole plan is pointed to: `file` is the saved plan, `link` its URL.
    """
    head = "\n".join(_head(plan))
    whole = _pointer(file, link)
    room = MOST_BYTES - _size(head) - _size(whole) - 500
    findings, room = _fitting(_findings(plan.diagnostics), min(room, _MOST_DIAGNOSTICS), room)
    parts = list(_parts(plan))
    shown, _ = _fitting((part() for part in parts), room, room)
    blocks = [head, *findings, *shown]
    missing = len(parts) - len(shown)
    lost = len(plan.diagnostics) - len(findings)
    if missing or lost:
        what = [plural(missing, "table or part", "tables or parts")] * bool(missing) + [plural(lost, "finding")] * bool(
            lost
        )
        blocks.append(f"**{' and '.join(what)} left out, for want of room.** {whole}")
    return "\n\n".join(blocks)


def _head(plan: Plan) -> Iterator[str]:
    yield f"### migrate: {escape(heading(plan, _PLAIN))}"
    yield ""
    yield f"**{escape(closing(plan, _PLAIN))}**"
    risks = list(_risks(plan))
    if risks:
        yield ""
        yield f"{', '.join(risks)}."
    yield ""
    yield f"Digest: `{plan_digest(plan)}`"


def _risks(plan: Plan) -> Iterator[str]:
    """What a reviewer must not miss, said for the whole plan even where its parts are left out."""
    counts = (
        (sum(one.risk is Risk.SOURCE_WRITE for one in plan.actions), "changes the source", "change the source"),
        (sum(one.risk is Risk.IRREVERSIBLE for one in plan.actions), "cannot be undone", "cannot be undone"),
        (sum(one.change is Change.DELETE for one in plan.actions), "deletes", "delete"),
    )
    for count, verb, verbs in counts:
        if count:
            yield f"{plural(count, 'step')} {verb if count == 1 else verbs}"


def _findings(diagnostics: Iterable[Diagnostic]) -> Iterator[str]:
    for one in sorted(diagnostics, key=lambda d: list(_SIGNS).index(d.severity)):
        where = f"{one.location or one.address}: " if one.location or one.address else ""
        text = f"- {_SIGNS[one.severity]} **{one.severity.value}** {escape(where + one.summary)}"
        more = [escape(words) for words in (one.why, one.hint) if words]
        yield "\n".join([text, *(f"  <br>{words}" for words in more)])


def _parts(plan: Plan) -> Iterator[Callable[[], str]]:
    shared = plan.of_owner(SHARED)
    before = [action for action in shared if action.change is not Change.DELETE]
    after = [action for action in shared if action.change is Change.DELETE]
    if before:
        yield lambda: _folded("Shared", table_lines(before, _PLAIN))
    for table in plan.tables:
        if plan.of_owner(table.target):
            yield functools.partial(_table, plan.of_owner(table.target), table)
    if after:
        yield lambda: _folded("Afterwards", table_lines(after, _PLAIN))


def _table(actions: Sequence[Action], table: PlannedTable) -> str:
    lines = list(table_lines(actions, _PLAIN))
    if table.is_move and table.reason:
        lines[:0] = why_lines(table)
    lines += table.transform or ()
    lines += [f"needs you: {text}" for text in table.needs_user]
    return _folded(table_title(table), lines)


def _folded(title: str, lines: Iterable[str]) -> str:
    """A part that opens on a click. An empty line ends the HTML, so that what follows is Markdown again."""
    text = "\n".join(_one_line(line).removeprefix("  ") for line in lines)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"<details><summary>{escape(title)}</summary>\n\n{fence}diff\n{text}\n{fence}\n\n</details>"


def _pointer(file: str, link: str) -> str:
    if link:
        return f"The whole plan: [{escape(file or 'plan')}](<{_NOT_IN_URLS.sub('', link)}>)"
    name = _one_line(file or "PLANFILE").replace("`", "")
    return f"The whole plan: `migrate show {name} --json`"


def _fitting(parts: Iterable[str], most: int, room: int) -> tuple[list[str], int]:
    """The parts that fit into `most` bytes, in order, and what is left of `room`. Some misses in a row end it."""
    found, misses = [], 0
    for part in parts:
        size = _size(part)
        if size <= most:
            found.append(part)
            most, room, misses = most - size, room - size, 0
        elif (misses := misses + 1) > _MISSES:
            break
    return found, room


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass")) + 2


def escape(text: str) -> str:
    """The text so that Markdown and HTML show it as it is: on one line, with what has a meaning as entities.

    An entity can neither open nor close anything, become a link, nor notify anybody (`@name`). For use inside a line.
    """
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", _one_line(text))


def _one_line(text: str) -> str:
    """Nothing that breaks the line, and nothing invisible, which could make a name pass for another."""
    return printable(_CONTROL.sub(" ", text))
