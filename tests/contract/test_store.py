"""What every store must do. A new store is one line in `PLACES`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

from migrate.core.errors import StateLocked, StateUnusable, StepError
from migrate.state.folder import Folder, FolderStore
from migrate.state.lock import Lock
from migrate.state.model import ActivePlan, MigrationFile, OwnedResource, Status, StepFile, StepRecord
from migrate.state.objects import Objects
from migrate.state.store import Store, open_store
from tests.statebucket import make_bucket

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "state.schema.json").read_text())
Place = tuple[Callable[[], Store], Objects]


def folder_place(path: Path, request: pytest.FixtureRequest) -> Place:
    return lambda: FolderStore(path / "state"), Folder(path / "state")


def s3_place(path: Path, request: pytest.FixtureRequest) -> Place:
    make_bucket(request.getfixturevalue("sandbox"), request.getfixturevalue("monkeypatch"))
    return lambda: open_store("s3://states/team/a"), open_store("s3://states/team/a").objects


PLACES = [pytest.param(folder_place, id="folder"), pytest.param(s3_place, id="s3")]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A way to open the same store again, as another process would, and its raw objects, to damage them."""
    make: Callable[[Path, pytest.FixtureRequest], Place] = request.param
    return make(tmp_path, request)


@pytest.fixture
def opened(place: Place) -> Callable[[], Store]:
    return place[0]


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    return opened()


@pytest.fixture
def lock(store: Store) -> Iterator[Lock]:
    with store.lock("orders-to-prod") as lock:
        store.create("orders-to-prod", "lineage-1")
        yield lock


def overwrite(objects: Objects, key: str, data: bytes) -> None:
    found = objects.get(key)
    assert objects.put(key, data, found.version if found else None)


def steps(name: str = "orders", source: str = "orders") -> StepFile:
    record = StepRecord(
        address=f"{name}/export",
        kind="export",
        action_digest="d" * 64,
        status=Status.FAILED,
        token="a" * 32,
        handle="arn:aws:dynamodb:eu-west-1:111111111111:table/orders/export/01",
        outputs={"items": 3, "größe": ["x", None, {"y": 1.5}]},
        error=StepError("export failed", why="no bucket"),
        started="2026-11-22T13:05:09.120Z",
    )
    owned = OwnedResource("s3://b/p/", "prefix", "target", record.address, True, {"owner": "222222222222"})
    return StepFile(name, "lineage-1", source).updated(record, [owned])


def test_an_empty_place_has_no_migrations_and_reading_makes_nothing(store: Store, tmp_path: Path) -> None:
    assert store.migrations() == []
    assert store.read("orders-to-prod") is None
    assert store.read_plan("orders-to-prod") is None
    assert store.locked_by("orders-to-prod") is None
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_is_read_by_another_process(store: Store, opened: Callable[[], Store], lock: Lock) -> None:
    state = opened().read("orders-to-prod")
    assert state is not None
    assert state.lineage == "lineage-1"
    active = ActivePlan("p" * 64, "m" * 64, "manifest.yaml")
    own = store.write_migration(MigrationFile("orders-to-prod", "lineage-1", 1, "111111111111", "222222222222", active))
    table = store.write_steps("orders-to-prod", steps())
    shared = store.write_steps("orders-to-prod", StepFile("shared", "lineage-1"))
    table = store.write_steps("orders-to-prod", table)

    state = opened().read("orders-to-prod")
    assert state is not None
    assert state.migration == own
    assert state.files == {"orders": table, "shared": shared}
    assert (own.serial, table.serial, shared.serial) == (2, 2, 1)
    assert opened().migrations() == ["orders-to-prod"]


def test_names_that_differ_only_by_case_or_are_very_long_stay_apart(
    store: Store, opened: Callable[[], Store], lock: Lock, place: Place
) -> None:
    names = ["orders", "Orders", "ORDERS", "a" * 255, "a" * 254 + "b", "...", "shared.json", "orders.json"]
    for name in names:
        store.write_steps("orders-to-prod", steps(name))
    state = opened().read("orders-to-prod")
    assert state is not None
    assert sorted(state.files) == sorted(names)
    keys = place[1].keys("orders-to-prod/tables")
    assert len({key.lower() for key in keys}) == len(names)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a\x00b"])
def test_a_name_that_leads_elsewhere_is_refused(store: Store, lock: Lock, name: str) -> None:
    with pytest.raises(StateUnusable):
        store.write_steps("orders-to-prod", steps(name))
    with pytest.raises(StateUnusable):
        store.read(name)
    with pytest.raises(StateUnusable):
        store.lock(name)


