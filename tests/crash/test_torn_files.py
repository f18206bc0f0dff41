"""Whatever moment a run dies at, or the disk fails at, the next run reads the old state or the new one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from migrate.core.errors import StateUnusable, StateWriteFailed
from migrate.state import folder
from migrate.state.folder import FolderStore
from migrate.state.model import State, Status, StepFile, StepRecord

REPOSITORY = Path(__file__).parents[2]
EFFECTS = ("open", "write", "fsync", "link", "replace", "unlink", "mkdir")


class Died(BaseException):
    """The process is gone: no handler runs anything after it."""


class DyingOs:
    """The operating system, until the process dies: `bytes_left` bytes and `effects_left` calls from now.

    After its death nothing has an effect any more, as clean-up code does not run in a process that was killed.
    """

    def __init__(self, bytes_left: int = 10**9, effects_left: int = 10**9) -> None:
        self.bytes_left = bytes_left
        self.effects_left = effects_left
        self.is_dead = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._dying(name, real) if name in EFFECTS else real

    def _dying(self, name: str, real: Any) -> Any:
        def call(*arguments: Any) -> Any:
            if self.is_dead or self.effects_left == 0:
                self.is_dead = True
                raise Died
            self.effects_left -= 1
            return self._write(*arguments) if name == "write" else real(*arguments)

        return call

    def _write(self, descriptor: int, data: bytes) -> int:
        written = os.write(descriptor, data[: self.bytes_left])
        self.bytes_left -= written
        if written < len(data):
            self.is_dead = True
            raise Died
        return written


def steps(status: Status) -> StepFile:
    return StepFile("orders", "lineage").updated(StepRecord("orders/export", "export", "digest", status))


def read(root: Path) -> State | None:
    return FolderStore(root).read("m")


def status_in(root: Path) -> Status | None:
    state = read(root)
    assert state is not None
    record = state.record("orders/export")
    return record.status if record else None


def prepare(root: Path, *, has_file: bool) -> None:
    store = FolderStore(root)
    with store.lock("m"):
        store.create("m", "lineage")
        if has_file:
            store.write_steps("m", steps(Status.STARTING))


def die_while_writing(root: Path, dying: DyingOs, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Write RUNNING over what is there; True when the write returned."""
    store = FolderStore(root)
    with store.lock("m"):
        state = store.read("m")
        assert state is not None
        old = state.files.get("orders", StepFile("orders", "lineage"))
        new = old.updated(steps(Status.RUNNING).steps["orders/export"])
        with monkeypatch.context() as patch:
            patch.setattr(folder, "os", dying)
            try:
                store.write_steps("m", new)
            except Died:
                return False
    return True


@pytest.mark.parametrize("has_file", [False, True])
def test_torn_at_every_byte_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_file: bool) -> None:
    old = Status.STARTING if has_file else None
    prepare(tmp_path, has_file=has_file)
    for length in range(10**6):
        # Each round is also the next run after the crash of the round before.
        if die_while_writing(tmp_path, DyingOs(bytes_left=length), monkeypatch):
            break
        leftovers = list(tmp_path.rglob("*.tmp"))
        assert [file.stat().st_size for file in leftovers] == [length]
        assert status_in(tmp_path) is old
    assert length > 200
    assert status_in(tmp_path) is Status.RUNNING
    assert list(tmp_path.rglob("*.tmp")) == []


@pytest.mark.parametrize("has_file", [False, True])
def test_dead_before_any_call_to_the_system_the_file_is_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_file: bool
) -> None:
    old = Status.STARTING if has_file else None
    prepare(tmp_path / "start", has_file=has_file)
    seen = []
    for effects in range(100):
        root = tmp_path / str(effects)
        shutil.copytree(tmp_path / "start", root)
        is_done = die_while_writing(root, DyingOs(effects_left=effects), monkeypatch)
        seen.append(status_in(root))
        assert die_while_writing(root, DyingOs(), monkeypatch), "the next run cannot go on"
        assert status_in(root) is Status.RUNNING
        if is_done:
            break
    changes = [index for index in range(1, len(seen)) if seen[index] is not seen[index - 1]]
    assert seen[0] is old
    assert seen[-1] is Status.RUNNING
    assert len(changes) == 1, seen
    assert changes[0] < len(seen) - 1, "no crash between the rename and the return was tried"


