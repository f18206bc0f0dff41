"""The second pass: items of unequal buckets, matched key by key while both tables are being read."""

from __future__ import annotations

import heapq
import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from migrate.core.item import MalformedItem, WireItem, item_digest, key_digest, key_of
from migrate.verify.digests import bucket_of
from migrate.verify.report import DIFFERS, ERROR, EXTRA, MISSING, SAME, NamedKey

SOURCE, TARGET = 0, 1


class Tally:
    """How many keys have each mark (`counts`), and the first `max_named` of each but `=`."""

    def __init__(self, max_named: int) -> None:
        self.counts: Counter[str] = Counter()
        self._max_named = max_named
        self._named: dict[str, list[str]] = {DIFFERS: [], MISSING: [], EXTRA: [], ERROR: []}

    def note(self, mark: str, keys: Sequence[str]) -> None:
        """Count these keys (JSON texts) under `mark`."""
        self.counts[mark] += len(keys)
        named = self._named[mark]
        named.extend(heapq.nsmallest(self._max_named - len(named), keys))

    def named(self) -> tuple[NamedKey, ...]:
        """The named keys, by mark and then by key."""
        return tuple(NamedKey(mark, json.loads(key)) for mark, keys in self._named.items() for key in sorted(keys))


class Reconciler:
    """Matches the items of the buckets `wanted`. Thread-safe.

    An item waits until the same key comes from the other side, and is then forgotten: when both tables are read at the
    same pace, few wait. At most, as many wait as the wanted buckets have items.
    """

    def __init__(self, key_names: tuple[str, ...], buckets: int, wanted: Iterable[int], tally: Tally) -> None:
        self._key_names = key_names
        self._buckets = buckets
        self._wanted = frozenset(wanted)
        self._tally = tally
        self._waiting: dict[bytes, tuple[int, int | None, str]] = {}
        self._lock = threading.Lock()

    def add(self, side: int, items: Iterable[WireItem]) -> None:
        """Match a page that came from `side` (SOURCE or TARGET)."""
        arrived = list(self._digested(items))
        with self._lock:
            for key, digest, text in arrived:
                other = self._waiting.get(key)
                if other is None or other[0] == side:
                    self._waiting[key] = (side, digest, text)
                    continue
                del self._waiting[key]
                if digest is None or other[1] is None:
                    self._tally.note(ERROR, [text])
                elif digest == other[1]:
                    self._tally.counts[SAME] += 1
                else:
                    self._tally.note(DIFFERS, [text])

    def finish(self) -> None:
        """Both tables have been read: what still waits has no counterpart."""
        waiting = self._waiting.values()
        for mark, side in ((MISSING, SOURCE), (EXTRA, TARGET)):
            self._tally.note(mark, [text for at, digest, text in waiting if at == side and digest is not None])
        self._tally.note(ERROR, [text for _, digest, text in waiting if digest is None])
        self._waiting.clear()

    def _digested(self, items: Iterable[WireItem]) -> Iterator[tuple[bytes, int | None, str]]:
        for item in items:
            key = key_digest(item, self._key_names)
            if bucket_of(key, self._buckets) not in self._wanted:
                continue
            try:
                digest = item_digest(item)
            except MalformedItem:
                digest = None
            yield key, digest, json.dumps(key_of(item, self._key_names), separators=(",", ":"))


def group_buckets(numbers: Iterable[int], weights: Sequence[int], limit: int) -> list[list[int]]:
    """Cut the bucket `numbers` into groups whose weights add up to `limit` at most; a heavier bucket stands alone."""
    groups: list[list[int]] = []
    room = 0
    for number in numbers:
        if not groups or weights[number] > room:
            groups.append([])
            room = limit
        groups[-1].append(number)
        room -= weights[number]
    return groups
