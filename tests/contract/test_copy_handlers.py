"""The steps around a copy, where the world is not as planned, on the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.actions.base import Absent, Conflicting, Done, Failed, Satisfied
from migrate.plan.model import Side
from tests.contract.test_handlers import (
    HANDLERS,
    World,
    begin,
    copy_params,
    finish,
    index_params,
    look_params,
    new_step,
    verify_params,
    warm_params,
    world,
)

__all__ = ["world"]


def warm_index_params(world: World) -> dict[str, Any]:
    params = index_params(world)
    world.make("index", params)
    return {**warm_params(world), "table": params["table"], "index": "by-user"}


def test_an_index_is_warmed_by_itself(world: World) -> None:
    params = warm_index_params(world)
    step = new_step("warm-throughput", Side.TARGET, params)
    assert isinstance(HANDLERS[step.kind].observe(step, world.context), Absent)
    finish(world, step)
    table = world.target.describe_table(TableName=params["table"])["Table"]
    assert table["GlobalSecondaryIndexes"][0]["WarmThroughput"]["WriteUnitsPerSecond"] == 20_000
    assert table["WarmThroughput"].get("WriteUnitsPerSecond", 0) < 20_000
    assert isinstance(HANDLERS[step.kind].observe(step, world.context), Satisfied)


@pytest.mark.parametrize(
    ("existing", "kept", "said"),
    [
        ("", 0, "1 different, 1 only in the target"),
        ("overwrite", 0, "1 different"),
        ("keep", 0, "1 different (the copy kept 0 as they were)"),
        ("keep", 1, None),
    ],
)
def test_a_target_that_had_items_is_verified(world: World, existing: str, kept: int, said: str | None) -> None:
    """One item of the target is another than the source's, and one is only there."""
    params = {**verify_params(world), **({"existing": existing, "kept": kept} if existing else {})}
    for item in ({"pk": {"S": "item-1"}, "sk": {"N": "1"}, "v": {"S": "theirs"}}, {"pk": {"S": "x"}, "sk": {"N": "0"}}):
        world.target.put_item(TableName=params["target_table"], Item=item)
    result = HANDLERS["verify"].poll(begin(world, new_step("verify", Side.BOTH, params)), world.context)
    if said is None:
        assert isinstance(result, Done)
        assert (result.outputs["differs"], result.outputs["extra"], result.outputs["same"]) == (1, 1, 1)
    else:
        assert isinstance(result, Failed)
        assert result.error.summary.endswith(f"are not the same: {said}")
        assert ('x" (S)' in result.error.why) == (not existing)
        assert (result.outputs["differs"], result.outputs["extra"], result.outputs["same"]) == (1, 1, 1)
        assert result.outputs["source_digest"] != result.outputs["target_digest"]


def test_an_empty_table_that_is_written_to_after_the_look_is_left_alone(world: World) -> None:
    params = {**copy_params(world), "is_existing": True, "must_be_empty": True}
    step = new_step("copy", Side.BOTH, params)
    assert isinstance(HANDLERS["copy"].observe(step, world.context), Absent)
    world.target.put_item(TableName=params["target_table"], Item={"pk": {"S": "theirs"}, "sk": {"N": "1"}})
    seen = HANDLERS["copy"].observe(step, world.context)
    assert isinstance(seen, Conflicting)
    assert "has items" in seen.error.summary
    again = new_step("copy", Side.BOTH, params, attempt=2)
    assert isinstance(HANDLERS["copy"].observe(again, world.context), Absent), "by then they may be ours"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"table_id": "another"}, "made anew"),
        ({"table": "gone"}, "is gone"),
        ({"keys": [["pk", "B"]]}, "another key"),
        ({}, "has items"),
    ],
)
def test_a_look_at_a_table_that_has_changed(world: World, change: dict[str, Any], said: str) -> None:
    params = look_params(world)
    world.target.put_item(TableName=params["table"], Item={"pk": {"S": "theirs"}, "sk": {"N": "1"}})
    step = begin(world, new_step("table-look", Side.TARGET, {**params, **change}))
    result = HANDLERS["table-look"].poll(step, world.context)
    assert isinstance(result, Failed)
    assert said in result.error.summary
