"""The one loop that repeats a request: how long to pause, when to give up, when to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from migrate.core.clock import Clock, jitter
from migrate.core.errors import AwsError, CredentialsExpired, Interrupted, Throttled, Transient
from migrate.data.rawitems import Refusals, ignore_refusal

PATIENCE_SECONDS = 300.0
_LONGEST_PAUSE = 20.0
_STOP_CHECK_SECONDS = 0.5
_CREDENTIAL_TRIES = 3

T = TypeVar("T")


class Retries:
    """Repeats what is throttled or faulty until nothing has succeeded for `patience` seconds. Thread-safe.

    One per transport, so that the success of any request is progress for all.
    """

    def __init__(self, clock: Clock, patience: float = PATIENCE_SECONDS) -> None:
        self._clock = clock
        self._patience = patience
        self._last_success = clock.monotonic()

    def call(
        self,
        once: Callable[[], T],
        should_stop: Callable[[], bool],
        on_refusal: Refusals = ignore_refusal,
    ) -> T:
        """What `once()` returns, which must be idempotent. Raises its last error, or `Interrupted`."""
        started = self._clock.monotonic()
        attempt = refused = 0
        while True:
            check_stop(should_stop)
            try:
                answer = once()
            except (Throttled, Transient) as error:
                on_refusal(error)
                if self._clock.monotonic() - max(started, self._last_success) > self._patience:
                    raise
                pause = pause_after(error, attempt)
            except CredentialsExpired as error:
                on_refusal(error)
                # They may have run out between being asked for and being used; new ones come with the next attempt.
                refused += 1
                if refused == _CREDENTIAL_TRIES:
                    raise
                pause = 1.0
            else:
                self._last_success = self._clock.monotonic()
                return answer
            attempt += 1
            wait(self._clock, pause, should_stop)


def wait(clock: Clock, seconds: float, should_stop: Callable[[], bool]) -> None:
    """Sleep, but raise `Interrupted` within half a second of `should_stop()` becoming true."""
    while seconds > 0:
        check_stop(should_stop)
        clock.sleep(min(seconds, _STOP_CHECK_SECONDS))
        seconds -= _STOP_CHECK_SECONDS


def check_stop(should_stop: Callable[[], bool]) -> None:
    """Raise `Interrupted` when it is time to stop."""
    if should_stop():
        raise Interrupted("stopped while reading or writing items")


def pause_after(error: AwsError, attempt: int) -> float:
    """Seconds: doubling from half a second when told to slow down, from 50 ms after a fault; jittered, at most 20."""
    first = 0.5 if isinstance(error, Throttled) else 0.05
    return jitter(min(_LONGEST_PAUSE, first * 2 ** min(attempt, 12)))
