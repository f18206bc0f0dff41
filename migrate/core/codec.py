"""Dataclasses to plain JSON values and back, and the digest of a JSON value.

Every type that crosses a file (plan, state, inventory digest) is a frozen dataclass of JSON-like fields, so one pair of
functions serves them all. Mappings keep string keys; tuples become lists and come back as tuples.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import json
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
Json = Any
"""A JSON value: None, bool, int, float, str, list of Json, dict of str to Json."""


class Undecodable(ValueError):
    """A JSON value does not have the shape that the type asks for. The text says where and what."""


def encode(value: Any) -> Json:
    """The JSON value of a dataclass (or of a container of them). Fields that are None are left out."""
    kind: Any = type(value)
    return value if kind in _SCALARS else _encoder(kind)(value)


def decode(cls: type[T], value: Json) -> T:
    """The dataclass `cls` that `encode` made `value` of. Unknown keys are ignored (a newer minor version wrote them).

    Raises `Undecodable` when a required field is missing or has another type.
    """
    target: Any = cls
    result: T = _decoder(target)(value, cls.__name__)
    return result


def canonical(value: Json) -> str:
    """JSON text that is the same for equal values: sorted keys, no white space, UTF-8 left as it is."""
    return _text(value)


def digest(value: Json) -> str:
    """SHA-256 (64 hex digits) of the canonical JSON of `value`."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


_write = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


_BATCH = 64


def _text(value: Json, levels: int = 2) -> str:
    """Part by part down to `levels`: the pieces of a large plan, all held at once, take several times its size, and
    longer."""
    if levels and type(value) is list:
        batches = (value[start : start + _BATCH] for start in range(0, len(value), _BATCH))
        return f"[{','.join([_write(batch)[1:-1] for batch in batches])}]"
    if levels and type(value) is dict and all(type(key) is str for key in value):
        return f"{{{','.join([f'{_write(key)}:{_text(value[key], levels - 1)}' for key in sorted(value)])}}}"
    return _write(value)


_SCALARS = frozenset({str, int, float, bool, type(None)})


@functools.cache
def _encoder(kind: type) -> Callable[[Any], Json]:
    """How values of exactly this type are encoded: looked up once, because a state write encodes thousands."""
    if issubclass(kind, enum.Enum):
        return lambda value: value.value
    if dataclasses.is_dataclass(kind):
        return _dataclass_encoder(kind)
    if issubclass(kind, Mapping):
        return lambda value: {str(key): item if type(item) in _SCALARS else encode(item) for key, item in value.items()}
    if issubclass(kind, (list, tuple)):
        return lambda value: [item if type(item) in _SCALARS else encode(item) for item in value]
    if issubclass(kind, (set, frozenset)):
        return lambda value: [encode(item) for item in sorted(value)]
    raise TypeError(f"{kind.__name__} has no JSON form")


def _dataclass_encoder(kind: type) -> Callable[[Any], Json]:
    names = _field_names(kind)

    def write(value: Any) -> Json:
        kept, found = value.__dict__, {}
        for name in names:
            item = kept[name]
            if item is not None:
                of: Any = type(item)
                found[name] = item if of in _SCALARS else _encoder(of)(item)
        return found

    return write


Decoder = Callable[[Any, str], Any]


@functools.cache
def _field_names(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls) if field.metadata.get("json", True))


@functools.cache
def _decoder(hint: Any) -> Decoder:
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _union_decoder(arguments)
    if origin is tuple:
        return _tuple_decoder(_decoder(arguments[0]))
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return _mapping_decoder(_decoder(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _enum_decoder(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _dataclass_decoder(hint)
    if hint in (str, int, bool, float):
        return _scalar_decoder(hint)
    return lambda value, _where: value


def _scalar_decoder(kind: type) -> Decoder:
    def read(value: Any, where: str) -> Any:
        if isinstance(value, kind) and (kind is not int or not isinstance(value, bool)):
            return value
        if kind is float and isinstance(value, int):
            return float(value)
        raise Undecodable(f"{where}: expected {kind.__name__}, found {type(value).__name__}")

    return read


def _enum_decoder(kind: type[enum.Enum]) -> Decoder:
    def read(value: Any, where: str) -> Any:
        try:
            return kind(value)
        except ValueError:
            raise Undecodable(f"{where}: {value!r} is not a {kind.__name__}") from None

    return read


def _tuple_decoder(element: Decoder) -> Decoder:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, list):
            raise Undecodable(f"{where}: expected a list, found {type(value).__name__}")
        return tuple(element(item, f"{where}[{index}]") for index, item in enumerate(value))

    return read


def _mapping_decoder(element: Decoder) -> Decoder:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise Undecodable(f"{where}: expected an object, found {type(value).__name__}")
        return {key: element(item, f"{where}.{key}") for key, item in value.items()}

    return read


def _union_decoder(arguments: tuple[Any, ...]) -> Decoder:
    decoders = [_decoder(argument) for argument in arguments if argument is not type(None)]
    is_optional = type(None) in arguments

    def read(value: Any, where: str) -> Any:
        if value is None and is_optional:
            return None
        failure: Undecodable | None = None
        for one in decoders:
            try:
                return one(value, where)
            except Undecodable as error:
                failure = error
        raise failure or Undecodable(f"{where}: null is not allowed")

    return read


def _dataclass_decoder(cls: type) -> Decoder:
    hints = typing.get_type_hints(cls)
    fields = [(f, _decoder(hints[f.name])) for f in dataclasses.fields(cls) if f.metadata.get("json", True)]

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise Undecodable(f"{where}: expected an object, found {type(value).__name__}")
        found = {}
        for field, element in fields:
            if field.name in value:
                found[field.name] = element(value[field.name], f"{where}.{field.name}")
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                _require_optional(field.name, hints[field.name], where)
                found[field.name] = None
        return cls(**found)

    return read


def _require_optional(name: str, hint: Any, where: str) -> None:
    if type(None) not in typing.get_args(hint):
        raise Undecodable(f"{where}: `{name}` is missing")
