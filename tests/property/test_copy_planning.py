"""Plans of strategy `copy`, whatever its options and whatever table is there: what must hold for each of them."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from migrate.core.codec import digest, encode
from migrate.core.table import TableFacts
from migrate.manifest.model import Manifest, TableRule, TargetSettings
from migrate.observe.inventory import Inventory
from migrate.plan.model import Change
from migrate.plan.simulate import simulate
from tests.property.test_planning import HEADS, ITEMS, SPECS, TARGETS, VERIFY, end_of, quick
from tests.worlds import TARGET, facts, inventory, plan_of, state_of

OPTIONS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"indexes": st.sampled_from(["before", "after", "auto"]), "warm": st.booleans()},
    optional={"write_units": st.sampled_from([10, 30_000]), "transport": st.just("boto3")},
)
INTO: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"into": "existing", "on_conflict": "keep"}, {"into": "existing", "on_conflict": "overwrite"}]
)


@st.composite
def worlds(draw: st.DrawFn, is_there: bool) -> tuple[Manifest, Inventory]:
    """One table to copy; with `is_there` into one of somebody else, with the same key and other settings."""
    source = facts("orders", draw(SPECS), item_count=draw(ITEMS | st.just(50_000_000)))
    options = {**draw(OPTIONS), **(draw(INTO) if is_there else {})}
    target = TargetSettings(**draw(TARGETS))
    rule = TableRule("orders", strategy="copy", options=options, verify=draw(VERIFY), target=target)
    manifest = dataclasses.replace(HEADS["keep"], tables=(rule,), digest=digest(encode([rule])))
    if not is_there:
        return manifest, inventory(source)
    spec = dataclasses.replace(draw(SPECS), keys=source.spec.keys)
    items = draw(ITEMS) if "into" in options else 0
    there = facts("orders", spec, TARGET, table_id="theirs", item_count=items)
    return manifest, inventory(source, target_tables={"orders": there})


def their_table(seen: Inventory) -> TableFacts:
    return seen.target_tables["orders"]


@quick
@given(st.booleans().flatmap(lambda is_there: worlds(is_there)), st.data())
def test_a_plan_that_stopped_anywhere_ends_the_same(world: tuple[Manifest, Inventory], data: st.DataObject) -> None:
    manifest, seen = world
    plan = plan_of(manifest, seen)
    assert not plan.is_errored, plan.diagnostics
    whole, state = simulate(plan, seen, state_of(manifest))
    assert plan_of(manifest, whole, state).actions == ()
    count = data.draw(st.integers(0, len(plan.actions)), label="done")
    half, state = simulate(plan, seen, state_of(manifest), {action.address for action in plan.actions[:count]})
    again = plan_of(manifest, half, state)
    assert not again.is_errored, again.diagnostics
    end, state = simulate(again, half, state)
    assert end_of(end) == end_of(whole)
    assert plan_of(manifest, end, state).actions == ()


@quick
@given(worlds(is_there=True))
def test_a_table_of_somebody_else_stays_theirs(world: tuple[Manifest, Inventory]) -> None:
    manifest, seen = world
    plan = plan_of(manifest, seen)
    assert not [action for action in plan.actions if action.change in (Change.CREATE, Change.DELETE)]
    end, state = simulate(plan, seen, state_of(manifest))
    assert state.owned() == {}
    before, after = their_table(seen), their_table(end)
    assert (after.table_id, after.own_tags) == (before.table_id, before.own_tags)


@quick
@given(worlds(is_there=True))
def test_settings_that_nobody_named_are_not_changed(world: tuple[Manifest, Inventory]) -> None:
    manifest, seen = world
    rule = dataclasses.replace(manifest.tables[0], target=TargetSettings(), options={})
    bare = dataclasses.replace(manifest, tables=(rule,))
    target = dataclasses.replace(their_table(seen), item_count=0)
    there = dataclasses.replace(seen, target_tables={"orders": target})
    plan = plan_of(bare, there)
    assert {action.kind for action in plan.actions} <= {"table-look", "copy", "verify"}
    assert their_table(simulate(plan, there, state_of(bare))[0]).spec == target.spec
