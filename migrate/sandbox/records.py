"""Items as lines of an export: `{"Item": {...}}` in DynamoDB JSON, one per line, and back into moto's table.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html   (sizes)
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table

MAX_ITEM_BYTES = 400 * 1024
TypedValue = Mapping[str, Any]


def render(item: Item) -> dict[str, Any]:
    """An item of moto's table as JSON can hold it: binary becomes base64 text."""
    return {name: _render_value(value) for name, value in item.attrs.items()}


def _render_value(value: Any) -> dict[str, Any]:
    kind, content = value.type, value.value
    if kind == "M":
        return {kind: {name: _render_value(entry) for name, entry in content.items()}}
    if kind == "L":
        return {kind: [_render_value(entry) for entry in content]}
    if kind == "B":
        return {kind: _base64(content)}
    if kind == "BS":
        return {kind: [_base64(entry) for entry in content]}
    return {kind: list(content) if kind in ("SS", "NS") else content}


def _base64(content: bytes | str) -> str:
    return content if isinstance(content, str) else base64.b64encode(content).decode("ascii")


def line(attributes: Mapping[str, Any]) -> bytes:
    """The line of a data file that holds these attributes."""
    return json.dumps({"Item": attributes}, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def decode(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes with binary as bytes, which is how moto keeps them. Raises ValueError if a value is malformed."""
    return {name: _decode_value(value) for name, value in attributes.items()}


def _decode_value(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ValueError("Supplied AttributeValue has more than one datatypes set, must contain exactly one")
    ((kind, content),) = value.items()
    check, text = _CHECKS.get(kind, (_never, _UNKNOWN))
    if not check(content):
        raise ValueError(text)
    if kind == "M":
        return {kind: {name: _decode_value(entry) for name, entry in content.items()}}
    if kind == "L":
        return {kind: [_decode_value(entry) for entry in content]}
    if kind == "B":
        return {kind: _bytes(content)}
    if kind == "BS":
        return {kind: [_bytes(entry) for entry in content]}
    return {kind: content}


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("Supplied binary value is not valid base64") from error


def _is_text(content: Any) -> bool:
    return isinstance(content, str)


def _is_set(content: Any) -> bool:
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(entry, str) for entry in content)
        and len(set(content)) == len(content)
    )


def _is_number(content: Any) -> bool:
    """Up to 38 significant digits, magnitude from 1E-130 to 9.99...E+125, as text."""
    if not isinstance(content, str):
        return False
    if content.isascii() and content.isdigit() and len(content) <= 38:
        return True
    number = content.strip()
    mantissa, _, exponent = number.lower().partition("e")
    digits = mantissa.lstrip("+-").replace(".", "", 1)
    if number != content or not (digits.isascii() and digits.isdigit()):
        return False
    power = exponent.lstrip("+-") or ("0" if "e" not in number.lower() else "")
    if not (power.isascii() and power.isdigit()):
        return False
    significant = digits.strip("0")
    if not significant:
        return True
    whole = len(mantissa.lstrip("+-").partition(".")[0])
    leading = len(digits) - len(digits.lstrip("0"))
    magnitude = whole - leading - 1 + (int(exponent) if exponent else 0)
    return len(significant) <= 38 and -130 <= magnitude <= 125


def _never(_content: Any) -> bool:
    return False


_UNKNOWN = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
_SET = "One or more parameter values were invalid: a set may not be empty nor contain duplicates"
_NUMBER = (
    "The parameter cannot be converted to a numeric value, is out of the supported range, or has more than 38 "
    "significant digits"
)
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "S": (_is_text, _UNKNOWN),
    "N": (_is_number, _NUMBER),
    "B": (_is_text, _UNKNOWN),
    "BOOL": (lambda content: isinstance(content, bool), _UNKNOWN),
    "NULL": (lambda content: content is True, "Null attribute value types must have the value of true"),
    "SS": (_is_set, _SET),
    "BS": (_is_set, _SET),
    "NS": (lambda content: _is_set(content) and all(_is_number(entry) for entry in content), _SET),
    "L": (lambda content: isinstance(content, list), _UNKNOWN),
    "M": (lambda content: isinstance(content, Mapping), _UNKNOWN),
}


def size_of(attributes: Mapping[str, TypedValue]) -> int:
    """Bytes that DynamoDB counts for an item: names plus values. Takes binary as bytes or as base64."""
    return sum(_text_size(name) + _value_size(value) for name, value in attributes.items())


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8"))


def _value_size(value: TypedValue) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return _text_size(content)
    if kind == "N":
        return _number_size(content)
    if kind == "B":
        return _binary_size(content)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "M":
        return 3 + sum(1 + _text_size(name) + _value_size(entry) for name, entry in content.items())
    if kind == "L":
        return 3 + sum(1 + _value_size(entry) for entry in content)
    one = {"SS": _text_size, "NS": _number_size, "BS": _binary_size}[kind]
    return sum(one(entry) for entry in content)


def _number_size(text: str) -> int:
    digits = len(text.lower().partition("e")[0].lstrip("+-").replace(".", "").strip("0"))
    return 1 + (digits + 1) // 2 + (1 if text.startswith("-") else 0)


def _binary_size(content: bytes | str) -> int:
    if isinstance(content, bytes):
        return len(content)
    return len(content) * 3 // 4 - content[-2:].count("=")


def store(table: Table, attributes: Mapping[str, Any]) -> None:
    """Puts an item straight into moto's table, over what has the same key.

    The caller has validated it: moto's own put checks the size again for every attribute, which is quadratic.
    """
    hash_key = DynamoType(attributes[table.hash_key_attr])
    range_key = DynamoType(attributes[table.range_key_attr]) if table.range_key_attr else None
    attrs = LimitedSizeDict()
    for name, value in attributes.items():
        dict.__setitem__(attrs, name, DynamoType(value))
    item = Item.__new__(Item)
    item.hash_key, item.range_key, item.attrs = hash_key, range_key, attrs
    if range_key is not None:
        table.items[hash_key][range_key] = item
    else:
        table.items[hash_key] = item
