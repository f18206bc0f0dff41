"""20,000 items of every type by every engine, from the table and from an export; and the run, or who watches it, dies.

From a scan the applier is killed while the job runs, and the same command adopts it. From an export somebody stops the
run (in the sandbox: SIGKILL of its processes), and the same command goes on with another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import spark_world
from tests.e2e.checker import differing, items_of
from tests.e2e.spark_world import ENGINES, STARTS
from tests.e2e.world import ENVIRONMENT, World, control
from tests.spark.running import needs_spark

pytestmark = [*needs_spark(), pytest.mark.slow]
ITEMS = 20_000
UNITS = 5000  # a second: the job moves items for some seconds, in which it can be met
ENDS = {"glue": "STOPPED", "serverless": "CANCELLED", "cluster": "USER_REQUEST", "step": "CANCELLED"}


def item(number: int) -> dict[str, Any]:
    """Of every type of AttributeValue, with values that do not survive a schema."""
    return {
        "id": {"S": f"key-{number} \u2028"},
        "n": {"N": "1.50E-7" if number % 2 else "12345678901234567890123456789012345678"},
        "bytes": {"B": bytes([number % 256, 0, 255])},
        "odd": {"M": {"x": {"NULL": True}, "y": {"L": [{"BOOL": number % 3 == 0}, {"S": ""}]}}},
        "texts": {"SS": ["b", "a", f"ü{number}"]},
        "numbers": {"NS": ["3", "-1"]},
        "blobs": {"BS": [b"", bytes([number % 256])]},
    }


@dataclass(frozen=True)
class Furnished:
    """A sandbox with the source table, roles, and a cluster of somebody's; `items` are what the table has."""

    url: str
    cluster: str
    items: dict[str, Any]


@pytest.fixture(scope="module")
def furnished(url: str, tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    control(url, "reset")
    world = World(url, tmp_path_factory.mktemp("furnished"))
    world.table("orders", 0)
    for start in range(0, ITEMS, 25):
        puts = [{"PutRequest": {"Item": item(number)}} for number in range(start, start + 25)]
        world.source.batch_write_item(RequestItems={"orders": puts})
    spark_world.emr_roles(world)
    spark_world.role(world, "222222222222", "Analysts", "ec2.amazonaws.com")
    cluster = spark_world.somebodys_cluster(world, "Analysts")
    found = items_of(world.source, "orders", ["id"])
    assert len(found) == ITEMS
    return Furnished(url, cluster, found)


@pytest.fixture
def world(furnished: Furnished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A new folder, and no target table when it is over."""
    monkeypatch.chdir(tmp_path)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "MIGRATE_STATE"):
        monkeypatch.delenv(name, raising=False)
    made = World(furnished.url, tmp_path)
    yield made
    made.target.delete_table(TableName="orders")
    made.target.get_waiter("table_not_exists").wait(TableName="orders", WaiterConfig={"Delay": 1})


@pytest.mark.parametrize("engine", ENGINES)
def test_from_the_table_while_the_applier_is_killed(world: World, furnished: Furnished, engine: str) -> None:
    before, started = spark_world.everything(world), len(world.calls(STARTS[engine]))
    spark_world.write_manifest(world, engine, furnished.cluster, write_units=UNITS)
    with spark_world.begin_apply(world) as process:
        spark_world.until(lambda: spark_world.is_moving(world) or process.poll() is not None)
        process.kill()
    assert process.returncode < 0, "it was over before"
    world.ok("apply", "m.yaml", "--auto-approve")
    assert len(world.calls(STARTS[engine])) - started == 1
    is_as_planned(world, furnished, before)


@pytest.mark.parametrize("engine", ENGINES)
def test_from_an_export_while_somebody_stops_the_run(world: World, furnished: Furnished, engine: str) -> None:
    before, started = spark_world.everything(world), len(world.calls(STARTS[engine]))
    more: dict[str, Any] = {"from": "export", "source_pitr": "restore", "write_units": UNITS}
    spark_world.write_manifest(world, engine, furnished.cluster, **more)
    with spark_world.begin_apply(world) as process:
        spark_world.until(lambda: spark_world.is_moving(world) or process.poll() is not None)
        spark_world.stop_by_hand(world, engine)
        out, _ = process.communicate()
    assert process.returncode == 7, out
    assert f"for orders ended as {ENDS[engine]}" in out
    assert "somebody stopped it" in out
    world.ok("apply", "m.yaml", "--auto-approve")
    assert len(world.calls(STARTS[engine])) - started == 2
    is_as_planned(world, furnished, before)


def is_as_planned(world: World, furnished: Furnished, before: dict[str, Any]) -> None:
    """Every item is there, nothing else is, nothing of ours is left, and nothing is left to do."""
    assert differing(furnished.items, items_of(world.target, "orders", ["id"])) == []
    assert "No changes" in world.ok("plan", "m.yaml").out
    assert spark_world.everything(world) == before
