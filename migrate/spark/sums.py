"""Counts and digest sums of items per bucket of their key digest: of a page, of a unit, of a table."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from migrate.core.errors import Invalid
from migrate.core.item import MalformedItem, item_digest, key_digest, key_of
from migrate.core.printable import printable_json
from migrate.data.jsonengine import msgspec
from migrate.data.pagedigest import DIGEST_MASK
from migrate.data.rawitems import RawItem, parse_item

_ENTRY = struct.Struct("<IQB16s")
Entry = tuple[int, int, int]
"""Number of items, sum of their canonical digests, 1 where an item has none."""


def bucket_of(key: bytes, buckets: int) -> int:
    """The bucket of a key digest: its first bits. `buckets` is a power of two."""
    return int.from_bytes(key[:4], "big") * buckets >> 32


class BucketSums:
    """Sums of any items, in any order. Equal sums prove equal items (see `data.pagedigest`)."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}

    def add(self, entries: Iterable[tuple[int, Entry]]) -> None:
        """Add what was summed up elsewhere."""
        mine = self.entries
        for bucket, (count, value, bad) in entries:
            old = mine.get(bucket, (0, 0, 0))
            mine[bucket] = old[0] + count, (old[1] + value) & DIGEST_MASK, old[2] | bad

    @property
    def items(self) -> int:
        """Number of items."""
        return sum(count for count, _, _ in self.entries.values())

    def packed(self) -> bytes:
        """The bytes that `unpacked` reads."""
        return b"".join(
            _ENTRY.pack(bucket, count, bad, value.to_bytes(16, "big"))
            for bucket, (count, value, bad) in sorted(self.entries.items())
        )

    def in_words(self) -> str:
        """The same as text, for the result."""
        return base64.b64encode(self.packed()).decode()


def unpacked(content: bytes) -> Iterator[tuple[int, Entry]]:
    """What `packed` was made of."""
    for bucket, count, bad, value in _ENTRY.iter_unpack(content):
        yield bucket, (count, int.from_bytes(value, "big"), bad)


def unequal(a: BucketSums, b: BucketSums) -> frozenset[int]:
    """The buckets that are not proven to be equal."""
    numbers = a.entries.keys() | b.entries.keys()
    empty = (0, 0, 0)
    return frozenset(
        number
        for number in numbers
        if (one := a.entries.get(number, empty)) != (other := b.entries.get(number, empty)) or one[2] or other[2]
    )


@dataclass(frozen=True)
class SumLook:
    """The sums of a page, as pairs for `BucketSums.add`. Raises `Invalid` for an item without usable key."""

    key_names: tuple[str, ...]
    buckets: int

    def __call__(self, items: Sequence[RawItem]) -> list[tuple[int, Entry]]:
        """Of a page."""
        found = BucketSums()
        found.add((bucket_of(key, self.buckets), _entry(item)) for key, item in _keyed(items, self.key_names))
        return list(found.entries.items())


class SeenItem(NamedTuple):
    """An item that may differ: the digests of its key and of itself (None: it has none), and its key as JSON."""

    key: bytes
    digest: int | None
    text: str


@dataclass(frozen=True)
class NameLook:
    """The items of a page that are in the buckets `wanted`."""

    key_names: tuple[str, ...]
    buckets: int
    wanted: frozenset[int]

    def __call__(self, items: Sequence[RawItem]) -> list[SeenItem]:
        """Of a page."""
        return [
            SeenItem(key, _digest(item), printable_json(msgspec.json.encode(key_of(item, self.key_names)).decode()))
            for key, item in _keyed(items, self.key_names)
            if bucket_of(key, self.buckets) in self.wanted
        ]


def _keyed(items: Sequence[RawItem], key_names: tuple[str, ...]) -> Iterator[tuple[bytes, dict[str, dict[str, Any]]]]:
    for raw in items:
        item = parse_item(raw)
        try:
            yield key_digest(item, key_names), item
        except MalformedItem as error:
            raise Invalid(
                "an item has no usable key", why=str(error), hint="the names of the key attributes are not the table's"
            ) from error


def _digest(item: dict[str, dict[str, Any]]) -> int | None:
    try:
        return item_digest(item)
    except MalformedItem:
        return None


def _entry(item: dict[str, dict[str, Any]]) -> Entry:
    digest = _digest(item)
    return (1, digest, 0) if digest is not None else (1, 0, 1)
