"""A state in S3: what can be wrong with a bucket, lost answers, and what comes to light in a versioned one."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.core.clock import SystemClock
from migrate.core.errors import StateAccessDenied, StateUnusable, StateWriteFailed
from migrate.sandbox.server import Sandbox
from migrate.state.lock import LEASE, SIGNS_PER_LEASE
from migrate.state.model import StepFile
from migrate.state.s3 import S3Store
from tests.statebucket import BUCKET, make_bucket


class Hurried(SystemClock):
    """Does not sleep."""

    def __init__(self) -> None:
        self.slept = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


@pytest.fixture
def bucket(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    return make_bucket(sandbox, monkeypatch)


@pytest.fixture
def clock() -> Hurried:
    return Hurried()


@pytest.fixture
def store(bucket: Any, clock: Hurried) -> S3Store:
    return S3Store(f"s3://{BUCKET}/team", clock)


def faults(sandbox: Sandbox, *rules: dict[str, Any]) -> None:
    assert not sandbox.faults.replace({"rules": [{"service": "s3", **rule} for rule in rules]})


def keys(client: Any) -> list[str]:
    return [one["Key"] for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_the_layout_is_that_of_a_folder(store: S3Store, bucket: Any) -> None:
    with store.lock("move"):
        store.create("move", "lineage")
        store.write_steps("move", StepFile("orders", "lineage"))
        store.write_steps("move", StepFile("shared", "lineage"))
        store.write_plan("move", {"plan_id": "1"})
        names = ["lock.json", "migration.json", "plan.json", "shared.json", "tables/orders.json"]
        assert keys(bucket) == [f"team/move/{name}" for name in [".probe", *names]]
    assert "team/move/lock.json" not in keys(bucket)


def test_a_bucket_that_ignores_conditions_is_refused_before_anything_is_written(
    store: S3Store, bucket: Any, sandbox: Sandbox
) -> None:
    faults(sandbox, {"kind": "unconditional"})
    with pytest.raises(StateUnusable, match="ignores conditional writes") as caught:
        store.lock("move")
    assert caught.value.hint
    assert [key for key in keys(bucket) if key != "team/move/.probe"] == []


def test_a_bucket_that_ignores_only_conditions_of_deletes_is_refused_too(
    store: S3Store, bucket: Any, sandbox: Sandbox
) -> None:
    faults(sandbox, {"kind": "unconditional", "operation": "DeleteObject"})
    with pytest.raises(StateUnusable, match="ignores conditional writes"):
        store.lock("move")


def test_a_bucket_without_versions_is_told_of(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, clock: Hurried
) -> None:
    client = make_bucket(sandbox, monkeypatch, is_versioned=False)
    store = S3Store(f"s3://{BUCKET}", clock)
    with store.lock("move") as lock:
        assert lock.notes == [f"the bucket {BUCKET} has no versioning: what is overwritten is gone for good"]
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    with store.lock("move") as lock:
        assert lock.notes == []
    faults(sandbox, {"kind": "access-denied", "operation": "GetBucketVersioning"})
    with store.lock("move") as lock:
        assert "s3:GetBucketVersioning is not allowed" in lock.notes[0]


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("GetObject", "s3:GetObject"),
        ("GetObject", "s3:ListBucket"),  # S3 refuses an absent object to who may not list
        ("PutObject", "s3:PutObject"),
        ("ListObjectsV2", "s3:ListBucket"),
    ],
)
def test_a_missing_permission_is_named_with_its_bucket(
    store: S3Store, sandbox: Sandbox, operation: str, action: str
) -> None:
    faults(sandbox, {"kind": "access-denied", "operation": operation})
    with pytest.raises(StateAccessDenied) as caught, store.lock("move"):
        store.read("move")
    assert action in caught.value.hint
    assert BUCKET in caught.value.hint
    assert "the ambient credentials" in caught.value.hint


def test_expired_credentials_end_as_such(store: S3Store, sandbox: Sandbox) -> None:
    faults(sandbox, {"kind": "expired-token"})
    with pytest.raises(StateAccessDenied) as caught:
        store.read("move")
    assert "AWS_PROFILE" in caught.value.hint
    assert "accounts.state" not in caught.value.hint


def test_a_bucket_that_is_not_there_is_named(bucket: Any, clock: Hurried) -> None:
    store = S3Store("s3://stetas/team", clock)
    for attempt in (store.migrations, lambda: store.read("move"), lambda: store.lock("move")):
        with pytest.raises(StateUnusable, match="the bucket stetas does not exist") as caught:
            attempt()
        assert "--state" in caught.value.hint


def test_answers_that_are_lost_are_no_refusals(store: S3Store, bucket: Any, sandbox: Sandbox) -> None:
    faults(sandbox, {"kind": "lost-response", "operation": "PutObject", "times": 1})
    lock = store.lock("move")
    store.objects.flush()
    faults(sandbox, {"kind": "lost-response", "operation": "PutObject", "rate": 0.5, "after": 1})
    file = store.create("move", "lineage").migration
    table = store.write_steps("move", StepFile("orders", "lineage"))
    for _ in range(4):
        table, file = store.write_steps("move", table), store.write_migration(file)
    lock.renew()
    faults(sandbox, {"kind": "lost-response", "operation": "DeleteObject", "times": 1})
    lock.release()
    assert store.locked_by("move") is None
    state = S3Store(f"s3://{BUCKET}/team").read("move")
    assert state is not None
    assert (state.migration.serial, state.files["orders"].serial) == (5, 5)


def test_colliding_requests_are_repeated(store: S3Store, clock: Hurried, sandbox: Sandbox) -> None:
    faults(sandbox, {"kind": "conflict", "operation": "PutObject", "times": 2})
    with store.lock("move"):
        assert store.create("move", "lineage").migration.serial == 1
    assert clock.slept > 0


def test_an_outage_ends_the_run_and_leaves_what_was_saved(
    store: S3Store, clock: Hurried, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # the AWS client's own pauses
    with store.lock("move"):
        store.create("move", "lineage")
        table = store.write_steps("move", StepFile("orders", "lineage"))
        faults(sandbox, {"kind": "throttle", "operation": "PutObject"})
        with pytest.raises(StateWriteFailed, match="could not be saved") as caught:
            store.write_steps("move", table)
        assert "intact" in caught.value.why
        assert caught.value.hint
        assert clock.slept > 15
        faults(sandbox)
        assert store.write_steps("move", table).serial == 2


def test_what_was_written_before_is_kept_as_a_version(store: S3Store, bucket: Any) -> None:
    with store.lock("move"):
        store.create("move", "lineage")
        table = store.write_steps("move", StepFile("orders", "lineage"))
        store.write_steps("move", table)
    found = bucket.list_object_versions(Bucket=BUCKET, Prefix="team/move/tables/")["Versions"]
    assert len(found) == 2


def test_a_sign_of_life_is_given_once_a_minute() -> None:
    assert LEASE / SIGNS_PER_LEASE == 60
