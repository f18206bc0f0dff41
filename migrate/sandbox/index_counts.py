"""Items and bytes of every index, kept up to date with each write.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html (sparse indexes, projections). Not
emulated: the 100 bytes of overhead per index entry; items that were written before the index with a key of the wrong
type are counted.
"""

from __future__ import annotations

import json
from typing import Any

from migrate.sandbox.rows import Row
from migrate.sandbox.values import attributes_size


def count_indexes(table: Any) -> None:
    """Counts items and bytes of every index anew; needed after indexes or all items changed."""
    table.index_totals = {index.name: [0, 0] for index in table.indexes + table.global_indexes}
    if table.index_totals:
        for _, row in table.rows.walk():
            count(table, row, 1)


def count(table: Any, row: Row, sign: int) -> None:
    """Adds (sign 1) or takes away (sign -1) one row."""
    item = json.loads(row[0])
    for index in table.indexes + table.global_indexes:
        share = index_share(table, index, item, row[1])
        totals = table.index_totals.setdefault(index.name, [0, 0])
        if share is not None:
            totals[0] += sign
            totals[1] += sign * share


def index_share(table: Any, index: Any, item: dict[str, Any], size: int) -> int | None:
    """The bytes that an item takes in an index, or None when it is not in it (a sparse index)."""
    if any(name not in item for name in index.schema_key_attrs):
        return None
    kind = (index.projection or {}).get("ProjectionType", "ALL")
    if kind == "ALL":
        return size
    names = {*index.schema_key_attrs, *table.table_key_attrs}
    if kind == "INCLUDE":
        names.update(index.projection.get("NonKeyAttributes", []))
    return attributes_size(item, names)
