"""Work that AWS does some time after the call that ordered it: exports and imports.

A job ends when the first request of any kind arrives after its time is up, so whoever looks sees it done, no thread
runs in between, and a duration of 0 seconds always means "final at the next look". The request that finds a job due
carries it out; the others see it in progress until then.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TOKEN_SECONDS = 8 * 3600
STARTING = threading.RLock()
"""Held while a job is accepted, so that two requests with one token at the same moment start one job."""
_lock = threading.Lock()
_waiting: list[_Job] = []


@dataclass(frozen=True)
class _Job:
    due: float
    run: Callable[[], None]


def schedule(seconds: float, run: Callable[[], None]) -> None:
    """Has `run` called once, at the first request that arrives `seconds` or more from now."""
    with _lock:
        _waiting.append(_Job(time.monotonic() + seconds, run))


def settle(now: float | None = None) -> None:
    """Carries out, in this thread, every job that is due at `now` (`time.monotonic()`; infinity means all of them)."""
    if not _waiting:
        return
    now = time.monotonic() if now is None else now
    with _lock:
        due = [job for job in _waiting if job.due <= now]
        _waiting[:] = [job for job in _waiting if job.due > now]
    for job in sorted(due, key=lambda job: job.due):
        job.run()


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
        if not arn or time.time() - taken > TOKEN_SECONDS:
            return None, False
        return arn, earlier != request

    def keep(self, token: str, request: Any, arn: str) -> None:
        """Remembers that `token` belongs to `request`, which was answered with `arn`."""
        self._seen[token] = (time.time(), request, arn)