WRITER = """
import sys
from migrate.state.folder import FolderStore
from migrate.state.model import StepFile
store = FolderStore(sys.argv[1])
store.lock("m")
state = store.read("m") or store.create("m", "lineage")
file = state.files.get("orders", StepFile("orders", "lineage"))
while True:
    file = store.write_steps("m", file)
    print(file.serial, flush=True)
"""


def test_killed_while_writing_nothing_that_was_confirmed_is_lost(tmp_path: Path) -> None:
    confirmed = 0
    for lines in (1, 2, 5, 11, 23):
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
            assert process.stdout
            for _ in range(lines):
                process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
            said = [int(line) for line in process.stdout.read().split()]
        confirmed = max([confirmed + lines, *said])
        state = read(tmp_path)
        assert state is not None
        assert state.files["orders"].serial in (confirmed, confirmed + 1)
        confirmed = state.files["orders"].serial


# Fills the place until a write fails, then makes room, and goes on with the same store and file.
FILLER = """
import os, subprocess, sys
from migrate.core.errors import StateWriteFailed
from migrate.state.folder import FolderStore
from migrate.state.model import StepFile, StepRecord
root, way = sys.argv[1:]
store = FolderStore(root)
lock = store.lock("m")
store.create("m", "lineage")
small = store.write_steps("m", StepFile("orders", "lineage"))
big = small.updated(StepRecord("orders/export", "export", "d", outputs={"text": "x" * 100_000}))
if way == "limit":
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
if way == "readonly":
    subprocess.run(["mount", "-o", "remount,ro", root], check=True)
try:
    store.write_steps("m", big)
except StateWriteFailed as error:
    print(error.hint)
if way == "readonly":
    subprocess.run(["mount", "-o", "remount,rw", root], check=True)
left = [name for _, _, names in os.walk(root) for name in names if name.endswith(".tmp")]
assert not left, left
state = FolderStore(root).read("m")
assert state.files["orders"] == small, state
assert store.write_steps("m", small).serial == 2
lock.release()
"""


def test_a_file_that_cannot_grow_leaves_the_old_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILLER, str(tmp_path), "limit"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert result.stderr == ""
    assert result.stdout.startswith("free some space")


@pytest.mark.parametrize(
    ("way", "hint"), [("full", "free some space"), ("readonly", "make the folder writable")], ids=["full", "readonly"]
)
def test_a_disk_that_refuses_leaves_the_old_file(tmp_path: Path, way: str, hint: str) -> None:
    script = 'mount -t tmpfs -o size=64k none "$1" || exit 77; exec "$2" -c "$3" "$1" "$4"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(tmp_path)]
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here: a small disk cannot be made without being root")
    result = subprocess.run([*command, sys.executable, FILLER, way], capture_output=True, text=True, cwd=REPOSITORY)
    if result.returncode == 77 or result.stderr.startswith("unshare:"):
        pytest.skip("this system does not let a user mount a small disk")
    assert result.stderr == ""
    assert result.stdout.startswith(hint)


def test_a_place_that_is_no_folder_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    store = FolderStore(tmp_path / "state")
    with pytest.raises(StateUnusable) as unreadable:
        store.read("m")
    assert "--state" in unreadable.value.hint
    with pytest.raises((StateUnusable, StateWriteFailed)) as unwritable:
        store.lock("m")
    assert "--state" in unwritable.value.hint
    assert (tmp_path / "state").read_text() == "a file"


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with store.lock("m"):
        store.create("m", "lineage")
        (tmp_path / "m" / "tables").write_text("in the way")
        with pytest.raises((StateWriteFailed, StateUnusable), match="tables"):
            store.write_steps("m", steps(Status.STARTING))