def test_a_table_called_shared_is_refused_instead_of_mixed_up(store: Store, lock: Lock) -> None:
    with pytest.raises(StateUnusable, match="cannot be called shared"):
        store.write_steps("orders-to-prod", steps("shared", source="shared"))


def test_a_migration_is_created_once(store: Store, lock: Lock) -> None:
    with pytest.raises(StateUnusable):
        store.create("orders-to-prod", "lineage-2")
    state = store.read("orders-to-prod")
    assert state is not None
    assert state.lineage == "lineage-1"


def test_an_outdated_file_is_not_written(store: Store, lock: Lock) -> None:
    first = store.write_steps("orders-to-prod", steps())
    second = store.write_steps("orders-to-prod", first)
    with pytest.raises(StateUnusable, match="changed by another process"):
        store.write_steps("orders-to-prod", first)
    with pytest.raises(StateUnusable, match="changed by another process"):
        store.write_steps("orders-to-prod", steps())
    assert store.write_steps("orders-to-prod", second).serial == 3


def test_a_file_that_moved_under_us_is_not_written(store: Store, lock: Lock, place: Place) -> None:
    table = store.write_steps("orders-to-prod", steps())
    key = "orders-to-prod/tables/orders.json"
    found = place[1].get(key)
    assert found is not None
    foreign = found.data.replace(b"no bucket", b"no budget")
    overwrite(place[1], key, foreign)
    with pytest.raises(StateUnusable, match="changed by another process"):
        store.write_steps("orders-to-prod", table)
    after = place[1].get(key)
    assert after is not None
    assert after.data == foreign


def test_a_file_of_another_lineage_is_neither_read_nor_written(
    store: Store, opened: Callable[[], Store], lock: Lock, place: Place
) -> None:
    table = store.write_steps("orders-to-prod", steps())
    with pytest.raises(StateUnusable, match="changed by another process"):
        store.write_steps("orders-to-prod", StepFile("orders", "lineage-2", serial=table.serial))
    foreign = json.dumps({"format_version": 1, "name": "orders", "lineage": "lineage-2", "serial": 1}).encode()
    overwrite(place[1], "orders-to-prod/tables/orders.json", foreign)
    with pytest.raises(StateUnusable, match="another state"):
        opened().read("orders-to-prod")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"format_version": 1}',
        b'{"format_version": "1"}',
        b'{"name": "orders"}',
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(
    store: Store, opened: Callable[[], Store], lock: Lock, place: Place, data: bytes
) -> None:
    store.write_steps("orders-to-prod", steps())
    overwrite(place[1], "orders-to-prod/tables/orders.json", data)
    with pytest.raises(StateUnusable) as caught:
        opened().read("orders-to-prod")
    assert "orders.json" in caught.value.summary + caught.value.why
    assert caught.value.hint


def test_a_state_of_a_newer_version_is_refused(opened: Callable[[], Store], lock: Lock, place: Place) -> None:
    newer = {"format_version": 99, "migration": "orders-to-prod", "lineage": "lineage-1", "serial": 4}
    overwrite(place[1], "orders-to-prod/migration.json", json.dumps(newer).encode())
    with pytest.raises(StateUnusable, match="newer version") as caught:
        opened().read("orders-to-prod")
    assert caught.value.hint == "upgrade migrate"


def test_a_missing_or_misplaced_file_is_noticed(
    store: Store, opened: Callable[[], Store], lock: Lock, place: Place
) -> None:
    store.write_steps("orders-to-prod", steps())
    found = place[1].get("orders-to-prod/tables/orders.json")
    assert found is not None
    overwrite(place[1], "orders-to-prod/tables/copy.json", found.data)
    with pytest.raises(StateUnusable, match="misplaced"):
        opened().read("orders-to-prod")
    own = place[1].get("orders-to-prod/migration.json")
    assert own is not None
    overwrite(place[1], "other/migration.json", own.data)
    with pytest.raises(StateUnusable, match="not the state of other"):
        opened().read("other")
    assert place[1].delete("orders-to-prod/migration.json", own.version)
    with pytest.raises(StateUnusable, match="incomplete"):
        opened().read("orders-to-prod")


def test_a_file_that_was_there_and_is_gone_is_noticed(
    store: Store, opened: Callable[[], Store], lock: Lock, place: Place
) -> None:
    store.write_steps("orders-to-prod", steps())
    store.write_migration(MigrationFile("orders-to-prod", "lineage-1", 1))
    found = place[1].get("orders-to-prod/tables/orders.json")
    assert found is not None
    assert place[1].delete("orders-to-prod/tables/orders.json", found.version)
    with pytest.raises(StateUnusable, match=r"incomplete: .*orders\.json is missing") as caught:
        opened().read("orders-to-prod")
    assert caught.value.hint


