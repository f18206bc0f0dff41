"""A state in S3 through the command line: what a user does with it, and what it costs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import ENVIRONMENT, SOURCE, TARGET, World

BUCKET, OWNER = "states", "333333333333"
URL = f"s3://{BUCKET}/team"


@pytest.fixture
def remote(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world with an empty bucket for states, which the ambient credentials reach."""
    s3(world).create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3(world).put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for name, value in environment(world).items():
        monkeypatch.setenv(name, value)
    return world


def environment(world: World) -> dict[str, str]:
    return {
        "MIGRATE_STATE": URL,
        "AWS_ACCESS_KEY_ID": OWNER,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_S3": world.url,
        "XDG_CACHE_HOME": str(world.folder / "cache"),
    }


def s3(world: World) -> Any:
    return world.client("s3", OWNER)


def start(world: World, *words: str, **more: str) -> subprocess.Popen[str]:
    """The command line as a process that can be killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "migrate", *words],
        cwd=world.folder,
        env={**os.environ, **ENVIRONMENT, **environment(world), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def requests(world: World) -> list[dict[str, Any]]:
    """What was asked of the state's bucket since the last reset."""
    with urllib.request.urlopen(f"{world.url}/sandbox/calls?account={OWNER}&service=s3") as answer:
        found: list[dict[str, Any]] = json.loads(answer.read())
    return [one for one in found if one["params"]["path"].startswith(f"/{BUCKET}")]


