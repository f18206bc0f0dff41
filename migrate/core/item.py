"""The canonical form of an item: equal items have one form, different items never share it.

Items are in DynamoDB's typed wire form (`{"pk": {"S": "a"}, "n": {"N": "1.0"}}`), with binary values as base64 text.
Equal means what DynamoDB means: numbers by value, sets without order, maps without order, lists in order, binary by
its bytes. The form is one text made of parts that each say where they end: a letter for the type, then a length or a
count (`S5:hello`, `L2:`), or a closing `;` behind alphabets that have none (`N1.5;`). So no two items can run together.

This is the hottest code of the tool (each item of a table passes here twice), hence one flat loop for the common types.
See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

WireItem = Mapping[str, Mapping[str, Any]]
"""An item in wire form: attribute name -> {type: value}."""

DIGEST_BYTES = 16

_PLAIN_NUMBER = re.compile(r"0|-?[1-9][0-9]*|-?(?:0|[1-9][0-9]*)\.[0-9]*[1-9]").fullmatch
_ANY_NUMBER = re.compile(r"([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]{1,9}))?").fullmatch
_decode, _encode = binascii.a2b_base64, binascii.b2a_base64
_LONGEST_EXPONENT = 1000
"""DynamoDB stops at 125 and -130; beyond this, writing out the zeros would only waste memory."""


class MalformedItem(ValueError):
    """A value is not in DynamoDB's wire form, or of a type that this version does not know."""


def canonical_item(item: WireItem) -> bytes:
    """The form of a whole item: equal bytes if and only if the items are equal.

    Raises `MalformedItem` for anything that is not a DynamoDB item.
    """
    return _map_text(item).encode("utf-8", "surrogatepass")


def item_digest(item: WireItem) -> int:
    """128-bit digest of a whole item, as a number to be added up. Raises `MalformedItem`."""
    form = _map_text(item).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(form, digest_size=DIGEST_BYTES).digest(), "big")


def key_digest(item: WireItem, key_names: tuple[str, ...]) -> bytes:
    """16-byte digest of the values of the key attributes, in the order of `key_names`. Names do not enter it.

    Raises `MalformedItem` when a key attribute is absent.
    """
    try:
        form = "".join([_value_text(item[name]) for name in key_names])
    except KeyError as error:
        raise MalformedItem(f"the item has no key attribute {error}") from None
    return blake2b(form.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


def key_of(item: WireItem, key_names: tuple[str, ...]) -> dict[str, Mapping[str, Any]]:
    """Only the key attributes, in wire form: what GetItem takes."""
    return {name: item[name] for name in key_names}


def canonical_number(text: str) -> str:
    """A number without exponent, leading or trailing zeros: `1`, `1.0` and `1E0` are all `1`, `-0` is `0`.

    Exact at any length: nothing becomes a float. Raises `MalformedItem` when it is not a number.
    """
    try:
        if (text.isdigit() and text.isascii() and text[0] != "0") or _PLAIN_NUMBER(text):
            return text
        parts = _ANY_NUMBER(text)
    except (AttributeError, TypeError):
        parts = None
    if parts is None or not (parts[2] or parts[3]):
        raise MalformedItem("a value of type N is not a number")
    return _written_out(parts[1], parts[2], parts[3], int(parts[4] or 0))


def _written_out(sign: str, whole: str, fraction: str, exponent: int) -> str:
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0"
    point = len(digits) - len(fraction) + exponent
    digits = digits.rstrip("0")
    if abs(point) > _LONGEST_EXPONENT:
        raise MalformedItem("a number is out of range")
    if point <= 0:
        plain = "0." + "0" * -point + digits
    elif point >= len(digits):
        plain = digits + "0" * (point - len(digits))
    else:
        plain = digits[:point] + "." + digits[point:]
    return "-" + plain if sign == "-" else plain


def _map_text(values: WireItem) -> str:
    parts = [f"M{len(values)}:"]
    append = parts.append
    try:
        # Sorting names and looping over the one entry cost half of what sorting items and unpacking does.
        for name in sorted(values):
            for kind, value in values[name].items():
                if kind == "S":
                    append(f"{len(name)}:{name}S{len(value)}:{value}")
                elif kind == "N":
                    if not (value.isdigit() and value.isascii() and value[0] != "0"):
                        value = canonical_number(value)
                    append(f"{len(name)}:{name}N{value};")
                else:
                    append(f"{len(name)}:{name}{_FORMS[kind](value)}")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _malformed(error, values) from None
    if len(parts) != len(values) + 1:
        raise MalformedItem("an attribute has no type, or more than one")
    return "".join(parts)


def _value_text(typed: Mapping[str, Any]) -> str:
    try:
        (kind,) = typed
        return _FORMS[kind](typed[kind])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _malformed(error, typed) from None


def _malformed(error: Exception, value: object) -> MalformedItem:
    """The innermost reason, without the item's content beyond its shape: values may be secret."""
    if isinstance(error, MalformedItem):
        return error
    return MalformedItem(f"not in DynamoDB's wire form ({type(value).__name__}): {type(error).__name__}")


def _string(value: str) -> str:
    return f"S{len(value)}:{value}"


def _number(value: str) -> str:
    return f"N{canonical_number(value)};"


def _binary(value: str) -> str:
    return f"B{_canonical_base64(value)};"


def _canonical_base64(value: str) -> str:
    try:
        text = _encode(_decode(value), newline=False).decode("ascii")
        if text == value:
            return text
        # Unusual padding bits or stray characters: the lenient decoder above would drop the latter in silence.
        return base64.b64encode(base64.b64decode(value, validate=True)).decode("ascii")
    except binascii.Error:
        raise MalformedItem("a binary value is not base64") from None


def _boolean(value: object) -> str:
    if value is True:
        return "T"
    if value is False:
        return "F"
    raise MalformedItem("BOOL is neither true nor false")


def _null(value: object) -> str:
    if value is True:
        return "0"
    raise MalformedItem("NULL is not true")


def _list(values: Sequence[Mapping[str, Any]]) -> str:
    return f"L{len(values)}:" + "".join([_value_text(value) for value in values])


def _string_set(values: Sequence[str]) -> str:
    unique = sorted(set(values))
    return f"s{len(unique)}:" + "".join([f"{len(value)}:{value}" for value in unique])


def _number_set(values: Sequence[str]) -> str:
    unique = sorted({canonical_number(value) for value in values})
    return f"n{len(unique)}:" + "".join([f"{value};" for value in unique])


def _binary_set(values: Sequence[str]) -> str:
    unique = sorted({_canonical_base64(value) for value in values})
    return f"b{len(unique)}:" + "".join([f"{value};" for value in unique])


_FORMS: dict[str, Callable[[Any], str]] = {
    "S": _string,
    "N": _number,
    "B": _binary,
    "BOOL": _boolean,
    "NULL": _null,
    "M": _map_text,
    "L": _list,
    "SS": _string_set,
    "NS": _number_set,
    "BS": _binary_set,
}
