"""The only door to time and randomness, so that everything else is a function of its arguments."""

from __future__ import annotations

import datetime as dt
import random
import time
import uuid
from typing import Protocol


class Clock(Protocol):
    """Time as the program sees it. Tests pass one that moves only when it is told to."""

    def now(self) -> dt.datetime:
        """Wall-clock time, in UTC, with time zone."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""

    def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""


class SystemClock:
    """The real time of this machine."""

    def now(self) -> dt.datetime:
        """See `Clock.now`."""
        return dt.datetime.now(dt.timezone.utc)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        time.sleep(seconds)


def new_lineage() -> str:
    """A fresh random identity for a state: the only random value that is ever recorded."""
    return uuid.uuid4().hex


def jitter(seconds: float) -> float:
    """A random duration between half of `seconds` and `seconds`, so that retries of many workers spread out."""
    return seconds * (0.5 + random.random() / 2)


def timestamp(moment: dt.datetime) -> str:
    """`2026-11-22T13:05:09.120Z`: UTC, milliseconds, as AWS writes it in its manifests."""
    return moment.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
