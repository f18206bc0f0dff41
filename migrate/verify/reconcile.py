"""The last pass: items that may differ, matched key by key while both tables are being read."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Sequence

from migrate.verify.looks import SeenItem
from migrate.verify.report import DIFFERS, ERROR, EXTRA, MISSING, NamedKey

SOURCE, TARGET = 0, 1


class Tally:
    """How many keys have each mark (`counts`), and the first `max_named` of each but `=`."""

    def __init__(self, max_named: int) -> None:
        self.counts: Counter[str] = Counter()
        self.errors_in_target_only = 0
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
    """Matches items of both sides. Whether the wanted ones are all there is up to who adds them.

    An item waits until the same key comes from the other side, and is then forgotten: when both tables are read at the
    same pace, few wait. At most, as many wait as are added.

    With `may_join`, two items of the source may have got one key, which the target has once: an error, since one of
    them is lost. For that, every key of the source is kept.
    """

    def __init__(self, tally: Tally, *, may_join: bool = False) -> None:
        self._tally = tally
        self._waiting: dict[bytes, tuple[int, int | None, str]] = {}
        self._keys: set[bytes] | None = set() if may_join else None

    def add(self, side: int, arrived: Iterable[SeenItem]) -> None:
        """Match a page that came from `side` (SOURCE or TARGET)."""
        for key, digest, text in arrived:
            if self._keys is not None and side == SOURCE:
                if key in self._keys:
                    self._tally.note(ERROR, [text])
                    continue
                self._keys.add(key)
            other = self._waiting.get(key)
            if other is None or other[0] == side:
                self._waiting[key] = (side, digest, text)
                continue
            del self._waiting[key]
            if digest is None or other[1] is None:
                self._tally.note(ERROR, [text])
            elif digest != other[1]:
                self._tally.note(DIFFERS, [text])

    def finish(self) -> None:
        """Both tables have been read: what still waits has no counterpart."""
        waiting = self._waiting.values()
        for mark, side in ((MISSING, SOURCE), (EXTRA, TARGET)):
            self._tally.note(mark, [text for at, digest, text in waiting if at == side and digest is not None])
        lonely = [(at, text) for at, digest, text in waiting if digest is None]
        self._tally.note(ERROR, [text for _, text in lonely])
        self._tally.errors_in_target_only += sum(at == TARGET for at, _ in lonely)
        self._waiting.clear()


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
