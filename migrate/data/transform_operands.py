"""What an expression computes with: typed wire values, compared as DynamoDB compares them. Numbers are exact.

A value is an attribute's own wire form (`{"N": "1.0"}`); None is an attribute that is not there.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from migrate.core.item import canonical_item

Wire = Mapping[str, Any]
Value = Wire | None
Item = Mapping[str, Wire]
Operand = Callable[[Item], Value]

TYPES = ("S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M")
_ORDERED: dict[str, Callable[[Any], Any]] = {"S": str, "N": Decimal, "B": base64.b64decode}
_ELEMENTS = {"SS": "S", "NS": "N", "BS": "B"}


def path(parts: tuple[str | int, ...]) -> Operand:
    """The value at a document path: names of attributes and map entries, positions in lists."""
    first, *rest = parts
    if not rest:
        return lambda item: item.get(first)  # type: ignore[arg-type]

    def walk(item: Item) -> Value:
        value: Value = item.get(first)  # type: ignore[arg-type]
        for part in rest:
            if value is None:
                return None
            if isinstance(part, str):
                value = (value.get("M") or {}).get(part)
            else:
                elements = value.get("L") or []
                value = elements[part] if part < len(elements) else None
        return value

    return walk


def is_equal(one: Value, other: Value) -> bool:
    """Same type and same value: numbers by value, sets and maps without order. What is absent equals nothing."""
    if one is None or other is None or one.keys() != other.keys():
        return False
    kind = next(iter(one))
    if kind in _ORDERED:
        return bool(one[kind] == other[kind] or _ORDERED[kind](one[kind]) == _ORDERED[kind](other[kind]))
    return canonical_item({"": one}) == canonical_item({"": other})


def order_of(one: Value, other: Value) -> int | None:
    """-1, 0 or 1 for two strings, numbers or binaries; None for anything else, which has no order."""
    if one is None or other is None or one.keys() != other.keys():
        return None
    kind = next(iter(one))
    if kind not in _ORDERED:
        return None
    here, there = _ORDERED[kind](one[kind]), _ORDERED[kind](other[kind])
    return int(here > there) - int(here < there)


def begins_with(whole: Value, start: Value) -> bool:
    """True for a string or binary that begins with the other one."""
    for kind in ("S", "B"):
        if whole is not None and start is not None and kind in whole and kind in start:
            return bool(_ORDERED[kind](whole[kind]).startswith(_ORDERED[kind](start[kind])))
    return False


def contains(whole: Value, part: Value) -> bool:
    """True for a string with that part in it, and for a set or list with that element."""
    if whole is None or part is None:
        return False
    kind = next(iter(whole))
    if kind in ("S", "B"):
        return kind in part and _ORDERED[kind](part[kind]) in _ORDERED[kind](whole[kind])
    if kind in _ELEMENTS:
        return any(is_equal({_ELEMENTS[kind]: one}, part) for one in whole[kind])
    return kind == "L" and any(is_equal(one, part) for one in whole[kind])


def size(value: Value) -> Value:
    """Length of a string (in bytes of UTF-8) or a binary, number of elements of a set, list or map; else None."""
    if value is None:
        return None
    kind, inner = next(iter(value.items()))
    if kind in ("N", "BOOL", "NULL"):
        return None
    if kind == "S":
        inner = inner.encode("utf-8", "surrogatepass")
    elif kind == "B":
        inner = base64.b64decode(inner)
    return {"N": str(len(inner))}
