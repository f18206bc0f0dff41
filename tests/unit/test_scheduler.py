"""Which action runs when: needs, caps, failures, stops."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from migrate.apply.agenda import Agenda
from migrate.apply.executor import Turn, Verdict
from migrate.apply.quotas import Quota, demand_of
from migrate.apply.scheduler import Result, Scheduler
from migrate.core.clock import SystemClock
from migrate.core.errors import Interrupted, StepError
from migrate.plan.model import Action, Change, Side

DONE, FAILED = Turn(Verdict.DONE), Turn(Verdict.FAILED, error=StepError("no"))


def action(address: str, *needs: str, kind: str = "export") -> Action:
    return Action(address, kind, Side.TARGET, Change.MOVE, address, needs=needs)


class Work:
    """Turns of actions as a test says, and the order in which they came."""

    def __init__(self, **turns: list[Turn]) -> None:
        self.turns = turns
        self.order: list[str] = []
        self.flying = 0
        self.most = 0
        self._lock = threading.Lock()

    def advance(self, one: Action) -> Turn:
        with self._lock:
            self.order.append(one.address)
            self.flying += 1
            self.most = max(self.most, self.flying)
            left = self.turns.get(one.address, [])
            turn = left.pop(0) if left else DONE
        threading.Event().wait(0.002)
        with self._lock:
            self.flying -= 1
        return turn


def run(
    work: Work,
    *actions: Action,
    slots: Callable[[Action], str | None] = lambda _action: None,
    caps: dict[str, int] | None = None,
    parallelism: int = 4,
    should_stop: Callable[[], bool] = lambda: False,
) -> Result:
    scheduler = Scheduler(work.advance, SystemClock(), parallelism=parallelism, should_stop=should_stop)
    quotas = {slot: Quota(count) for slot, count in (caps or {}).items()}
    return scheduler.run(Agenda(actions, demand=lambda one: demand_of(one, slots(one), 0), quotas=quotas))


def test_nothing_runs_before_what_it_needs() -> None:
    work = Work(a=[Turn(Verdict.WAIT, 0.01), Turn(Verdict.WAIT), DONE])
    result = run(work, action("a"), action("b", "a"), action("c", "a"), action("d", "b", "c"))
    assert work.order[:3] == ["a", "a", "a"]
    assert work.order[-1] == "d"
    assert sorted(result.done) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.BLOCKED])
def test_what_waits_for_a_failure_is_skipped_and_other_tables_go_on(verdict: Verdict) -> None:
    work = Work(a=[Turn(verdict, error=StepError("no"))])
    result = run(work, action("a"), action("b", "a"), action("c", "b"), action("x"), action("y", "x"))
    assert sorted(result.skipped) == ["b", "c"]
    assert sorted(result.done) == ["x", "y"]
    assert set(result.failed if verdict is Verdict.FAILED else result.blocked) == {"a"}
    assert not {"b", "c"} & set(work.order)


def test_a_shared_clean_up_waits_for_every_table() -> None:
    work = Work(a=[FAILED])
    result = run(work, action("a"), action("b"), action("removal", "a", "b"))
    assert result.skipped == ["removal"]
    assert "removal" not in work.order


def test_no_more_at_once_than_asked_for() -> None:
    work = Work()
    run(work, *(action(f"a{number}") for number in range(12)), parallelism=3)
    assert 1 <= work.most <= 3


def test_a_slot_is_held_over_the_pauses_until_the_end() -> None:
    """Two imports at a time, though each of them mostly waits."""
    work = Work(**{f"a{n}": [Turn(Verdict.WAIT, 0.005), Turn(Verdict.WAIT, 0.005), DONE] for n in range(5)})
    result = run(work, *(action(f"a{n}") for n in range(5)), slots=lambda _action: "import", caps={"import": 2})
    assert sorted(result.done) == [f"a{n}" for n in range(5)]
    assert _most_open(work.order, turns=3) <= 2


def _most_open(order: list[str], turns: int) -> int:
    """How many actions were begun and not ended at once, at most."""
    most, count = 0, dict.fromkeys(order, 0)
    for address in order:
        count[address] += 1
        most = max(most, sum(0 < seen < turns for seen in count.values()))
    return most


def test_a_failure_frees_its_slot() -> None:
    work = Work(a0=[FAILED], a1=[FAILED])
    result = run(work, *(action(f"a{n}") for n in range(4)), slots=lambda _action: "import", caps={"import": 1})
    assert sorted(result.done) == ["a2", "a3"]


def test_stopped_by_a_step_nothing_new_is_started() -> None:
    cause = Interrupted("stop")
    work = Work(a=[Turn(Verdict.STOPPED, cause=cause)])
    result = run(work, action("a"), action("b", "a"), action("c"), parallelism=1)
    assert result.stopped is not None
    assert result.stopped.cause is cause
    assert work.order == ["a"]
    assert result.done == []


def test_asked_to_stop_it_ends_the_turns_in_flight_and_no_more() -> None:
    work = Work()
    result = run(work, action("a"), action("b", "a"), action("c", "b"), should_stop=lambda: "b" in work.order)
    assert result.is_interrupted
    assert result.done == ["a", "b"]
    assert work.order == ["a", "b"]


def test_asked_to_stop_it_does_not_wait_for_long_timers() -> None:
    work = Work(a=[Turn(Verdict.WAIT, 3600)])
    result = run(work, action("a"), should_stop=lambda: bool(work.order))
    assert result.is_interrupted
    assert result.done == []


def test_a_death_in_a_turn_ends_the_run() -> None:
    def die(_action: Action) -> Turn:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Scheduler(die, SystemClock()).run(Agenda([action("a")]))
