"""The read-only guard: nothing that can change something leaves the machine, whatever asks for it."""

from __future__ import annotations

import functools
import re

import botocore.session
import pytest

from migrate.aws import autoscaling, dynamodb, kms, s3, session
from migrate.aws.errors import call
from migrate.aws.readonly import ReadOnlyViolation, is_reading
from migrate.core.errors import Transient

SERVICES = [
    "application-autoscaling",
    "backup",
    "dynamodb",
    "dynamodbstreams",
    "emr",
    "emr-serverless",
    "glue",
    "iam",
    "kms",
    "logs",
    "organizations",
    "s3",
    "sts",
]
# Written down by hand, apart from the guard's own words: what must never pass.
WRITING = (
    "Accept Add Abort Associate Attach Batch(Delete|Execute|Put|Update|Write|Create|Stop) Cancel Change Complete Copy "
    "Create Decrypt Deactivate Delete Deregister Detach Disable Disassociate Disconnect Enable Encrypt Execute Export "
    "Generate Import Invite Modify Move Put Re Register Remove Replicate Restore Retire Revoke Rotate Run Schedule "
    "Select Send Set Sign Start Stop Sync Tag Terminate Transact Unlock Untag Update Upload Upgrade Verify Write"
)


@functools.cache
def operations(service: str) -> list[str]:
    return list(botocore.session.get_session().get_service_model(service).operation_names)


def account(*, read_only: bool) -> session.Account:
    # Port 9 (discard) has no listener: what passes the guard fails to connect, and that is how the test tells.
    access = session.AccountAccess("source", "111111111111", "eu-west-1", endpoint_url="http://127.0.0.1:9")
    return session.connect(access, read_only=read_only)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_with_a_writing_verb_is_refused(service: str) -> None:
    verbs = re.compile(f"({'|'.join(WRITING.split())})(?=[A-Z])|Encrypt$|Decrypt$|Sign$|Verify$")
    passed = [name for name in operations(service) if verbs.match(name) and is_reading(service, name)]
    assert passed == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_has_an_answer_and_reads_pass(service: str) -> None:
    reading = [name for name in operations(service) if is_reading(service, name)]
    assert [
        n for n in operations(service) if n.startswith(("Describe", "List", "Get", "Head")) and n not in reading
    ] == []
    left = {name for name in reading if not name.startswith(("Describe", "List", "Get", "Head", "BatchGet", "Search"))}
    allowed = {"Query", "Scan", "AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot"}
    assert left <= allowed | {"SimulateCustomPolicy", "SimulatePrincipalPolicy", "QuerySchemaVersionMetadata"}


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("dynamodb", "DeleteTable", {"TableName": "orders"}),
        ("dynamodb", "PutItem", {"TableName": "orders", "Item": {"k": {"S": "v"}}}),
        ("dynamodb", "ExecuteStatement", {"Statement": "DELETE FROM orders WHERE k='v'"}),
        ("s3", "PutObject", {"Bucket": "b", "Key": "k", "Body": b""}),
        ("s3", "DeleteBucket", {"Bucket": "b"}),
        ("kms", "ScheduleKeyDeletion", {"KeyId": "1"}),
        ("backup", "StartCopyJob", {
            "RecoveryPointArn": "a", "SourceBackupVaultName": "v", "DestinationBackupVaultArn": "d", "IamRoleArn": "r"
        }),
        ("glue", "StartJobRun", {"JobName": "j"}),
    ],
)  # fmt: skip
def test_a_read_only_account_sends_no_write(service: str, operation: str, params: dict[str, object]) -> None:
    with pytest.raises(ReadOnlyViolation, match=operation):
        call(account(read_only=True), service, operation, **params)


def test_the_guard_lets_reads_through_and_is_off_for_accounts_that_may_write() -> None:
    guarded, free = account(read_only=True), account(read_only=False)
    for read in (dynamodb.list_tables, autoscaling.describe):
        with pytest.raises(Transient):
            read(guarded)
    with pytest.raises(Transient):
        s3.head_bucket(guarded, "b")
    with pytest.raises(Transient):
        kms.describe_key(guarded, "alias/k")
    with pytest.raises(Transient):
        dynamodb.delete_table(free, "orders")
