"""What the workers of a verification do with a page: sums to prove equality, buckets to narrow it down, names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from migrate.core.errors import Invalid
from migrate.core.item import MalformedItem, item_digest, key_digest, key_of
from migrate.data.pagedigest import page_digest
from migrate.data.rawitems import RawItem, parse_item
from migrate.verify.digests import bucket_of


@dataclass(frozen=True)
class SumLook:
    """The sum of the items' digests in `form` (see `data.pagedigest`)."""

    form: str

    def __call__(self, items: Sequence[RawItem]) -> int:
        """Of a page."""
        return page_digest(items, self.form)


@dataclass(frozen=True)
class BucketLook:
    """For each item, the bucket of its key and its canonical digest; None when it has no canonical form."""

    key_names: tuple[str, ...]
    buckets: int

    def __call__(self, items: Sequence[RawItem]) -> list[tuple[int, int | None]]:
        """Of a page."""
        return [(bucket_of(key, self.buckets), _digest(item)) for item, key in _keyed(items, self.key_names)]


class SeenItem(NamedTuple):
    """An item that may differ: the digests of its key and of itself (None: not comparable), and its key in JSON."""

    key: bytes
    digest: int | None
    text: str


@dataclass(frozen=True)
class NameLook:
    """The items of the buckets `wanted` (None: all)."""

    key_names: tuple[str, ...]
    buckets: int
    wanted: frozenset[int] | None

    def __call__(self, items: Sequence[RawItem]) -> list[SeenItem]:
        """Of a page."""
        return [
            SeenItem(key, _digest(item), json.dumps(key_of(item, self.key_names), separators=(",", ":")))
            for item, key in _keyed(items, self.key_names)
            if self.wanted is None or bucket_of(key, self.buckets) in self.wanted
        ]


def _keyed(items: Sequence[RawItem], key_names: tuple[str, ...]) -> Iterator[tuple[dict[str, dict[str, Any]], bytes]]:
    for raw in items:
        item = parse_item(raw)
        try:
            yield item, key_digest(item, key_names)
        except MalformedItem as error:
            raise Invalid(
                f"an item has no usable key: {error}", operation="Scan", hint="check the endpoint and the proxy"
            ) from None


def _digest(item: dict[str, dict[str, Any]]) -> int | None:
    try:
        return item_digest(item)
    except MalformedItem:
        return None
