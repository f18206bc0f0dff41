"""moto's Table on top of `rows`: the same methods, DynamoDB's checks, and no walk over the whole table.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html (keys, types, sizes) and
.../developerguide/Constraints.html (key sizes 2,048 and 1,024 bytes). A write that changes nothing makes no stream
record (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html). Not emulated: item collections
of more than 10 GB, capacity limits.
"""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable
from typing import Any

from moto.dynamodb.comparisons import get_expected, get_filter_expression
from moto.dynamodb.exceptions import ConditionalCheckFailed
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models import dynamo_type as moto_types
from moto.dynamodb.models import table as moto_table

from migrate.sandbox.index_counts import count, count_indexes
from migrate.sandbox.keys import check_keys, key_of
from migrate.sandbox.rows import WRITES, Row, RowKey, Rows, dump, row_key
from migrate.sandbox.settings import Timing
from migrate.sandbox.stored_items import StoredItem, plain, stored, with_bytes
from migrate.sandbox.values import canonical_item, canonical_value, invalid

Listener = Callable[[Any, str | None, str | None], None]
LISTENERS: list[Listener] = []
"""Called under the write lock for every change with (table, old JSON or None, new JSON or None)."""


def install(_timing: Timing) -> None:
    """Replaces the storage of moto's tables. Idempotent."""
    table = moto_table.Table
    if getattr(table, "sandbox_storage", False):
        return
    table.sandbox_storage = True
    original_init = table.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        self.rows = Rows()
        self.index_totals = {}
        self.table_id = str(uuid.uuid4())
        original_init(self, *args, **kwargs)
        count_indexes(self)

    table.__init__ = __init__
    table.items = property(lambda self: _nested(self), _ingest)
    table.__len__ = lambda self: len(self.rows)
    table.put_item = _put_item
    table.get_item = _get_item
    table.delete_item = _delete_item
    table.query = _query(table.query)
    table.all_items = lambda self: [stored(self, row) for _, row in self.rows.walk()]
    moto_types.LimitedSizeDict.__setitem__ = dict.__setitem__
    _install_updates()


def _query(original: Callable[..., Any]) -> Callable[..., Any]:
    def query(self: Any, hash_key: Any, *args: Any, **kwargs: Any) -> Any:
        """moto looks for the partition in all items of the table; here it is handed just the partition."""
        index_name = kwargs.get("index_name") or (args[6] if len(args) > 6 else None)
        view = copy.copy(self)
        if index_name is None and hash_key is not None:
            token, text, _ = row_key(canonical_value({hash_key.type: hash_key.value})[0], None)
            view.all_items = lambda: [stored(self, row) for _, row in self.rows.partition(token, text)]
        return original(view, hash_key, *args, **kwargs)

    return query


