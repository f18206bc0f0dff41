from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from migrate.sandbox.settings import SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.sandbox.aws import KEYS, Aws, error_of
from tests.sandbox.backup_world import BackupWorld
from tests.sandbox.transfer_world import World


def control(aws: Aws | World, path: str, method: str = "GET", body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{aws.sandbox.endpoint_url}/sandbox/{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def start(*options: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    process = subprocess.Popen([sys.executable, "-m", "migrate.sandbox", *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any], Path]]:
    log = tmp_path_factory.mktemp("sandbox") / "calls.jsonl"
    process, ready = start("--log", str(log))
    yield process, ready, log
    process.kill()
    process.wait()


def test_a_process_says_where_it_listens_and_stops_quietly(served: Any) -> None:
    process, ready, log = served
    assert ready["endpoint_url"].startswith("http://127.0.0.1:")
    assert ready["accounts"]["source"] == {
        "id": SOURCE_ACCOUNT,
        "role": f"arn:aws:iam::{SOURCE_ACCOUNT}:role/MigrateSandbox",
        "region": "eu-west-1",
    }
    sts = boto3.client(
        "sts",
        endpoint_url=ready["endpoint_url"],
        region_name="eu-west-1",
        aws_access_key_id=TARGET_ACCOUNT,
        aws_secret_access_key="x",
    )
    assert sts.get_caller_identity()["Account"] == TARGET_ACCOUNT
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert [json.loads(line)["operation"] for line in log.read_text().splitlines()] == ["GetCallerIdentity"]


def test_data_survives_a_restart_with_a_state_file(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "state"

    def client(service: str, ready: dict[str, Any]) -> Any:
        return boto3.client(
            service,
            endpoint_url=ready["endpoint_url"],
            region_name="eu-west-1",
            aws_access_key_id=TARGET_ACCOUNT,
            aws_secret_access_key="x",
        )

    process, ready = start("--state-file", str(file), "--create-seconds", "0")
    key = client("kms", ready).create_key()["KeyMetadata"]["Arn"]
    secret = client("kms", ready).encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    client("dynamodb", ready).create_table(
        TableName="kept",
        BillingMode="PAY_PER_REQUEST",
        **KEYS,
        SSESpecification={"Enabled": True, "KMSMasterKeyId": key},
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    item = {"pk": {"S": "a"}, "sk": {"N": "1"}, "b": {"B": b"\xff"}}
    client("dynamodb", ready).put_item(TableName="kept", Item=item)
    before = client("dynamodb", ready).describe_table(TableName="kept")["Table"]
    s3 = client("s3", ready)
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="kept", Key="k", Body=b"content")
    organization = client("organizations", ready).describe_organization()["Organization"]["Id"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0

    process, ready = start("--state-file", str(file))
    try:
        assert client("dynamodb", ready).describe_table(TableName="kept")["Table"] == before
        assert client("dynamodb", ready).scan(TableName="kept")["Items"] == [item]
        assert client("s3", ready).get_object(Bucket="kept", Key="k")["Body"].read() == b"content"
        assert client("kms", ready).decrypt(CiphertextBlob=secret)["Plaintext"] == b"secret"
        assert client("organizations", ready).describe_organization()["Organization"]["Id"] == organization
    finally:
        process.kill()
        process.wait()


def test_jobs_and_plans_go_on_after_a_restart(tmp_path: Path) -> None:
    """A copy that runs while the sandbox is restarted ends afterwards, and a plan still runs."""
    options = ("--state-file", str(tmp_path / "state"), "--create-seconds", "0", "--backup-seconds", "0")

    def world(ready: dict[str, Any]) -> BackupWorld:
        return BackupWorld(SimpleNamespace(endpoint_url=ready["endpoint_url"]))

    process, ready = start(*options, "--copy-job-seconds", "3600")
    aws = world(ready)
    source, target = aws.vault(SOURCE_ACCOUNT), aws.vault(TARGET_ACCOUNT, lets_in=SOURCE_ACCOUNT)
    table = aws.table(3)
    copy = aws.copied(aws.backed_up(table, source)["RecoveryPointArn"], source, target)
    assert copy["State"] == "RUNNING"
    rules = [{"RuleName": "daily", "TargetBackupVaultName": source, "ScheduleExpression": "rate(1 day)"}]
    plan = aws.source("backup").create_backup_plan(BackupPlan={"BackupPlanName": "p", "Rules": rules})["BackupPlanId"]
    chosen = {"SelectionName": "s", "IamRoleArn": aws.backup_role(), "Resources": [table]}
    aws.source("backup").create_backup_selection(BackupPlanId=plan, BackupSelection=chosen)
    control(aws, "organization", "POST", {"account": TARGET_ACCOUNT, "organization": "other"})
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0

    process, ready = start(*options)
    try:
        aws = world(ready)
        ids = [
            aws.client("organizations", account).describe_organization()["Organization"]["Id"]
            for account in (SOURCE_ACCOUNT, TARGET_ACCOUNT)
        ]
        assert ids[0] != ids[1]
        client = aws.source("backup")
        assert client.describe_copy_job(CopyJobId=copy["CopyJobId"])["CopyJob"]["State"] == "RUNNING"
        control(aws, "clock", "POST", {"advance_seconds": 86_500})
        assert client.describe_copy_job(CopyJobId=copy["CopyJobId"])["CopyJob"]["State"] == "COMPLETED"
        assert len(client.list_backup_jobs(ByResourceArn=table)["BackupJobs"]) == 2
        assert aws.restored(copy["DestinationRecoveryPointArn"], "restored")["Status"] in ("RUNNING", "COMPLETED")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("clock", {"advance_seconds": -1}),
        ("clock", {}),
        ("organization", {"account": "333333333333", "organization": "other"}),
        ("organization", {"account": TARGET_ACCOUNT, "organization": "elsewhere"}),
    ],
)
def test_wishes_that_make_no_sense_are_refused(aws: Aws, path: str, wish: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        control(aws, path, "POST", wish)
    assert caught.value.code == 400


def test_a_foreign_state_file_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.write_text("something else")
    command = [sys.executable, "-m", "migrate.sandbox", "--state-file", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert str(file) in ended.stderr
    assert file.read_text() == "something else"


def test_a_process_ends_with_its_parent() -> None:
    code = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-m', 'migrate.sandbox', '--with-parent'],"
        "stdout=subprocess.PIPE, text=True); p.stdout.readline(); print(p.pid)"
    )
    child = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    for _ in range(100):
        if not _alive(child):
            return
        subprocess.run(["sleep", "0.1"], check=True)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the sandbox outlived its parent")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # A finished process that nobody has waited for is a zombie, not a running sandbox.
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_anybody_may_assume_the_role_of_either_account(aws: Aws) -> None:
    sts = aws.client("sts", "123456789012")
    for account in (SOURCE_ACCOUNT, TARGET_ACCOUNT):
        answer = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/MigrateSandbox", RoleSessionName="run")
        keys = answer["Credentials"]
        session = boto3.client(
            "sts",
            endpoint_url=aws.sandbox.endpoint_url,
            region_name="eu-west-1",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        who = session.get_caller_identity()
        assert who["Account"] == account
        assert who["Arn"] == f"arn:aws:sts::{account}:assumed-role/MigrateSandbox/run"


@pytest.mark.parametrize(
    "role", [f"arn:aws:iam::{SOURCE_ACCOUNT}:role/Other", "arn:aws:iam::333333333333:role/MigrateSandbox"]
)
def test_other_roles_are_refused(aws: Aws, role: str) -> None:
    assert error_of(aws.client("sts").assume_role, RoleArn=role, RoleSessionName="run") == "AccessDenied"


def test_a_twelve_digit_key_is_the_root_of_that_account(aws: Aws) -> None:
    assert aws.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{SOURCE_ACCOUNT}:root"


def test_both_accounts_are_in_one_organization(aws: Aws) -> None:
    seen = {
        aws.client("organizations", account).describe_organization()["Organization"]["Id"]
        for account in (SOURCE_ACCOUNT, TARGET_ACCOUNT)
    }
    assert len(seen) == 1
    stranger = aws.client("organizations", "444444444444")
    assert error_of(stranger.describe_organization) == "AWSOrganizationsNotInUseException"


def test_accounts_do_not_see_each_others_tables(aws: Aws) -> None:
    name = aws.table()
    assert error_of(aws.target.describe_table, TableName=name) == "ResourceNotFoundException"


def test_the_call_log_knows_who_called_what(aws: Aws) -> None:
    name = aws.table()
    control(aws, "calls", "DELETE")
    aws.source.put_item(TableName=name, Item={"pk": {"S": "secret"}, "sk": {"N": "1"}})
    error_of(aws.target.describe_table, TableName=name)
    aws.client("s3").list_buckets()
    aws.source.batch_get_item(RequestItems={name: {"Keys": [{"pk": {"S": "secret"}, "sk": {"N": "1"}}]}})
    put, describe, buckets, batch = control(aws, "calls")
    assert batch["params"] == {"RequestItems": [name]}
    assert (put["account"], put["operation"], put["status"], put["params"]) == (
        SOURCE_ACCOUNT,
        "PutItem",
        200,
        {"TableName": name},
    )
    assert (describe["account"], describe["error"]) == (TARGET_ACCOUNT, "ResourceNotFoundException")
    assert (buckets["service"], buckets["params"]["path"]) == ("s3", "/")
    assert [call["operation"] for call in control(aws, f"calls?account={TARGET_ACCOUNT}")] == ["DescribeTable"]
    control(aws, "calls", "DELETE")
    assert control(aws, "calls") == []


def test_objects_keep_their_bytes_over_one_connection(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bytes", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for size in (0, 1, 300_000):
        content = os.urandom(size)
        s3.put_object(Bucket="bytes", Key=f"deep/{size}", Body=content)
        assert s3.get_object(Bucket="bytes", Key=f"deep/{size}")["Body"].read() == content
    assert s3.head_object(Bucket="bytes", Key="deep/1")["ContentLength"] == 1


@pytest.mark.parametrize(
    ("operation", "body", "status"),
    [
        ("Scan", "{", 400),
        ("Scan", "[]", 400),
        ("PutItem", '{"TableName": "T"}', 400),
        ("PutItem", '{"TableName": "T", "Item": {"pk": {"S": 1}, "sk": {"N": "1"}}}', 400),
        ("PutItem", '{"TableName": "T", "Item": {"pk": {"S": "a"}, "sk": {"N": "1"}, "m": {"M": []}}}', 400),
        ("BatchWriteItem", '{"RequestItems": {"T": [{"PutRequest": {}}]}}', 400),
        ("UpdateTimeToLive", '{"TableName": "T", "TimeToLiveSpecification": {"Enabled": true}}', 400),
        ("NoSuchOperation", "{}", 501),
    ],
)
def test_malformed_requests_of_other_clients_get_an_answer(aws: Aws, operation: str, body: str, status: int) -> None:
    request = urllib.request.Request(
        aws.sandbox.endpoint_url,
        data=body.replace('"T"', f'"{aws.table()}"').encode(),
        headers={
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={SOURCE_ACCOUNT}/20260101/eu-west-1/dynamodb/aws4_request",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value as answer:
        assert answer.code == status
        assert json.load(answer)["__type"]


def test_what_is_not_emulated_fails(aws: Aws) -> None:
    name = aws.table()
    assert error_of(aws.source.describe_table_replica_auto_scaling, TableName=name) == "NotImplemented"
    replica = [{"Create": {"RegionName": "us-east-1"}}]
    assert error_of(aws.source.update_table, TableName=name, ReplicaUpdates=replica) == "NotImplemented"


def test_reset_drops_data_and_keeps_accounts(aws: Aws) -> None:
    name = aws.table()
    control(aws, "reset", "POST")
    assert name not in aws.source.list_tables()["TableNames"]
    role = f"arn:aws:iam::{TARGET_ACCOUNT}:role/MigrateSandbox"
    assert aws.client("sts").assume_role(RoleArn=role, RoleSessionName="again")["Credentials"]
    assert aws.client("organizations").describe_organization()["Organization"]["Id"]
    assert control(aws, "health")["status"] == "ok"


def test_another_role_is_assumed_by_whom_it_trusts_with_the_external_id_that_it_asks_for(aws: Aws) -> None:
    iam, allow = aws.client("iam"), {"Effect": "Allow", "Action": "sts:AssumeRole"}
    asked = {"StringEquals": {"sts:ExternalId": "move-42"}}
    trusted = {**allow, "Principal": {"AWS": f"arn:aws:iam::{TARGET_ACCOUNT}:root"}, "Condition": asked}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    wish = {"RoleArn": role, "RoleSessionName": "job"}
    target = aws.client("sts", TARGET_ACCOUNT)
    assert target.assume_role(**wish, ExternalId="move-42")["AssumedRoleUser"]["Arn"].endswith(
        "assumed-role/reader/job"
    )
    assert error_of(target.assume_role, **wish) == "AccessDenied"
    assert error_of(target.assume_role, **wish, ExternalId="move-43") == "AccessDenied"
    assert error_of(aws.client("sts").assume_role, **wish, ExternalId="move-42") == "AccessDenied"
