"""One run at a time, and no dead run locks for ever."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from migrate.core.errors import StateLocked, StateUnusable
from migrate.state.folder import Folder, FolderStore
from migrate.state.lock import Lock, acquire
from migrate.state.model import StepFile
from migrate.state.process import Process, is_gone, this_process

REPOSITORY = Path(__file__).parents[2]
HOLD = """
import sys
from migrate.core.errors import StateLocked
from migrate.state.folder import FolderStore
print("ready", flush=True)
sys.stdin.readline()
try:
    lock = FolderStore(sys.argv[1]).lock("orders", user="ana")
except StateLocked:
    print("locked", flush=True)
else:
    print("held", flush=True)
    sys.stdin.readline()
    lock.release()
"""


class ManualClock:
    """Moves only when told to."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 11, 22, 13, 0, tzinfo=dt.timezone.utc)

    def now(self) -> dt.datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        self.time += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def start_holder(root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(root)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def elsewhere(clock: ManualClock, root: Path, lease: float = 180.0) -> Lock:
    """A lock held by a process of another host, whose life nobody here can judge."""
    holder = Process("ana", "ci-7", os.getpid(), "12", "another host")
    return acquire(Folder(root), "orders", holder, clock, lease)


def test_of_two_processes_that_race_exactly_one_wins(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    for number in range(3):
        pair = [start_holder(tmp_path / str(number)) for _ in range(2)]
        processes += pair
        assert [heard(one) for one in pair] == ["ready", "ready"]
        for one in pair:
            tell(one)
        assert sorted(heard(one) for one in pair) == ["held", "locked"]


def test_of_two_processes_that_take_over_at_once_exactly_one_wins(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    for number in range(3):
        root = tmp_path / str(number)
        killed = start_holder(root)
        processes.append(killed)
        tell(killed)
        assert [heard(killed), heard(killed)] == ["ready", "held"]
        killed.kill()
        killed.wait()
        pair = [start_holder(root) for _ in range(2)]
        processes += pair
        assert [heard(one) for one in pair] == ["ready", "ready"]
        for one in pair:
            tell(one)
        assert sorted(heard(one) for one in pair) == ["held", "locked"]


@pytest.mark.parametrize("is_left_behind", [False, True])
def test_of_many_that_try_at_once_exactly_one_wins(tmp_path: Path, clock: ManualClock, is_left_behind: bool) -> None:
    for number in range(20):
        root = tmp_path / str(number)
        if is_left_behind:
            elsewhere(clock, root)
            clock.sleep(3600)
        start = threading.Barrier(6)

        def attempt(name: int, root: Path = root, start: threading.Barrier = start) -> Lock | None:
            holder = Process("ana", f"ci-{name}", 1, "1", "another host")
            start.wait()
            try:
                return acquire(Folder(root), "orders", holder, clock)
            except StateLocked:
                return None

        with ThreadPoolExecutor(6) as pool:
            held = [lock for lock in pool.map(attempt, range(6)) if lock]
        assert len(held) == 1
        held[0].release()


def test_the_holder_is_named_with_the_next_command(tmp_path: Path, clock: ManualClock) -> None:
    with elsewhere(clock, tmp_path):
        clock.sleep(42)
        with pytest.raises(StateLocked) as caught:
            FolderStore(tmp_path, clock).lock("orders")
    assert caught.value.summary == f"the state of orders is locked by ana@ci-7, process {os.getpid()}"
    assert caught.value.why == "held since 2026-11-22T13:00:00.000Z, last sign of life 42 s ago"
    assert "migrate state unlock orders" in caught.value.hint


def test_a_lock_given_back_is_free(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with store.lock("orders") as lock:
        assert store.locked_by("orders") == lock.info
    assert store.locked_by("orders") is None
    with store.lock("orders") as lock:
        assert lock.notes == []


def test_one_process_holds_a_lock_once_and_other_migrations_are_free(tmp_path: Path) -> None:
    with FolderStore(tmp_path).lock("orders"), FolderStore(tmp_path).lock("events"), pytest.raises(StateLocked):
        FolderStore(tmp_path).lock("orders")


def test_a_killed_process_loses_its_lock_at_once(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    holder = start_holder(tmp_path)
    processes.append(holder)
    tell(holder)
    assert [heard(holder), heard(holder)] == ["ready", "held"]
    store = FolderStore(tmp_path)
    with pytest.raises(StateLocked, match="locked by ana@"):
        store.lock("orders")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with store.lock("orders") as lock:
        assert len(lock.notes) == 1
        assert f"process {holder.pid} " in lock.notes[0]
        assert "that process is gone" in lock.notes[0]


def test_a_process_number_that_was_given_to_another_process_does_not_keep_the_lock() -> None:
    here = this_process()
    if not here.start:
        pytest.skip("start times of processes are not known on this system")
    assert not is_gone(here)
    assert is_gone(Process(here.user, here.host, here.pid, "1", here.space))


def test_a_process_of_another_host_or_container_is_never_called_gone() -> None:
    here = this_process()
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert is_gone(Process("ana", here.host, ended.pid, "1", here.space))
    assert not is_gone(Process("ana", "ci-7", ended.pid, "1", here.space))
    assert not is_gone(Process("ana", here.host, ended.pid, "1", "another container"))


def test_a_silent_holder_loses_the_lock_after_its_lease_and_not_before(tmp_path: Path, clock: ManualClock) -> None:
    store = FolderStore(tmp_path, clock)
    with elsewhere(clock, tmp_path) as silent:
        clock.sleep(180)
        with pytest.raises(StateLocked):
            store.lock("orders")
        clock.sleep(1)
        with store.lock("orders") as lock:
            assert len(lock.notes) == 1
            assert "its last sign of life was 181 s ago" in lock.notes[0]
            with pytest.raises(StateLocked, match="no longer holds"):
                silent.check()
            silent.release()
            assert store.locked_by("orders") == lock.info


def test_a_sign_of_life_extends_the_lease(tmp_path: Path, clock: ManualClock) -> None:
    with elsewhere(clock, tmp_path) as lock:
        clock.sleep(100)
        lock.renew()
        clock.sleep(100)
        with pytest.raises(StateLocked, match="ana@ci-7"):
            FolderStore(tmp_path, clock).lock("orders")


def test_the_lock_stays_alive_by_itself(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with store.lock("orders", lease=0.04) as lock:
        before = lock.info.renewed
        for _ in range(1000):
            held = store.locked_by("orders")
            if held and held.renewed > before:
                break
            lock._stop.wait(0.01)
        assert held
        assert held.renewed > before


def test_a_holder_that_slept_goes_on_if_nobody_took_the_lock(tmp_path: Path, clock: ManualClock) -> None:
    store = FolderStore(tmp_path, clock)
    with store.lock("orders"):
        store.create("orders", "lineage")
        clock.sleep(3600)
        assert store.write_steps("orders", StepFile("t", "lineage")).serial == 1
        held = store.locked_by("orders")
        assert held
        assert held.age(clock.now()) == 0


def test_a_holder_whose_lock_was_taken_over_writes_nothing(tmp_path: Path, clock: ManualClock) -> None:
    store = FolderStore(tmp_path, clock)
    with store.lock("orders"):
        store.create("orders", "lineage")
        clock.sleep(3600)
        assert store.force_unlock("orders")
        with elsewhere(clock, tmp_path):
            with pytest.raises(StateLocked, match="no longer holds"):
                store.write_steps("orders", StepFile("t", "lineage"))
            state = store.read("orders")
            assert state is not None
            assert state.files == {}


def test_an_unlocked_run_notices_at_its_next_sign_of_life(tmp_path: Path, clock: ManualClock) -> None:
    store = FolderStore(tmp_path, clock)
    with elsewhere(clock, tmp_path) as lock:
        released = store.force_unlock("orders")
        assert released == lock.info
        assert store.force_unlock("orders") is None
        lock.renew()
        assert not lock.is_held
        with pytest.raises(StateLocked):
            lock.check()
        assert store.locked_by("orders") is None


def test_an_unreadable_lock_is_named_and_can_be_unlocked(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "lock.json").write_text(json.dumps({"holder": 1}))
    with pytest.raises(StateUnusable) as caught:
        store.lock("orders")
    assert "migrate state unlock orders" in caught.value.hint
    assert store.force_unlock("orders") is None
    store.lock("orders").release()


def test_leftovers_of_crashed_writers_are_swept_under_the_lock(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with store.lock("orders"):
        store.create("orders", "lineage")
        store.write_steps("orders", StepFile("t", "lineage"))
    for folder in (tmp_path / "orders", tmp_path / "orders" / "tables"):
        (folder / "t.json.99.0.tmp").write_text('{"format_')
    state = store.read("orders")
    assert state is not None
    assert list(state.files) == ["t"]
    with store.lock("orders"):
        assert list(tmp_path.rglob("*.tmp")) == []
