"""Attribute values as DynamoDB stores them: canonical numbers, checked sets and nesting, and their size in bytes.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html (numbers
of 38 digits, sets without duplicates) and .../CapacityUnitCalculations.html (item sizes) and .../Constraints.html
(409,600 bytes, 32 levels). Not emulated: AWS keeps the order of a set's members unspecified, here they stay as sent.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from migrate.sandbox.refusals import Refused

MAX_ITEM_BYTES = 409_600
MAX_NESTING = 32

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$", re.ASCII)
_EMPTY_SETS = {"SS": "An string set  may not be empty", "NS": "An number set  may not be empty"}
_INVALID = "One or more parameter values were invalid: "


def invalid(text: str) -> Refused:
    """The ValidationException that DynamoDB answers for bad input."""
    return Refused("ValidationException", text)


def canonical_item(item: Any) -> tuple[dict[str, Any], int]:
    """The item as DynamoDB would give it back, and its size in bytes. Refuses what DynamoDB refuses."""
    if not isinstance(item, Mapping):
        raise Refused("SerializationException", "Unexpected value type in payload")
    stored: dict[str, Any] = {}
    size = 0
    for name, value in item.items():
        _check_name(name)
        stored[name], value_size = canonical_value(value, 1)
        size += (len(name) if name.isascii() else len(name.encode())) + value_size
    if size > MAX_ITEM_BYTES:
        raise invalid("Item size has exceeded the maximum allowed size")
    return stored, size


def canonical_value(value: Any, depth: int = 1) -> tuple[dict[str, Any], int]:
    """One typed value in canonical form, and its size."""
    if not isinstance(value, Mapping) or len(value) != 1:
        raise invalid(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported"
        )
    ((kind, content),) = value.items()
    handler = _KINDS.get(kind)
    if handler is None:
        raise invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
    return handler(content, depth)


def value_size(value: dict[str, Any]) -> int:
    """The size of a stored value."""
    return canonical_value(value)[1]


def attributes_size(item: dict[str, Any], names: Any) -> int:
    """The size of some attributes of a stored item."""
    return sum(len(name.encode()) + value_size(item[name]) for name in names if name in item)


def canonical_number(text: Any) -> str:
    """A number as DynamoDB gives it back: no leading or trailing zeros, no exponent."""
    if not isinstance(text, str):
        raise Refused("SerializationException", "NUMBER_VALUE cannot be converted to String")
    if text.isdigit() and len(text) <= 38 and text.isascii() and (text[0] != "0" or text == "0"):
        return text
    if not _NUMBER.match(text):
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    return _plain(Decimal(text))


def _plain(number: Decimal) -> str:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    significant = "".join(map(str, digits)).lstrip("0")
    trimmed = significant.rstrip("0")
    exponent += len(significant) - len(trimmed)
    if not trimmed:
        return "0"
    if len(trimmed) > 38:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    if exponent + len(trimmed) - 1 > 125:
        raise invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
    if exponent + len(trimmed) - 1 < -130:
        raise invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
    if exponent >= 0:
        plain = trimmed + "0" * exponent
    elif -exponent < len(trimmed):
        plain = f"{trimmed[:exponent]}.{trimmed[exponent:]}"
    else:
        plain = "0." + "0" * (-exponent - len(trimmed)) + trimmed
    return f"-{plain}" if sign else plain


def _number_size(plain: str) -> int:
    digits = len(plain.replace("-", "").replace(".", "").strip("0"))
    return (digits + 1) // 2 + 1 + plain.startswith("-")


def _string(content: Any, _depth: int) -> tuple[dict[str, Any], int]:
    if not isinstance(content, str):
        raise Refused("SerializationException", "NUMBER_VALUE cannot be converted to String")
    return {"S": content}, len(content) if content.isascii() else len(content.encode("utf-8", "surrogatepass"))


def _number(content: Any, _depth: int) -> tuple[dict[str, Any], int]:
    plain = canonical_number(content)
    return {"N": plain}, _number_size(plain)


def canonical_binary(content: Any) -> tuple[str, int]:
    """Base64 text and length of a binary value, given as text (from the wire) or as bytes (from moto's parser)."""
    if isinstance(content, bytes):
        return base64.b64encode(content).decode(), len(content)
    try:
        raw = base64.b64decode(content, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise Refused("SerializationException", "Invalid Base64 in a binary value") from error
    return base64.b64encode(raw).decode(), len(raw)


def _binary(content: Any, _depth: int) -> tuple[dict[str, Any], int]:
    text, size = canonical_binary(content)
    return {"B": text}, size


def _bool(content: Any, _depth: int) -> tuple[dict[str, Any], int]:
    if not isinstance(content, bool):
        raise Refused("SerializationException", "Unexpected value type for BOOL")
    return {"BOOL": content}, 1


def _null(content: Any, _depth: int) -> tuple[dict[str, Any], int]:
    if content is not True:
        raise invalid(_INVALID + "Null attribute value types must have the value of true")
    return {"NULL": True}, 1


def _set(kind: str, member: Callable[[Any], tuple[str, int]]) -> Callable[[Any, int], tuple[dict[str, Any], int]]:
    def handler(content: Any, _depth: int) -> tuple[dict[str, Any], int]:
        if not isinstance(content, list) or not content:
            raise invalid(_INVALID + _EMPTY_SETS.get(kind, "Binary sets should not be empty"))
        members = [member(value) for value in content]
        texts = [text for text, _ in members]
        if len(set(texts)) != len(texts):
            raise invalid(_INVALID + f"Input collection {content} contains duplicates.")
        return {kind: texts}, sum(size for _, size in members)

    return handler


def _string_member(value: Any) -> tuple[str, int]:
    stored, size = _string(value, 0)
    return stored["S"], size


def _number_member(value: Any) -> tuple[str, int]:
    plain = canonical_number(value)
    return plain, _number_size(plain)


def _list(content: Any, depth: int) -> tuple[dict[str, Any], int]:
    _check_depth(depth)
    if not isinstance(content, list):
        raise Refused("SerializationException", "Unexpected value type for L")
    members = [canonical_value(value, depth + 1) for value in content]
    return {"L": [value for value, _ in members]}, 3 + sum(size + 1 for _, size in members)


def _map(content: Any, depth: int) -> tuple[dict[str, Any], int]:
    _check_depth(depth)
    if not isinstance(content, Mapping):
        raise Refused("SerializationException", "Unexpected value type for M")
    stored: dict[str, Any] = {}
    size = 3
    for name, value in content.items():
        _check_name(name)
        stored[name], value_bytes = canonical_value(value, depth + 1)
        size += len(name.encode()) + value_bytes + 1
    return {"M": stored}, size


def _check_name(name: str) -> None:
    """In nested maps, too, as DynamoDB Local has it."""
    if not name:
        raise invalid("Empty attribute name")


def _check_depth(depth: int) -> None:
    if depth >= MAX_NESTING:  # the item is the first level
        raise invalid(
            "Nesting Levels have exceeded supported limits: "
            "Attributes in the item have nested levels beyond supported limit"
        )


_KINDS: dict[str, Callable[[Any, int], tuple[dict[str, Any], int]]] = {
    "S": _string,
    "N": _number,
    "B": _binary,
    "BOOL": _bool,
    "NULL": _null,
    "SS": _set("SS", _string_member),
    "NS": _set("NS", _number_member),
    "BS": _set("BS", canonical_binary),
    "L": _list,
    "M": _map,
}
