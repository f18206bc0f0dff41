"""A plan as text, in Terraform's habits: `+` create, `~` change, `-` delete, `<=` read, `>` move items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from migrate.apply.quotas import least_minutes
from migrate.plan.figures import dollars_words, estimate_words, minutes_words
from migrate.plan.model import Action, Change, Plan, PlannedTable, Range, Risk
from migrate.render.many_tables import MANY_TABLES, many_tables, short_tables
from migrate.render.style import Style, plural, size
from migrate.render.table_title import table_title
from migrate.state.model import SHARED

_COLOURS = {
    Change.CREATE: "green",
    Change.UPDATE: "yellow",
    Change.DELETE: "red",
    Change.READ: "cyan",
    Change.MOVE: "blue",
}
_MARKS = {Risk.SOURCE_WRITE: "changes the source", Risk.IRREVERSIBLE: "cannot be undone"}
_NAMES = {
    "keys": "key schema",
    "provisioned": "capacity",
    "ttl": "TTL",
    "recovery_days": "point-in-time recovery",
    "kinesis": "Kinesis destination",
}
"""Fields of a table spec whose name is not its word."""

_WIDTH = 110
NO_CHANGES = "No changes. The target matches the manifest."


def plan_text(plan: Plan, style: Style, done: frozenset[str] = frozenset(), *, is_whole: bool = False) -> str:
    """The plan. Actions in `done` are marked as carried out.

    Of many tables each is one line, unless `is_whole`, or something of it must not be missed (`must_be_read`).
    """
    blocks = [heading(plan, style)]
    shared = list(plan.of_owner(SHARED))
    before = [action for action in shared if action.change is not Change.DELETE]
    after = [action for action in shared if action.change is Change.DELETE]
    if before:
        blocks.append(_block("Shared", before, style, done))
    tables = [table for table in plan.tables if any(plan.of_owner(table.target))]
    in_short = [] if is_whole or len(tables) <= MANY_TABLES else short_tables(plan, tables)
    if in_short:
        blocks.append(many_tables(plan, in_short, style, done))
    told = {table.target for table in in_short}
    blocks += [_table_block(plan, table, style, done) for table in tables if table.target not in told]
    if after:
        blocks.append(_block("Afterwards", after, style, done))
    blocks.append(closing(plan, style))
    return "\n\n".join(blocks)


def closing(plan: Plan, style: Style) -> str:
    """The last line: what would change, how long it takes, what it costs."""
    if plan.is_errored:
        errors = plural(sum(one.is_error for one in plan.diagnostics), "error")
        return style.paint(f"This plan cannot be carried out: {errors}. Nothing was changed.", "bold", "red")
    if not plan.actions:
        return style.paint(NO_CHANGES, "bold")
    counts = plan.summary()
    moved = [table for table in plan.tables if table.is_move]
    move = f", {plural(len(moved), 'table')} ({size(sum(t.bytes for t in moved))}) to move" if moved else ""
    text = f"Plan: {counts['create']} to create, {counts['change']} to change, {counts['delete']} to delete{move}."
    if not moved:
        return style.paint(text, "bold")
    return f"{style.paint(text, 'bold')} {_totals(plan, moved)} ({plan.prices_of})."


def _totals(plan: Plan, moved: Sequence[PlannedTable]) -> str:
    """Tables move side by side: the longest says how long all take, or, of many, the quotas; costs add up."""
    took = [table.estimate.took for table in moved]
    least = least_minutes(plan) if len(moved) > MANY_TABLES else 0.0
    minutes = minutes_words(Range(max(least, *(one.low for one in took)), max(least, *(one.high for one in took))))
    dollars = dollars_words(sum((table.estimate.cost for table in moved), Range()))
    words = f"{minutes} and {dollars}"
    return f"About {words}" if not words.startswith("less") else words.capitalize()


def next_commands(plan: Plan) -> str:
    """How to go on after `plan`."""
    file = plan.manifest_file or "MANIFEST"
    return f"To carry it out: migrate apply {file}       To pin it first: migrate plan {file} --out plan.json"


def heading(plan: Plan, style: Style) -> str:
    """The first line: which migration, from where to where."""
    source, target = (
        f"{account.id}{f' ({account.name})' if account.name else ''} {account.region}"
        for account in (plan.source, plan.target)
    )
    return f"{style.paint(plan.migration, 'bold')}: {source}  ->  {target}"


def _table_block(plan: Plan, table: PlannedTable, style: Style, done: frozenset[str]) -> str:
    lines = [_block(table_title(table), plan.of_owner(table.target), style, done)]
    if table.is_move and table.reason:
        head, rest = lines[0].split("\n", 1)
        why = "\n".join(style.paint(line, "dim") for line in why_lines(table))
        lines[0] = f"{head}\n{why}\n{rest}"
    lines += [style.paint(f"    {text}", "dim") for text in table.transform or ()]
    if table.carried:
        lines.append(style.paint(f"    carried over: {', '.join(setting_words(table.carried))}", "dim"))
    lines += [f"    {style.paint('needs you:', 'yellow')} {text}" for text in table.needs_user]
    return "\n".join(lines)


def why_lines(table: PlannedTable) -> list[str]:
    """Why this strategy, and why not each other one: in lines that a terminal holds."""
    lines = [f"    why {table.strategy}: "]
    for part in table.reason.split("; "):
        start = lines[-1]
        if len(start) + len(part) > _WIDTH and start.endswith("; "):
            lines[-1] = start.rstrip()
            lines.append("      ")
        lines[-1] += f"{part}; "
    lines[-1] = lines[-1].removesuffix("; ")
    return lines


def setting_words(names: Iterable[str]) -> list[str]:
    """The names of carried settings as people say them."""
    return [_NAMES.get(name, name.replace("_", " ")) for name in names]


def _block(title: str, actions: Iterable[Action], style: Style, done: frozenset[str]) -> str:
    return "\n".join([f"  {style.paint(title, 'bold')}", *table_lines(actions, style, done)])


def table_lines(actions: Iterable[Action], style: Style, done: frozenset[str] = frozenset()) -> Iterator[str]:
    """A line for each action, and its details below it."""
    for action in actions:
        yield _line(action, style, action.address in done)
        yield from (style.paint(f"               {text}", "dim") for text in action.details)


def _line(action: Action, style: Style, is_done: bool) -> str:
    mark = style.paint(f"{action.change.value:<2}", _COLOURS[action.change])
    note = _MARKS.get(action.risk, "")
    if action.change is Change.DELETE:
        note = action.why
    if is_done:
        note = "done"
    suffix = f"   {style.paint(f'[{note}]', 'dim')}" if note else ""
    words = estimate_words(action.estimate.took, action.estimate.cost) if action.estimate and not is_done else ""
    suffix = f"   {style.paint(words, 'dim')}{suffix}" if words else suffix
    return f"  {mark} {action.side.value:<6}  {action.title}{suffix}"
