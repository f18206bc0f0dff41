"""The part of msgspec that this package uses, in plain Python, for machines without it: some Spark images.

Slices (`Raw`) are cut out of the text as it came, so items keep their exact bytes. Ten times slower than msgspec.
"""

from __future__ import annotations

import json as _json
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

_Read = Callable[[str, int], tuple[Any, int]]
"""Reads a value at a place, and says where it ends."""

_decode_at = _json.JSONDecoder().raw_decode
_after_space = re.compile(r"[ \t\n\r]*").match


class MsgspecError(Exception):
    """Any failure."""


class DecodeError(MsgspecError):
    """No JSON, or not of the type that was asked for."""


class Raw(bytes):
    """JSON as it came."""


class Struct:
    """An object with the annotated fields; others are ignored. A default of a field is its value in the class."""

    def __init__(self, **fields: Any) -> None:
        for name in type(self).__annotations__:
            if name in fields:
                setattr(self, name, fields[name])
            elif not hasattr(type(self), name):
                raise DecodeError(f"{name} is missing")


class Decoder:
    """Reads JSON of one type: Raw, Struct, list, dict of str, a scalar, one of them or None, Any."""

    def __init__(self, kind: Any = Any) -> None:
        self._kind = kind
        self._read: _Read | None = None

    def decode(self, body: bytes | Raw) -> Any:
        """The value. Raises `DecodeError`."""
        # Late, because a Struct may be defined before what it refers to.
        read = self._read = self._read or _reader(self._kind)
        try:
            text = str(body, "utf-8")
            value, end = read(text, _skip(text, 0))
            if _skip(text, end) != len(text):
                raise DecodeError("more than one value")
        except ValueError as error:
            raise DecodeError(str(error)) from error
        return value


class json:
    """As the module of that name in msgspec."""

    Decoder = Decoder

    @staticmethod
    def decode(body: bytes | Raw, type: Any = Any) -> Any:
        """The value. Raises `DecodeError`."""
        return Decoder(type).decode(body)

    @staticmethod
    def encode(value: Any) -> bytes:
        """JSON without white space, `Raw` as it is."""
        return _written(value)


def _written(value: Any) -> bytes:
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, Mapping):
        return b"{%s}" % b",".join(_written(str(name)) + b":" + _written(one) for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return b"[%s]" % b",".join(map(_written, value))
    return _json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _skip(text: str, at: int) -> int:
    return _after_space(text, at).end()  # type: ignore[union-attr]


def _reader(kind: Any) -> _Read:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Raw:
        return _slice
    if origin is list:
        return _list_reader(_reader(arguments[0]))
    if origin is dict:
        member = _reader(arguments[1])
        return _dict_reader(lambda _name: member)
    if origin in (typing.Union, types.UnionType):
        return _optional_reader(_reader(next(one for one in arguments if one is not type(None))))
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _struct_reader(kind)
    return _decode_at if kind is Any else _scalar_reader(kind)


def _slice(text: str, at: int) -> tuple[Raw, int]:
    _, end = _decode_at(text, at)
    return Raw(text[at:end].encode("utf-8")), end


def _scalar_reader(kind: type) -> _Read:
    def read(text: str, at: int) -> tuple[Any, int]:
        value, end = _decode_at(text, at)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise DecodeError(f"{kind.__name__} expected")
        return value, end

    return read


def _optional_reader(other: _Read) -> _Read:
    return lambda text, at: (None, at + 4) if text.startswith("null", at) else other(text, at)


def _list_reader(element: _Read) -> _Read:
    def read(text: str, at: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        at = _opened(text, at, "[")
        while text[at : at + 1] != "]":
            value, at = element(text, at)
            found.append(value)
            at = _next(text, at, "]")
        return found, at + 1

    return read


def _dict_reader(reader_of: Callable[[str], _Read]) -> _Read:
    def read(text: str, at: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        at = _opened(text, at, "{")
        while text[at : at + 1] != "}":
            name, at = _decode_at(text, at)
            at = _skip(text, at)
            if type(name) is not str or text[at : at + 1] != ":":
                raise DecodeError("an object's name expected")
            found[name], at = reader_of(name)(text, _skip(text, at + 1))
            at = _next(text, at, "}")
        return found, at + 1

    return read


def _struct_reader(kind: type[Struct]) -> _Read:
    hints = typing.get_type_hints(kind)
    readers = {name: _reader(hint) for name, hint in hints.items()}
    read_all = _dict_reader(lambda name: readers.get(name, _decode_at))

    def read(text: str, at: int) -> tuple[Any, int]:
        found, end = read_all(text, at)
        return kind(**{name: value for name, value in found.items() if name in readers}), end

    return read


def _opened(text: str, at: int, sign: str) -> int:
    if text[at : at + 1] != sign:
        raise DecodeError(f"{sign} expected")
    return _skip(text, at + 1)


def _next(text: str, at: int, end: str) -> int:
    """The place of the next element, or of the end."""
    at = _skip(text, at)
    if text[at : at + 1] == end:
        return at
    if text[at : at + 1] != ",":
        raise DecodeError(f"{end} expected")
    at = _skip(text, at + 1)
    if text[at : at + 1] in (end, ""):
        raise DecodeError("a value expected")
    return at
