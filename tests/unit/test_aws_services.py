"""The thin service modules against the sandbox: what they leave behind, and that repeating them is harmless."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from migrate.aws import autoscaling, dynamodb, errors, kms, logs, objects, s3, session, transfer
from migrate.core.errors import Conflict, NotFound
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION, ROLE_NAME, SOURCE_ACCOUNT, TARGET_ACCOUNT

ACCOUNT, BUCKET = TARGET_ACCOUNT, "transfer-bucket"
IMPORT = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders/import/01795000000000-0a1b2c3d"


@pytest.fixture
def account(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> session.Account:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    role = f"arn:aws:iam::{ACCOUNT}:role/{ROLE_NAME}"
    access = session.AccountAccess("target", ACCOUNT, REGION, role=role, endpoint_url=sandbox.endpoint_url)
    return session.connect(access, read_only=False)


@pytest.fixture
def bucket(account: session.Account) -> str:
    s3.create_bucket(account, BUCKET)
    return BUCKET


@pytest.fixture
def table(account: session.Account) -> str:
    made = dynamodb.create_table(
        account,
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return str(made["TableArn"])


def allow(action: str, resource: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{SOURCE_ACCOUNT}:root"},
        "Action": action,
        "Resource": resource,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_bucket_is_made_once_and_secured(account: session.Account, bucket: str) -> None:
    s3.create_bucket(account, bucket)
    head = s3.head_bucket(account, bucket)
    assert head is not None
    assert head["BucketRegion"] == REGION
    s3.put_ownership_enforced(account, bucket)
    s3.block_public_access(account, bucket)
    s3.put_encryption(account, bucket, "arn:aws:kms:eu-west-1:1:key/k")
    s3.put_lifecycle(account, bucket)
    assert s3.ownership(account, bucket) == "BucketOwnerEnforced"
    assert s3.is_private(account, bucket)
    assert s3.encryption(account, bucket) == ("aws:kms", "arn:aws:kms:eu-west-1:1:key/k")
    rules = errors.call(account, "s3", "GetBucketLifecycleConfiguration", Bucket=bucket)["Rules"]
    assert rules[0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_what_a_plain_bucket_says(account: session.Account, bucket: str) -> None:
    assert s3.ownership(account, bucket) == "BucketOwnerEnforced"
    assert s3.is_private(account, bucket)
    assert s3.encryption(account, bucket) == ("AES256", None)
    assert s3.get_policy(account, bucket) is None
    assert s3.bucket_tags(account, bucket) == {}
    assert not s3.is_versioned(account, bucket)
    assert not s3.requester_pays(account, bucket)
    assert s3.head_bucket(account, "no-such-bucket") is None


def test_tags_of_a_bucket_are_merged(account: session.Account, bucket: str) -> None:
    s3.tag_bucket(account, bucket, {"team": "data", "env": "test"})
    s3.tag_bucket(account, bucket, {"env": "prod"})
    assert s3.bucket_tags(account, bucket) == {"team": "data", "env": "prod"}


def test_a_bucket_policy_comes_and_goes(account: session.Account, bucket: str) -> None:
    policy = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")
    s3.put_policy(account, bucket, policy)
    assert s3.get_policy(account, bucket) == policy
    s3.delete_policy(account, bucket)
    s3.delete_policy(account, bucket)
    assert s3.get_policy(account, bucket) is None


def test_every_call_names_the_account_that_must_own_the_bucket(account: session.Account, bucket: str) -> None:
    sent: list[tuple[str, Any]] = []

    def note(params: Any, model: Any, **_: Any) -> None:
        sent.append((model.name, params.get("ExpectedBucketOwner")))

    account.client("s3").meta.events.register("provide-client-params", note)
    for read in (s3.head_bucket, s3.ownership, s3.is_private, s3.encryption, s3.is_versioned, s3.get_policy):
        read(account, bucket)
    s3.put_lifecycle(account, bucket)
    s3.read(account, bucket, "k")
    s3.stream_md5(account, bucket, "k")
    s3.delete_objects(account, bucket, ["k"])
    assert list(s3.list_objects(account, bucket, "")) == []
    s3.tag_bucket(account, bucket, {"a": "b"})
    s3.delete_bucket(account, bucket)
    assert len(sent) == 14
    assert {owner for _, owner in sent} == {ACCOUNT}
    s3.bucket_tags(account, "another", owner="999999999999")
    assert sent[-1] == ("GetBucketTagging", "999999999999")


def test_objects_are_deleted_in_batches(account: session.Account, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "BATCH", 2)
    keys = [f"run/{number}" for number in range(5)]
    for key in keys:
        errors.call(account, "s3", "PutObject", Bucket=bucket, Key=key, Body=b"")
    assert [found["Key"] for found in s3.list_objects(account, bucket, "run/")] == keys
    assert s3.delete_objects(account, bucket, keys) == []
    assert list(s3.list_objects(account, bucket, "")) == []
    assert account.calls["DeleteObjects"] == 3


def test_settings_of_a_table(account: session.Account, table: str) -> None:
    assert dynamodb.describe_table(account, "nope") is None
    dynamodb.update_ttl(account, "orders", "expires", True)
    assert dynamodb.describe_ttl(account, "orders")["AttributeName"] == "expires"
    assert dynamodb.describe_recovery(account, "orders")["PointInTimeRecoveryStatus"] == "DISABLED"
    dynamodb.update_recovery(account, "orders", 3)
    assert dynamodb.describe_recovery(account, "orders")["RecoveryPeriodInDays"] == 3
    dynamodb.update_recovery(account, "orders", None)
    assert dynamodb.describe_recovery(account, "orders")["PointInTimeRecoveryStatus"] == "DISABLED"
    dynamodb.tag(account, table, {"a": "1", "b": "2"})
    dynamodb.untag(account, table, ["a", "zz"])
    assert dynamodb.list_tags(account, table) == {"b": "2"}


def test_a_resource_policy_comes_and_goes(account: session.Account, table: str) -> None:
    assert dynamodb.get_resource_policy(account, table) is None
    policy = allow("dynamodb:Scan", table)
    revision = dynamodb.put_resource_policy(account, table, policy, None)
    assert dynamodb.get_resource_policy(account, table) == (policy, revision)
    with pytest.raises(Conflict):
        dynamodb.put_resource_policy(account, table, policy, "another-revision")
    dynamodb.delete_resource_policy(account, table)
    dynamodb.delete_resource_policy(account, table)
    assert dynamodb.get_resource_policy(account, table) is None


def test_deleting_a_table_twice(account: session.Account, table: str) -> None:
    assert dynamodb.delete_table(account, "orders") is not None
    assert dynamodb.delete_table(account, "orders") is None
    with pytest.raises(NotFound):
        dynamodb.describe_recovery(account, "orders")


def test_auto_scaling_is_upserted(account: session.Account, table: str) -> None:
    where = ("table/orders", "dynamodb:table:ReadCapacityUnits")
    for maximum in (10, 20):
        autoscaling.register_target(account, *where, 1, maximum)
        autoscaling.put_schedule(account, *where, "night", {"Schedule": "cron(0 1 * * ? *)"})
    found = autoscaling.describe(account)
    assert [target["MaxCapacity"] for target in found["targets"]] == [20]
    assert [schedule["ScheduledActionName"] for schedule in found["schedules"]] == ["night"]
    autoscaling.delete_schedule(account, *where, "night")
    autoscaling.deregister(account, *where)
    assert autoscaling.describe(account) == {"targets": [], "policies": [], "schedules": []}


def test_keys(account: session.Account) -> None:
    arn = errors.call(account, "kms", "CreateKey")["KeyMetadata"]["Arn"]
    found = kms.describe_key(account, arn)
    assert found is not None
    assert (found["Arn"], found["KeyManager"]) == (arn, "CUSTOMER")
    assert "Statement" in json.loads(kms.get_key_policy(account, arn) or "{}")
    assert kms.describe_key(account, "alias/nope") is None
    assert kms.get_key_policy(account, f"{arn[:-1]}_") is None


def test_errors_of_an_import(account: session.Account) -> None:
    assert list(logs.import_errors(account, IMPORT)) == []
    stream = {"logGroupName": logs.IMPORT_GROUP, "logStreamName": "01795000000000-0a1b2c3d/error"}
    errors.call(account, "logs", "CreateLogGroup", logGroupName=logs.IMPORT_GROUP)
    assert list(logs.import_errors(account, IMPORT)) == []
    errors.call(account, "logs", "CreateLogStream", **stream)
    now = int(time.time() * 1000)
    messages = [json.dumps({"errorMessages": [str(n)]}) for n in range(5)] + ["bad"]
    events = [{"timestamp": now + n, "message": message} for n, message in enumerate(messages)]
    errors.call(account, "logs", "PutLogEvents", **stream, logEvents=events)
    found = list(logs.import_errors(account, IMPORT))
    assert [event["errorMessages"] for event in found] == [["0"], ["1"], ["2"], ["3"], ["4"], ["bad"]]
    assert list(logs.import_errors(account, IMPORT, limit=2)) == found[:2]


def test_an_export_is_found_again(account: session.Account, table: str, bucket: str) -> None:
    dynamodb.update_recovery(account, "orders", 1)
    started = transfer.start_export(account, TableArn=table, S3Bucket=bucket, S3Prefix="p", ClientToken="t")
    listed = transfer.list_exports(account, table)
    assert [export["ExportArn"] for export in listed] == [started["ExportArn"]]
    described = transfer.describe_export(account, started["ExportArn"])
    assert described is not None
    assert described["S3Prefix"] == "p"
