"""A verification by the Spark job that moved the table, through the command line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.spark_world import GLUE, everything
from tests.e2e.test_spark_strategies import is_as_planned
from tests.e2e.world import TARGET, World


@pytest.fixture(scope="module")
def url(url_without_java: str) -> str:
    """The program is tried here, not the job."""
    return url_without_java


def test_differences_end_the_apply_and_the_next_one_compares_again(world: World) -> None:
    world.table("orders", items=60, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    before = everything(world)
    world.manifest("[{name: orders, strategy: glue}]", strategies={"glue": GLUE})
    world.faults(
        {"operation": "UpdateTable", "kind": "access-denied", "times": 1}
    )  # the stream: between load and verify
    assert world.run("apply", "m.yaml", "--auto-approve").code != 0
    changed, gone, extra = ({"id": {"S": name}} for name in ("i7", "i8", "only here"))
    world.target.put_item(TableName="orders", Item={**changed, "n": {"N": "70"}})
    world.target.delete_item(TableName="orders", Key=gone)
    world.target.put_item(TableName="orders", Item=extra)

    found = world.run("apply", "m.yaml", "--auto-approve")
    assert found.code == 8, found.out + found.err
    assert "orders (60 items) and orders (60 items) are not the same: 1 different, 1 missing" in found.out
    assert '* id "i7" (S); + id "i8" (S); - id "only here" (S)' in found.out
    place = next(word for word in found.out.split() if "/differences/" in word).rstrip(";")
    assert marks(world, place) == {"*": 1, "+": 1, "-": 1}
    assert len(world.items(TARGET, "orders")) == 60

    world.target.delete_item(TableName="orders", Key=extra)
    for item in (changed, gone):
        world.target.put_item(TableName="orders", Item=world.source.get_item(TableName="orders", Key=item)["Item"])
    assert "60 items are equal" in world.ok("apply", "m.yaml", "--auto-approve").out
    assert len(world.calls("StartJobRun")) == 3
    is_as_planned(world, before)


def marks(world: World, place: str) -> dict[str, int]:
    """How many lines of each mark are below this place."""
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    s3 = world.client("s3", TARGET)
    found: dict[str, int] = {}
    for one in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
        body: Any = s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
        for line in body.decode().splitlines():
            mark = line.split('"')[3]
            found[mark] = found.get(mark, 0) + 1
    return found
