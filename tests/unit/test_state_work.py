"""Checkpoints of long work beside a state in S3: they outlive the machine, and an old one replaces no newer one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from migrate.core.errors import StateAccessDenied, StateLocked, StateWriteFailed
from migrate.data.books import CHECKPOINTS, CONTROL, DEAD_LETTERS
from migrate.sandbox.server import Sandbox
from migrate.state import work as work_module
from migrate.state.folder import FolderStore
from migrate.state.store import open_store
from migrate.state.work import Work
from tests.statebucket import BUCKET, make_bucket

Machine = Callable[[str], Work]


@pytest.fixture
def bucket(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    return make_bucket(sandbox, monkeypatch)


@pytest.fixture
def on(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The work of the migration, as a machine of that name sees it."""

    def machine(name: str) -> Work:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))
        return open_store(f"s3://{BUCKET}/team").work("move")

    return machine


def write(folder: Path, checkpoints: str, letters: str | None = None) -> None:
    (folder / CHECKPOINTS).write_text(checkpoints)
    if letters is not None:
        (folder / DEAD_LETTERS).write_text(letters)


def kept(bucket: Any, name: str) -> bytes:
    body: bytes = bucket.get_object(Bucket=BUCKET, Key=f"team/move/work/orders-1/{name}")["Body"].read()
    return body


def test_another_machine_goes_on_where_the_first_one_ended(on: Machine, bucket: Any) -> None:
    with on("a").open("orders-1") as folder:
        assert list(folder.glob("*.jsonl")) == []
        write(folder, "one", "letter")
    assert on("a").names() == ["orders-1"]
    assert on("a").where("orders-1") == f"s3://{BUCKET}/team/move/work/orders-1"
    with on("b").open("orders-1") as folder:
        assert (folder / CHECKPOINTS).read_text() == "one"
        assert (folder / DEAD_LETTERS).read_text() == "letter"
        write(folder, "two", "letters")
    with on("a").open("orders-1") as folder:
        assert (folder / CHECKPOINTS).read_text() == "two"
    assert sorted(one["Key"] for one in bucket.list_objects_v2(Bucket=BUCKET)["Contents"]) == [
        f"team/move/work/orders-1/{name}" for name in (CHECKPOINTS, DEAD_LETTERS)
    ]


def test_what_this_machine_alone_knows_is_kept_when_nobody_else_went_on(on: Machine, bucket: Any) -> None:
    with on("a").open("orders-1") as folder:
        write(folder, "one")
    write(folder, "one, two", "letter")  # written, and killed before it was sent
    with on("a").open("orders-1") as folder:
        assert (folder / CHECKPOINTS).read_text() == "one, two"
    assert kept(bucket, CHECKPOINTS) == b"one, two"
    assert kept(bucket, DEAD_LETTERS) == b"letter"


def test_what_a_dead_machine_knew_gives_way_to_who_went_on_without_it(on: Machine) -> None:
    with on("a").open("orders-1") as folder_of_a:
        write(folder_of_a, "one")
    with on("b").open("orders-1") as folder:
        write(folder, "one, other")
    write(folder_of_a, "one, two", "letter that b has never seen")
    with on("a").open("orders-1") as folder:
        assert (folder / CHECKPOINTS).read_text() == "one, other"
        assert not (folder / DEAD_LETTERS).exists()


def test_what_was_removed_there_by_hand_is_forgotten_here_too(on: Machine, bucket: Any) -> None:
    with on("a").open("orders-1") as folder:
        write(folder, "one")
    bucket.delete_object(Bucket=BUCKET, Key=f"team/move/work/orders-1/{CHECKPOINTS}")
    with on("a").open("orders-1") as folder:
        assert not (folder / CHECKPOINTS).exists()


def test_a_run_that_was_overtaken_brings_nothing_more(on: Machine, bucket: Any) -> None:
    with ExitStack() as ours:
        write(ours.enter_context(on("a").open("orders-1")), "one")
        with on("b").open("orders-1") as theirs:
            write(theirs, "other")
        with pytest.raises(StateLocked, match="another run has taken over"):
            ours.close()
    assert kept(bucket, CHECKPOINTS) == b"other"


def test_letters_are_brought_before_the_checkpoints_that_count_them(on: Machine, bucket: Any, sandbox: Sandbox) -> None:
    with on("a").open("orders-1") as folder:
        write(folder, "one", "letter")
    puts = [one["params"]["path"].rsplit("/", 1)[1] for one in sandbox.calls.select(operation="PutObject")]
    assert puts == [DEAD_LETTERS, CHECKPOINTS]


def test_checkpoints_that_cannot_be_kept_end_the_work(on: Machine, sandbox: Sandbox, tmp_path: Path) -> None:
    with ExitStack() as ours:
        write(ours.enter_context(on("a").open("orders-1")), "one")
        assert not sandbox.faults.replace({"rules": [{"kind": "access-denied", "operation": "PutObject"}]})
        with pytest.raises(StateAccessDenied, match="could not be saved"):
            ours.close()
    sandbox.faults.clear()
    (tmp_path / "c").write_text("no folder")
    with pytest.raises(StateWriteFailed, match="cannot be kept"), on("c").open("orders-1"):
        raise AssertionError


def test_while_it_runs_files_go_there_and_rates_come_back(
    on: Machine, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_module, "SECONDS", 0.02)
    with on("a").open("orders-1") as folder:
        write(folder, "one")
        wait_until(lambda: on("b").names() == ["orders-1"])
        on("b").control("orders-1", {"write_units": 5.0})
        on("b").control("orders-1", {"read_units": 0})
        wait_until(lambda: rates(folder) == {"write_units": 5.0, "read_units": 0})
    with on("c").open("orders-1") as folder:
        assert rates(folder) == {"write_units": 5.0, "read_units": 0}


def test_beside_a_folder_the_work_is_done_in_it(tmp_path: Path) -> None:
    work = FolderStore(tmp_path / "state").work("move")
    with work.open("orders-1") as folder:
        assert folder == tmp_path / "state" / "move" / "work" / "orders-1"
    work.control("orders-1", {"write_units": 5.0})
    assert rates(folder) == {"write_units": 5.0}
    assert work.names() == ["orders-1"]


def rates(folder: Path) -> Any:
    path = folder / CONTROL
    return json.loads(path.read_text()) if path.exists() else None


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
