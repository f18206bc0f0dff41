"""A verification of `apply` is killed, goes on where it stood, is hurried, and ends with the right counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

from tests.e2e.world import ENVIRONMENT, World

ITEMS = 150
SLOW = "[{name: orders, strategy: copy, verify: {read_units: 8}}]"  # 600 units of both tables: more than half a minute


def start(world: World) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "migrate", "apply", "m.yaml", "--auto-approve"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=world.folder, env={**os.environ, **ENVIRONMENT}, **pipes)


def items_compared(world: World) -> int:
    """As the last checkpoint of the verification has it."""
    for sums in world.folder.glob("state/move/work/orders+verify-*/sums.json"):
        kept = json.loads(sums.read_bytes().partition(b" ")[2])
        return sum(one["items"] for one in kept["segments"])
    return 0


def wait_for_more(world: World, than: int) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = items_compared(world)
        if found > than:
            return found
        threading.Event().wait(0.1)
    raise AssertionError("the verification does not go on")


def test_a_verification_is_killed_and_hurried(world: World) -> None:
    world.table("orders")
    for number in range(ITEMS - 5):
        world.source.put_item(TableName="orders", Item={"id": {"S": f"big{number}"}, "x": {"S": "x" * 7000}})
    world.manifest(SLOW, strategies={"copy": {"segments": 2}})
    with start(world) as first:
        seen = wait_for_more(world, 0)
        first.kill()
    with start(world) as second:
        assert wait_for_more(world, seen) < 2 * ITEMS
        assert world.run("throttle", "move", "--write-units", "5").code == 4  # it writes nothing
        told = world.ok("throttle", "move", "--read-units", "100000")
        assert "orders: verify at most 100000 read units/s from now on" in told.out
        output, _ = second.communicate(timeout=60)
    assert second.returncode == 0, output
    file = json.loads((world.folder / "state/move/tables/orders.json").read_text())
    outputs = file["steps"]["orders/verify"]["outputs"]
    assert (outputs["source_items"], outputs["target_items"], outputs["same"]) == (ITEMS, ITEMS, ITEMS)
    assert f"{ITEMS} items are equal" in output
    assert items_compared(world) == 0  # nothing is left that a later verification could mistake for its own
