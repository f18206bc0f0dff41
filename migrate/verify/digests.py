"""The digest of a table: sums of canonical item digests per bucket of the key digest.

A sum does not depend on the order of its parts, so it does not matter how a table was cut into segments, in which order
pages came, or whether a segment was resumed; and two tables are equal when all their sums are. The sums guard against
faults and mistakes (a chance of 2^-128 to miss one), not against an adversary who chooses items to cancel out.
"""

from __future__ import annotations

from collections.abc import Iterable

from migrate.data.pagedigest import DIGEST_MASK

DEFAULT_BUCKETS = 4096
LARGEST_BUCKETS = 1 << 20


class TableDigest:
    """Per bucket, the sum of the item digests modulo 2^128 and the number of items.

    `buckets` is a power of two up to 2^20 (about 100 bytes each); two digests can be compared when theirs are equal.
    An item without canonical form makes its bucket unequal to any other.
    """

    def __init__(self, buckets: int = DEFAULT_BUCKETS) -> None:
        if not 1 <= buckets <= LARGEST_BUCKETS or buckets & (buckets - 1):
            raise ValueError(f"{buckets} buckets: it must be a power of two up to {LARGEST_BUCKETS}")
        self.sums = [0] * buckets
        self.counts = [0] * buckets
        self.malformed: set[int] = set()
        """Buckets with an item that has no canonical form."""

    @property
    def items(self) -> int:
        """Number of items added."""
        return sum(self.counts)

    def add(self, parts: Iterable[tuple[int, int | None]]) -> None:
        """Count items in: bucket and digest of each, None for one without canonical form."""
        sums, counts = self.sums, self.counts
        for bucket, digest in parts:
            if digest is None:
                self.malformed.add(bucket)
            else:
                sums[bucket] = (sums[bucket] + digest) & DIGEST_MASK
            counts[bucket] += 1


def bucket_of(key: bytes, buckets: int) -> int:
    """The bucket of a key digest: its first bits. `buckets` is a power of two."""
    return int.from_bytes(key[:4], "big") * buckets >> 32


def unequal_buckets(a: TableDigest, b: TableDigest) -> list[int]:
    """Numbers of the buckets whose sums or counts differ, ascending; with those that hold a malformed item."""
    if len(a.sums) != len(b.sums):
        raise ValueError(f"digests of {len(a.sums)} and {len(b.sums)} buckets cannot be compared")
    malformed = a.malformed | b.malformed
    both = zip(a.sums, b.sums, a.counts, b.counts, strict=True)
    return [n for n, (s1, s2, c1, c2) in enumerate(both) if s1 != s2 or c1 != c2 or n in malformed]
