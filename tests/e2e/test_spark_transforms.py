"""Items changed on their way by the Spark job, through the command line; the engines of the sandbox really run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.spark_world import BUCKET, BY_THIS_MACHINE, EMR, GLUE
from tests.e2e.test_spark_strategies import fill
from tests.e2e.world import TARGET, World
from tests.spark.running import needs_spark

pytestmark = needs_spark()
STEPS = '{rename: {id: customerId}}, {filter: "n <> 7"}, {set: {schema: {N: "2.0"}}}'
KEY = "{partition: {name: customerId, type: S}}"
BAD = """\
def convert(item):
    if item.value("id") == "{0}":
        return item["nothing"]
    if item.value("id") == "{1}":
        return "text"
    if item.value("id") == "{2}":
        del item["id"]
    return item
"""


def test_three_steps_and_another_key_by_glue_as_by_copy(world: World) -> None:
    fill(world)
    found: dict[str, list[str]] = {}
    for strategy, options in (("copy", {}), ("glue", GLUE)):
        tables = f"[{{name: orders, strategy: {strategy}, transform: [{STEPS}], "
        tables += f"target: {{name: by-{strategy}, keys: {KEY}}}}}]"
        file = world.manifest(tables, name=strategy, file=f"{strategy}.yaml", strategies={strategy: options})
        done = world.ok("apply", file, "--auto-approve").out
        assert "200 items are equal" in done
        assert "1 left out by the transform" in done
        assert "No changes" in world.ok("plan", file).out
        found[strategy] = sorted(json.dumps(one, default=repr) for one in world.items(TARGET, f"by-{strategy}"))
    assert found["glue"] == found["copy"]
    assert len(found["glue"]) == 200
    world.ok("verify", "glue.yaml")
    world.target.put_item(TableName="by-glue", Item={"customerId": {"S": "i5"}, "n": {"N": "50"}})
    damaged = world.run("verify", "glue.yaml")
    assert damaged.code == 8
    assert '* customerId "i5" (S)' in damaged.out


def test_items_that_the_function_fails_on_are_kept_and_written_once_it_is_mended(world: World) -> None:
    world.table("orders", items=110)
    sampled = {item["id"]["S"] for item in world.source.scan(TableName="orders", Limit=100)["Items"]}
    bad = sorted({f"i{n}" for n in range(110)} - sampled)[:3]
    code(world, BAD.format(*bad))
    step = '{python: "transforms/orders.py:convert"}, {rename: {id: customerId}}'
    tables = f"[{{name: orders, strategy: emr, transform: [{step}], target: {{keys: {KEY}}}}}]"
    world.manifest(tables, strategies={"emr": EMR}, defaults=BY_THIS_MACHINE)
    failed = world.run("apply", "m.yaml", "--auto-approve")
    assert failed.code == 7, failed.out + failed.err
    assert "the transform failed on 3 of 110 items" in failed.out
    reasons = letters(world)
    assert set(reasons) == set(bad)
    assert "KeyError at transforms/orders.py:3" in reasons[bad[0]]
    assert "returned str, not an item" in reasons[bad[1]]
    assert "no key attribute customerId" in reasons[bad[2]]
    assert keys(world) == {f"i{n}" for n in range(110)} - set(bad)

    code(world, "def convert(item):\n    return item\n")
    done = world.ok("apply", "m.yaml", "--auto-approve").out
    assert "110 items are equal" in done
    assert keys(world) == {f"i{n}" for n in range(110)}
    assert "No changes" in world.ok("plan", "m.yaml").out
    code(world, "def convert(item):\n    item.put('n', 0)\n    return item\n")
    assert "filled with another transform" in world.run("plan", "m.yaml").err


def code(world: World, text: str) -> None:
    file = Path(world.folder) / "transforms" / "orders.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def keys(world: World) -> set[str]:
    return {item["customerId"]["S"] for item in world.items(TARGET, "orders")}


def letters(world: World) -> dict[str, str]:
    """Source key -> reason, of every dead letter in the bucket."""
    s3 = world.client("s3", TARGET)
    found: dict[str, str] = {}
    for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        if "/dead-letters/" in one["Key"]:
            body: Any = s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
            found |= {letter["key"]["id"]["S"]: letter["reason"] for letter in map(json.loads, body.splitlines())}
    return found
