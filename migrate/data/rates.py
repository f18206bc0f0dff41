"""The rate of one side over all processes: a bucket of capacity units, and what to do when the service throttles."""

from __future__ import annotations

import json
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.data.reactions import (
    ACCOUNT,
    FAULT,
    KEY_RANGE,
    PROVISIONED,
    Reaction,
    ReactionLog,
    advice,
    cause_of,
    index_of,
)

READ, WRITE = "read", "write"

_DEPTH_SECONDS = 0.3
"""Units that may pile up unused: little, so that no window of 5 s goes more than 10 % over."""

_INTERVAL = 1.0
_TOO_MANY_REFUSED = 0.05
_HEADROOM = 1.05
_CREEP = 1.1
_NEAR_SECONDS = 20.0
_FROZEN_SECONDS = 60.0
_SLOWEST = 5.0


@dataclass(frozen=True)
class Want:
    """A process asks for units of one side."""

    who: int
    units: float


class Bucket:
    """Hands out units at `rate` a second, first come first served. The last one served may leave a debt."""

    def __init__(self, rate: float | None, now: float) -> None:
        self.rate = rate
        self._level = 0.0
        self._at = now
        self._waiting: deque[Want] = deque()

    def ask(self, want: Want) -> None:
        """Queue a request for units."""
        self._waiting.append(want)

    def forget(self, who: int) -> None:
        """This process asks no more."""
        self._waiting = deque(want for want in self._waiting if want.who != who)

    def serve(self, now: float) -> list[Want]:
        """The requests that are granted now."""
        passed, self._at = max(0.0, now - self._at), now
        if self.rate is None:
            granted, self._waiting, self._level = list(self._waiting), deque(), 0.0
            return granted
        self._level = min(self._level + passed * self.rate, max(self._level, self.rate * _DEPTH_SECONDS))
        granted = []
        while self._waiting and self._level > 0:
            self._level -= self._waiting[0].units
            granted.append(self._waiting.popleft())
        return granted

    def seconds_to_next(self) -> float | None:
        """When the next waiting request can be served; None when there is none."""
        if not self._waiting or self.rate is None or self.rate <= 0:
            return None
        return max(0.0, -self._level / self.rate) + 0.001