def _install_updates() -> None:
    original_update = DynamoDBBackend.update_item
    original_transact = DynamoDBBackend.transact_write_items

    def transact_write_items(self: Any, *args: Any, **kwargs: Any) -> Any:
        with WRITES:
            return original_transact(self, *args, **kwargs)

    def update_item(self: Any, table_name: str, key: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if not args:
            # An update without any expression only makes sure that the item exists; moto trips over it.
            kwargs["attribute_updates"] = kwargs.get("attribute_updates") or {}
        with WRITES:
            table = self.get_table(table_name)
            place = key_of(table, key)
            before = table.rows.get(place)
            stream, table.stream_shard = table.stream_shard, None
            listeners, LISTENERS[:] = LISTENERS[:], []
            try:
                changed = original_update(self, table_name, key, *args, **kwargs)
            finally:
                _replace(table, place, before)
                table.stream_shard = stream
                LISTENERS[:] = listeners
            item, size = canonical_item(plain(changed))
            check_keys(table, item)
            return store(table, item, size)

    DynamoDBBackend.update_item = update_item
    DynamoDBBackend.transact_write_items = transact_write_items


def store(table: Any, item: dict[str, Any], size: int) -> StoredItem:
    """Puts a canonical, checked item and tells stream and listeners."""
    with WRITES:
        sort = item[table.range_key_attr] if table.range_key_attr else None
        place = row_key(item[table.hash_key_attr], sort)
        new = (dump(item), size)
        _announce(table, _replace(table, place, new), new)
        return stored(table, new)


def remove(table: Any, place: RowKey) -> Row | None:
    """Removes the item at this place, if there is one, and tells stream and listeners."""
    with WRITES:
        old = _replace(table, place, None)
        if old is not None:
            _announce(table, old, None)
        return old


def _replace(table: Any, place: RowKey, new: Row | None) -> Row | None:
    old: Row | None = table.rows.remove(place) if new is None else table.rows.put(place, new)
    if table.index_totals:
        if old is not None:
            count(table, old, -1)
        if new is not None:
            count(table, new, 1)
    return old


def _announce(table: Any, old: Row | None, new: Row | None) -> None:
    old_text, new_text = old and old[0], new and new[0]
    if table.stream_shard is not None and (old_text is None or new_text is None or not _same(old_text, new_text)):
        table.stream_shard.add(old and stored(table, old), new and stored(table, new))
    for listener in LISTENERS:
        listener(table, old_text, new_text)


def _same(old: str, new: str) -> bool:
    return old == new or json.loads(old) == json.loads(new)


def _put_item(
    self: Any,
    item_attrs: dict[str, Any],
    expected: dict[str, Any] | None = None,
    condition_expression: str | None = None,
    expression_attribute_names: dict[str, str] | None = None,
    expression_attribute_values: dict[str, Any] | None = None,
    overwrite: bool = False,
    return_values_on_condition_check_failure: str | None = None,
) -> StoredItem:
    item, size = canonical_item(item_attrs)
    check_keys(self, item)
    with WRITES:
        if not overwrite and (expected or condition_expression):
            row = self.rows.get(row_key(item[self.hash_key_attr], item.get(self.range_key_attr)))
            check_condition(
                self,
                row,
                expected,
                (condition_expression, expression_attribute_names, expression_attribute_values),
                return_values_on_condition_check_failure == "ALL_OLD",
            )
        return store(self, item, size)


def check_condition(
    table: Any, row: Row | None, expected: Any, expression: tuple[Any, Any, Any], show_old: bool = False
) -> None:
    """Raises ConditionalCheckFailedException unless the row meets the old-style and the expression condition."""
    current = stored(table, row) if row else None
    holds = get_expected(expected or {}).expr(current)
    if holds and expression[0]:
        text, names, values = expression
        # moto keeps binary as bytes; a request that did not go through its parser has base64 text.
        values = {name: with_bytes(canonical_value(value)[0]) for name, value in (values or {}).items()}
        holds = get_filter_expression(text, names or {}, values).expr(current)
    if not holds:
        raise ConditionalCheckFailed(item=json.loads(row[0]) if row and show_old else None)


def _get_item(self: Any, hash_key: Any, range_key: Any = None, projection_expression: Any = None) -> Any:
    if self.range_key_attr and not range_key:
        raise invalid("Table has a range key, but no range key was passed into get_item")
    row = self.rows.get(_moto_place(hash_key, range_key))
    if row is None:
        return None
    item = stored(self, row)
    return item.project(projection_expression) if projection_expression else item


def _delete_item(self: Any, hash_key: Any, range_key: Any) -> Any:
    old = remove(self, _moto_place(hash_key, range_key))
    return stored(self, old) if old else None


def _moto_place(hash_key: Any, range_key: Any) -> RowKey:
    partition = canonical_value({hash_key.type: hash_key.value})[0]
    return row_key(partition, canonical_value({range_key.type: range_key.value})[0] if range_key else None)


def _nested(table: Any) -> dict[Any, Any]:
    """moto's own shape of a table's items, as a copy, for code that reads `Table.items`."""
    shape: dict[Any, Any] = {}
    for item in table.all_items():
        if table.range_key_attr:
            shape.setdefault(item.hash_key, {})[item.range_key] = item
        else:
            shape[item.hash_key] = item
    return shape


def _ingest(table: Any, shape: dict[Any, Any]) -> None:
    """Takes over items in moto's own shape (moto's restores assign to `Table.items`)."""
    table.rows = Rows()
    for content in list(shape.values()):
        for item in content.values() if isinstance(content, dict) else [content]:
            wire, size = canonical_item(plain(item))
            sort = wire[table.range_key_attr] if table.range_key_attr else None
            table.rows.put(row_key(wire[table.hash_key_attr], sort), (dump(wire), size))
    if hasattr(table, "global_indexes"):
        count_indexes(table)