def journal(world: World) -> list[dict[str, Any]]:
    found = s3(world).list_objects_v2(Bucket=BUCKET, Prefix="team/move/journal/").get("Contents", [])
    texts = [s3(world).get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def test_a_whole_migration_with_at_most_two_requests_a_transition(remote: World, record_property: Any) -> None:
    for name in ("orders", "events"):
        remote.table(name)
    remote.manifest("[{name: orders}, {name: events}]")
    before = len(requests(remote))
    outcome = remote.ok("apply", "m.yaml", "--auto-approve")
    assert "note:" not in outcome.err
    made = [one["operation"] for one in requests(remote)[before:]]
    transitions = len([line for line in journal(remote) if line["change"] in ("started", "adopted", "done")])
    record_property("figures", {"of": "state in S3", "counts": {"requests": len(made), "transitions": transitions}})
    assert len(made) <= 2 * transitions, made
    assert sorted(item["id"]["S"] for item in remote.items(TARGET, "orders")) == [f"i{n}" for n in range(5)]
    assert "No changes" in remote.ok("plan", "m.yaml").out
    assert "move" in remote.ok("status").out
    assert "move" in remote.ok("state", "list").out
    assert not (remote.folder / "state").exists()


def test_what_is_wrong_with_the_place_is_said_with_its_exit_code(remote: World) -> None:
    remote.table("orders")
    remote.manifest()
    missing = remote.run("--state", "s3://stetas/team", "apply", "m.yaml", "--auto-approve")
    assert missing.code == 6
    assert "the bucket stetas does not exist" in missing.err
    remote.faults({"kind": "access-denied", "service": "s3", "account": OWNER, "operation": "PutObject"})
    denied = remote.run("apply", "m.yaml", "--auto-approve")
    assert denied.code == 9
    assert "s3:PutObject" in denied.err
    assert f"s3://{BUCKET}/team" in denied.err
    remote.faults({"kind": "unconditional", "service": "s3", "account": OWNER})
    ignoring = remote.run("apply", "m.yaml", "--auto-approve")
    assert ignoring.code == 6
    assert "ignores conditional writes" in ignoring.err
    remote.faults()
    assert remote.client("dynamodb", TARGET).list_tables()["TableNames"] == []
    assert remote.run("--state", "gs://bucket", "status").code == 6


def test_permission_that_ends_half_way_stops_the_run_with_its_exit_code(remote: World) -> None:
    remote.table("orders")
    remote.manifest()
    remote.faults({"kind": "access-denied", "service": "s3", "account": OWNER, "operation": "PutObject", "after": 10})
    denied = remote.run("apply", "m.yaml", "--auto-approve")
    assert denied.code == 9, denied.out + denied.err
    assert "s3:PutObject" in denied.out + denied.err
    remote.faults()
    remote.ok("state", "unlock", "move", "--yes")  # giving it back was refused too
    remote.ok("apply", "m.yaml", "--auto-approve")
    assert len(remote.items(TARGET, "orders")) == 5


def test_a_torn_or_missing_file_is_named_and_put_back_from_its_version(remote: World) -> None:
    remote.table("orders")
    remote.manifest()
    remote.ok("apply", "m.yaml", "--auto-approve")
    key = "team/move/tables/orders.json"
    whole = s3(remote).get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3(remote).put_object(Bucket=BUCKET, Key=key, Body=whole[:100])
    for words in (("status", "move"), ("plan", "m.yaml"), ("apply", "m.yaml", "--auto-approve")):
        torn = remote.run(*words)
        assert torn.code == 6
        assert f"a damaged state file: s3://{BUCKET}/{key}" in torn.err
    s3(remote).delete_object(Bucket=BUCKET, Key=key)
    gone = remote.run("apply", "m.yaml", "--auto-approve")
    assert gone.code == 6
    assert f"incomplete: s3://{BUCKET}/{key} is missing" in gone.err
    s3(remote).put_object(Bucket=BUCKET, Key=key, Body=whole)
    assert "No changes" in remote.ok("plan", "m.yaml").out


def wait_for(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.1)


def work_files(world: World) -> list[str]:
    found = s3(world).list_objects_v2(Bucket=BUCKET, Prefix="team/move/work/").get("Contents", [])
    return [Path(one["Key"]).name for one in found]


@pytest.mark.slow
def test_a_copy_goes_on_elsewhere_and_is_hurried_from_there(remote: World) -> None:
    remote.table("orders", items=300)
    remote.manifest(
        "[{name: orders, strategy: copy}]", strategies={"copy": {"write_units": 8, "segments": 2, "read_units": 4}}
    )
    lost = start(remote, "apply", "m.yaml", "--auto-approve")
    wait_for(lambda: "checkpoints.jsonl" in work_files(remote))
    lost.send_signal(signal.SIGKILL)
    lost.communicate()
    shutil.rmtree(remote.folder / "cache")  # the machine is gone
    arrived = len(remote.items(TARGET, "orders"))
    assert 0 < arrived < 300

    second = start(remote, "apply", "m.yaml", "--auto-approve")
    wait_for(lambda: len(remote.items(TARGET, "orders")) > arrived)
    told = remote.ok("throttle", "move", "--write-units", "100000", "--read-units", "100000")
    assert "orders: copy at most" in told.out
    out, err = second.communicate(timeout=120)
    assert second.returncode == 0, out + err
    assert len(remote.items(TARGET, "orders")) == len(remote.items(SOURCE, "orders")) == 300
    assert "No changes" in remote.ok("plan", "m.yaml").out


def test_a_state_is_moved_from_a_folder_to_s3_and_pulled_back(remote: World) -> None:
    remote.table("orders")
    remote.manifest()
    remote.ok("--state", "state", "apply", "m.yaml", "--auto-approve")
    pushed = remote.ok("state", "push", "move", "--from", "state")
    assert f"The state of move is in {URL} now" in pushed.out
    assert "No changes" in remote.ok("plan", "m.yaml").out
    remote.ok("state", "forget", "move", "orders/verify", "--yes")
    refused = remote.run("state", "push", "move", "--from", "state")
    assert refused.code == 6
    assert "orders has serial" in refused.err
    assert "--force" in refused.err
    remote.ok("state", "pull", "move", "--to", "state")
    assert "orders/verify" not in remote.ok("--state", "state", "state", "show", "move").out
    assert remote.run("state", "pull", "move", "--to", URL).code == 6
