"""How long a step is tried again when AWS does not do what it is asked, by the class of the error."""

from __future__ import annotations

import threading
from collections import defaultdict

from migrate.core.clock import Clock, jitter
from migrate.core.errors import AlreadyExists, AwsError, Conflict, LimitReached, NotFound, Throttled, Transient

_MINUTES: dict[type[AwsError], float] = {
    Throttled: 30,
    Transient: 15,
    LimitReached: 60,
    AlreadyExists: 30,  # the table is being updated
    Conflict: 2,
    NotFound: 1,  # reads right after a create are eventually consistent
}
"""For how many minutes of the same trouble a step keeps trying."""

_LONGEST = 30.0
_MOVED_SECONDS = 600.0
"""A step that did not fail for so long had moved on meanwhile: nothing in a step is repeated without success for longer
(`data.retry.PATIENCE_SECONDS`)."""


class Patience:
    """Counts failures of each step in a row."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._count: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def pause(self, address: str, error: AwsError) -> float | None:
        """Seconds until the next try, with jitter; None when there is no hope (any more)."""
        minutes = next((m for kind, m in _MINUTES.items() if isinstance(error, kind)), None)
        if minutes is None:
            return None
        with self._lock:
            now = self._clock.monotonic()
            if now - self._last.get(address, now) > _MOVED_SECONDS:
                self._drop(address)
            self._last[address] = now
            began = self._since.setdefault(address, now)
            self._count[address] += 1
            if now - began > minutes * 60:
                return None
            return jitter(min(_LONGEST, 0.25 * 2.0 ** min(self._count[address], 8)))

    def forget(self, address: str) -> None:
        """The step got an answer: the next trouble starts counting afresh."""
        with self._lock:
            self._drop(address)

    def _drop(self, address: str) -> None:
        for known in (self._since, self._count, self._last):
            known.pop(address, None)

    def may_have_worked(self, error: AwsError) -> bool:
        """True when the call may have taken effect although it failed."""
        return isinstance(error, (Transient, Throttled))
