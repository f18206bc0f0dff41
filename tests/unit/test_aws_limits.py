"""Pacing: calls leave no faster than AWS allows, whatever the number of threads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from migrate.aws.limits import RATES, Pacer


class StillClock:
    """A clock on which only sleeping takes time."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.time, dt.timezone.utc)

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def duration(calls: int, wait: Callable[[], None], clock: StillClock) -> float:
    started = clock.time
    for _ in range(calls):
        wait()
    return clock.time - started


@pytest.mark.parametrize("operation", sorted(RATES))
def test_many_calls_take_as_long_as_the_rate_says(operation: str) -> None:
    clock = StillClock()
    pacer = Pacer(clock)
    took = duration(100, lambda: pacer.wait("dynamodb", operation), clock)
    assert 98.4 / RATES[operation] - 0.5 <= took <= 100 / RATES[operation]


def test_a_pause_earns_a_burst_and_no_more() -> None:
    clock = StillClock()
    pacer = Pacer(clock)
    clock.sleep(3600)
    assert duration(5, lambda: pacer.wait("dynamodb", "ListTagsOfResource"), clock) == pytest.approx(0, abs=1e-9)
    assert duration(10, lambda: pacer.wait("dynamodb", "ListTagsOfResource"), clock) == pytest.approx(1.0)


def test_operations_without_a_documented_rate_do_not_wait() -> None:
    clock = StillClock()
    pacer = Pacer(clock)
    assert duration(1000, lambda: pacer.wait("dynamodb", "DescribeTable"), clock) == 0
    assert duration(1000, lambda: pacer.wait("kms", "TagResource"), clock) == 0


def test_all_calls_of_aws_backup_share_one_rate() -> None:
    clock = StillClock()
    pacer = Pacer(clock)
    operations = iter(("DescribeBackupJob", "DescribeCopyJob", "ListTags") * 20)
    assert 2.0 <= duration(60, lambda: pacer.wait("backup", next(operations)), clock) <= 3.0
