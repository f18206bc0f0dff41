"""Runs, tasks and drivers that die: the same arguments go on, the books balance, each item is there once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.spark.arguments import JobSpec
from tests.crash.test_copy_killed import items
from tests.spark.conftest import World
from tests.spark.running import Submitted, needs_spark, spec_in
from tests.stubs.scan_server import Item
from tests.stubs.table_server import TableServer

pytestmark = needs_spark()
COUNT = 8000


@pytest.fixture
def server() -> Iterator[TableServer]:
    """Both tables; the sandbox has the work folder only."""
    with TableServer(page_items=200) as made:
        made.put_table("orders", items(COUNT))
        yield made


def wait_until(submitted: Submitted, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert submitted.process.poll() is None, submitted.log()
        assert time.monotonic() < deadline, submitted.log()
        time.sleep(0.005)


def arrived(server: TableServer) -> int:
    return len(server.written.get("copied", {}))


def wanted(server: TableServer) -> list[Item]:
    return sorted(items(COUNT), key=server.key)


def spec_at(world: World, server: TableServer, **more: Any) -> JobSpec:
    stub: dict[str, Any] = {
        "source_endpoint": server.url,
        "target_endpoint": server.url,
        "source_role": None,
        "target_role": None,
    }
    return spec_in(world.sandbox, "copy", "copy", **{**stub, "save_seconds": 0.1, "segments": 16, **more})


@pytest.mark.slow
def test_a_job_that_is_killed_at_five_moments_goes_on(world: World, server: TableServer, tmp_path: Path) -> None:
    """Before the first page; mid-scan; between write and checkpoint; after the last page, before the result; and each
    time but the first with what the runs before have left."""
    never, more = 1000.0, 0
    moments: list[tuple[float, Callable[[], bool]]] = [
        (0.1, lambda: bool(world.keys("copy/job.json"))),
        (0.1, lambda: arrived(server) > COUNT * 0.2),
        (never, lambda: arrived(server) > more),
        (0.1, lambda: arrived(server) > COUNT * 0.8),
        (0.1, lambda: arrived(server) == COUNT),
    ]

    def throttled(_request: object) -> Any:
        return "throttle" if arrived(server) > more else None

    for save_seconds, moment in moments:
        books, more = world.keys("copy/units/"), arrived(server) + 200
        if save_seconds == never:  # a task that came to its end would save
            server.choose_fault = throttled
        submitted = Submitted(spec_at(world, server, save_seconds=save_seconds), tmp_path)
        wait_until(submitted, moment)
        submitted.kill()
        server.choose_fault = lambda request: None
        assert not world.keys("copy/result.json")
        assert save_seconds < never or world.keys("copy/units/") == books
    spec = spec_at(world, server)
    scanned = sum("Segment" in request for request in server.requests)
    assert Submitted(spec, tmp_path).wait() == 0
    assert server.table("copied") == wanted(server)
    result = world.result("copy")
    assert (result["read"], result["written"], result["rejected"], result["balanced"]) == (COUNT, COUNT, 0, True)
    # Every item was there when the last one died: the books that were saved spare most of the reading.
    assert sum("Segment" in request for request in server.requests) - scanned < COUNT / server.page_items


@pytest.mark.both_sparks
def test_a_task_whose_process_dies_is_repeated_and_counts_once(
    world: World, server: TableServer, tmp_path: Path
) -> None:
    submitted = Submitted(spec_at(world, server), tmp_path, cores="2,4")
    wait_until(submitted, lambda: arrived(server) > COUNT * 0.3)
    os.kill(python_workers(submitted.process.pid)[0], signal.SIGKILL)
    assert submitted.wait() == 0, submitted.log()
    assert "Lost task" in submitted.log()
    assert server.table("copied") == wanted(server)
    result = world.result("copy")
    assert (result["read"], result["written"], result["balanced"]) == (COUNT, COUNT, True)


def test_throttles_faults_and_lost_answers_lose_nothing(world: World, server: TableServer, tmp_path: Path) -> None:
    server.misbehave(0.1, seed=11, faults=("throttle", "busy", "drop", "lost", "unprocessed"))
    roll = server.choose_fault

    def choose(request: dict[str, Any]) -> object:
        fault = roll(request)
        return None if "Segment" in request and fault in ("lost", "unprocessed") else fault

    server.choose_fault = choose  # type: ignore[assignment]
    submitted = Submitted(spec_at(world, server, read_units=2000.0, write_units=20_000.0), tmp_path)
    assert submitted.wait() == 0, submitted.log()
    assert server.table("copied") == wanted(server)
    result = world.result("copy")
    assert (result["read"], result["written"], result["balanced"]) == (COUNT, COUNT, True)


def python_workers(session: int) -> list[int]:
    """Processes of a run in which Spark's tasks work: the children of its daemon."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes()
                parent = Path(f"/proc/{fields[1]}/cmdline").read_bytes()
            except OSError:
                continue
            if int(fields[3]) == session and b"pyspark.daemon" in command and b"pyspark.daemon" in parent:
                found.append(int(entry.name))
    return found
