"""Worker processes and whole copies, killed while they work: all items arrive, and the books balance."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.core.errors import MigrateError
from migrate.data.books import digest_text
from migrate.data.copy import CopyJob, CopyResult, copy_table
from migrate.data.endpoints import EndpointSpec
from migrate.data.pagedigest import page_digest
from tests.stubs.scan_server import Item
from tests.stubs.table_server import TableServer


def items(count: int) -> list[Item]:
    return [{"pk": {"S": f"key {n}"}, "n": {"N": str(n)}, "text": {"S": "x" * (n % 50)}} for n in range(count)]


@pytest.fixture
def server() -> Iterator[TableServer]:
    with TableServer(page_items=500) as made:
        yield made


@pytest.fixture
def job(tmp_path: Path) -> CopyJob:
    return CopyJob("from", "to", ("pk",), tmp_path / "copy", segments=8, processes=2, patience=60, save_seconds=0.1)


def arrived(server: TableServer, wanted: list[Item]) -> None:
    assert server.table("to") == sorted(wanted, key=server.key)


def workers_of(parent: int) -> list[int]:
    """Process ids of the workers, by the command line that spawn gives them."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if int(status[1]) == parent and status[0] != "Z" and b"spawn_main" in command:
            found.append(int(entry.name))
    return found


def when(condition: Callable[[], bool], act: Callable[[], None], seconds: float = 50) -> threading.Thread:
    """Do it as soon as the condition holds, in the background."""

    def watch() -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not condition():
            time.sleep(0.01)
        act()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def kill_one_worker() -> None:
    os.kill(workers_of(os.getpid())[0], signal.SIGKILL)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers in /proc")
def test_a_killed_worker_is_replaced(server: TableServer, job: CopyJob) -> None:
    wanted = items(8000)
    server.put_table("from", wanted)
    killer = when(lambda: len(server.written.get("to", {})) > 1000, kill_one_worker)
    result = copy_table(server.spec(), server.spec(), job)
    killer.join()
    arrived(server, wanted)
    assert (result.read, result.written, result.status["worker_deaths"]) == (8000, 8000, 1)
    assert result.digest == digest_text(page_digest([json.dumps(item).encode() for item in wanted]))


def test_workers_that_always_die_end_the_copy(server: TableServer, job: CopyJob) -> None:
    server.put_table("from", items(100))
    spec = replace(server.spec(), open_transport=die)
    with pytest.raises(MigrateError, match="worker processes died"):
        copy_table(spec, spec, replace(job, processes=1))
    assert copy_table(server.spec(), server.spec(), replace(job, processes=0)).written == 100


def die(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def copy_and_report(spec: EndpointSpec, job: CopyJob, report_to: Any) -> None:
    report_to.send(copy_table(spec, spec, job))


def copy_killed_at(server: TableServer, job: CopyJob, marks: list[int]) -> CopyResult:
    """The same copy again and again, its process killed when so many items have arrived; then once to the end."""
    context = multiprocessing.get_context("spawn")
    for mark in [*marks, None]:
        mine, theirs = context.Pipe()
        process = context.Process(target=copy_and_report, args=(server.spec(), job, theirs))
        process.start()
        theirs.close()
        if mark is not None:
            when(lambda mark=mark: len(server.written.get("to", {})) > mark, process.kill)  # type: ignore[misc]
        process.join()
    result: CopyResult = mine.recv()
    return result


def test_a_killed_copy_goes_on(server: TableServer, job: CopyJob) -> None:
    wanted = items(8000)
    server.put_table("from", wanted)
    server.refuse = lambda item: "no" if item["n"]["N"] in ("77", "7000") else None
    result = copy_killed_at(server, job, [1500, 5000])
    arrived(server, [item for item in wanted if item["n"]["N"] not in ("77", "7000")])
    assert (result.read, result.written, result.rejected) == (8000, 7998, 2)


@pytest.mark.slow
def test_faults_of_all_kinds_and_three_deaths(server: TableServer, job: CopyJob) -> None:
    wanted = items(100_000)
    server.put_table("from", wanted)
    dice = server._dice

    def choose(request: dict[str, Any]) -> str | None:
        roll = dice.random()
        for fault, until in (("throttle", 0.1), ("busy", 0.12), ("unprocessed", 0.17), ("lost", 0.18)):
            if roll < until:
                return None if "Segment" in request and fault in ("unprocessed", "lost") else fault
        return None

    server.choose_fault = choose
    result = copy_killed_at(server, replace(job, segments=16, writes_in_flight=32), [10_000, 40_000, 70_000])
    arrived(server, wanted)
    assert (result.read, result.written, result.rejected, result.kept) == (100_000, 100_000, 0, 0)
