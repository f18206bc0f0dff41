"""What every registered strategy must keep to. A new one is added to the registry, and to nothing here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from migrate.actions.registry import handlers
from migrate.core.table import Encryption, Index, Key, KeySchema, TableFacts, TableSpec
from migrate.manifest.model import STRATEGY_DEFAULTS, Manifest
from migrate.manifest.tables import resolve_tables
from migrate.observe.inventory import Inventory
from migrate.plan.desired import desired_spec
from migrate.plan.model import Action, Change, Estimate, refs
from migrate.plan.simulate import simulate
from migrate.plan.strategy import Recipe, Strategy, TableRequest
from migrate.state.model import State
from migrate.strategies.registry import STRATEGIES, by_name
from tests.worlds import BUCKET, HEAD, MIB, MINIMAL, PLAIN, PRICES, facts, inventory, manifest_of, plan_of, state_of

OPTIONS: dict[str, Any] = {
    **STRATEGY_DEFAULTS["backup"],
    "bucket": BUCKET,
    "create_bucket": True,
    "prefix": "migrate",
    "source_pitr": "restore",
    "create": True,
}
"""Enough for every strategy, the ones that do not need a bucket included."""

MAKERS = {Change.CREATE, Change.MOVE}
USABLE = facts("orders")
HOPELESS = facts("orders", status="INACCESSIBLE_ENCRYPTION_CREDENTIALS")
CASES: dict[str, TableFacts] = {
    "plain": USABLE,
    "empty": facts("orders", item_count=0, size_bytes=0),
    "large": facts("orders", size_bytes=300 * 1024 * MIB),
    "recovery on": facts("orders", dataclasses.replace(PLAIN, recovery_days=7)),
    "index and key": facts(
        "orders",
        TableSpec(
            KeySchema((Key("PK", "B"),)),
            {"by-user": Index(KeySchema((Key("user", "S"),)))},
            encryption=Encryption("aws-managed"),
        ),
    ),
}


def request(source: TableFacts, seen: Inventory | None = None, state: State | None = None, **more: Any) -> TableRequest:
    manifest = manifest_of(MINIMAL)
    return TableRequest(
        migration=manifest.name,
        source=source,
        target_name="orders-2",
        desired=dataclasses.replace(source.spec, warm_throughput=None),
        options=OPTIONS,
        inventory=seen or inventory(source),
        state=state or state_of(manifest),
        prices=PRICES,
        **more,
    )


def total(strategy: Strategy, source: TableFacts) -> Estimate:
    return Estimate.together(strategy.costs(request(source)).values())


def every(recipe: Recipe) -> Iterator[Action]:
    yield from (*recipe.shared, *recipe.load, *recipe.cleanup, *recipe.shared_cleanup)


def makes(recipe: Recipe) -> set[str]:
    """Addresses of what makes something that is deleted afterwards."""
    made = {action.address for action in every(recipe) if action.change in MAKERS}
    return made if recipe.verifier.is_local else {*made, "orders-2/verify"}


strategies = pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda one: str(one.name))
cases = pytest.mark.parametrize("source", CASES.values(), ids=CASES)


def test_names_are_unique() -> None:
    assert len(by_name()) == len(STRATEGIES)


@strategies
def test_a_table_that_cannot_be_read_is_refused_with_what_and_why(strategy: Strategy) -> None:
    verdict = strategy.verdict(request(HOPELESS))
    assert not verdict.is_usable
    assert all(reason.is_error and reason.summary and (reason.why or reason.hint) for reason in verdict.reasons)
    assert not any(warning.is_error for warning in verdict.warnings)


@strategies
@cases
def test_a_usable_table_is_taken_and_the_reader_told_why(strategy: Strategy, source: TableFacts) -> None:
    verdict = strategy.verdict(request(source))
    assert verdict.is_usable
    assert verdict.why


@strategies
@cases
def test_the_same_request_gives_the_same_recipe(strategy: Strategy, source: TableFacts) -> None:
    assert strategy.load(request(source)) == strategy.load(request(source))
    assert strategy.costs(request(source)) == strategy.costs(request(source))
    assert strategy.verdict(request(source)) == strategy.verdict(request(source))


@strategies
@cases
def test_actions_are_well_formed(strategy: Strategy, source: TableFacts) -> None:
    recipe = strategy.load(request(source))
    known = handlers()
    seen: set[str] = set()
    for action in every(recipe):
        assert action.owner == ("shared" if action in (*recipe.shared, *recipe.shared_cleanup) else "orders-2")
        assert action.address not in seen
        assert action.kind in known
        assert seen.issuperset(action.needs), action.address
        assert {address for address, _ in refs(dict(action.params))} <= seen, action.address
        assert action.title
        assert action.undo
        seen.add(action.address)


@strategies
@cases
def test_the_source_is_only_changed_where_the_plan_says_so(strategy: Strategy, source: TableFacts) -> None:
    for action in every(strategy.load(request(source))):
        if action.side.value == "source" and action.change in (Change.CREATE, Change.UPDATE, Change.DELETE):
            assert action.risk.value in ("source-write", "destructive")


@strategies
@cases
def test_estimates_are_sane_and_grow_with_the_table(strategy: Strategy, source: TableFacts) -> None:
    small = total(strategy, source)
    large = total(strategy, dataclasses.replace(source, size_bytes=source.size_bytes * 10 + MIB))
    assert 0 < small.minutes <= large.minutes
    assert 0 <= small.dollars < large.dollars
    assert 0 <= small.source_read_units <= large.source_read_units


@strategies
@cases
def test_every_cost_is_of_an_action(strategy: Strategy, source: TableFacts) -> None:
    """What no action of that name takes would be in no plan's total."""
    recipe = strategy.load(request(source))
    names = {action.address.partition("/")[2] for action in recipe.load}
    assert recipe.loaded is not None
    later = {f"index.{name}" for name in set(source.spec.global_indexes) - set(recipe.loaded.global_indexes)}
    by_a_run = set() if recipe.verifier.is_local else {"verify"}
    assert set(strategy.costs(request(source))) <= names | later | by_a_run


