"""Strategy `copy` through the command line: a running copy is held back, hurried, and ends complete."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.world import TARGET, World

ITEMS = 200
COPY = {"copy": {"write_units": 2, "segments": 2}}


def wait_for_items(world: World, enough: int) -> None:
    """Until that many items are in the target."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if "orders" in world.client("dynamodb", TARGET).list_tables()["TableNames"]:
            described = world.client("dynamodb", TARGET).describe_table(TableName="orders")["Table"]
            if described["TableStatus"] == "ACTIVE" and len(world.items(TARGET, "orders")) >= enough:
                return
        threading.Event().wait(0.1)
    raise AssertionError("the copy does not begin")


def test_a_running_copy_is_hurried(world: World) -> None:
    world.table("orders", items=ITEMS)
    world.manifest("[{name: orders, strategy: copy}]", strategies=COPY)
    with ThreadPoolExecutor(1) as pool:
        applied = pool.submit(world.process, "apply", "m.yaml", "--auto-approve", timeout=60)  # 100 s at its own rate
        wait_for_items(world, 3)
        told = world.ok("throttle", "move", "--write-units", "100000")
        assert "orders: copy at most 100000 write units/s from now on" in told.out
        outcome = applied.result()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert len(world.items(TARGET, "orders")) == ITEMS
    assert "No changes" in world.ok("plan", "m.yaml").out


def test_nothing_to_throttle(world: World) -> None:
    refused = world.run("throttle", "move", "--write-units", "5")
    assert refused.code == 4
    assert "no copy of move is running" in refused.err
    assert world.run("throttle", "move").code == 64