class Governor:
    """Rate of one side: what the user allows, or less when the service accepts less. Not thread-safe."""

    def __init__(self, side: str, allowed: float | None, now: float) -> None:
        self.side = side
        self.allowed = allowed
        self.bucket = Bucket(allowed, now)
        self.reasons: Counter[str] = Counter()
        """Throttles and faults by the service's reason (see `reactions`)."""

        self.log = ReactionLog()

        self.reaction = self.notice = ""
        """What is being done about throttles now, in words: with figures, and without."""

        self.used = 0.0
        """Units charged so far in this run."""

        self.current = 0.0
        """Units per second, lately."""

        self._lowered: float | None = None
        self._frozen_until = 0.0
        self._accepted = self._throttled_at = float("-inf")
        self._at = now
        self._used = self._refused = 0.0
        self._recent: Counter[str] = Counter()
        self._known_cause = PROVISIONED

    @property
    def rate(self) -> float | None:
        """Units per second that may be spent now; None without limit."""
        known = [rate for rate in (self.allowed, self._lowered) if rate is not None]
        return min(known, default=None)

    def allow(self, rate: float | None) -> None:
        """The user sets another rate; 0 is a pause."""
        self.allowed = rate
        self.bucket.rate = self.rate

    def note(self, used: float, refused: float, reasons: Counter[str]) -> None:
        """What a process has spent, and what was refused to it for which reasons."""
        self.used += used
        self._used += used
        self._refused += refused
        self.reasons += reasons
        self._recent += reasons

    def adapt(self, now: float) -> bool:
        """Once a second: go down to what is accepted, or creep up again. True when the rate has changed."""
        return now - self._at >= _INTERVAL and self.judge(now)

    def judge(self, now: float) -> bool:
        """As `adapt`, whatever the time: at the end, so that the log has it all."""
        passed = max(now - self._at, 0.001)
        before, accepted = self.rate, self._used / passed
        faults = Counter({one: count for one, count in self._recent.items() if cause_of(one) == FAULT})
        if faults:
            self._tell(FAULT, "", faults, now)
        throttles = self._recent - faults
        is_too_fast = self._refused > _TOO_MANY_REFUSED * (self._used + self._refused)
        if throttles and (is_too_fast or any(cause_of(one) == KEY_RANGE for one in throttles)):
            self._react(throttles, accepted, now)
        elif self._lowered is not None and now >= self._frozen_until:
            self._creep(accepted, now)
        elif self._lowered is None:
            self.reaction = self.notice = ""
        self.current, self._at, self._used, self._refused = accepted, now, 0.0, 0.0
        self._recent.clear()
        self.bucket.rate = self.rate
        return self.rate != before

    def _react(self, throttles: Counter[str], accepted: float, now: float) -> None:
        cause, self._throttled_at = self._cause(throttles), now
        self._accepted = accepted or self._accepted
        floor = max(_SLOWEST, (self.rate or self.current) / 2)
        if cause == KEY_RANGE:
            figures = ""
        elif cause == ACCOUNT:
            self._frozen_until = now + _FROZEN_SECONDS
            self._lowered = accepted if accepted > _SLOWEST else floor
            figures = f"; held at {self._lowered:,.0f} units/s for a minute"
        else:
            self._lowered = max(floor, accepted * _HEADROOM)
            figures = f"; lowered to {self._lowered:,.0f} units/s"
        said = self._tell(cause, figures, throttles, now)
        self.reaction, self.notice = said.done, said.notice

    def _cause(self, throttles: Counter[str]) -> str:
        """The one that calls for most; that of last time, when the service does not say."""
        known = {cause_of(one) for one in throttles} - {""}
        for cause in (ACCOUNT, *sorted(known - {KEY_RANGE}), KEY_RANGE):
            if cause in known:
                self._known_cause = cause
                break
        return self._known_cause

    def _tell(self, cause: str, figures: str, reasons: Counter[str], now: float) -> Reaction:
        notice = advice(self.side, cause, index_of(reasons))
        reaction = Reaction(cause, notice, notice + figures, self._at, now, Counter(reasons))
        self.log.note(reaction)
        return reaction

    def _creep(self, accepted: float, now: float) -> None:
        """Up slowly from what was too much; fast, when that is not known or long ago."""
        assert self._lowered is not None
        if accepted > 0.8 * self._lowered:
            is_near = self._lowered > self._accepted / 2 > 0 and now - self._throttled_at < _NEAR_SECONDS
            self._lowered *= _CREEP if is_near else 2.0
        if (self.allowed is not None and self._lowered >= self.allowed) or accepted < 0.2 * self._lowered:
            self._lowered = None
            self.reaction = self.notice = ""


class ControlFile:
    """`{"read_units": N|null, "write_units": N|null}`: changes a running copy within a second or so.

    Null is no limit, 0 a pause; a name that is absent changes nothing. Anything unreadable is ignored, and said.
    """

    def __init__(self, path: Path, rates: dict[str, float | None]) -> None:
        self._path = path
        self.rates = rates
        """Side -> units per second."""

        self.problem = ""
        self._text: bytes | None = None

    def look(self) -> bool:
        """Read it again. True when a rate has changed."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return False
        except OSError as error:
            self.problem = f"{self._path} cannot be read: {error.strerror}"
            return False
        if text == self._text:
            return False
        self._text = text
        before = dict(self.rates)
        try:
            self.rates = {**self.rates, **_rates(json.loads(text))}
            self.problem = ""
        except ValueError as error:
            self.problem = f"{self._path} is ignored: {error}"
        return self.rates != before


def _rates(found: Any) -> dict[str, float | None]:
    if not isinstance(found, dict):
        raise ValueError("it is not an object")
    rates: dict[str, float | None] = {}
    for side in (READ, WRITE):
        name = f"{side}_units"
        if name not in found:
            continue
        value = found[name]
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise ValueError(f"{name} is not a number of units per second, or null")
        rates[side] = value
    return rates
