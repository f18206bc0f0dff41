"""Reads in parallel: once each, begun anew after a passing fault, and failures as answers."""

from __future__ import annotations

import pytest

from migrate.aws.session import Account, AccountAccess, connect
from migrate.core.clock import SystemClock
from migrate.core.errors import AccessDenied, CredentialsExpired, Throttled, Transient
from migrate.observe.reader import REPEATS, Reader


class StillClock(SystemClock):
    """A clock on which sleeping takes no time and is remembered."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Service:
    """Something to read from: raises its `failures` one after the other, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.called: list[tuple[str, str]] = []

    def read(self, account: Account, name: str) -> str:
        self.called.append((account.side, name))
        if self.failures:
            raise self.failures.pop(0)
        return f"{account.side}/{name}"


def account(side: str) -> Account:
    return connect(AccountAccess(side, "111111111111", "eu-west-1"), read_only=True)


SOURCE, TARGET = account("source"), account("target")


def test_the_same_read_is_made_once() -> None:
    service = Service()
    with Reader(StillClock()) as reader:
        answers = [reader.answer(service.read, side, name) for side in (SOURCE, TARGET) for name in "aba"]
    assert answers == ["source/a", "source/b", "source/a", "target/a", "target/b", "target/a"]
    assert len(service.called) == 4


def test_a_throttled_read_is_begun_anew_after_a_pause() -> None:
    service, clock = Service(Throttled("slow"), Transient("oops")), StillClock()
    with Reader(clock) as reader:
        assert reader.answer(service.read, SOURCE, "a") == "source/a"
    assert len(clock.slept) == 2
    assert min(clock.slept) > 0


def test_a_fault_that_does_not_pass_is_the_answer() -> None:
    service = Service(*[Transient("oops")] * 9)
    with Reader(StillClock()) as reader:
        assert isinstance(reader.answer(service.read, SOURCE, "a"), Transient)
    assert len(service.called) == REPEATS


def test_a_refusal_is_the_answer_at_once() -> None:
    service = Service(AccessDenied("no"))
    with Reader(StillClock()) as reader:
        assert isinstance(reader.answer(service.read, SOURCE, "a"), AccessDenied)
    assert len(service.called) == 1


def test_without_credentials_nothing_goes_on() -> None:
    service = Service(CredentialsExpired("log in"))
    with Reader(StillClock()) as reader, pytest.raises(CredentialsExpired):
        reader.answer(service.read, SOURCE, "a")
