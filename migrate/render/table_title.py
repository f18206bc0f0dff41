"""A table's own line in a plan."""

from __future__ import annotations

from migrate.plan.figures import about, dollars_words, minutes_words
from migrate.plan.model import PlannedTable
from migrate.render.style import plural, size


def table_title(table: PlannedTable) -> str:
    """A table's own line: names and, when it moves, how, how much, how long and for what."""
    name = f"{table.source} -> {table.target}"
    if table.is_move:
        minutes, dollars = minutes_words(table.estimate.took), dollars_words(table.estimate.cost)
        name += f"        {table.strategy}   {plural(table.items, 'item')}   {size(table.bytes)}"
        name += f"   {about(minutes)}   {about(dollars)}"
    return name
