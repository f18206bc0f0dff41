"""What goes wrong, and what the user is told: what, where, why, and the next command."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from migrate.state.store import open_store
from tests.e2e.world import SOURCE, TARGET, World


@pytest.fixture
def ready(world: World) -> World:
    """The table `orders` and its manifest."""
    world.table("orders")
    world.manifest()
    return world


def test_locked_by_another_run(ready: World) -> None:
    ready.ok("apply", "m.yaml", "--auto-approve")
    with open_store("state").lock("move", user="somebody"):
        refused = ready.run("apply", "m.yaml", "--auto-approve")
        assert refused.code == 6
        assert "somebody@" in refused.err
        assert "migrate state unlock move" in refused.err
        assert "somebody@" in ready.ok("status").out
        assert ready.run("plan", "m.yaml").code == 0  # looking is always possible
        assert ready.run("state", "forget", "move", "orders", "--yes").code == 6


def test_credentials_of_another_account(ready: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", SOURCE)
    ready.manifest(target={"role": None})
    refused = ready.run("plan", "m.yaml")
    assert refused.code == 4
    assert f"are of account {SOURCE}, the manifest says {TARGET}" in refused.err
    assert "accounts.target" in refused.err


def test_expired_credentials_are_told_once(ready: World) -> None:
    ready.faults({"kind": "expired-token"})
    refused = ready.run("plan", "m.yaml")
    assert refused.code == 9
    assert refused.err.count("aws sso login") <= 2  # what to do in each account
    assert refused.err.count("security token") <= 1
    assert SOURCE in refused.err
    assert TARGET in refused.err


def test_credentials_that_expire_while_applying(ready: World) -> None:
    ready.faults({"kind": "expired-token", "operation": "ImportTable"})
    stopped = ready.run("apply", "m.yaml", "--auto-approve")
    assert stopped.code == 9
    assert "state   saved" in stopped.out
    assert "migrate apply m.yaml" in stopped.out
    ready.faults()
    ready.ok("apply", "m.yaml")  # agreed already
    assert len(ready.items(TARGET, "orders")) == 5


def test_no_credentials_at_all(ready: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    refused = ready.run("plan", "m.yaml")
    assert refused.code == 9
    assert "AWS_PROFILE" in refused.err


def test_a_missing_permission_is_named_with_its_resource(ready: World) -> None:
    ready.faults({"kind": "access-denied", "operation": "DescribeContinuousBackups", "account": SOURCE})
    refused = ready.run("plan", "m.yaml")
    assert refused.code == 9
    assert "dynamodb:DescribeContinuousBackups" in refused.err
    assert "table orders" in refused.err
    assert SOURCE in refused.err


def test_a_missing_permission_while_applying(ready: World) -> None:
    ready.faults({"kind": "access-denied", "operation": "CreateBucket"})
    failed = ready.run("apply", "m.yaml", "--auto-approve")
    assert failed.code == 9
    assert "s3:CreateBucket" in failed.out
    ready.faults()
    ready.ok("apply", "m.yaml", "--auto-approve")


def test_a_table_that_does_not_exist(ready: World) -> None:
    ready.manifest("[{name: orders}, {name: ordesr}]")
    refused = ready.run("plan", "m.yaml")
    assert refused.code == 4
    assert "ordesr" in refused.err
    assert f"{SOURCE} eu-west-1" in refused.err


def test_a_key_alias_that_does_not_exist(ready: World) -> None:
    keys = {"own": {"account": "target", "id": "alias/nothing"}}
    ready.manifest("[{name: orders, target: {encryption: own}}]", keys=keys)
    refused = ready.run("plan", "m.yaml")
    assert refused.code == 4
    assert "alias/nothing" in refused.err
    assert TARGET in refused.err


def test_a_bucket_of_somebody_else(ready: World) -> None:
    ready.client("s3", SOURCE).create_bucket(
        Bucket="taken", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    ready.manifest(strategies={"s3": {"bucket": "taken", "create_bucket": True}})
    refused = ready.run("plan", "m.yaml")
    assert refused.code == 4
    assert "taken" in refused.err


def test_a_bucket_that_is_not_there_and_may_not_be_made(ready: World) -> None:
    ready.manifest("[{name: orders, strategy: s3}]", strategies={"s3": {"bucket": "no-such-bucket"}})
    refused = ready.run("plan", "m.yaml")
    assert refused.code == 4
    assert "create_bucket" in refused.err


def test_a_target_table_that_is_not_ours_is_never_touched(ready: World) -> None:
    keys = [{"AttributeName": "id", "KeyType": "HASH"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}]
    ready.target.create_table(
        TableName="orders", KeySchema=keys, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST"
    )
    ready.target.put_item(TableName="orders", Item={"id": {"S": "theirs"}})
    for command in (("plan", "m.yaml"), ("apply", "m.yaml", "--auto-approve")):
        refused = ready.run(*command)
        assert refused.code == 4
        assert f"the table orders exists in {TARGET}" in refused.err
        assert "migrate state adopt move orders --manifest" in refused.err
    assert ready.items(TARGET, "orders") == [{"id": {"S": "theirs"}}]


def test_a_state_of_another_migration(ready: World) -> None:
    ready.ok("apply", "m.yaml", "--auto-approve")
    text = (ready.folder / "m.yaml").read_text()
    (ready.folder / "m.yaml").write_text(text.replace(SOURCE, "x").replace(TARGET, SOURCE).replace("x", TARGET))
    refused = ready.run("plan", "m.yaml")
    assert refused.code == 6
    assert f"from {SOURCE} to {TARGET}" in refused.err


def test_a_misspelt_key(ready: World) -> None:
    ready.manifest("[{name: orders, stratgey: s3}]")
    refused = ready.run("validate", "m.yaml")
    assert refused.code == 3
    assert "did you mean `strategy`?" in refused.err
    assert "m.yaml:" in refused.err


def test_a_manifest_that_does_not_exist(world: World) -> None:
    refused = world.run("plan", "nothing.yaml")
    assert refused.code == 3
    assert "migrate init" in refused.err


def test_a_plan_file_that_was_changed_by_hand(ready: World) -> None:
    ready.ok("plan", "m.yaml", "--out", "plan.json")
    plan = json.loads((ready.folder / "plan.json").read_text())
    plan["actions"] = plan["actions"][1:]
    (ready.folder / "plan.json").write_text(json.dumps(plan))
    refused = ready.run("apply", "plan.json", "--auto-approve")
    assert refused.code == 3
    assert "changed by hand" in refused.err


@pytest.mark.parametrize("words", [["frobnicate"], ["plan", "--frobnicate"], ["plan"], ["apply", "--parallelism", "x"]])
def test_wrong_usage(world: World, words: list[str]) -> None:
    refused = world.run(*words)
    assert refused.code == 64
    assert refused.err


def test_nothing_to_resume(world: World) -> None:
    refused = world.run("apply")
    assert refused.code == 4
    assert "migrate apply FILE" in refused.err


def test_a_reader_that_goes_away_is_no_failure(ready: World) -> None:
    plan = [sys.executable, "-m", "migrate", "plan", "m.yaml"]
    with subprocess.Popen(plan, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ready.folder) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read().decode()
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "Broken" not in errors
