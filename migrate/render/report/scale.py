"""The time axis: where a moment stands. Long spells in which nothing ran are drawn narrow, and marked."""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Span = tuple[dt.datetime, dt.datetime]

GAP = 40.0
"""Width of a spell in which nothing ran."""

SHORTEST_GAP = 5.0
"""Seconds up to which a gap is drawn to scale, whatever its share of the time."""

GAP_SHARE = 0.08
"""Of the time in which something ran; shorter gaps are drawn to scale."""

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)
"""Seconds between two ticks."""

BETWEEN_TICKS = 72.0
_DAY = 86400


@dataclass(frozen=True)
class Stretch:
    """A spell in which something ran, from `left` to `right` on the axis."""

    begun: dt.datetime
    ended: dt.datetime
    left: float
    right: float


@dataclass(frozen=True)
class Tick:
    """A mark on the axis. `date` is set where a new day begins to be shown."""

    x: float
    label: str
    date: str = ""


class Scale:
    """Moments to positions between 0 and `width`, for what happened in `spans` (at least one)."""

    def __init__(self, spans: Iterable[Span], width: float) -> None:
        merged = _without_short_gaps(_merged(spans))
        busy = sum(_seconds(*one) for one in merged)
        room = max(width - GAP * (len(merged) - 1), width / 2)
        gap = (width - room) / (len(merged) - 1) if len(merged) > 1 else 0.0
        self.width = width
        self.stretches: list[Stretch] = []
        left = 0.0
        for begun, ended in merged:
            right = left + room * _seconds(begun, ended) / busy
            self.stretches.append(Stretch(begun, ended, left, right))
            left = right + gap
        self._starts = [one.begun for one in self.stretches]
        self._per_second = room / busy

    def x(self, moment: dt.datetime) -> float:
        """Where a moment stands; one within a gap stands at its beginning."""
        at = self.stretches[max(0, bisect.bisect_right(self._starts, moment) - 1)]
        passed = max(0.0, _seconds(at.begun, moment)) * self._per_second
        return min(at.left + passed, at.right)

    def gaps(self) -> Iterator[tuple[float, float, float]]:
        """Left, right and seconds of each spell in which nothing ran."""
        for one, other in zip(self.stretches, self.stretches[1:], strict=False):
            yield one.right, other.left, _seconds(one.ended, other.begun)

    def ticks(self) -> list[Tick]:
        """Round moments, as many as can be read, in UTC."""
        apart = next((one for one in STEPS if one * self._per_second >= BETWEEN_TICKS), STEPS[-1])
        found: list[Tick] = []
        day = ""
        for moment in self._round_moments(apart):
            x = self.x(moment)
            if found and x - found[-1].x < BETWEEN_TICKS / 2:
                continue
            label = f"{moment:%H:%M:%S}" if apart < 60 else f"{moment:%H:%M}"
            now = f"{moment.day} {moment:%b %Y}"
            found.append(Tick(x, label, now if now != day else ""))
            day = now
        return found

    def _round_moments(self, apart: int) -> Iterator[dt.datetime]:
        for one in self.stretches:
            first = one.begun.replace(microsecond=0)
            passed = int(first.timestamp()) % apart
            moment = first + dt.timedelta(seconds=(apart - passed) if passed or first < one.begun else 0)
            if moment > one.ended:  # too short for a round moment: its own beginning
                yield one.begun
            while moment <= one.ended:
                yield moment
                moment += dt.timedelta(seconds=apart)


def _merged(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for begun, ended in sorted(spans):
        if found and begun <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], ended))
        else:
            found.append((begun, ended))
    return found


def _without_short_gaps(spans: Sequence[Span]) -> list[Span]:
    busy = sum(_seconds(*one) for one in spans)
    shortest = max(SHORTEST_GAP, GAP_SHARE * busy)
    found = [spans[0]]
    for begun, ended in spans[1:]:
        if _seconds(found[-1][1], begun) < shortest:
            found[-1] = (found[-1][0], ended)
        else:
            found.append((begun, ended))
    # Nothing is so short that it has no width.
    return [(a, b if b - a >= dt.timedelta(seconds=1) else a + dt.timedelta(seconds=1)) for a, b in found]


def _seconds(begun: dt.datetime, ended: dt.datetime) -> float:
    return (ended - begun).total_seconds()
