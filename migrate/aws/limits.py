"""Pacing: the documented per-account rates of operations that AWS throttles early, kept on our side of the line.

Rates are from the DynamoDB API reference (each operation's page) and "Quotas in Amazon DynamoDB". Going over them costs
a throttled call and a back-off of seconds; waiting our turn costs milliseconds.
"""

from __future__ import annotations

import threading

from migrate.core.clock import Clock

RATES = {
    "CreateBackup": 50.0,
    "DeleteBackup": 10.0,
    "DescribeBackup": 10.0,
    "DescribeContinuousBackups": 10.0,
    "DescribeLimits": 1 / 60,
    "DescribeStream": 10.0,
    "ListBackups": 5.0,
    "ListStreams": 5.0,
    "ListTagsOfResource": 10.0,
    "RestoreTableFromBackup": 10.0,
    "TagResource": 5.0,
    "UntagResource": 5.0,
}
"""Calls of DynamoDB per second, of one account in one Region."""

SERVICE_RATES = {"backup": 20.0}
"""Calls per second of a whole service. AWS documents none for AWS Backup: ours, for hundreds of jobs that poll."""


def least_seconds(operation: str, calls: int) -> float:
    """Seconds that so many calls of a DynamoDB operation take at least in one account; 0 without a documented rate."""
    return calls / RATES[operation] if operation in RATES else 0.0


class TokenBucket:
    """Lets `rate` calls per second through, after a first burst of half a second's worth."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._interval = 1 / rate
        self._burst = max(0.0, rate / 2 - 1) * self._interval
        self._clock = clock
        self._lock = threading.Lock()
        self._next = clock.monotonic() - self._burst

    def take(self) -> None:
        """Return when the caller may go. Safe from many threads: each gets a turn of its own."""
        with self._lock:
            now = self._clock.monotonic()
            turn = max(self._next, now - self._burst)
            self._next = turn + self._interval
        if turn > now:
            self._clock.sleep(turn - now)


class Pacer:
    """The buckets of one account in one Region."""

    def __init__(self, clock: Clock) -> None:
        self._buckets = {operation: TokenBucket(rate, clock) for operation, rate in RATES.items()}
        self._services = {service: TokenBucket(rate, clock) for service, rate in SERVICE_RATES.items()}

    def wait(self, service: str, operation: str) -> None:
        """Wait for this operation's turn; at once for operations without a documented rate."""
        bucket = self._services.get(service)
        if service.startswith("dynamodb"):
            bucket = self._buckets.get(operation)
        if bucket is not None:
            bucket.take()
