"""What a running copy says of itself: one small file in its folder, written about once a second, read by anybody.

It decides nothing and is never read back by the copy. A reader sees the old or the new one, whole; it is not made to
last over a power cut, since the next run writes it afresh.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from migrate.core.clock import timestamp
from migrate.core.codec import Undecodable, decode, encode
from migrate.data.rates import Governor
from migrate.data.reactions import FAULT, Reaction, cause_of

LIVE = "status.json"


@dataclass(frozen=True)
class LiveReaction:
    """What was done about refusals of one kind. `reasons` counts them by the service's reason."""

    cause: str
    done: str
    since: str
    until: str
    reasons: dict[str, int]


@dataclass(frozen=True)
class LiveRate:
    """One side, in capacity units per second: used, allowed by the user, held at. None is no limit."""

    current: float
    used: float
    """Units charged in this run."""

    allowed: float | None = None
    held: float | None = None
    reaction: str = ""
    """What is being done about throttles now; '' when nothing."""

    throttles: dict[str, int] | None = None
    faults: dict[str, int] | None = None
    """Counts of this run by the service's reason."""

    reactions: tuple[LiveReaction, ...] = ()


@dataclass(frozen=True)
class LiveStatus:
    """A copy as of `written` (UTC). Items, bytes and segments over all runs; the rest of this run."""

    written: str
    items: int
    bytes: int
    rejected: int
    segments: int
    segments_done: int
    items_per_second: float
    rates: dict[str, LiveRate]
    worker_deaths: int = 0
    problem: str = ""
    """With the control file."""


def live_rates(governors: Iterable[Governor], now: dt.datetime, monotonic: float) -> dict[str, LiveRate]:
    """Both sides. `now` and `monotonic` are the same moment."""
    return {one.side: _rate(one, now, monotonic) for one in governors}


def write_live(folder: Path, status: LiveStatus) -> None:
    """Replace the file. Raises `OSError`."""
    temporary = folder / f"{LIVE}.tmp"
    temporary.write_text(json.dumps(encode(status), indent=1), encoding="utf-8")
    os.replace(temporary, folder / LIVE)


def read_live(folder: Path) -> LiveStatus | None:
    """What the copy in `folder` said last; None when it said nothing that this version understands."""
    try:
        return parse_live((folder / LIVE).read_bytes())
    except OSError:
        return None


def parse_live(text: bytes) -> LiveStatus | None:
    """The content of the file; None when it is nothing that this version understands."""
    try:
        return decode(LiveStatus, json.loads(text))
    except (ValueError, Undecodable):
        return None


def _rate(one: Governor, now: dt.datetime, monotonic: float) -> LiveRate:
    def moment(at: float) -> str:
        return timestamp(now - dt.timedelta(seconds=monotonic - at))

    def told(reaction: Reaction) -> LiveReaction:
        return LiveReaction(
            reaction.cause, reaction.done, moment(reaction.since), moment(reaction.until), dict(reaction.reasons)
        )

    faults = Counter({reason: count for reason, count in one.reasons.items() if cause_of(reason) == FAULT})
    return LiveRate(
        current=round(one.current, 1),
        used=round(one.used, 1),
        allowed=one.allowed,
        held=one.rate,
        reaction=one.reaction,
        throttles=dict(one.reasons - faults),
        faults={reason.partition(": ")[2]: count for reason, count in faults.items()},
        reactions=tuple(told(reaction) for reaction in one.log.last),
    )
