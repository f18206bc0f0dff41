"""The key of an item: there, of the right type, not empty, not too long; the same for the keys of indexes.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (2,048 and 1,024 bytes, no
empty key values). Not emulated: limits that depend on several attributes of an index key together.
"""

from __future__ import annotations

import base64
from typing import Any

from migrate.sandbox.rows import RowKey, row_key
from migrate.sandbox.values import canonical_value, invalid

_INVALID = "One or more parameter values were invalid: "
_MISMATCH = "The provided key element does not match the schema"


def key_of(table: Any, key: Any) -> RowKey:
    """The place that a request's Key names; it must hold exactly the key attributes."""
    if not isinstance(key, dict) or set(key) != set(table.table_key_attrs):
        raise invalid(_MISMATCH)
    values = {name: canonical_value(value)[0] for name, value in key.items()}
    check_keys(table, values, _MISMATCH)
    return row_key(values[table.hash_key_attr], values.get(table.range_key_attr))


def check_keys(table: Any, item: dict[str, Any], mismatch: str | None = None) -> None:
    """Refuses an item without its keys, or with a key (of table or index) of the wrong type, empty or too long."""
    types = {definition["AttributeName"]: definition["AttributeType"] for definition in table.attr}
    for name, longest in ((table.hash_key_attr, 2048), (table.range_key_attr, 1024)):
        if name is None:
            continue
        if name not in item:
            raise invalid(_INVALID + f"Missing the key {name} in the item")
        ((kind, content),) = item[name].items()
        if kind != types[name]:
            raise invalid(mismatch or _INVALID + f"Type mismatch for key {name} expected: {types[name]} actual: {kind}")
        if content == "":
            raise invalid(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
                f"empty string value. Key: {name}"
            )
        _check_key_length(kind, content, longest)
    for index in table.indexes + table.global_indexes:
        _check_index_keys(index, types, item)


def _check_key_length(kind: str, content: str, longest: int) -> None:
    if len(content) * 4 <= longest:
        return
    length = len(base64.b64decode(content)) if kind == "B" else len(content.encode("utf-8", "surrogatepass"))
    if length > longest:
        what = "hashkey" if longest == 2048 else "rangekey"
        raise invalid(_INVALID + f"Size of {what} has exceeded the maximum size limit of{longest} bytes")


def _check_index_keys(index: Any, types: dict[str, str], item: dict[str, Any]) -> None:
    for name in index.schema_key_attrs:
        if name not in item:
            continue
        ((kind, content),) = item[name].items()
        if kind != types.get(name, kind):
            raise invalid(
                _INVALID + f"Type mismatch for Index Key {name} Expected: {types[name]} Actual: {kind} "
                f"IndexName: {index.name}"
            )
        if content == "":
            raise invalid(
                "One or more parameter values are not valid. A value specified for a secondary index key is not "
                "supported. The AttributeValue for a key attribute cannot contain an empty string value. "
                f"IndexName: {index.name}, IndexKey: {name}"
            )
