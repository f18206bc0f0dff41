"""Work that AWS does some time after the call that ordered it: exports, imports, backups, copies, restores, schedules.

A job ends when the first request of any kind arrives after its time is up, so whoever looks sees it done, no thread
runs in between, and a duration of 0 seconds always means "final at the next look". The request that finds a job due
carries it out; the others see it in progress until then.
"""

from __future__ import annotations

import heapq
import itertools
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from migrate.sandbox import clock

TOKEN_SECONDS = 8 * 3600
STARTING = threading.RLock()
"""Held while a job is accepted or ends, so that two requests with one token at the same moment start one job."""
_lock = threading.Lock()
_numbers = itertools.count()


@dataclass(frozen=True, order=True)
class _Job:
    due: float
    number: int
    run: Callable[[], None] = field(compare=False)


_waiting: list[_Job] = []
"""A heap: the job that is due first stands first."""


def schedule(seconds: float, run: Callable[[], None]) -> None:
    """Has `run` called once, at the first request that arrives `seconds` or more from now.

    `run` is a `functools.partial` of a function, so that the state file can keep it.
    """
    with _lock:
        heapq.heappush(_waiting, _Job(clock.now() + seconds, next(_numbers), run))


def settle() -> None:
    """Carries out, in this thread, every job that is due."""
    if not _waiting:
        return
    now = clock.now()
    with _lock:
        due = []
        while _waiting and _waiting[0].due <= now:
            due.append(heapq.heappop(_waiting))
    for job in due:
        job.run()


def advance(seconds: float) -> None:
    """Moves the clock forward and carries out what falls due on the way, each at its own time and in that order."""
    end = clock.ahead() + seconds
    while True:
        with _lock:
            wait = _waiting[0].due - clock.now() if _waiting else float("inf")
        if clock.ahead() + wait > end:
            break
        clock.set_ahead(clock.ahead() + max(wait, 0.0))
        settle()
    clock.set_ahead(max(end, clock.ahead()))


def waiting() -> list[tuple[float, Callable[[], None]]]:
    """What has not been carried out yet, with the times at which it is due; for the state file."""
    with _lock:
        return [(job.due, job.run) for job in sorted(_waiting)]


def resume(saved: list[tuple[float, Callable[[], None]]]) -> None:
    """Takes over what `waiting` gave."""
    for due, run in saved:
        schedule(due - clock.now(), run)


def drop() -> None:
    """Forgets every job that waits; none of them will run."""
    with _lock:
        _waiting.clear()


def new_job_id() -> str:
    """An export's or import's id in AWS's form: 14 digits (epoch milliseconds), a dash, 8 hexadecimal digits."""
    return f"{int(time.time() * 1000):014d}-{secrets.token_hex(4)}"


class Tokens:
    """Client tokens of one account and Region, remembered for 8 hours: which request took each, and its answer."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, Any, str]] = {}

    def find(self, token: str, request: Any) -> tuple[str | None, bool]:
        """(the ARN that `token` gave, whether the request is another one); (None, False) if the token is unused."""
        taken, earlier, arn = self._seen.get(token, (0.0, None, ""))
        if not arn or clock.now() - taken > TOKEN_SECONDS:
            return None, False
        return arn, earlier != request

    def keep(self, token: str, request: Any, arn: str) -> None:
        """Remembers that `token` belongs to `request`, which was answered with `arn`."""
        self._seen[token] = (clock.now(), request, arn)