@strategies
@cases
def test_its_kinds_are_those_of_its_load(strategy: Strategy, source: TableFacts) -> None:
    """So that a table for which it was begun goes on with it, whatever `auto` would choose by then."""
    moves = {action.kind for action in strategy.load(request(source)).load if action.change is Change.MOVE}
    assert moves <= strategy.kinds


@strategies
@cases
def test_everything_it_makes_for_itself_is_cleaned_up(strategy: Strategy, source: TableFacts) -> None:
    """After the whole plan the state owns the table and nothing else."""
    manifest, seen = moving(strategy), inventory(source)
    _, state = simulate(plan_of(manifest, seen), seen, state_of(manifest))
    assert {one.kind for one in state.owned().values()} == {"table"}


@strategies
@cases
def test_a_move_that_stopped_before_its_verification_is_verified_and_cleaned_up_by_another_plan(
    strategy: Strategy, source: TableFacts
) -> None:
    manifest, seen = moving(strategy), inventory(source)
    state = state_of(manifest)
    plan = plan_of(manifest, seen)
    before = [action.address for action in plan.actions]
    seen, state = simulate(plan, seen, state, before[: before.index("orders/verify")])
    again = plan_of(manifest, seen, state)
    assert "orders/verify" in [action.address for action in again.actions]
    assert not any(table.is_move for table in again.tables)
    seen, state = simulate(again, seen, state)
    assert {one.kind for one in state.owned().values()} == {"table"}
    assert not plan_of(manifest, seen, state).actions


def moving(strategy: Strategy) -> Manifest:
    spark = "".join(f"  {name}: {{bucket: {BUCKET}, create_bucket: true, create: true}}\n" for name in ("glue", "emr"))
    head = HEAD.replace("strategies:\n", f"strategies:\n{spark}")
    return manifest_of(f"{head}tables:\n  - {{name: orders, strategy: {strategy.name}}}\n")


@strategies
@cases
def test_with_cleanup_keep_nothing_is_deleted(strategy: Strategy, source: TableFacts) -> None:
    recipe = strategy.load(request(source, cleanup="keep"))
    assert not [action.address for action in every(recipe) if action.change is Change.DELETE]
    assert strategy.leftovers(request(source, cleanup="keep")) == Recipe()


@strategies
@cases
def test_deletions_name_what_made_the_thing(strategy: Strategy, source: TableFacts) -> None:
    recipe = strategy.load(request(source))
    deletions = [action for action in every(recipe) if action.change is Change.DELETE]
    assert all(action.params["of"] in makes(recipe) for action in deletions)


@strategies
@cases
def test_nothing_is_left_over_of_what_was_never_begun(strategy: Strategy, source: TableFacts) -> None:
    recipe = strategy.leftovers(request(source))
    assert list(every(recipe)) == []


@strategies
@cases
def test_what_the_load_creates_is_no_more_than_what_is_desired(strategy: Strategy, source: TableFacts) -> None:
    recipe = strategy.load(request(source))
    assert recipe.loaded is not None
    assert recipe.loaded.keys == source.spec.keys
    for field in dataclasses.fields(TableSpec):
        made, plain = getattr(recipe.loaded, field.name), getattr(TableSpec(keys=source.spec.keys), field.name)
        assert made in (getattr(request(source).desired, field.name), plain), field.name


def test_desired_is_what_strategies_are_asked_for() -> None:
    """The requests above have the shape that the planner makes."""
    seen = inventory(USABLE)
    mapping = resolve_tables(manifest_of(MINIMAL), ["orders"])[0][0]
    assert desired_spec(mapping, USABLE, seen).spec == request(USABLE).desired
