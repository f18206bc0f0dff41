"""Rates: what the bucket hands out over time, how the governor answers throttles, and the control file."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.errors import Interrupted
from migrate.data.budget import Budget
from migrate.data.rates import READ, WRITE, Bucket, ControlFile, Governor, Want


@given(
    rate=st.floats(10, 50_000),
    steps=st.lists(st.tuples(st.floats(0.001, 0.5), st.floats(0.1, 100)), min_size=20, max_size=60),
)
def test_a_bucket_never_gives_more_than_its_rate(rate: float, steps: list[tuple[float, float]]) -> None:
    bucket, now, granted = Bucket(rate, 0.0), 0.0, []
    for who, (seconds, units) in enumerate(steps):
        now += seconds
        bucket.ask(Want(who, units))
        granted += [(now, one.units) for one in bucket.serve(now)]
    largest = max(units for _, units in steps)
    total, end = 0.0, granted[-1][0]
    for start, units in reversed(granted):
        total += units
        assert total <= rate * (end - start + 0.3) + largest + 1e-6


def test_a_bucket_that_is_asked_enough_gives_all_of_its_rate() -> None:
    bucket, total = Bucket(1000.0, 0.0), 0.0
    for tick in range(1, 601):
        bucket.ask(Want(0, 60.0))
        bucket.ask(Want(1, 60.0))
        total += sum(one.units for one in bucket.serve(tick / 10))
    assert total == pytest.approx(60_000, rel=0.01)


def test_a_paused_bucket_gives_nothing_and_none_gives_everything() -> None:
    bucket = Bucket(0.0, 0.0)
    bucket.ask(Want(0, 1.0))
    assert bucket.serve(100.0) == []
    bucket.rate = None
    assert bucket.serve(101.0) == [Want(0, 1.0)]


def test_a_budget_waits_for_its_grant_and_settles_what_was_charged() -> None:
    asked: list[float] = []
    budget = Budget(asked.append)
    budget.set_rate(100.0)
    waiting = threading.Thread(target=budget.reserve, args=(25.0, lambda: False))
    waiting.start()
    while not asked:
        pass
    budget.grant(asked[0])
    waiting.join(5)
    assert not waiting.is_alive()
    budget.settle(25.0, 40.0)
    budget.refuse(7.0)
    assert budget.take_usage() == (40.0, 7.0)
    with pytest.raises(Interrupted):
        budget.reserve(1.0, lambda: True)
    assert asked[0] == 25.0


def run(governor: Governor, seconds: int, capacity: float, reason: str, wanted: float = 1e9) -> list[float]:
    """A service that accepts so much and refuses the rest; the rate of every second."""
    rates = []
    for second in range(1, seconds + 1):
        offered = min(wanted, governor.rate if governor.rate is not None else wanted)
        used = min(offered, capacity)
        refused = offered - used
        governor.note(used, refused, Counter({reason: 1}) if refused else Counter())
        governor.adapt(float(second))
        rates.append(governor.rate if governor.rate is not None else wanted)
    return rates


@pytest.mark.parametrize("cause", ["Provisioned", "MaxOnDemand"])
def test_a_small_table_lowers_the_rate_to_what_it_accepts(cause: str) -> None:
    reason = f"TableWrite{cause}ThroughputExceeded"
    governor = Governor(WRITE, None, 0.0)
    rates = run(governor, 60, capacity=1000.0, reason=reason, wanted=20_000.0)
    assert all(900 <= rate <= 1300 for rate in rates[10:])
    assert "lowered to" in governor.reaction
    assert governor.reasons[reason] > 0


def test_the_rate_creeps_up_again_to_what_is_allowed() -> None:
    governor = Governor(WRITE, 5000.0, 0.0)
    run(governor, 10, capacity=500.0, reason="TableWriteProvisionedThroughputExceeded")
    assert governor.rate is not None
    assert governor.rate < 1500
    rates = []
    for second in range(11, 80):
        used = governor.rate or 0.0
        governor.note(used, 0.0, Counter())
        governor.adapt(float(second))
        rates.append(governor.rate or 0.0)
    assert rates == sorted(rates)
    assert rates[-1] == 5000.0
    assert governor.reaction == ""


def test_an_account_limit_stops_growth_for_a_while() -> None:
    governor = Governor(WRITE, None, 0.0)
    run(governor, 1, capacity=3000.0, reason="TableWriteAccountLimitExceeded", wanted=9000.0)
    assert governor.rate == 3000.0
    assert "quota" in governor.reaction
    for second in range(2, 60):
        governor.note(3000.0, 0.0, Counter())
        governor.adapt(float(second))
        assert governor.rate == 3000.0


def test_a_hot_key_range_does_not_lower_the_rate_of_all() -> None:
    governor = Governor(WRITE, 4000.0, 0.0)
    run(governor, 10, capacity=1000.0, reason="TableWriteKeyRangeThroughputExceeded")
    assert governor.rate == 4000.0
    assert "hot key range" in governor.reaction


def test_a_few_refusals_by_chance_do_not_slow_a_copy_down() -> None:
    governor = Governor(WRITE, None, 0.0)
    for second in range(1, 100):
        governor.note(1000.0, 200.0, Counter(UnprocessedItems=3))
        governor.adapt(float(second))
    assert governor.rate is not None
    assert governor.rate >= 1000.0


def test_the_control_file_changes_only_what_it_names(tmp_path: Path) -> None:
    control = ControlFile(tmp_path / "control.json", {READ: 100.0, WRITE: 200.0})
    assert not control.look()
    (tmp_path / "control.json").write_text('{"write_units": 0}')
    assert control.look()
    assert control.rates == {READ: 100.0, WRITE: 0}
    (tmp_path / "control.json").write_text('{"read_units": null, "write_units": 5}')
    assert control.look()
    assert not control.look()
    assert control.rates == {READ: None, WRITE: 5}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"write_units": -1}', '{"write_units": "5"}', '{"read_units": true}'])
def test_a_control_file_that_makes_no_sense_changes_nothing(tmp_path: Path, text: str) -> None:
    control = ControlFile(tmp_path / "control.json", {READ: 100.0, WRITE: 200.0})
    (tmp_path / "control.json").write_text(text)
    assert not control.look()
    assert control.rates == {READ: 100.0, WRITE: 200.0}
    assert "ignored" in control.problem
