"""Options of strategy `copy` through the command line: indexes, pre-warming, existing tables, the transport."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.e2e.test_copy_command import wait_for_items
from tests.e2e.world import SOURCE, TARGET, World

KEEP = {"copy": {"into": "existing", "on_conflict": "keep"}}
OVERWRITE = {"copy": {"into": "existing", "on_conflict": "overwrite"}}
TABLES = "[{name: orders, strategy: copy}]"
THEIRS = ({"id": {"S": "i2"}, "n": {"N": "-2"}}, {"id": {"S": "theirs"}})


def there(world: World, *items: dict[str, Any], key: str = "id", **changes: Any) -> str:
    """A table of the target account that the migration did not make; its id."""
    made = world.target.create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        **changes,
    )
    for item in items:
        world.target.put_item(TableName="orders", Item=item)
    return str(made["TableDescription"]["TableId"])


def by_id(world: World, account: str = TARGET) -> dict[str, Any]:
    return {item["id"]["S"]: item for item in world.items(account, "orders")}


def indexed(world: World) -> None:
    """A source table with two global indexes and a local one."""
    types = {"id": "S", "at": "N", "user": "S", "n": "N"}
    world.source.create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in types.items()],
        GlobalSecondaryIndexes=[
            {
                "IndexName": f"by-{name}",
                "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
            for name in ("user", "n")
        ],
        LocalSecondaryIndexes=[
            {
                "IndexName": "local",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for number in range(5):
        item = {"id": {"S": f"i{number}"}, "at": {"N": "1"}, "n": {"N": str(number)}, "user": {"S": "u"}}
        world.source.put_item(TableName="orders", Item=item)


def test_indexes_after_the_load(world: World) -> None:
    indexed(world)
    world.manifest(TABLES, strategies={"copy": {"indexes": "after"}})
    planned = world.ok("plan", "m.yaml").out
    assert "2 global indexes after the load, one at a time (as the manifest says)" in planned
    assert planned.index("copy every item") < planned.index("global index by-user") < planned.index("verify every item")
    world.ok("apply", "m.yaml", "--auto-approve")
    table = world.target.describe_table(TableName="orders")["Table"]
    assert {one["IndexName"] for one in table["GlobalSecondaryIndexes"]} == {"by-user", "by-n"}
    assert [one["IndexName"] for one in table["LocalSecondaryIndexes"]] == ["local"]
    found = world.target.query(
        TableName="orders",
        IndexName="by-user",
        KeyConditionExpression="#u = :u",
        ExpressionAttributeNames={"#u": "user"},
        ExpressionAttributeValues={":u": {"S": "u"}},
    )
    assert found["Count"] == 5
    assert "No changes" in world.ok("plan", "m.yaml").out


def test_a_warm_target_is_asked_for_and_said(world: World) -> None:
    indexed(world)
    world.manifest(TABLES, strategies={"copy": {"warm": True, "indexes": "before"}})
    assert "pre-warmed to" in world.ok("plan", "m.yaml").out
    world.ok("apply", "m.yaml", "--auto-approve")
    table = world.target.describe_table(TableName="orders")["Table"]
    assert table["WarmThroughput"]["WriteUnitsPerSecond"] > 4000
    assert all(one["WarmThroughput"]["WriteUnitsPerSecond"] > 4000 for one in table["GlobalSecondaryIndexes"])
    assert "No changes" in world.ok("plan", "m.yaml").out


def test_an_existing_table_is_not_warmed_unasked(world: World) -> None:
    world.table("orders")
    there(world)
    world.manifest(TABLES, strategies={"copy": {}})
    world.ok("apply", "m.yaml", "--auto-approve")
    warm = world.target.describe_table(TableName="orders")["Table"].get("WarmThroughput", {})
    assert warm.get("WriteUnitsPerSecond", 0) <= 4000


def test_an_empty_table_of_somebody_else_is_filled_and_stays_theirs(world: World) -> None:
    world.table("orders", items=20)
    id = there(world, Tags=[{"Key": "owner", "Value": "them"}])
    world.manifest(TABLES, strategies={"copy": {}})
    assert "which is there and not ours" in world.ok("plan", "m.yaml").out
    world.ok("apply", "m.yaml", "--auto-approve")
    assert by_id(world) == by_id(world, SOURCE)
    assert "No changes" in world.ok("plan", "m.yaml").out
    table = world.target.describe_table(TableName="orders")["Table"]
    assert table["TableId"] == id
    tags = world.target.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert tags == [{"Key": "owner", "Value": "them"}]
    owned = world.ok("state", "show", "move", "--json").json["files"]["orders"]["owned"]
    assert owned == {}
    world.ok("cleanup", "m.yaml", "--auto-approve")
    assert len(by_id(world)) == 20


def test_a_table_that_turns_out_to_have_items_is_left_alone(world: World) -> None:
    world.table("orders", items=3)
    there(world)
    world.manifest(TABLES, strategies={"copy": {}})
    world.ok("plan", "m.yaml", "--out", "p.json")
    world.target.put_item(TableName="orders", Item=THEIRS[0])
    refused = world.run("apply", "p.json", "--auto-approve")
    assert refused.code == 5, refused.err
    assert "and it has items (about 1)" in refused.err
    assert by_id(world) == {"i2": THEIRS[0]}


def test_items_that_are_there_are_kept(world: World) -> None:
    world.table("orders", items=5)
    there(world, *THEIRS)
    world.manifest(TABLES, strategies=KEEP)
    done = world.ok("apply", "m.yaml", "--auto-approve")
    assert "1 kept, unlike the source's" in done.out
    assert "1 kept, unlike the source's" in world.ok("status", "move").out
    assert "1 only in the target" in done.out
    found = by_id(world)
    assert (found["i2"], found["theirs"]) == THEIRS
    assert {id: item for id, item in found.items() if id not in ("i2", "theirs")} == {
        id: item for id, item in by_id(world, SOURCE).items() if id != "i2"
    }
    assert "No changes" in world.ok("plan", "m.yaml").out
    report = world.ok("verify", "m.yaml", "--json").json
    assert (report["is_accepted"], report["is_equal"], report["tables"][0]["differs"]) == (True, False, 1)
    world.target.delete_item(TableName="orders", Key={"id": {"S": "i4"}})
    assert world.run("verify", "m.yaml").code == 8


def test_items_that_are_there_are_overwritten(world: World) -> None:
    world.table("orders", items=5)
    there(world, *THEIRS)
    world.manifest(TABLES, strategies=OVERWRITE)
    done = world.ok("apply", "m.yaml", "--auto-approve")
    assert "1 only in the target" in done.out
    assert by_id(world) == {**by_id(world, SOURCE), "theirs": THEIRS[1]}
    assert "No changes" in world.ok("plan", "m.yaml").out
    assert "on_conflict: overwrite" in world.ok("verify", "m.yaml").out
    world.target.put_item(TableName="orders", Item=THEIRS[0])
    assert world.run("verify", "m.yaml").code == 8


def test_an_existing_table_with_another_key(world: World) -> None:
    world.table("orders", items=2)
    there(world, key="other")
    world.manifest(TABLES, strategies=KEEP)
    refused = world.run("apply", "m.yaml", "--auto-approve")
    assert refused.code == 4
    assert "has the key other (S)" in refused.err


def test_a_filled_table_gets_only_the_settings_that_are_named(world: World) -> None:
    world.table("orders", items=2, DeletionProtectionEnabled=True, Tags=[{"Key": "team", "Value": "a"}])
    there(world)
    world.manifest("[{name: orders, strategy: copy, target: {tags: {joined: 'yes'}}}]", strategies=KEEP)
    world.ok("apply", "m.yaml", "--auto-approve")
    table = world.target.describe_table(TableName="orders")["Table"]
    assert not table["DeletionProtectionEnabled"]
    tags = world.target.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert tags == [{"Key": "joined", "Value": "yes"}]
    assert "No changes" in world.ok("plan", "m.yaml").out


@pytest.mark.parametrize("by", ["flag", "manifest"])
def test_boto3_carries_the_items(world: World, by: str) -> None:
    world.table("orders", items=30)
    flag = ["--transport", "boto3"] if by == "flag" else []
    world.manifest(TABLES, strategies={"copy": {"transport": "boto3"} if by == "manifest" else {}})
    world.ok("apply", "m.yaml", "--auto-approve", *flag)
    assert "30 items equal" in world.ok("verify", "m.yaml", *flag).out
    for operation in ("Scan", "BatchWriteItem"):
        assert {call["agent"] for call in world.calls(operation)} == {"Botocore"}
    assert by_id(world) == by_id(world, SOURCE)
    assert "No changes" in world.ok("plan", "m.yaml").out


def test_a_misspelt_transport(world: World) -> None:
    world.table("orders")
    world.manifest(TABLES, strategies={"copy": {"transport": "boto"}})
    assert world.run("validate", "m.yaml").code == 3
    assert world.run("apply", "m.yaml", "--transport", "boto").code == 64


def test_a_killed_copy_into_an_empty_table_goes_on_under_another_plan(world: World) -> None:
    """Its items are in the table then, and are no reason to refuse it."""
    world.table("orders", items=40)
    there(world)
    world.manifest(TABLES, strategies={"copy": {"write_units": 2, "segments": 2}})
    command = [sys.executable, "-m", "migrate", "apply", "m.yaml", "--auto-approve"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for_items(world, 3)
        process.kill()
    world.manifest(TABLES, strategies={"copy": {"segments": 2}}, defaults={"verify": "counts"})
    planned = world.ok("plan", "m.yaml").out
    assert "not ours" not in planned
    world.run("state", "unlock", "move", "--auto-approve")
    world.ok("apply", "m.yaml", "--auto-approve")
    assert by_id(world) == by_id(world, SOURCE)
    assert "No changes" in world.ok("plan", "m.yaml").out
