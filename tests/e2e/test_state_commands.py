"""`migrate status`, `migrate state`, `migrate cleanup`: what is remembered, and its repair by hand."""

from __future__ import annotations

import jsonschema
import pytest

from migrate.core.schemas import read_schema
from migrate.state.store import open_store
from tests.e2e.world import SOURCE, TARGET, World


@pytest.fixture
def moved(world: World) -> World:
    """`orders` and `events`, moved; what the migration made for itself is kept."""
    world.table("orders")
    world.table("events")
    world.manifest('[{match: "*"}]', defaults={"cleanup": "keep"})
    world.ok("apply", "m.yaml", "--auto-approve")
    return world


def buckets(world: World) -> list[str]:
    return [bucket["Name"] for bucket in world.client("s3", TARGET).list_buckets()["Buckets"]]


def test_status_without_any_state(world: World) -> None:
    outcome = world.ok("status")
    assert "No migration has a state in state/" in outcome.out
    assert world.ok("status", "--json").json == {"format_version": 1, "migrations": []}
    assert world.run("status", "nothing").code == 6


def test_status_of_a_migration_that_failed(world: World) -> None:
    world.table("orders")
    world.table("events")
    world.manifest('[{match: "*"}]')
    refusal = {"kind": "access-denied", "operation": "ImportTable", "times": 1}
    world.faults(refusal)
    assert world.run("apply", "m.yaml", "--auto-approve").code in (7, 9)
    status = world.ok("status", "move", "--json").json
    jsonschema.validate(status, read_schema("status"))
    one = status["migrations"][0]
    failed = [step for table in one["tables"] for step in table["steps"] if step["status"] == "failed"]
    assert [step["address"].split("/")[1] for step in failed] == ["import"]
    assert "ImportTable" in failed[0]["error"]["summary"]
    assert one["summary"]["failed"] == 1
    assert one["summary"]["pending"] > 0
    assert one["next"] == f"migrate apply {world.folder}/m.yaml"
    text = world.ok("status").out
    assert "dynamodb:ImportTable" in text
    assert "next: migrate apply" in text
    world.ok("apply", "m.yaml", "--auto-approve")
    done = world.ok("status", "--json").json["migrations"][0]
    assert (done["is_finished"], done["next"]) == (True, None)
    assert [t["verification"]["is_equal"] for t in done["tables"] if t["table"] != "shared"] == [True, True]


def test_several_migrations_are_listed(moved: World) -> None:
    moved.manifest("[{name: orders, target: {name: copy}}]", name="other", file="other.yaml")
    moved.ok("apply", "other.yaml", "--auto-approve")
    for words in (("status",), ("state", "list")):
        lines = moved.ok(*words).out.splitlines()
        assert lines[0].startswith("move ")
        assert lines[1].startswith("other ")
    assert "copy" in moved.ok("status", "other").out


def test_show_names_every_step_and_what_is_owned(moved: World) -> None:
    text = moved.ok("state", "show", "move").out
    for expected in ("orders/import", "events/verify", "table/orders (table of orders/import)", "/export/"):
        assert expected in text
    jsonschema.validate(moved.ok("state", "show", "move", "--json").json, read_schema("state"))


def test_cleanup_removes_what_the_migration_made_and_no_table(moved: World) -> None:
    assert buckets(moved) == [f"migration-{TARGET}"]
    assert moved.run("plan", "m.yaml", "--detailed-exitcode").code == 0
    asked = moved.process("cleanup", "m.yaml", input="")
    assert asked.returncode == 4
    assert "delete the bucket" in asked.stderr
    assert buckets(moved) == [f"migration-{TARGET}"]
    moved.ok("cleanup", "m.yaml", "--auto-approve")
    assert buckets(moved) == []
    assert moved.target.list_tables()["TableNames"] == ["events", "orders"]
    assert "Nothing to clean up" in moved.ok("cleanup", "m.yaml").out
    assert moved.run("plan", "m.yaml", "--detailed-exitcode").code == 0


