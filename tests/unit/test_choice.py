"""What `auto` takes, by what the user prefers; that what was begun goes on; and the comparison of all strategies."""

from __future__ import annotations

import dataclasses

import pytest

from migrate.core.table import TableFacts
from migrate.manifest.prices import Prices
from migrate.manifest.tables import resolve_tables
from migrate.observe.inventory import Inventory
from migrate.plan.compare import ComparedTable, Comparison, compare_strategies, widened
from migrate.plan.model import Plan, PlannedTable
from migrate.plan.simulate import simulate
from migrate.render.compare_text import MOST_IN_FULL, compare_text
from migrate.render.style import Style
from migrate.state.model import State
from migrate.strategies.registry import by_name
from tests.worlds import HEAD, MIB, PRICES, TARGET, facts, inventory, manifest_of, plan_of, state_of

ORDERS = facts("orders", item_count=800_000, size_bytes=800 * MIB)


def text(prefer: str, head: str = HEAD) -> str:
    return f"{head}tables:\n  - {{name: orders, prefer: {prefer}}}\n"


def planned(prefer: str, source: TableFacts = ORDERS, prices: Prices | None = None) -> PlannedTable:
    return plan_of(manifest_of(text(prefer)), inventory(source), prices=prices).tables[0]


def priced(**changes: float) -> Prices:
    return dataclasses.replace(PRICES, regions={"eu-west-1": dataclasses.replace(PRICES.of("us-east-1"), **changes)})


@pytest.mark.parametrize(("prefer", "chosen"), [("simplicity", "s3"), ("cost", "backup"), ("time", "copy")])
def test_each_preference_has_its_own_best(prefer: str, chosen: str) -> None:
    table = planned(prefer)
    assert table.strategy == chosen
    assert "not considered: name strategies.glue, strategies.emr" in table.reason
    for other in {"s3", "backup", "copy"} - {chosen}:
        assert f"{other} would take ~" in table.reason


def test_prices_decide_what_is_cheapest() -> None:
    assert planned("cost", prices=priced(restore_gb=5.0)).strategy == "s3"
    assert planned("cost", prices=priced(restore_gb=5.0, import_gb=5.0)).strategy == "copy"


def test_between_equals_the_simpler_one_is_taken() -> None:
    free = priced(**dict.fromkeys(vars(PRICES.of("us-east-1")), 0.0))
    assert planned("cost", prices=free).strategy == "s3"


def test_a_preference_for_all_tables_is_that_of_each() -> None:
    manifest = manifest_of(f"{HEAD}defaults: {{prefer: time}}\ntables: [{{name: orders}}, {{match: 'o*'}}]\n")
    assert [rule.prefer for rule in manifest.tables] == ["time", "time"]


def half_done(plan: Plan, seen: Inventory, state: State, last: str) -> tuple[Inventory, State]:
    """The world after the actions up to `last`."""
    addresses = [action.address for action in plan.actions]
    return simulate(plan, seen, state, set(addresses[: addresses.index(last) + 1]))


@pytest.mark.parametrize("last", ["orders/export", "orders/import"])
def test_what_was_begun_goes_on_whatever_is_better_by_now(last: str) -> None:
    simple, seen = manifest_of(text("simplicity")), inventory(ORDERS)
    there, state = half_done(plan_of(simple, seen), seen, state_of(simple), last)
    again = plan_of(manifest_of(text("time")), there, state)
    assert not again.is_errored, again.diagnostics
    assert again.tables[0].strategy == "s3"
    assert not [action.address for action in again.actions if action.kind == "copy"]


def test_what_was_begun_and_cannot_go_on_gives_way_while_the_target_is_empty() -> None:
    simple, seen = manifest_of(text("simplicity")), inventory(ORDERS)
    there, state = half_done(plan_of(simple, seen), seen, state_of(simple), "orders/export")
    bare = manifest_of(text("time").replace("s3: {bucket: transfer-222222222222, create_bucket: true}", "s3: {}"))
    assert plan_of(bare, there, state).tables[0].strategy == "copy"


def test_every_action_has_its_estimate_and_the_table_their_sum() -> None:
    plan = plan_of(manifest_of(text("simplicity")), inventory(ORDERS))
    found = {one.address: one.estimate for one in plan.actions if one.estimate}
    assert list(found) == ["orders/source-recovery", "orders/export", "orders/import", "orders/verify"]
    table = plan.tables[0].estimate
    assert table.dollars == pytest.approx(sum(one.dollars for one in found.values()))
    assert table.took.high == pytest.approx(sum(one.took.high for one in found.values()))
    assert table.took.low < table.minutes < table.took.high


def compared(seen: Inventory, manifest_text: str = text("simplicity"), state: State | None = None) -> Comparison:
    manifest = manifest_of(manifest_text)
    mappings, _ = resolve_tables(manifest, seen.source_tables)
    return compare_strategies(manifest, mappings, seen, state or state_of(manifest), by_name(), PRICES)


def one_table(found: Comparison) -> ComparedTable:
    assert len(found.tables) == 1
    return found.tables[0]


def test_a_comparison_marks_what_auto_takes_and_what_the_manifest_names() -> None:
    table = one_table(compared(inventory(ORDERS), f"{HEAD}tables: [{{name: orders, strategy: copy}}]\n"))
    marks = {one.strategy: (one.is_auto, one.is_named) for one in table.options}
    assert marks["s3"] == (True, False)
    assert marks["copy"] == (False, True)
    assert list(marks) == list(by_name())


def test_what_is_not_named_is_judged_with_what_it_needs_first() -> None:
    table = one_table(compared(inventory(ORDERS)))
    glue = next(one for one in table.options if one.strategy == "glue")
    assert glue.is_possible
    assert glue.to_write == ("strategies.glue: {bucket: NAME, create_bucket: true, create: true}",)
    assert any("role migrate-glue" in text for text in glue.made)
    assert set(widened(manifest_of(text("cost")), by_name()).strategies) == set(by_name())


def test_a_target_that_is_there_is_a_reason() -> None:
    there = facts("orders", side=TARGET, table_id="theirs", item_count=3)
    table = one_table(compared(inventory(ORDERS, target_tables={"orders": there})))
    assert table.auto is None
    assert not [one.strategy for one in table.options if one.is_possible]
    assert "exists in" in table.options[0].reasons[0]
    assert "auto would take none of them" in compare_text(
        compared(inventory(ORDERS, target_tables={"orders": there})), PLAIN
    )


def test_what_is_in_the_target_already_is_not_compared() -> None:
    manifest, seen = manifest_of(text("simplicity")), inventory(ORDERS)
    there, state = simulate(plan_of(manifest, seen), seen, state_of(manifest))
    assert one_table(compared(there, state=state)).note == "its items are in the target already"


PLAIN = Style(colour=False)


def test_many_tables_have_a_line_each_and_more_when_asked() -> None:
    seen = inventory(*(facts(f"orders-{n:03d}") for n in range(MOST_IN_FULL + 1)))
    found = compared(seen, f"{HEAD}tables: [{{match: 'orders-*'}}]\n")
    lines = compare_text(found, PLAIN).splitlines()
    assert sum("orders-" in line for line in lines) == MOST_IN_FULL + 1
    assert lines[2].startswith("11 tables")
    assert "--only TABLE" in lines[-1]
    assert len(compare_text(found, PLAIN, is_verbose=True).splitlines()) > 10 * MOST_IN_FULL
