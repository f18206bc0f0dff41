"""Three tables with everything that DynamoDB can hold, moved and then compared by a script that knows boto3 only."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tests.e2e.checker import differences
from tests.e2e.world import World

ITEMS = 5000
HUGE = 300_000


def with_indexes(world: World) -> None:
    types = [{"AttributeName": n, "AttributeType": t} for n, t in (("id", "S"), ("state", "S"), ("total", "N"))]
    indexes = [
        {
            "IndexName": "by-state",
            "KeySchema": [
                {"AttributeName": "state", "KeyType": "HASH"},
                {"AttributeName": "total", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]},
        },
        {
            "IndexName": "by-total",
            "KeySchema": [{"AttributeName": "total", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        },
    ]
    world.table(
        "indexed", 0, AttributeDefinitions=types, GlobalSecondaryIndexes=indexes, Tags=[{"Key": "team", "Value": "a b"}]
    )
    fill(
        world,
        "indexed",
        (
            {"id": {"S": f"é{n}"}, "state": {"S": "open"}, "total": {"N": str(n)}, "end": {"N": "2000000000"}}
            for n in range(60)
        ),
    )
    world.source.update_time_to_live(
        TableName="indexed", TimeToLiveSpecification={"AttributeName": "end", "Enabled": True}
    )


def with_binary_key(world: World) -> None:
    world.table(
        "binary",
        0,
        KeySchema=[{"AttributeName": "b", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "b", "AttributeType": "B"},
            {"AttributeName": "n", "AttributeType": "N"},
        ],
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 7, "WriteCapacityUnits": 9},
        DeletionProtectionEnabled=True,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"},
    )
    numbers = ["0", "-1", "1.5", "1E-130", "9.9999999999999999999999999999999999999E+125", "-0.001"]
    fill(world, "binary", ({"b": {"B": bytes([n])}, "n": {"N": text}} for n in range(0, 256, 5) for text in numbers))


def with_every_type(world: World) -> None:
    world.table("types", 0)
    fill(world, "types", items(random.Random(7)))


def items(chance: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(ITEMS):
        item: dict[str, Any] = {
            "id": {"S": f"item-{number}"},
            "long": {"N": str(chance.randrange(10**37, 10**38))},
            "small": {"N": f"-0.{chance.randrange(10**12):012d}"},
            "yes": {"BOOL": number % 2 == 0},
            "none": {"NULL": True},
            "empty": {"S": ""},
            "nothing": {"B": b""},
        }
        if number % 10 == 0:
            item |= {
                "words": {"SS": [f"w{number}", "ü", '"quoted"\n\\']},
                "numbers": {"NS": ["1", "2.5", str(number + 3)]},
                "bytes": {"BS": [bytes([number % 256, 0]), b"\xff\xfe"]},
                "deep": {"M": {"a": {"L": [{"M": {"b": {"L": [{"S": "c"}, {"N": "1"}, {"NULL": True}]}}}]}}},
                "hollow": {"M": {}},
                "bare": {"L": []},
            }
        yield item
    for number in range(3):
        yield {"id": {"S": f"huge-{number}"}, "text": {"S": chr(97 + number) * HUGE}, "raw": {"B": bytes(1000)}}


def fill(world: World, table: str, wanted: Iterator[dict[str, Any]]) -> None:
    batch: list[Any] = []
    for item in wanted:
        batch.append({"PutRequest": {"Item": item}})
        if len(batch) == 25:
            assert not world.source.batch_write_item(RequestItems={table: batch}).get("UnprocessedItems")
            batch = []
    if batch:
        assert not world.source.batch_write_item(RequestItems={table: batch}).get("UnprocessedItems")


def test_they_arrive_as_they_were(world: World) -> None:
    with_indexes(world)
    with_binary_key(world)
    with_every_type(world)
    world.manifest("[{name: indexed}, {name: binary}, {name: types}]")
    world.ok("apply", "m.yaml", "--auto-approve")
    found = {name: differences(world.source, world.target, name) for name in ("indexed", "binary", "types")}
    assert found == {"indexed": [], "binary": [], "types": []}
    assert len(world.items("222222222222", "types")) == ITEMS + 3
    world.ok("verify", "m.yaml")
    assert world.run("plan", "m.yaml", "--detailed-exitcode").code == 0

    # The script itself must be able to see a difference.
    world.target.put_item(TableName="types", Item={"id": {"S": "item-3"}, "long": {"N": "1"}})
    world.target.tag_resource(
        ResourceArn=world.target.describe_table(TableName="binary")["Table"]["TableArn"],
        Tags=[{"Key": "by", "Value": "hand"}],
    )
    assert len(differences(world.source, world.target, "types")) == 1
    assert len(differences(world.source, world.target, "binary")) == 1
