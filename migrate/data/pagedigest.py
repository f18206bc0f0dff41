"""Digests of raw items, as fast as Python can: a sum that is equal for equal multisets of items.

Three forms of an item can be hashed. Equal sums under any of them prove that the items are equal (but for a chance of
2^-128 a comparison, and not against an adversary who chooses items to cancel out): the bytes of a form determine the
item. Unequal sums prove nothing under the first two, since one item can be written in several ways:

- `raw`: the bytes as they came;
- `sorted`: attributes by name, as they came; items with sets, maps or escaped characters as `canonical`;
- `canonical`: `core.item`, which knows equal numbers too.

The names carry a version: digests that were kept are compared only with digests of the very same form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from migrate.core.item import MalformedItem, canonical_item
from migrate.data.jsonengine import msgspec
from migrate.data.rawitems import RawItem, parse_item

try:
    from xxhash import xxh3_128_intdigest as _hash128

    _VERSION = "1"
except ImportError:  # an image of Spark without it
    from hashlib import blake2b

    def _blake2b(form: Any) -> int:
        return int.from_bytes(blake2b(form, digest_size=16).digest(), "big")

    _VERSION = "b1"
    _hash128 = _blake2b  # type: ignore[assignment]

DIGEST_MASK = (1 << 128) - 1

RAW, SORTED, CANONICAL = f"raw-{_VERSION}", f"sorted-{_VERSION}", f"canonical-{_VERSION}"

_attributes = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def raw_digests(items: Iterable[RawItem]) -> Iterable[int]:
    """128-bit digests of the bytes."""
    return map(_hash128, items)


def sorted_digests(items: Iterable[RawItem]) -> Iterable[int]:
    """128-bit digests that don't depend on the order of attributes, of maps, of sets."""
    return map(_hash128, map(_sorted_form, items))


def canonical_digests(items: Iterable[RawItem]) -> Iterable[int]:
    """128-bit digests that depend on the value only."""
    return map(_hash128, map(_canonical_form, items))


FORMS: dict[str, Callable[[Iterable[RawItem]], Iterable[int]]] = {
    RAW: raw_digests,
    SORTED: sorted_digests,
    CANONICAL: canonical_digests,
}
"""The cheapest first: about 0.1, 3 (without sets and maps) and 10 microseconds an item of 15 attributes."""


def page_digest(items: Sequence[RawItem], form: str = RAW) -> int:
    """The sum of the items' digests, modulo 2^128: to be added to those of other pages, in any order."""
    return sum(FORMS[form](items)) & DIGEST_MASK


def _canonical_form(item: RawItem) -> bytes:
    try:
        return canonical_item(parse_item(item))
    except MalformedItem:
        # A type of the future: as it came, behind a byte with which no other form begins.
        return b"!" + bytes(item)


_orders: dict[tuple[str, ...], tuple[bytes, Callable[[Any], Any]]] = {}
_MOST_ORDERS = 10_000


def _sorted_form(item: RawItem) -> bytes:
    text = bytes(item)
    # A set, a map or an escaped character can be written in more than one way. A text that looks so costs time only.
    if b'S":[' in text or b'"M":{' in text or b"\\" in text:
        return _canonical_form(text)
    attributes = _attributes(text)
    names = tuple(attributes)
    head, pick = _orders.get(names) or _order(names)
    # Each value is a whole JSON object, which says itself where it ends: nothing can run together.
    return head + b"".join(pick(attributes))


def _order(names: tuple[str, ...]) -> tuple[bytes, Callable[[Any], Any]]:
    """The names, sorted and as one text, and what picks the values in that order."""
    ordered = sorted(names)
    single = ordered[0] if len(ordered) == 1 else None
    pick: Callable[[Any], Any] = itemgetter(*ordered) if len(ordered) > 1 else lambda found: _only(found, single)
    if len(_orders) >= _MOST_ORDERS:  # every item has attributes of its own
        _orders.clear()
    _orders[names] = found = msgspec.json.encode(ordered), pick
    return found


def _only(found: dict[str, msgspec.Raw], name: str | None) -> tuple[msgspec.Raw, ...]:
    return () if name is None else (found[name],)