def test_a_run_that_was_unlocked_and_does_not_know_it_overwrites_nothing(
    store: Store, opened: Callable[[], Store], lock: Lock
) -> None:
    table = store.write_steps("orders-to-prod", steps())
    other = opened()
    other.force_unlock("orders-to-prod")
    with other.lock("orders-to-prod"):
        state = other.read("orders-to-prod")
        assert state is not None
        theirs = other.write_steps("orders-to-prod", state.files["orders"])
        assert lock.is_held  # as far as it knows
        with pytest.raises(StateUnusable, match="changed by another process"):
            store.write_steps("orders-to-prod", table)
        after = opened().read("orders-to-prod")
        assert after is not None
        assert after.files["orders"] == theirs
        lock.release()
        assert other.locked_by("orders-to-prod") is not None


def test_a_write_needs_the_lock(opened: Callable[[], Store], lock: Lock) -> None:
    other = opened()
    with pytest.raises(StateLocked):
        other.write_steps("orders-to-prod", steps())
    with pytest.raises(StateLocked):
        other.write_migration(MigrationFile("orders-to-prod", "lineage-1", 1))
    with pytest.raises(StateLocked):
        other.write_plan("orders-to-prod", {})
    with pytest.raises(StateLocked):
        other.create("never-locked", "lineage-1")


def test_nothing_is_written_after_the_lock_was_given_back(store: Store, lock: Lock) -> None:
    lock.release()
    with pytest.raises(StateLocked):
        store.write_steps("orders-to-prod", steps())


def test_work_goes_on_under_a_new_lock(store: Store, opened: Callable[[], Store], lock: Lock) -> None:
    table = store.write_steps("orders-to-prod", steps())
    lock.release()
    other = opened()
    with other.lock("orders-to-prod") as second:
        assert second.notes == []
        table = other.write_steps("orders-to-prod", table)
    with store.lock("orders-to-prod"):
        assert store.write_steps("orders-to-prod", table).serial == 3


def test_the_plan_is_kept_and_replaced(store: Store, opened: Callable[[], Store], lock: Lock) -> None:
    store.write_plan("orders-to-prod", {"plan_id": "1" * 64, "actions": [1, 2]})
    store.write_plan("orders-to-prod", {"plan_id": "2" * 64})
    assert opened().read_plan("orders-to-prod") == {"plan_id": "2" * 64}


def test_plans_of_earlier_runs_are_kept_by_their_id(store: Store, opened: Callable[[], Store], lock: Lock) -> None:
    first, second = {"plan_id": "1" * 64, "actions": [1, 2]}, {"plan_id": "2" * 64}
    for plan in (first, second, second, first, second):
        store.write_plan("orders-to-prod", plan)
    assert opened().read_plan("orders-to-prod", "1" * 64) == first
    assert opened().read_plan("orders-to-prod", "3" * 64) is None
    assert opened().read_plan("orders-to-prod", "../../secret") is None


def test_the_journal_keeps_every_line(store: Store, lock: Lock, place: Place) -> None:
    for number in range(3):
        store.append_journal("orders-to-prod", {"number": number, "text": "two\nlines"})
    lock.release()
    keys = place[1].keys("orders-to-prod/journal") or ["orders-to-prod/journal.jsonl"]
    lines = [line for found in place[1].get_all(keys) if found for line in found.data.splitlines()]
    assert [json.loads(line)["number"] for line in lines] == [0, 1, 2]


def test_the_files_follow_the_published_schema(store: Store, lock: Lock, place: Place) -> None:
    active = ActivePlan("p" * 64, "m" * 64, "manifest.yaml")
    store.write_migration(MigrationFile("orders-to-prod", "lineage-1", 1, "111111111111", "222222222222", active))
    store.write_steps("orders-to-prod", steps())
    store.write_steps("orders-to-prod", StepFile("shared", "lineage-1"))
    validator = jsonschema.Draft202012Validator(SCHEMA)
    keys = [*place[1].keys("orders-to-prod"), *place[1].keys("orders-to-prod/tables")]
    assert len(keys) == 4
    for key in keys:
        found = place[1].get(key)
        assert found is not None
        validator.validate(json.loads(found.data))


def test_an_unknown_kind_of_place_is_refused_by_name() -> None:
    for url in ("gs://bucket/prefix", "S3://bucket/prefix", "s3:/bucket/prefix", "s3:bucket"):
        with pytest.raises(StateUnusable, match=f"not a place for states: {url}") as caught:
            open_store(url)
        assert "s3://bucket/prefix" in caught.value.hint


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "s3://UPPER/prefix", "s3://b", "s3://bucket/a?b=c"])
def test_what_is_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(StateUnusable, match="not the address of a bucket"):
        open_store(url)
