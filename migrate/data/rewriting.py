"""Raw items through a transform, page by page; and how large an item is."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.core.errors import Invalid
from migrate.data.jsonengine import msgspec
from migrate.data.mixer import Refused
from migrate.data.rawitems import RawItem, parse_item
from migrate.data.transform import FAILED, Pipeline, TransformFailed, TransformSpec

MAX_ITEM_BYTES = 400 * 1024
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

_encode = msgspec.json.encode


@dataclass
class Rewritten:
    """What became of a page: read + extra = items + filtered + failed."""

    items: list[RawItem] = field(default_factory=list)
    filtered: int = 0
    extra: int = 0
    """Items beyond the first that others were split into."""

    failed: list[Refused] = field(default_factory=list)
    """As they were in the source, with the reason."""


class Rewriter:
    """A transform for raw items: each is parsed once. Thread-safe when the user's functions are.

    Raises `Invalid` when a step cannot be compiled.
    """

    def __init__(self, spec: TransformSpec) -> None:
        try:
            self._pipeline = Pipeline(spec)
        except ValueError as error:
            raise Invalid("the transform cannot be used", why=str(error), hint="migrate validate MANIFEST") from error
        self._spec = spec

    def page(self, items: Sequence[RawItem]) -> Rewritten:
        """Every item of a page, transformed, left out or failed."""
        page = Rewritten()
        for raw in items:
            try:
                made = self._item(raw)
            except TransformFailed as error:
                detail = f": {error.detail}" if error.detail else ""
                page.failed.append(Refused(bytes(raw), FAILED, f"{error.reason}{detail}"))
                continue
            page.items += made
            if len(made) != 1:
                page.filtered += not made
                page.extra += max(0, len(made) - 1)
        return page

    def expected(self, items: Sequence[RawItem]) -> list[RawItem]:
        """What the target should have of a page.

        For an item that fails there is a stand-in that equals no item, under a key that tells the source's.
        """
        page = self.page(items)
        return [*page.items, *(self._stand_in(one) for one in page.failed)]

    def _item(self, raw: RawItem) -> list[RawItem]:
        made = [_encode(item) for item in self._pipeline.apply(parse_item(raw))]
        for text in made:
            # JSON is never shorter than what DynamoDB counts.
            if len(text) > MAX_ITEM_BYTES and item_size(parse_item(text)) > MAX_ITEM_BYTES:
                raise TransformFailed(f"the item has more than {MAX_ITEM_BYTES:,} bytes after it")
        return list(made)

    def _stand_in(self, failed: Refused) -> bytes:
        source = parse_item(failed.item)
        key = _encode({name: source[name] for name in self._spec.source_keys if name in source}).decode()
        partition, *sort = self._spec.key_names
        item = {partition: {"S": f"source {key}: {failed.reason}"}, **{name: {"S": ""} for name in sort}}
        return _encode({**item, "\0": {"": failed.reason}})


def item_size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Bytes of an item by DynamoDB's rules.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(_text_size(name) + _value_size(value) for name, value in item.items())


def _value_size(typed: Mapping[str, Any]) -> int:
    kind, value = next(iter(typed.items()))
    if kind in ("SS", "NS", "BS"):
        return sum(_value_size({kind[0]: one}) for one in value)
    if kind == "L":
        return 3 + sum(1 + _value_size(one) for one in value)
    if kind == "M":
        return 3 + sum(1 + _text_size(name) + _value_size(one) for name, one in value.items())
    if kind == "S":
        return _text_size(str(value))
    if kind == "B":
        return len(base64.b64decode(value))
    if kind == "N":
        digits = str(value).lower().split("e")[0].lstrip("-+").replace(".", "").strip("0")
        return 1 + (len(digits) + 1) // 2 + str(value).startswith("-")
    return 1


def _text_size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
