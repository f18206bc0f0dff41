"""Backup, copy into the other account, restore there: what arrives and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.conftest import NOW
from tests.sandbox.backup_world import BackupWorld, letting_in, vault_arn
from tests.sandbox.test_server import control
from tests.sandbox.transfer_world import refused


@pytest.fixture
def aws(sandbox: Sandbox) -> BackupWorld:
    return BackupWorld(sandbox)


def travelled(aws: BackupWorld, table_arn: str, **more: Any) -> tuple[dict[str, Any], str]:
    """(the copy job, the recovery point in the target account)."""
    source, target = aws.vault(SOURCE_ACCOUNT), aws.vault(TARGET_ACCOUNT, lets_in=SOURCE_ACCOUNT)
    backup = aws.backed_up(table_arn, source, **more)
    assert backup["State"] == "COMPLETED", backup
    copy = aws.copied(backup["RecoveryPointArn"], source, target)
    assert copy["State"] == "COMPLETED", copy
    return copy, copy["DestinationRecoveryPointArn"]


def test_items_and_keys_arrive(aws: BackupWorld) -> None:
    arn = aws.table(5)
    name = arn.rpartition("/")[2]
    copy, point = travelled(aws, arn)
    job = aws.restored(point, name)
    assert job["Status"] == "COMPLETED", job
    assert job["CreatedResourceArn"] == arn.replace(SOURCE_ACCOUNT, TARGET_ACCOUNT)
    assert job["SourceResourceArn"] == arn
    read = [client.scan(TableName=name)["Items"] for client in (aws.source("dynamodb"), aws.target("dynamodb"))]
    assert read[0] == read[1] != []
    assert copy["ResourceArn"] == arn
    assert point.startswith(f"arn:aws:backup:eu-west-1:{TARGET_ACCOUNT}:recovery-point:")


def test_a_backup_shows_the_table_as_it_was(aws: BackupWorld) -> None:
    arn = aws.table(2)
    name = arn.rpartition("/")[2]
    _, point = travelled(aws, arn)
    aws.source("dynamodb").put_item(TableName=name, Item={"pk": {"S": "later"}})
    aws.source("dynamodb").delete_item(TableName=name, Key={"pk": {"S": "k0"}})
    aws.restored(point, name)
    assert [item["pk"]["S"] for item in aws.target("dynamodb").scan(TableName=name)["Items"]] != []
    keys = {item["pk"]["S"] for item in aws.target("dynamodb").scan(TableName=name)["Items"]}
    assert keys == {"k0", "k1"}


def test_what_a_restore_keeps_and_what_it_loses(aws: BackupWorld) -> None:
    throughput = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 3}
    arn = aws.table(
        0,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "a")],
        BillingMode="PROVISIONED",
        ProvisionedThroughput=throughput,
        LocalSecondaryIndexes=[
            {
                "IndexName": "local",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "a", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "global",
                "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
                "ProvisionedThroughput": throughput,
            }
        ],
        TableClass="STANDARD_INFREQUENT_ACCESS",
        DeletionProtectionEnabled=True,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        Tags=[{"Key": "team", "Value": "checkout"}],
    )
    name = arn.rpartition("/")[2]
    source, target = aws.source("dynamodb"), aws.target("dynamodb")
    source.put_item(TableName=name, Item={"pk": {"S": "p"}, "sk": {"S": "s"}, "a": {"S": "x"}})
    source.update_time_to_live(TableName=name, TimeToLiveSpecification={"AttributeName": "t", "Enabled": True})
    source.update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    _, point = travelled(aws, arn)
    aws.restored(point, name)
    before, after = (client.describe_table(TableName=name)["Table"] for client in (source, target))
    for kept in ("KeySchema", "AttributeDefinitions", "ItemCount", "TableSizeBytes"):
        assert after[kept] == before[kept]
    for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        assert [one | {"IndexArn": ""} for one in after[kind]] == [one | {"IndexArn": ""} for one in before[kind]]
    assert after["ProvisionedThroughput"]["ReadCapacityUnits"] == 7
    assert not {"TableClassSummary", "StreamSpecification", "LatestStreamArn", "SSEDescription"} & set(after)
    assert after["DeletionProtectionEnabled"] is False
    assert target.list_tags_of_resource(ResourceArn=after["TableArn"])["Tags"] == []
    assert target.describe_time_to_live(TableName=name)["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}
    recovery = target.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
    summary = after["RestoreSummary"]
    assert (summary["SourceBackupArn"], summary["SourceTableArn"]) == (point, arn)
    assert summary["RestoreInProgress"] is False


def test_on_demand_maximums_are_lost(aws: BackupWorld) -> None:
    arn = aws.table(1, OnDemandThroughput={"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 10})
    _, point = travelled(aws, arn)
    aws.restored(point, "restored")
    described = aws.target("dynamodb").describe_table(TableName="restored")["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert "OnDemandThroughput" not in described


def test_the_restored_table_has_the_key_that_was_asked_for(aws: BackupWorld) -> None:
    _, point = travelled(aws, aws.table(1))
    target = aws.target("dynamodb")
    aws.restored(point, "managed", Metadata={"encryptionType": "KMS"})
    key = aws.key(TARGET_ACCOUNT)
    aws.restored(point, "customer", Metadata={"encryptionType": "KMS", "kmsMasterKeyArn": key})
    assert target.describe_table(TableName="managed")["Table"]["SSEDescription"]["SSEType"] == "KMS"
    assert target.describe_table(TableName="customer")["Table"]["SSEDescription"]["KMSMasterKeyArn"] == key


def test_recovery_points_can_be_found_and_carry_their_tags(aws: BackupWorld) -> None:
    arn = aws.table(2, Tags=[{"Key": "team", "Value": "checkout"}])
    source, target = aws.vault(SOURCE_ACCOUNT), aws.vault(TARGET_ACCOUNT, lets_in=SOURCE_ACCOUNT)
    role = aws.backup_role()
    made = aws.backed_up(
        arn, source, IamRoleArn=role, RecoveryPointTags={"plan": "42"}, Lifecycle={"DeleteAfterDays": 7}
    )
    copy = aws.copied(made["RecoveryPointArn"], source, target)
    for client, vault, point in (
        (aws.source("backup"), source, made["RecoveryPointArn"]),
        (aws.target("backup"), target, copy["DestinationRecoveryPointArn"]),
    ):
        assert client.list_tags(ResourceArn=point)["Tags"] == {"team": "checkout", "plan": "42"}
        listed = client.list_recovery_points_by_backup_vault(BackupVaultName=vault, ByResourceArn=arn)["RecoveryPoints"]
        assert [one["RecoveryPointArn"] for one in listed] == [point]
        by_table = client.list_recovery_points_by_resource(ResourceArn=arn)["RecoveryPoints"]
        assert [(one["RecoveryPointArn"], one["BackupVaultName"]) for one in by_table] == [(point, vault)]
        described = client.describe_recovery_point(BackupVaultName=vault, RecoveryPointArn=point)
        assert (described["Status"], described["StorageClass"]) == ("COMPLETED", "WARM")
        assert described["ResourceArn"] == arn
        metadata = client.get_recovery_point_restore_metadata(BackupVaultName=vault, RecoveryPointArn=point)
        assert metadata["RestoreMetadata"]["aws:backup:request-id"]
    assert described["SourceBackupVaultArn"] == vault_arn(SOURCE_ACCOUNT, source)
    first = aws.source("backup").describe_recovery_point(
        BackupVaultName=source, RecoveryPointArn=made["RecoveryPointArn"]
    )
    assert first["Lifecycle"]["DeleteAfterDays"] == 7
    assert first["CalculatedLifecycle"]["DeleteAt"] - first["CreationDate"] == timedelta(days=7)


def test_jobs_can_be_found_again(aws: BackupWorld) -> None:
    arn, other = aws.table(1), aws.table(1)
    source, target = aws.vault(SOURCE_ACCOUNT), aws.vault(TARGET_ACCOUNT, lets_in=SOURCE_ACCOUNT)
    start = datetime.now(timezone.utc) - timedelta(seconds=5)
    backup = aws.backed_up(arn, source)
    aws.backed_up(other, source)
    copy = aws.copied(backup["RecoveryPointArn"], source, target)
    restore = aws.restored(copy["DestinationRecoveryPointArn"], "restored")
    client = aws.source("backup")
    found = client.list_backup_jobs(ByResourceArn=arn, ByBackupVaultName=source, ByCreatedAfter=start)["BackupJobs"]
    assert [job["BackupJobId"] for job in found] == [backup["BackupJobId"]]
    assert client.list_backup_jobs(ByCreatedAfter=start + timedelta(hours=1))["BackupJobs"] == []
    assert client.list_backup_jobs(ByState="FAILED")["BackupJobs"] == []
    found = client.list_copy_jobs(
        BySourceRecoveryPointArn=backup["RecoveryPointArn"], ByDestinationVaultArn=vault_arn(TARGET_ACCOUNT, target)
    )["CopyJobs"]
    assert [job["CopyJobId"] for job in found] == [copy["CopyJobId"]]
    client = aws.target("backup")
    found = client.list_restore_jobs(ByResourceType="DynamoDB", ByStatus="COMPLETED", ByCreatedAfter=start)
    assert [job["RestoreJobId"] for job in found["RestoreJobs"]] == [restore["RestoreJobId"]]
    found = client.list_restore_jobs_by_protected_resource(ResourceArn=arn)
    assert [job["RestoreJobId"] for job in found["RestoreJobs"]] == [restore["RestoreJobId"]]
    assert client.list_backup_jobs()["BackupJobs"] == []


def test_lists_come_in_pages(aws: BackupWorld) -> None:
    client = aws.source("backup")
    for _ in range(3):
        aws.vault(SOURCE_ACCOUNT)
    pages = list(client.get_paginator("list_backup_vaults").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["BackupVaultList"]) for page in pages] == [2, 2]


def test_a_token_starts_one_job(aws: BackupWorld) -> None:
    arn, vault, role = aws.table(1), aws.vault(SOURCE_ACCOUNT), aws.backup_role()
    wish = {"BackupVaultName": vault, "ResourceArn": arn, "IamRoleArn": role, "IdempotencyToken": "token"}
    client = aws.source("backup")
    first, second = client.start_backup_job(**wish), client.start_backup_job(**wish)
    assert first["BackupJobId"] == second["BackupJobId"]
    assert first["RecoveryPointArn"] == second["RecoveryPointArn"]
    assert len(client.list_backup_jobs()["BackupJobs"]) == 1
    with refused("InvalidParameterValueException", "token"):
        client.start_backup_job(**wish, RecoveryPointTags={"a": "b"})


def test_a_restore_takes_its_time(aws: BackupWorld) -> None:
    _, point = travelled(aws, aws.table(1))
    client, dynamodb = aws.target("backup"), aws.target("dynamodb")
    aws.slow_jobs()
    job = client.start_restore_job(
        RecoveryPointArn=point,
        Metadata={"targetTableName": "slow", "encryptionType": "Default"},
        IamRoleArn=aws.restore_role(),
    )["RestoreJobId"]
    running = client.describe_restore_job(RestoreJobId=job)
    assert running["Status"] == "RUNNING"
    assert 0 <= float(running["PercentDone"]) < 100
    table = dynamodb.describe_table(TableName="slow")["Table"]
    assert (table["TableStatus"], table["RestoreSummary"]["RestoreInProgress"]) == ("CREATING", True)
    vault = client.list_recovery_points_by_resource(ResourceArn=running["SourceResourceArn"])["RecoveryPoints"][0]
    with refused("InvalidResourceStateException"):
        client.delete_recovery_point(BackupVaultName=vault["BackupVaultName"], RecoveryPointArn=point)
    aws.end_jobs()
    assert client.describe_restore_job(RestoreJobId=job)["Status"] == "COMPLETED"
    assert dynamodb.describe_table(TableName="slow")["Table"]["TableStatus"] == "ACTIVE"


def test_jobs_of_one_table_run_one_after_the_other(aws: BackupWorld) -> None:
    arn, vault, role = aws.table(1), aws.vault(SOURCE_ACCOUNT), aws.backup_role()
    client = aws.source("backup")
    aws.slow_jobs()
    wish = {"BackupVaultName": vault, "ResourceArn": arn, "IamRoleArn": role}
    jobs = [client.start_backup_job(**wish)["BackupJobId"] for _ in range(2)]
    assert [client.describe_backup_job(BackupJobId=job)["State"] for job in jobs] == ["RUNNING", "CREATED"]
    client.stop_backup_job(BackupJobId=jobs[0])
    assert [client.describe_backup_job(BackupJobId=job)["State"] for job in jobs] == ["ABORTED", "RUNNING"]
    aws.sandbox.advance(3700)
    assert client.describe_backup_job(BackupJobId=jobs[1])["State"] == "COMPLETED"


def test_vaults_with_recovery_points_stay(aws: BackupWorld) -> None:
    vault = aws.vault(SOURCE_ACCOUNT)
    point = aws.backed_up(aws.table(1), vault)["RecoveryPointArn"]
    client = aws.source("backup")
    with refused("InvalidRequestException", "contains 1"):
        client.delete_backup_vault(BackupVaultName=vault)
    client.delete_recovery_point(BackupVaultName=vault, RecoveryPointArn=point)
    with refused("ResourceNotFoundException"):
        client.describe_recovery_point(BackupVaultName=vault, RecoveryPointArn=point)
    client.delete_backup_vault(BackupVaultName=vault)
    with refused("ResourceNotFoundException"):
        client.describe_backup_vault(BackupVaultName=vault)
    with refused("InvalidRequestException"):
        client.delete_backup_vault(BackupVaultName="Default")


def test_vaults_keep_key_policy_and_tags(aws: BackupWorld) -> None:
    client = aws.source("backup")
    key, name = aws.key(SOURCE_ACCOUNT), aws.name("vault")
    made = client.create_backup_vault(BackupVaultName=name, EncryptionKeyArn=key, BackupVaultTags={"a": "1"})
    assert made["BackupVaultArn"] == vault_arn(SOURCE_ACCOUNT, name)
    with refused("AlreadyExistsException"):
        client.create_backup_vault(BackupVaultName=name)
    described = client.describe_backup_vault(BackupVaultName=name)
    assert (described["EncryptionKeyArn"], described["NumberOfRecoveryPoints"]) == (key, 0)
    client.tag_resource(ResourceArn=made["BackupVaultArn"], Tags={"b": "2"})
    client.untag_resource(ResourceArn=made["BackupVaultArn"], TagKeyList=["a"])
    assert client.list_tags(ResourceArn=made["BackupVaultArn"])["Tags"] == {"b": "2"}
    with refused("ResourceNotFoundException"):
        client.get_backup_vault_access_policy(BackupVaultName=name)
    client.put_backup_vault_access_policy(BackupVaultName=name, Policy=letting_in(TARGET_ACCOUNT))
    assert client.get_backup_vault_access_policy(BackupVaultName=name)["Policy"] == letting_in(TARGET_ACCOUNT)
    client.delete_backup_vault_access_policy(BackupVaultName=name)
    with refused("ResourceNotFoundException"):
        client.get_backup_vault_access_policy(BackupVaultName=name)


def test_the_call_log_names_operations_and_their_parameters(aws: BackupWorld) -> None:
    vault = aws.vault(SOURCE_ACCOUNT)
    aws.backed_up(aws.table(1), vault)
    (call,) = aws.sandbox.calls.select(service="backup", operation="StartBackupJob")
    assert call["params"]["BackupVaultName"] == vault
    (call,) = aws.sandbox.calls.select(service="backup", operation="CreateBackupVault")
    assert call["params"]["BackupVaultName"] == vault


def test_a_job_that_waits_too_long_expires(aws: BackupWorld) -> None:
    aws.sandbox.set_timing(replace(NOW, backup=3 * 3600))
    arn, vault, role = aws.table(1), aws.vault(SOURCE_ACCOUNT), aws.backup_role()
    client = aws.source("backup")
    wish = {"BackupVaultName": vault, "ResourceArn": arn, "IamRoleArn": role, "StartWindowMinutes": 60}
    jobs = [client.start_backup_job(**wish)["BackupJobId"] for _ in range(2)]
    aws.sandbox.advance(4 * 3600)
    assert [client.describe_backup_job(BackupJobId=job)["State"] for job in jobs] == ["COMPLETED", "EXPIRED"]


def test_lifecycles_can_be_changed_and_end_recovery_points(aws: BackupWorld) -> None:
    vault = aws.vault(SOURCE_ACCOUNT)
    client = aws.source("backup")
    point = aws.backed_up(aws.table(1), vault, Lifecycle={"DeleteAfterDays": 1})["RecoveryPointArn"]
    where = {"BackupVaultName": vault, "RecoveryPointArn": point}
    changed = client.update_recovery_point_lifecycle(**where, Lifecycle={"DeleteAfterDays": 3})
    assert changed["Lifecycle"] == {"DeleteAfterDays": 3}
    aws.sandbox.advance(2 * 86_400)
    assert client.describe_recovery_point(**where)["Status"] == "COMPLETED"
    aws.sandbox.advance(86_400)
    with refused("ResourceNotFoundException"):
        client.describe_recovery_point(**where)


def test_what_is_being_restored_expires_and_stays_until_then(aws: BackupWorld) -> None:
    source, target = aws.vault(SOURCE_ACCOUNT), aws.vault(TARGET_ACCOUNT, lets_in=SOURCE_ACCOUNT)
    backup = aws.backed_up(aws.table(1), source)
    point = aws.copied(backup["RecoveryPointArn"], source, target, Lifecycle={"DeleteAfterDays": 1})
    arn = point["DestinationRecoveryPointArn"]
    aws.sandbox.set_timing(replace(NOW, restore=2 * 86_400))
    job = aws.restored(arn, "restored")
    aws.sandbox.advance(86_400)
    client, where = aws.target("backup"), {"BackupVaultName": target, "RecoveryPointArn": arn}
    assert client.describe_recovery_point(**where)["Status"] == "EXPIRED"
    with refused("InvalidRequestException", "EXPIRED"):
        aws.restored(arn, "too-late")
    aws.sandbox.advance(86_500)
    assert client.describe_restore_job(RestoreJobId=job["RestoreJobId"])["Status"] == "COMPLETED"
    with refused("ResourceNotFoundException"):
        client.describe_recovery_point(**where)


def test_a_copy_can_be_damaged(aws: BackupWorld) -> None:
    arn = aws.table(3)
    name = arn.rpartition("/")[2]
    copy, point = travelled(aws, arn)
    key = control(aws, "damage", "POST", {"recovery_point": point})["key"]
    aws.restored(point, "damaged")
    before, after = (
        {item["pk"]["S"]: item for item in client.scan(TableName=table)["Items"]}
        for client, table in ((aws.source("dynamodb"), name), (aws.target("dynamodb"), "damaged"))
    )
    assert [pk for pk in before if before[pk] != after[pk]] == [key["pk"]["S"]]
    assert copy["SourceRecoveryPointArn"] != point, "the backup in the source is untouched"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("throttle", "ThrottlingException"),
        ("access-denied", "AccessDeniedException"),
        ("error500", "InternalServerError"),
    ],
)
def test_faults_hit_backup_too(aws: BackupWorld, kind: str, code: str) -> None:
    rule = {"service": "backup", "operation": "ListBackupVaults", "kind": kind, "times": 1}
    assert aws.sandbox.faults.replace({"rules": [rule]}) == []
    with refused(code):
        aws.source("backup").list_backup_vaults()
    assert aws.source("backup").list_backup_vaults()["BackupVaultList"]


def test_a_lost_answer_and_the_same_token_make_one_job(aws: BackupWorld) -> None:
    arn, vault, role = aws.table(1), aws.vault(SOURCE_ACCOUNT), aws.backup_role()
    rule = {"service": "backup", "operation": "StartBackupJob", "kind": "lost-response", "times": 1}
    aws.sandbox.faults.replace({"rules": [rule]})
    client = aws.source("backup")
    wish = {"BackupVaultName": vault, "ResourceArn": arn, "IamRoleArn": role, "IdempotencyToken": "token"}
    with pytest.raises(ConnectionClosedError):
        client.start_backup_job(**wish)
    job = client.start_backup_job(**wish)["BackupJobId"]
    assert [one["BackupJobId"] for one in client.list_backup_jobs()["BackupJobs"]] == [job]
