"""The source's digest, taken while its items are copied: the second scan of the source is saved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from migrate.data.rawitems import RawItem, parse_item
from migrate.verify.digests import TableDigest


class DigestPart(NamedTuple):
    """What one worker has added up; picklable."""

    sums: list[int]
    counts: list[int]
    malformed: set[int]


class DigestTaker:
    """A page consumer of a copy (`functools.partial(DigestTaker, key_names, buckets)` as `CopyJob.make_consumer`)."""

    def __init__(self, key_names: tuple[str, ...], buckets: int) -> None:
        self._digest = TableDigest(key_names, buckets)

    def add(self, items: Sequence[RawItem]) -> None:
        """Count a page in."""
        self._digest.add(map(parse_item, items))

    def result(self) -> DigestPart:
        """What was counted."""
        return DigestPart(self._digest.sums, self._digest.counts, self._digest.malformed)


def digest_of(key_names: tuple[str, ...], buckets: int, parts: Iterable[DigestPart]) -> TableDigest:
    """The digest of the whole table from `CopyResult.consumed`. Only right while nothing writes to the source."""
    whole = TableDigest(key_names, buckets)
    for part in parts:
        one = TableDigest(key_names, buckets)
        one.sums, one.counts, one.malformed = part
        whole.merge(one)
    return whole
