"""For how long the same trouble is borne, by its class."""

from __future__ import annotations

import datetime as dt

import pytest

from migrate.apply.patience import Patience
from migrate.core import errors


class StillClock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 11, 22, tzinfo=dt.timezone.utc) + dt.timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


HOPEFUL = [
    errors.Throttled,
    errors.Transient,
    errors.LimitReached,
    errors.AlreadyExists,
    errors.Conflict,
    errors.NotFound,
]
HOPELESS = [errors.AccessDenied, errors.Invalid, errors.CredentialsExpired]


def borne(kind: type[errors.AwsError]) -> float:
    """Seconds until it gives up."""
    clock = StillClock()
    patience = Patience(clock)
    while (pause := patience.pause("orders/export", kind("no"))) is not None:
        clock.sleep(pause)
        assert clock.seconds < 24 * 3600
    return clock.seconds


@pytest.mark.parametrize("kind", HOPEFUL)
def test_trouble_that_may_pass_is_borne_for_a_while_and_not_for_ever(kind: type[errors.AwsError]) -> None:
    assert 60 <= borne(kind) <= 61 * 60


@pytest.mark.parametrize("kind", HOPELESS)
def test_what_repeating_cannot_help_is_not_repeated(kind: type[errors.AwsError]) -> None:
    assert Patience(StillClock()).pause("orders/export", kind("no")) is None


def test_every_class_of_aws_error_has_an_answer() -> None:
    assert {*HOPEFUL, *HOPELESS} == set(errors.AwsError.__subclasses__())


def test_a_throttled_call_is_given_more_time_than_a_missing_thing() -> None:
    assert borne(errors.Throttled) > borne(errors.NotFound)


def test_pauses_grow_and_stay_below_half_a_minute() -> None:
    patience = Patience(StillClock())
    pauses = [patience.pause("orders/export", errors.Throttled("no")) or 0 for _ in range(12)]
    assert pauses[0] < 1
    assert 15 <= pauses[-1] <= 30
    assert all(0 < pause <= 30 for pause in pauses)


def test_an_answer_in_between_starts_counting_afresh() -> None:
    clock = StillClock()
    patience = Patience(clock)
    for _ in range(5):
        assert patience.pause("orders/export", errors.NotFound("no")) is not None
        clock.sleep(40)
        patience.forget("orders/export")


def test_steps_are_counted_one_by_one() -> None:
    clock = StillClock()
    patience = Patience(clock)
    assert patience.pause("orders/export", errors.NotFound("no")) is not None
    clock.sleep(300)
    assert patience.pause("carts/export", errors.NotFound("no")) is not None
    assert patience.pause("orders/export", errors.NotFound("no")) is None


@pytest.mark.parametrize("kind", [*HOPEFUL, *HOPELESS])
def test_only_faults_of_the_way_leave_open_whether_it_worked(kind: type[errors.AwsError]) -> None:
    expected = kind in (errors.Transient, errors.Throttled)
    assert Patience(StillClock()).may_have_worked(kind("no")) is expected


def test_a_long_step_that_moved_on_meanwhile_has_all_its_patience_again() -> None:
    clock = StillClock()
    patience = Patience(clock)
    for _ in range(20):
        assert patience.pause("orders/copy", errors.Throttled("no")) is not None
        clock.sleep(3600)
