"""A table's own line in a plan."""

from __future__ import annotations

from migrate.plan.model import PlannedTable
from migrate.render.style import duration, money, plural, size


def table_title(table: PlannedTable) -> str:
    """A table's own line: names and, when it moves, how, how much, how long and for what."""
    name = f"{table.source} -> {table.target}"
    if table.is_move:
        estimate = table.estimate
        name += f"        {table.strategy}   {plural(table.items, 'item')}   {size(table.bytes)}"
        name += f"   ~{duration(estimate.minutes)}   {_about(estimate.dollars)}"
    return name


def _about(dollars: float) -> str:
    return f"~{money(dollars)}" if dollars >= 0.01 else money(dollars)
