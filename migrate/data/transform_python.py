"""Functions of the user's own: loaded from text that was read before, never from a file, and never trusted.

A function gets one item, a dict of typed wire values (`{"n": {"N": "1"}}`) with two helpers, and returns None (leave it
out), one item, or a list of items. What it raises or returns wrongly concerns that item alone.
"""

from __future__ import annotations

import base64
import decimal
import functools
import sys
import types
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from migrate.core.item import canonical_number

WireItem = dict[str, Any]


class CodeError(ValueError):
    """A file or function that cannot be used, or a function that went wrong. `detail` may show an item's values."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail


class Item(dict[str, Any]):
    """An item as functions get it: attribute name -> typed wire value."""

    def value(self, name: str, default: Any = None) -> Any:
        """The attribute as a Python value: str, Decimal, bytes, bool, None, set, list or dict."""
        return from_wire(self[name]) if name in self else default

    def put(self, name: str, value: Any) -> None:
        """Write an attribute from a Python value. Raises `TypeError` for a float, which is not exact."""
        self[name] = to_wire(value)


def from_wire(typed: Mapping[str, Any]) -> Any:
    """A typed wire value as a Python value."""
    kind, value = next(iter(typed.items()))
    return _READERS[kind](value)


def to_wire(value: Any) -> dict[str, Any]:
    """A Python value as a typed wire value. Raises `TypeError`; numbers keep every digit."""
    write = _WRITERS.get(type(value)) or next((one for kind, one in _WRITERS.items() if isinstance(value, kind)), None)
    if write is not None:
        return write(value)
    raise TypeError(f"{type(value).__name__} is no type of DynamoDB (a float is not exact: use Decimal)")


@functools.lru_cache(maxsize=64)
def load_function(path: str, text: str, name: str) -> Callable[[Item], Any]:
    """The function `name` of the file `path`, whose content is `text`. Runs the file's own code once.

    Raises `CodeError`.
    """
    module = types.ModuleType("migrate_transform")
    module.__file__ = path
    module.__dict__["print"] = functools.partial(print, file=sys.stderr)  # results of commands go to stdout
    try:
        exec(compile(text, path, "exec", dont_inherit=True), module.__dict__)
    except (Exception, SystemExit) as error:  # noqa: BLE001: the user's own code
        raise CodeError(f"{path} cannot be loaded: {_where(error, path)}", str(error)) from error
    found = module.__dict__.get(name)
    if not callable(found):
        raise CodeError(f"{path} has no function {name}")
    return found  # type: ignore[no-any-return]


def call_function(function: Callable[[Item], Any], path: str, item: WireItem) -> list[WireItem]:
    """What the function makes of a copy of the item. Raises `CodeError`."""
    try:
        # Python's own default would round what has more than 28 digits.
        with decimal.localcontext(_CONTEXT):
            made = function(Item(item))
            if isinstance(made, types.GeneratorType):
                made = list(made)
    except (Exception, SystemExit) as error:  # noqa: BLE001: the user's own code
        raise CodeError(_where(error, path), str(error)) from error
    if made is None:
        return []
    found = made if isinstance(made, (list, tuple)) else [made]
    for one in found:
        if not isinstance(one, dict):
            raise CodeError(f"returned {type(one).__name__}, not an item (a dict), a list of items or None")
        try:
            for typed in one.values():
                _check_value(typed)
        except (AttributeError, TypeError, ValueError) as error:
            raise CodeError(f"returned an item that is not in wire form: {error}") from None
    return list(found)


def _check_value(typed: Any) -> None:
    """Raise `ValueError` and the like unless this is a typed wire value. Half the time of its canonical form."""
    ((kind, value),) = typed.items()
    if kind in _FLAT:
        if type(value) is not _FLAT[kind]:
            raise ValueError(f"{kind} holds {type(value).__name__}")
        if kind == "N" and not (value.isdigit() and value.isascii()):
            canonical_number(value)
        elif kind == "B":
            base64.b64decode(value, validate=True)
    elif kind == "M":
        for one in value.values():
            _check_value(one)
    elif kind == "L":
        for one in value:
            _check_value(one)
    elif not value or kind not in ("SS", "NS", "BS"):
        raise ValueError(f"{kind} is empty, or no type of DynamoDB")
    else:
        for one in value:
            _check_value({kind[0]: one})


def _where(error: BaseException, path: str) -> str:
    """The kind of error and the line of the user's file, without its text, which may hold an item's values."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    if line is None and isinstance(error, SyntaxError):
        line = error.lineno
    return f"{type(error).__name__} at {path}:{line}" if line else type(error).__name__


def _set(values: frozenset[Any] | set[Any]) -> dict[str, Any]:
    typed = [to_wire(one) for one in values]
    kinds = {next(iter(one)) for one in typed}
    if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
        raise TypeError("a set holds one or more of the same: texts, numbers or bytes")
    (kind,) = kinds
    return {f"{kind}S": sorted(one[kind] for one in typed)}


def _number(value: Decimal | int) -> dict[str, str]:
    if isinstance(value, Decimal) and not value.is_finite():
        raise TypeError(f"{value} is no number of DynamoDB")
    text = str(value)
    if len(text) > 38 and len(Decimal(value).normalize(_EXACT).as_tuple().digits) > 38:
        raise TypeError("a number of DynamoDB has at most 38 digits")
    return {"N": text}


_EXACT = decimal.Context(prec=1000)
_CONTEXT = decimal.Context(prec=38)
"""The precision of DynamoDB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

_FLAT: dict[str, Any] = {"S": str, "N": str, "B": str, "BOOL": bool, "NULL": bool}
_READERS: dict[str, Callable[[Any], Any]] = {
    "S": str,
    "N": Decimal,
    "B": base64.b64decode,
    "BOOL": bool,
    "NULL": lambda _value: None,
    "SS": set,
    "NS": lambda values: set(map(Decimal, values)),
    "BS": lambda values: set(map(base64.b64decode, values)),
    "L": lambda values: [from_wire(one) for one in values],
    "M": lambda values: {name: from_wire(one) for name, one in values.items()},
}
_WRITERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    bool: lambda value: {"BOOL": value},
    str: lambda value: {"S": value},
    int: _number,
    Decimal: _number,
    bytes: lambda value: {"B": base64.b64encode(value).decode()},
    bytearray: lambda value: {"B": base64.b64encode(value).decode()},
    type(None): lambda _value: {"NULL": True},
    set: _set,
    frozenset: _set,
    list: lambda values: {"L": [to_wire(one) for one in values]},
    tuple: lambda values: {"L": [to_wire(one) for one in values]},
    dict: lambda values: {"M": {name: to_wire(one) for name, one in values.items()}},
}
