"""`migrate verify`: names exactly what differs, needs no state, changes nothing."""

from __future__ import annotations

import json
import random
import shutil

import jsonschema
import pytest

from migrate.core.schemas import read_schema
from tests.e2e.world import TARGET, World


@pytest.fixture
def moved(world: World) -> World:
    """The table `orders` with 200 items, moved as `sold`; the state is gone."""
    world.table("orders", 200)
    world.manifest("[{name: orders, target: {name: sold}}]")
    world.ok("apply", "m.yaml", "--auto-approve")
    shutil.rmtree("state")
    return world


def test_equal_tables_need_no_state(moved: World) -> None:
    outcome = moved.ok("verify", "m.yaml")
    assert "= orders -> sold   200 items equal" in outcome.out
    assert not (moved.folder / "state").exists()


def test_exactly_the_damaged_items_are_named(moved: World) -> None:
    chosen = random.Random(1).sample(range(200), 12)
    changed, missing, extra = chosen[:5], chosen[5:9], [f"x{n}" for n in range(3)]
    for number in changed:
        moved.target.put_item(TableName="sold", Item={"id": {"S": f"i{number}"}, "n": {"N": f"{number}.5"}})
    for number in missing:
        moved.target.delete_item(TableName="sold", Key={"id": {"S": f"i{number}"}})
    for name in extra:
        moved.target.put_item(TableName="sold", Item={"id": {"S": name}})
    expected = {("*", f"i{n}") for n in changed} | {("+", f"i{n}") for n in missing} | {("-", name) for name in extra}

    found = moved.run("verify", "m.yaml", "--json")
    assert found.code == 8
    jsonschema.validate(found.json, read_schema("report"))
    assert {(one["mark"], one["key"]["id"]["S"]) for one in found.json["tables"][0]["named"]} == expected

    text = moved.run("verify", "m.yaml")
    assert text.code == 8
    lines = [line.split() for line in text.out.splitlines() if line.startswith("    ")]
    assert {(line[0], line[2].strip('"')) for line in lines} == expected
    assert "191 equal, 5 differ, 4 only in the source, 3 only in the target" in text.out


def test_a_missing_target_table(world: World) -> None:
    world.table("orders")
    world.manifest()
    refused = world.run("verify", "m.yaml")
    assert refused.code == 4
    assert f"there is no table orders in the target, {TARGET} eu-west-1" in refused.err
    assert "migrate apply" in refused.err


def test_a_target_with_another_key(world: World) -> None:
    world.table("orders")
    world.target.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "other", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "other", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    world.manifest()
    refused = world.run("verify", "m.yaml")
    assert refused.code == 4
    assert "id (S)" in refused.err
    assert "other (S)" in refused.err


def test_nothing_to_compare_is_no_success(world: World) -> None:
    world.table("orders")
    world.manifest('[{match: "evnets-*"}]')
    refused = world.run("verify", "m.yaml")
    assert refused.code == 4
    assert "nothing was compared" in refused.err


def test_a_rate_is_kept_and_the_result_is_the_same(moved: World) -> None:
    assert "200 items equal" in moved.ok("verify", "m.yaml", "--read-units", "5000").out
    moved.manifest("[{name: orders, target: {name: sold}, verify: {read_units: 4000}}]")
    assert "200 items equal" in moved.ok("verify", "m.yaml").out
    moved.manifest("[{name: orders, target: {name: sold}}]", defaults={"verify": {"mode": "counts"}})
    assert "source 200, target 200" in moved.ok("verify", "m.yaml").out


def test_options_that_are_wrong_are_told_with_their_place(world: World) -> None:
    world.table("orders")
    for wrong, what in (
        ("{mode: digset}", "digset, not one of digest, counts, none"),
        ("{read_unit: 5}", "read_unit is not a known key"),
        ("{read_units: 0}", "must be more than 0"),
        ("{source: copied}", "copied, not one of read, as-copied"),
        ("often", "must be digest, counts, none, or a mapping"),
    ):
        world.manifest(f"[{{name: orders, verify: {wrong}}}]")
        refused = world.run("validate", "m.yaml")
        assert refused.code == 3
        assert what in refused.err, refused.err
        assert "m.yaml:" in refused.err


def test_as_copied_reads_the_target_only_and_says_so(world: World) -> None:
    world.table("orders", 200)
    world.manifest(
        "[{name: orders, strategy: copy, verify: {source: as-copied}}]", strategies={"copy": {"segments": 2}}
    )
    assert "later writes to the source are not seen" in world.ok("plan", "m.yaml").out
    world.ok("apply", "m.yaml", "--auto-approve")
    outputs = json.loads((world.folder / "state/move/tables/orders.json").read_text())["steps"]["orders/verify"][
        "outputs"
    ]
    assert (outputs["compared_with"], outputs["same"]) == ("copy", 200)
    world.source.put_item(TableName="orders", Item={"id": {"S": "late"}})
    text = world.run("verify", "m.yaml")  # the command always reads both
    assert text.code == 8
    assert "late" in text.out
