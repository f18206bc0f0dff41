"""Many tables of a plan, a line each: what kind of change they get, and what a reviewer must not miss, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from migrate.plan.model import Action, Change, Plan, PlannedTable, Risk
from migrate.render.style import Style, plural
from migrate.render.table_title import table_title

MANY_TABLES = 50
"""Above so many, tables are shown in short."""

_MOST_WORDS = 10
"""Different remarks that are shown."""

_WHOLE = {"table-removal"}
"""Kinds of actions that are never shown in short: they delete what holds items."""


def short_tables(plan: Plan, tables: Sequence[PlannedTable]) -> list[PlannedTable]:
    """Those that may be shown in short: nothing of them is irreversible, and no table is deleted."""
    return [table for table in tables if not any(map(_must_be_read, plan.of_owner(table.target)))]


def _must_be_read(action: Action) -> bool:
    return action.kind in _WHOLE or action.risk is Risk.IRREVERSIBLE


def many_tables(plan: Plan, tables: Sequence[PlannedTable], style: Style, done: frozenset[str]) -> str:
    """A line for each table; then what is left to the user, each remark once; then how to see it all."""
    lines = [style.paint(f"  {plural(len(tables), 'table')}, one line each", "bold")]
    lines += [_line(plan.of_owner(table.target), table, done) for table in tables]
    writes = sum(any(a.risk is Risk.SOURCE_WRITE for a in plan.of_owner(table.target)) for table in tables)
    if writes:
        lines.append(f"    changes the source of {plural(writes, 'table')}")
    lines += _remarks(tables, style)
    lines.append(style.paint("    every action of every table: add -v, or --json", "dim"))
    return "\n".join(lines)


def _line(actions: Sequence[Action], table: PlannedTable, done: frozenset[str]) -> str:
    counts = Counter(action.change for action in actions)
    words = " ".join(f"{change.value}{counts[change]}" for change in Change if counts[change])
    carried_out = sum(action.address in done for action in actions)
    progress = f"   {carried_out} of {len(actions)} done" if carried_out else ""
    return f"  {table_title(table)}   [{words}]{progress}"


def _remarks(tables: Sequence[PlannedTable], style: Style) -> Iterator[str]:
    counts = Counter(text for table in tables for text in table.needs_user)
    for text, count in counts.most_common(_MOST_WORDS):
        yield f"    {style.paint('needs you', 'yellow')} ({plural(count, 'table')}): {text}"
    rest = len(counts) - _MOST_WORDS
    if rest > 0:
        yield f"    {style.paint('needs you', 'yellow')}: {plural(rest, 'other remark')}"
