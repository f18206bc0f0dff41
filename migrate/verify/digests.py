"""The digest of a table: sums of item digests per bucket of the key digest.

A sum does not depend on the order of its parts, so it does not matter how a table was cut into segments, in which order
pages came, or whether a segment was resumed; and two tables are equal when all their sums are. The sums guard against
faults and mistakes (a chance of 2^-128 to miss one), not against an adversary who chooses items to cancel out.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from migrate.core.item import MalformedItem, WireItem, item_digest, key_digest

DEFAULT_BUCKETS = 4096
LARGEST_BUCKETS = 1 << 20
_MODULUS_MASK = (1 << 128) - 1


class TableDigest:
    """Per bucket, the sum of the item digests modulo 2^128 and the number of items. Thread-safe.

    `buckets` is a power of two up to 2^20 (about 100 bytes each); two digests can be compared when theirs are equal.
    A malformed item is counted in its bucket and makes that bucket unequal to any other: see `malformed`.
    """

    def __init__(self, key_names: tuple[str, ...], buckets: int = DEFAULT_BUCKETS) -> None:
        if not 1 <= buckets <= LARGEST_BUCKETS or buckets & (buckets - 1):
            raise ValueError(f"{buckets} buckets: it must be a power of two up to {LARGEST_BUCKETS}")
        self.key_names = key_names
        self.sums = [0] * buckets
        self.counts = [0] * buckets
        self.malformed: set[int] = set()
        """Buckets with an item that has no canonical form."""

        self._lock = threading.Lock()

    @property
    def items(self) -> int:
        """Number of items added."""
        return sum(self.counts)

    def add(self, items: Iterable[WireItem]) -> None:
        """Count these items in. Raises `MalformedItem`, adding none, when one has no usable key."""
        buckets = len(self.sums)
        parts = []
        malformed = set()
        for item in items:
            bucket = bucket_of(key_digest(item, self.key_names), buckets)
            try:
                parts.append((bucket, item_digest(item)))
            except MalformedItem:
                parts.append((bucket, 0))
                malformed.add(bucket)
        with self._lock:
            sums, counts = self.sums, self.counts
            for bucket, digest in parts:
                sums[bucket] = (sums[bucket] + digest) & _MODULUS_MASK
                counts[bucket] += 1
            self.malformed |= malformed

    def merge(self, other: TableDigest) -> None:
        """Add what `other` has counted. Both must have the same number of buckets."""
        _check_comparable(self, other)
        with self._lock:
            self.sums = [(a + b) & _MODULUS_MASK for a, b in zip(self.sums, other.sums, strict=True)]
            self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
            self.malformed |= other.malformed

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TableDigest):
            return NotImplemented
        return len(self.sums) == len(other.sums) and not unequal_buckets(self, other)

    __hash__ = None  # type: ignore[assignment]


def bucket_of(key: bytes, buckets: int) -> int:
    """The bucket of a key digest: its first bits. `buckets` is a power of two."""
    return int.from_bytes(key[:4], "big") * buckets >> 32


def unequal_buckets(a: TableDigest, b: TableDigest) -> list[int]:
    """Numbers of the buckets whose sums or counts differ, ascending; with those that hold a malformed item."""
    _check_comparable(a, b)
    malformed = a.malformed | b.malformed
    both = zip(a.sums, b.sums, a.counts, b.counts, strict=True)
    return [n for n, (s1, s2, c1, c2) in enumerate(both) if s1 != s2 or c1 != c2 or n in malformed]


def _check_comparable(a: TableDigest, b: TableDigest) -> None:
    if len(a.sums) != len(b.sums):
        raise ValueError(f"digests of {len(a.sums)} and {len(b.sums)} buckets cannot be compared")
