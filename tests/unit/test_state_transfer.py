"""A state brought from a folder to S3 and back: never over a newer one, or one of another lineage, in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.core.errors import StateLocked, StateUnusable
from migrate.sandbox.server import Sandbox
from migrate.state.folder import FolderStore
from migrate.state.model import State, StepFile
from migrate.state.objectstore import ObjectStore
from migrate.state.store import open_store
from migrate.state.transfer import transfer
from tests.statebucket import make_bucket

EARLIER = "e" * 64


@pytest.fixture
def here(tmp_path: Path) -> ObjectStore:
    store = FolderStore(tmp_path / "state")
    begin(store, "lineage-1")
    return store


@pytest.fixture
def there(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    make_bucket(sandbox, monkeypatch)
    return open_store("s3://states/team")


def begin(store: ObjectStore, lineage: str, *tables: str) -> None:
    with store.lock("move"):
        store.create("move", lineage)
        for name in tables or ("orders", "shared"):
            store.write_steps("move", StepFile(name, lineage))
        store.write_plan("move", {"plan_id": EARLIER})
        store.write_plan("move", {"plan_id": lineage})
    store.objects.put("move/work/orders-1/checkpoints.jsonl", b"1\n", None)


def go_on(store: ObjectStore, name: str = "orders") -> None:
    with store.lock("move"):
        store.write_steps("move", read(store).files[name])


def read(store: ObjectStore) -> State:
    state = store.read("move")
    assert state is not None
    return state


def bring(origin: ObjectStore, target: ObjectStore, *, is_forced: bool = False) -> list[str]:
    told: list[str] = []
    transfer("move", origin, target, is_forced=is_forced, tell=told.append)
    return told


def test_there_and_back_nothing_is_changed(here: ObjectStore, there: ObjectStore, tmp_path: Path) -> None:
    assert bring(here, there) == []
    assert read(there) == read(here)
    go_on(there)
    assert bring(there, here) == []
    assert read(here) == read(there)
    assert read(here).files["orders"].serial == 2
    assert here.read_plan("move") == {"plan_id": "lineage-1"}
    assert there.read_plan("move", EARLIER) == {"plan_id": EARLIER}
    back = FolderStore(tmp_path / "other")
    assert bring(there, back) == []
    found = back.objects.get("move/work/orders-1/checkpoints.jsonl")
    assert found is not None
    assert found.data == b"1\n"


def test_an_older_state_does_not_replace_a_newer_one(here: ObjectStore, there: ObjectStore) -> None:
    bring(here, there)
    go_on(there)
    with pytest.raises(StateUnusable, match="would be overwritten") as caught:
        bring(here, there)
    assert caught.value.why == "orders has serial 2 there, and 1 in what would replace it"
    assert "--force" in caught.value.hint
    assert read(there).files["orders"].serial == 2
    told = bring(here, there, is_forced=True)
    assert told == ["overwritten: orders has serial 2 there, and 1 in what would replace it"]
    assert read(there) == read(here)


def test_two_that_went_on_apart_are_told_apart(here: ObjectStore, there: ObjectStore) -> None:
    bring(here, there)
    with here.lock("move"):
        file = read(here).files["orders"]
        here.write_steps("move", StepFile("orders", "lineage-1", "another", file.serial))
    go_on(there)
    with there.lock("move"):
        there.write_steps("move", StepFile("events", "lineage-1"))
    with pytest.raises(StateUnusable) as caught:
        bring(here, there)
    assert caught.value.why.splitlines() == [
        "events is known there only (serial 1)",
        "orders has serial 2 in both, with different content",
    ]
    bring(here, there, is_forced=True)
    assert read(there) == read(here)


def test_another_lineage_is_refused(here: ObjectStore, there: ObjectStore) -> None:
    begin(there, "lineage-2", "events")
    with pytest.raises(StateUnusable) as caught:
        bring(here, there)
    assert "its lineage is lineage-2, not lineage-1" in caught.value.why
    assert read(there).lineage == "lineage-2"
    told = bring(here, there, is_forced=True)
    assert "lineage-2" in told[0]
    assert read(there) == read(here)


def test_a_damaged_state_is_mended_only_when_told_to(here: ObjectStore, there: ObjectStore) -> None:
    bring(here, there)
    found = there.objects.get("move/tables/orders.json")
    assert found is not None
    there.objects.put("move/tables/orders.json", b"{", found.version)
    with pytest.raises(StateUnusable) as caught:
        bring(here, there)
    assert "a damaged state file: s3://states/team/move/tables/orders.json" in caught.value.why
    bring(here, there, is_forced=True)
    assert read(there) == read(here)


def test_nothing_is_brought_from_or_to_a_place_where_somebody_works(here: ObjectStore, there: ObjectStore) -> None:
    bring(here, there)
    with open_store("s3://states/team").lock("move", user="ana"):
        for pair in ((here, there), (there, here)):
            with pytest.raises(StateLocked, match="locked by ana@"):
                bring(*pair)


def test_there_must_be_something_to_bring(there: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(StateUnusable, match="no migration called move has a state in"):
        bring(FolderStore(tmp_path / "empty"), there)
