"""The sandbox's clock: the real one plus what `POST /sandbox/clock {"advance_seconds": N}` has added to it.

Jobs, states of tables, backup plans and the lifecycle of recovery points follow it. The times that S3, KMS, IAM and
DynamoDB's own descriptions show stay real.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone

_ahead = 0.0


def now() -> float:
    """Seconds since 1970, by this clock."""
    return time.time() + _ahead


def moment() -> datetime:
    """The same, with its time zone."""
    return at(now())


def ahead() -> float:
    """The seconds by which this clock is ahead of the real one."""
    return _ahead


def set_ahead(seconds: float) -> None:
    """Sets the clock; what is due by then is not carried out here (see `jobs.advance`)."""
    global _ahead
    _ahead = seconds


def at(seconds: float) -> datetime:
    """A moment that is given in seconds since 1970."""
    return datetime.fromtimestamp(seconds, timezone.utc)