def test_cleanup_keeps_a_bucket_that_somebody_uses(moved: World) -> None:
    moved.client("s3", TARGET).put_object(Bucket=f"migration-{TARGET}", Key="theirs", Body=b"x")
    moved.ok("cleanup", "m.yaml", "--auto-approve")
    left = moved.client("s3", TARGET).list_objects_v2(Bucket=f"migration-{TARGET}")
    assert [entry["Key"] for entry in left["Contents"]] == ["theirs"]


def test_cleanup_refuses_while_a_table_needs_its_files(world: World) -> None:
    world.table("orders")
    world.manifest()
    world.faults({"kind": "access-denied", "operation": "ImportTable"})
    world.run("apply", "m.yaml", "--auto-approve")
    world.source.delete_table(TableName="orders")  # then the exported files are all that is left
    refused = world.run("cleanup", "m.yaml", "--auto-approve")
    assert refused.code == 4
    assert "orders is not loaded yet" in refused.err
    assert buckets(world) == [f"migration-{TARGET}"]


def test_cleanup_without_a_state(world: World) -> None:
    world.manifest()
    refused = world.run("cleanup", "m.yaml")
    assert refused.code == 6
    assert "no migration called move" in refused.err


def test_unlock_shows_the_holder_and_asks(moved: World) -> None:
    assert "is not locked" in moved.ok("state", "unlock", "move").out
    with open_store("state").lock("move", user="somebody"):
        assert moved.process("state", "unlock", "move", input="").returncode == 4
        outcome = moved.ok("state", "unlock", "move", "--yes")
        assert "somebody@" in outcome.err
        assert open_store("state").locked_by("move") is None


def test_forget_and_adopt(moved: World) -> None:
    outcome = moved.ok("state", "forget", "move", "orders/verify", "--yes")
    assert "as if it had never been done" in outcome.err
    plan = moved.ok("plan", "m.yaml", "--json").json
    assert [action["address"] for action in plan["actions"]] == ["orders/verify"]

    moved.ok("state", "forget", "move", "orders", "--yes")
    assert moved.run("plan", "m.yaml").code == 4
    moved.ok("state", "adopt", "move", "orders", "--manifest", "m.yaml", "--yes")
    moved.ok("apply", "m.yaml", "--auto-approve")
    assert moved.run("plan", "m.yaml", "--detailed-exitcode").code == 0
    unknown = moved.run("state", "forget", "move", "nothing", "--yes")
    assert unknown.code == 6
    assert "knows no nothing" in unknown.err
    assert moved.run("state", "adopt", "move", "orders", "--manifest", "m.yaml", "--yes").code == 4


def test_adopting_a_table_that_another_tool_filled(world: World) -> None:
    world.table("orders")
    types = [{"AttributeName": "id", "AttributeType": "S"}]
    keys = [{"AttributeName": "id", "KeyType": "HASH"}]
    for name in ("orders", "other"):
        kind = "S" if name == "orders" else "B"
        world.target.create_table(
            TableName=name,
            KeySchema=keys,
            AttributeDefinitions=[{**types[0], "AttributeType": kind}],
            BillingMode="PAY_PER_REQUEST",
        )
    for item in world.items(SOURCE, "orders")[1:]:
        world.target.put_item(TableName="orders", Item=item)
    world.manifest()
    world.ok("state", "adopt", "move", "orders", "--manifest", "m.yaml", "--yes")
    failed = world.run("apply", "m.yaml", "--auto-approve")
    assert failed.code == 8
    assert "1 missing in the target" in failed.out
    world.target.put_item(TableName="orders", Item=world.items(SOURCE, "orders")[0])
    world.ok("apply", "m.yaml", "--auto-approve")
    world.manifest("[{name: orders, target: {name: other}}]")
    refused = world.run("state", "adopt", "move", "other", "--manifest", "m.yaml", "--yes")
    assert refused.code == 4
    assert "its key is id (B)" in refused.err
