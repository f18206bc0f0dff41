"""What comes next: the longest way first, within places and bytes, and nothing is passed over for ever."""

from __future__ import annotations

import dataclasses

import pytest

from migrate.actions.registry import handlers
from migrate.apply.agenda import Agenda
from migrate.apply.quotas import LONG_SLOTS, QUOTAS, Quota, Share, demand_of, quotas_of
from migrate.plan.model import Action, Change, Plan, PlannedAccount, Side
from tests.benchmarks.scheduling import CHAINS, Work, quotas_in, simulate

TIB = 2**40


def action(address: str, *needs: str, kind: str = "import", **params: object) -> Action:
    return Action(address, kind, Side.TARGET, Change.MOVE, address, params=params, needs=needs)


def agenda_of(sizes: dict[str, int], quota: Quota, *more: Action) -> Agenda:
    """Imports of those sizes, which take a second for each byte."""
    actions = [*(action(name) for name in sizes), *more]
    return Agenda(
        actions,
        demand=lambda one: (Share("import", bytes=sizes[one.address]),) if one.address in sizes else (),
        quotas={"import": quota},
        seconds=lambda one: sizes.get(one.address, 1),
    )


def take_all(agenda: Agenda) -> list[str]:
    """The addresses of all that may begin now."""
    return [one.address for one in iter(agenda.take, None)]


def test_the_longest_way_goes_first_over_all_that_follows() -> None:
    actions = [action("small/import"), action("long/export"), action("long/import", "long/export")]
    seconds = {"small/import": 5.0, "long/export": 1.0, "long/import": 9.0}
    agenda = Agenda(actions, seconds=lambda one: seconds[one.address])
    assert take_all(agenda) == ["long/export", "small/import"]


def test_of_equals_the_plans_order_holds() -> None:
    assert take_all(Agenda([action("c"), action("a"), action("b")])) == ["c", "a", "b"]


def test_what_an_earlier_run_has_begun_goes_first() -> None:
    agenda = Agenda([action("a"), action("b")], is_begun=lambda one: one.address == "b")
    assert take_all(agenda) == ["b", "a"]


def test_bytes_are_a_limit_beside_places() -> None:
    agenda = agenda_of({"a": 60, "b": 50, "c": 30}, Quota(50, 100))
    assert take_all(agenda) == ["a", "c"]  # b would be more than 100 with a
    agenda.finish("a")
    assert take_all(agenda) == ["b"]


def test_what_is_larger_than_the_quota_runs_alone() -> None:
    agenda = agenda_of({"huge": 300, "a": 10, "b": 10}, Quota(50, 100))
    assert take_all(agenda) == ["huge"]
    agenda.finish("huge")
    assert take_all(agenda) == ["a", "b"]


def test_a_large_one_is_not_overtaken_for_ever_by_small_ones() -> None:
    """`large` becomes ready while small ones run; those that begin after that leave room for it."""
    small = {f"s{number}": 10 for number in range(200)}
    large = action("large", "gate")
    sizes = {"gate": 50, **small, "large": 95}
    agenda = Agenda(
        [action("gate"), *(action(name) for name in small), large],
        demand=lambda one: (Share("import", bytes=sizes[one.address]),),
        quotas={"import": Quota(50, 100)},
        seconds=lambda one: sizes[one.address],
    )
    running = take_all(agenda)
    agenda.finish("gate")
    begun = len(running)
    running = [*running[1:], *take_all(agenda)]
    while "large" not in running:
        agenda.finish(running.pop(0))
        running += (more := take_all(agenda))
        begun += len(more)
        assert begun < 30, "small ones go on overtaking"


def test_a_failure_gives_back_what_was_held_and_names_once_what_is_lost() -> None:
    last = action("removal", "a", "b")
    agenda = agenda_of({"a": 60, "b": 60}, Quota(50, 100), last)
    assert take_all(agenda) == ["a"]
    assert agenda.drop("a") == ["removal"]
    assert take_all(agenda) == ["b"]
    assert agenda.drop("b") == []


def test_making_indexes_counts_twice_among_control_plane_operations() -> None:
    plain = action("a/table", kind="table", creation={"TableName": "a"})
    indexed = action("b/table", kind="table", creation={"TableName": "b", "GlobalSecondaryIndexes": [{}]})
    assert [demand_of(one, "control", 7)[0].count for one in (plain, indexed)] == [1, 2]
    assert {share.slot for share in demand_of(action("c", kind="restore-job"), "restore", 7)} == {"restore", "control"}


def test_a_plan_is_read_with_the_slots_of_the_handlers() -> None:
    known = handlers()
    assert {kind: known[kind].slot for kind in LONG_SLOTS} == LONG_SLOTS
    assert {one.slot for one in known.values() if one.slot} <= QUOTAS.keys()


@pytest.mark.parametrize(("region", "limit"), [("eu-west-1", 15 * TIB), ("eu-central-1", TIB)])
def test_imports_in_flight_are_limited_by_the_targets_region(region: str, limit: int) -> None:
    account = PlannedAccount("111111111111", "us-east-1")
    plan = Plan("m", "l", account, dataclasses.replace(account, region=region), "d", "i")
    assert quotas_of(plan)["import"] == Quota(50, limit)


@pytest.mark.parametrize(
    ("strategy", "region", "tables"),
    [
        ("s3", "eu-west-1", 400),
        ("s3", "eu-central-1", 1200),
        ("backup", "eu-west-1", 1200),
        ("s3, verified here", "eu-west-1", 300),
    ],
)
def test_the_whole_takes_at_most_a_tenth_longer_than_it_must(strategy: str, region: str, tables: int) -> None:
    found = simulate(Work(tables, CHAINS[strategy], quotas_in(region), seed=7))
    assert found.ratio <= 1.1, f"{found.makespan:.0f} s, bound {found.bound:.0f} s by {found.set_by}"
