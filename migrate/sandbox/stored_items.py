"""moto's view of a stored item, and the way back: for expressions, projections and updates, which moto evaluates.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
"""

from __future__ import annotations

import base64
import json
from typing import Any

from moto.dynamodb.models import dynamo_type as moto_types
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from migrate.sandbox.rows import Row
from migrate.sandbox.values import canonical_item


class StoredItem(Item):
    """moto's view of a stored row. Built only when moto evaluates an expression; changes stay in this copy."""

    def __init__(self, table: Any, text: str, size: int) -> None:
        self._table = table
        self.text = text
        self.stored_size = size
        self._attrs: Any = None

    @property
    def attrs(self) -> Any:
        """The attributes as moto's types (binary as bytes, as moto's own parser gives them)."""
        if self._attrs is None:
            self._attrs = moto_types.LimitedSizeDict(
                (name, DynamoType(with_bytes(value))) for name, value in json.loads(self.text).items()
            )
        return self._attrs

    @attrs.setter
    def attrs(self, value: Any) -> None:
        """moto assigns attributes to its copies."""
        self._attrs = value

    @property
    def hash_key(self) -> Any:
        """The partition key as moto's type."""
        return self.attrs[self._table.hash_key_attr]

    @property
    def range_key(self) -> Any:
        """The sort key as moto's type, or None."""
        return self.attrs[self._table.range_key_attr] if self._table.range_key_attr else None

    def size(self) -> int:
        """Bytes by DynamoDB's rules."""
        return self.stored_size

    def __deepcopy__(self, memo: Any) -> StoredItem:
        return StoredItem(self._table, self.text, self.stored_size)


def stored(table: Any, row: Row) -> StoredItem:
    """moto's view of a row."""
    return StoredItem(table, row[0], row[1])


def wire_of(item: Any) -> dict[str, Any]:
    """The canonical JSON form of one of moto's items (a projection, for example)."""
    if isinstance(item, StoredItem):
        unchanged: dict[str, Any] = json.loads(item.text)
        return unchanged
    return canonical_item(plain(item))[0]


def plain(item: Any) -> dict[str, Any]:
    """An item of moto's as typed values; binary stays as moto has it."""
    return {name: _plain_value(value) for name, value in item.attrs.items()}


def _plain_value(value: Any) -> dict[str, Any]:
    if value.type == "M":
        return {"M": {name: _plain_value(member) for name, member in value.value.items()}}
    if value.type == "L":
        return {"L": [_plain_value(member) for member in value.value]}
    return {value.type: list(value.value) if value.is_set() else value.value}


def with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """A wire value with binary as bytes, the form that moto's expressions compare."""
    ((kind, content),) = value.items()
    if kind == "B":
        return {"B": base64.b64decode(content)}
    if kind == "BS":
        return {"BS": [base64.b64decode(member) for member in content]}
    if kind == "L":
        return {"L": [with_bytes(member) for member in content]}
    if kind == "M":
        return {"M": {name: with_bytes(member) for name, member in content.items()}}
    return value
