"""Items changed on their way: the steps of a manifest's `transform`, compiled once, applied to one item at a time.

Items are in wire form from end to end, so numbers never become floats, and a step touches only what it names. Whatever
goes wrong with an item is a `TransformFailed` of that item: it is for the caller to keep it, never to drop it.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.core.item import canonical_number
from migrate.data.transform_filter import compile_filter
from migrate.data.transform_python import CodeError, WireItem, call_function, load_function

FAILED = "TransformFailed"
"""The code of an item that the transform failed on, where dead letters have AWS's code."""

_KEY_BYTES = {0: 2048, 1: 1024}
"""Longest partition and sort key. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


@dataclass(frozen=True)
class TransformSpec:
    """What becomes of every item, in plain data: picklable, and the same wherever it runs.

    `steps` are those of the manifest, `keys` name and type of the target's key attributes, partition key first,
    `source_keys` the names of the source's. `code` is the text of every Python file that a step names, by its path.
    """

    steps: tuple[Mapping[str, Any], ...]
    keys: tuple[tuple[str, str], ...]
    source_keys: tuple[str, ...]
    code: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the target's key attributes."""
        return tuple(name for name, _ in self.keys)

    @property
    def digest(self) -> str:
        """Identity of what it does, Python files included."""
        return digest_of(self.steps, self.keys, {path: code_digest(text) for path, text in self.code.items()})

    @property
    def may_join(self) -> bool:
        """True when two items of the source could get one key of the target."""
        touched = {name for step in self.steps for name in _written(step)}
        is_python = any("python" in step for step in self.steps)
        return is_python or self.key_names != self.source_keys or not touched.isdisjoint(self.key_names)


class TransformFailed(Exception):
    """This item cannot be transformed. `step` is the number of the step, or None for what all of them left.

    `reason` shows no value of the item; `detail` may.
    """

    def __init__(self, reason: str, step: int | None = None, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.step = step
        self.detail = detail


Step = Callable[[WireItem], list[WireItem]]


class Pipeline:
    """The compiled steps. Items that are passed in belong to it from then on: it changes them in place.

    Raises `FilterError` or `CodeError` when a step cannot be compiled; loading a Python file runs its own code.
    """

    def __init__(self, spec: TransformSpec) -> None:
        self.spec = spec
        self._steps = [_compiled(step, spec.code) for step in spec.steps]

    def apply(self, item: WireItem) -> list[WireItem]:
        """What becomes of an item: usually one item, none when it is filtered out, several when it is split.

        Raises `TransformFailed`.
        """
        items = [item]
        for number in range(len(self._steps)):
            items = self.step(number, items)
            if not items:
                break
        for one in items:
            self.check_key(one)
        return items

    def step(self, number: int, items: Sequence[WireItem]) -> list[WireItem]:
        """What one step makes of items. Raises `TransformFailed`."""
        step = self._steps[number]
        try:
            if len(items) == 1:
                return step(items[0])
            return [made for item in items for made in step(item)]
        except CodeError as error:
            raise TransformFailed(str(error), number, error.detail) from error
        except _Overwrites as error:
            raise TransformFailed(str(error), number) from None

    def check_key(self, item: WireItem) -> None:
        """Raise `TransformFailed` unless the item has a key that the target takes."""
        for place, (name, kind) in enumerate(self.spec.keys):
            try:
                value = item[name][kind]
            except KeyError:
                raise TransformFailed(_key_problem(item, name, kind)) from None
            if not value:
                raise TransformFailed(f"the key attribute {name} is empty")
            if len(value) * 4 > _KEY_BYTES[place] and _key_size(value, kind) > _KEY_BYTES[place]:
                raise TransformFailed(f"the key attribute {name} is longer than {_KEY_BYTES[place]} bytes")


def digest_of(
    steps: Sequence[Mapping[str, Any]], keys: Sequence[Sequence[str]], code_digests: Mapping[str, str]
) -> str:
    """`TransformSpec.digest`, where only the digests of the Python files are at hand."""
    facts = [list(steps), list(keys), dict(code_digests)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def code_digest(text: str) -> str:
    """Identity of a Python file's content."""
    return hashlib.sha256(text.encode()).hexdigest()


def split_function(step: str) -> tuple[str, str]:
    """`file.py:function` -> both."""
    path, _, name = step.rpartition(":")
    return path, name


def filter_arguments(value: str | Mapping[str, Any]) -> tuple[str, Mapping[str, str], Mapping[str, Any]]:
    """What `compile_filter` takes, from a step's `filter`: the expression alone, or with `names` and `values`."""
    if isinstance(value, str):
        return value, {}, {}
    return value["condition"], value.get("names", {}), value.get("values", {})


class _Overwrites(Exception):
    pass


def _compiled(step: Mapping[str, Any], code: Mapping[str, str]) -> Step:
    ((kind, value),) = step.items()
    return _python(value, code) if kind == "python" else _COMPILERS[kind](value)


def _rename(names: Mapping[str, str]) -> Step:
    pairs = tuple(names.items())

    def rename(item: WireItem) -> list[WireItem]:
        moved = [(new, item.pop(old)) for old, new in pairs if old in item]
        for new, value in moved:
            if new in item:
                raise _Overwrites(f"the item has an attribute {new} already: renaming would overwrite it")
            item[new] = value
        return [item]

    return rename


def _drop(names: Sequence[str]) -> Step:
    def drop(item: WireItem) -> list[WireItem]:
        for name in names:
            item.pop(name, None)
        return [item]

    return drop


def _set(values: Mapping[str, Mapping[str, Any]]) -> Step:
    written = {name: _normal(value) for name, value in values.items()}
    is_flat = all(not isinstance(inner, (list, dict)) for value in values.values() for inner in value.values())

    def put(item: WireItem) -> list[WireItem]:
        # A copy for each item, since a function that comes later may change it in place.
        item.update({name: dict(value) for name, value in written.items()} if is_flat else copy.deepcopy(written))
        return [item]

    return put


def _filter(value: str | Mapping[str, Any]) -> Step:
    holds = compile_filter(*filter_arguments(value))
    return lambda item: [item] if holds(item) else []


def _python(value: str, code: Mapping[str, str]) -> Step:
    path, name = split_function(value)
    function = load_function(path, code[path], name)
    return lambda item: call_function(function, path, item)


_COMPILERS: dict[str, Callable[[Any], Step]] = {"rename": _rename, "drop": _drop, "set": _set, "filter": _filter}


def _normal(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Numbers as DynamoDB gives them back, so that both tables have the very same text."""
    return {"N": canonical_number(value["N"])} if "N" in value else value


def _written(step: Mapping[str, Any]) -> set[str]:
    """Names of attributes that a step may change."""
    ((kind, value),) = step.items()
    if kind == "rename":
        return {*value, *value.values()}
    return set(value) if kind in ("drop", "set") else set()


def _key_problem(item: WireItem, name: str, kind: str) -> str:
    if name not in item:
        return f"the item has no key attribute {name}"
    return f"the key attribute {name} is {'/'.join(item[name])}, and the table's key is {kind}"


def _key_size(value: str, kind: str) -> int:
    return len(value.encode("utf-8", "surrogatepass")) if kind == "S" else len(value) * 3 // 4
