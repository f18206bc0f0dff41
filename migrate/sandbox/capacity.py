"""ConsumedCapacity of reads and writes.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html: 4 KB per read
unit (half of it when eventually consistent), 1 KB per write unit, the larger of the old and the new item, one more
write per index. Not emulated: capacity limits themselves; use fault injection for throttling.
"""

from __future__ import annotations

import json
from typing import Any

from migrate.sandbox.index_counts import index_share
from migrate.sandbox.rows import Row
from migrate.sandbox.values import invalid

LEVELS = ("NONE", "TOTAL", "INDEXES")


def level(body: dict[str, Any]) -> str:
    """The wanted detail; refuses unknown ones."""
    wanted = body.get("ReturnConsumedCapacity", "NONE")
    if wanted not in LEVELS:
        raise invalid(
            f"1 validation error detected: Value '{wanted}' at 'returnConsumedCapacity' failed to satisfy constraint: "
            "Member must satisfy enum value set: [INDEXES, TOTAL, NONE]"
        )
    return str(wanted)


def read_units(size: int, consistent: bool) -> float:
    """Units of one read of that many bytes (a page, or an item); reading nothing costs as much as 4 KB."""
    units = max(1, -(-size // 4096))
    return float(units) if consistent else units / 2


def write_units(old: Row | None, new: Row | None) -> float:
    """Units of replacing one item by another; deleting what is not there costs one."""
    size = max(old[1] if old else 0, new[1] if new else 0)
    return float(max(1, -(-size // 1024)))


class Consumption:
    """Adds up what one call consumes of one table."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.units = 0.0
        self._indexes: dict[str, float] = {}

    def read(self, size: int, consistent: bool) -> None:
        """Adds one read."""
        self.units += read_units(size, consistent)

    def write(self, old: Row | None, new: Row | None) -> None:
        """Adds one write, of the table and of each index that it touches."""
        self.units += write_units(old, new)
        for index in self._table.indexes + self._table.global_indexes:
            units = _index_units(self._table, index, old, new)
            if units:
                self._indexes[index.name] = self._indexes.get(index.name, 0.0) + units

    def report(self, wanted: str) -> dict[str, Any]:
        """The ConsumedCapacity structure, for TOTAL or INDEXES."""
        total = self.units + sum(self._indexes.values())
        found: dict[str, Any] = {"TableName": self._table.name, "CapacityUnits": total}
        if wanted == "INDEXES":
            found["Table"] = {"CapacityUnits": self.units}
            for member, indexes in (
                ("LocalSecondaryIndexes", self._table.indexes),
                ("GlobalSecondaryIndexes", self._table.global_indexes),
            ):
                units = {i.name: {"CapacityUnits": self._indexes[i.name]} for i in indexes if i.name in self._indexes}
                if units:
                    found[member] = units
        return found


def _index_units(table: Any, index: Any, old: Row | None, new: Row | None) -> float:
    before = json.loads(old[0]) if old else {}
    after = json.loads(new[0]) if new else {}
    old_share = index_share(table, index, before, old[1]) if old else None
    new_share = index_share(table, index, after, new[1]) if new else None
    if old_share is None and new_share is None:
        return 0.0
    moved = any(before.get(name) != after.get(name) for name in index.schema_key_attrs)
    if moved and old_share is not None and new_share is not None:
        return float(max(1, -(-old_share // 1024)) + max(1, -(-new_share // 1024)))
    if before == after:
        return 0.0
    return float(max(1, -(-max(old_share or 0, new_share or 0) // 1024)))
