"""What goes wrong with AWS Backup between accounts, and how AWS says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import MANAGEMENT_ACCOUNT, SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.sandbox.backup_world import BACKUP_ACTIONS, KEY_ACTIONS, RESTORE_ACTIONS, BackupWorld, vault_arn
from tests.sandbox.transfer_world import refused


@pytest.fixture
def aws(sandbox: Sandbox) -> BackupWorld:
    return BackupWorld(sandbox)


@pytest.fixture
def ready(aws: BackupWorld) -> tuple[str, str, str]:
    """(a recovery point, its vault, a vault in the target that lets it in)."""
    source, target = aws.vault(SOURCE_ACCOUNT), aws.vault(TARGET_ACCOUNT, lets_in=SOURCE_ACCOUNT)
    return aws.backed_up(aws.table(3), source)["RecoveryPointArn"], source, target


def failed(job: dict[str, Any], text: str) -> None:
    assert job.get("State", job.get("Status")) == "FAILED", job
    assert text in job["StatusMessage"]


def test_a_type_that_is_not_opted_in_is_refused(aws: BackupWorld) -> None:
    backup = aws.source("backup")
    backup.update_region_settings(ResourceTypeOptInPreference={"DynamoDB": False})
    assert backup.describe_region_settings()["ResourceTypeOptInPreference"]["DynamoDB"] is False
    with refused("InvalidRequestException", "not opted in"):
        aws.backed_up(aws.table(), aws.vault(SOURCE_ACCOUNT))


def test_without_advanced_features_a_backup_cannot_leave_the_account(aws: BackupWorld) -> None:
    source, target = aws.vault(SOURCE_ACCOUNT), aws.vault(TARGET_ACCOUNT, lets_in=SOURCE_ACCOUNT)
    backup = aws.source("backup")
    backup.update_region_settings(ResourceTypeManagementPreference={"DynamoDB": False})
    table = aws.table()
    point = aws.backed_up(table, source)["RecoveryPointArn"]
    assert point.startswith(f"{table}/backup/")
    backup.update_region_settings(ResourceTypeManagementPreference={"DynamoDB": True})
    with refused("InvalidParameterValueException", "advanced features"):
        aws.copied(point, source, target)
    described = backup.describe_recovery_point(BackupVaultName=source, RecoveryPointArn=point)
    assert described["Status"] == "COMPLETED"
    assert backup.get_recovery_point_restore_metadata(BackupVaultName=source, RecoveryPointArn=point)
    assert aws.backed_up(table, source)["RecoveryPointArn"].startswith("arn:aws:backup:")


def test_only_the_management_account_switches_cross_account_backup(aws: BackupWorld, ready: Any) -> None:
    off = {"isCrossAccountBackupEnabled": "false"}
    with refused("InvalidRequestException", "management account"):
        aws.source("backup").update_global_settings(GlobalSettings=off)
    aws.management("backup").update_global_settings(GlobalSettings=off)
    assert aws.target("backup").describe_global_settings()["GlobalSettings"] == {
        **aws.management("backup").describe_global_settings()["GlobalSettings"],
        **off,
    }
    with refused("InvalidParameterValueException", "not enabled"):
        aws.copied(*ready)


def test_accounts_of_two_organizations_cannot_copy(aws: BackupWorld, ready: Any) -> None:
    def organization(account: str) -> str:
        client = aws.client("organizations", account)
        return str(client.describe_organization()["Organization"]["Id"])

    assert organization(SOURCE_ACCOUNT) == organization(TARGET_ACCOUNT) == organization(MANAGEMENT_ACCOUNT)
    assert aws.sandbox.place(TARGET_ACCOUNT, "other") is None
    assert organization(SOURCE_ACCOUNT) != organization(TARGET_ACCOUNT)
    failed(aws.copied(*ready), "not part of the same organization")
    aws.sandbox.place(TARGET_ACCOUNT, "none")
    with refused("AWSOrganizationsNotInUseException"):
        organization(TARGET_ACCOUNT)
    with refused("InvalidRequestException"):
        aws.target("backup").describe_global_settings()
    aws.sandbox.place(TARGET_ACCOUNT, "first")
    assert organization(SOURCE_ACCOUNT) == organization(TARGET_ACCOUNT)
    assert aws.copied(*ready)["State"] == "COMPLETED"


def test_a_vault_without_policy_lets_nobody_in(aws: BackupWorld, ready: Any) -> None:
    point, source, _ = ready
    failed(aws.copied(point, source, aws.vault(TARGET_ACCOUNT)), "Access Denied trying to call AWS Backup service")
    failed(aws.copied(point, source, "no-such-vault"), "Access Denied trying to call AWS Backup service")
    elsewhere = vault_arn(TARGET_ACCOUNT, ready[2]).replace("eu-west-1", "us-east-1")
    failed(aws.copied(point, source, elsewhere), "Access Denied trying to call AWS Backup service")


def test_the_default_vault_takes_no_copy_from_another_account(aws: BackupWorld, ready: Any) -> None:
    aws.target("backup").put_backup_vault_access_policy(
        BackupVaultName="Default",
        Policy=aws.target("backup").get_backup_vault_access_policy(BackupVaultName=ready[2])["Policy"],
    )
    failed(aws.copied(ready[0], ready[1], "Default"), "aws/backup")


@pytest.mark.parametrize("side", ["source", "target"])
def test_the_key_of_either_vault_must_be_shared(aws: BackupWorld, side: str) -> None:
    accounts = (SOURCE_ACCOUNT, TARGET_ACCOUNT)
    shared = [aws.key(one, *(other for other in accounts if other != one)) for one in accounts]
    own = [aws.key(one) for one in accounts]
    table = aws.table()

    def copy(keys: list[str]) -> dict[str, Any]:
        source = aws.vault(SOURCE_ACCOUNT, key=keys[0])
        target = aws.vault(TARGET_ACCOUNT, key=keys[1], lets_in=SOURCE_ACCOUNT)
        return aws.copied(aws.backed_up(table, source)["RecoveryPointArn"], source, target)

    assert copy(shared)["State"] == "COMPLETED"
    wrong = [own[0], shared[1]] if side == "source" else [shared[0], own[1]]
    job = copy(wrong)
    failed(job, f"The {'source' if side == 'source' else 'destination'} backup vault's KMS key")


def test_a_key_that_is_going_cannot_be_used(aws: BackupWorld) -> None:
    key = aws.key(SOURCE_ACCOUNT, TARGET_ACCOUNT)
    vault = aws.vault(SOURCE_ACCOUNT, key=key)
    aws.source("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=30)
    failed(aws.backed_up(aws.table(), vault), "PendingDeletion")
    with refused("InvalidParameterValueException", key):
        aws.vault(SOURCE_ACCOUNT, key=key)


def test_a_backup_role_without_the_key_makes_an_empty_backup(aws: BackupWorld) -> None:
    """The documented trap: the job is COMPLETED, and nothing was backed up."""
    source = aws.vault(SOURCE_ACCOUNT, key=aws.key(SOURCE_ACCOUNT, TARGET_ACCOUNT))
    target = aws.vault(TARGET_ACCOUNT, lets_in=SOURCE_ACCOUNT)
    job = aws.backed_up(aws.table(3), source, IamRoleArn=aws.role(SOURCE_ACCOUNT, *BACKUP_ACTIONS))
    assert job["State"] == "COMPLETED"
    copy = aws.copied(job["RecoveryPointArn"], source, target)
    assert aws.restored(copy["DestinationRecoveryPointArn"], "empty")["Status"] == "COMPLETED"
    assert aws.target("dynamodb").scan(TableName="empty")["Count"] == 0


def test_a_restore_role_without_the_key_makes_an_empty_table(aws: BackupWorld) -> None:
    source = aws.vault(SOURCE_ACCOUNT)
    key = aws.key(TARGET_ACCOUNT, SOURCE_ACCOUNT)
    target = aws.vault(TARGET_ACCOUNT, key=key, lets_in=SOURCE_ACCOUNT)
    copy = aws.copied(aws.backed_up(aws.table(3), source)["RecoveryPointArn"], source, target)
    point = copy["DestinationRecoveryPointArn"]
    blind = aws.role(TARGET_ACCOUNT, *RESTORE_ACTIONS)
    assert aws.restored(point, "empty", IamRoleArn=blind)["Status"] == "COMPLETED"
    assert aws.target("dynamodb").scan(TableName="empty")["Count"] == 0
    aws.restored(point, "full")
    assert aws.target("dynamodb").scan(TableName="full")["Count"] == 3


def test_roles_must_exist_and_trust_aws_backup(aws: BackupWorld) -> None:
    table, vault = aws.table(), aws.vault(SOURCE_ACCOUNT)
    missing = f"arn:aws:iam::{SOURCE_ACCOUNT}:role/missing"
    with refused("InvalidParameterValueException", "does not exist"):
        aws.backed_up(table, vault, IamRoleArn=missing)
    stranger = aws.role(SOURCE_ACCOUNT, *BACKUP_ACTIONS, service="ec2.amazonaws.com")
    with refused("InvalidParameterValueException", "cannot be assumed by AWS Backup"):
        aws.backed_up(table, vault, IamRoleArn=stranger)
    with refused("InvalidParameterValueException", "does not exist"):
        aws.backed_up(table, vault, IamRoleArn=aws.restore_role())


def test_roles_without_rights_fail(aws: BackupWorld, ready: Any) -> None:
    table, vault = aws.table(), aws.vault(SOURCE_ACCOUNT)
    weak = aws.role(SOURCE_ACCOUNT, *KEY_ACTIONS)
    failed(aws.backed_up(table, vault, IamRoleArn=weak), "Insufficient privileges")
    failed(aws.copied(*ready, IamRoleArn=weak), "Access Denied")
    copy = aws.copied(*ready)
    weak = aws.role(TARGET_ACCOUNT, *KEY_ACTIONS)
    failed(aws.restored(copy["DestinationRecoveryPointArn"], "none", IamRoleArn=weak), "Insufficient privileges")


def test_aws_managed_policies_are_enough(aws: BackupWorld, ready: Any) -> None:
    for account, policy in ((SOURCE_ACCOUNT, "ForBackup"), (TARGET_ACCOUNT, "ForRestores")):
        role = aws.role(account)
        aws.client("iam", account).attach_role_policy(
            RoleName=role.rpartition("/")[2],
            PolicyArn=f"arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicy{policy}",
        )
        if account == SOURCE_ACCOUNT:
            key = aws.key(SOURCE_ACCOUNT)
            job = aws.backed_up(aws.table(), aws.vault(SOURCE_ACCOUNT, key=key), IamRoleArn=role)
            assert job["BackupSizeInBytes"] > 0
            copy = aws.copied(*ready, IamRoleArn=role)
    assert aws.restored(copy["DestinationRecoveryPointArn"], "fine", IamRoleArn=role)["Status"] == "COMPLETED"


def test_cold_recovery_points_cannot_be_copied(aws: BackupWorld) -> None:
    source, target = aws.vault(SOURCE_ACCOUNT), aws.vault(TARGET_ACCOUNT, lets_in=SOURCE_ACCOUNT)
    lifecycle = {"MoveToColdStorageAfterDays": 1, "DeleteAfterDays": 100}
    point = aws.backed_up(aws.table(), source, Lifecycle=lifecycle)["RecoveryPointArn"]
    aws.sandbox.advance(2 * 86_400)
    described = aws.source("backup").describe_recovery_point(BackupVaultName=source, RecoveryPointArn=point)
    assert described["StorageClass"] == "COLD"
    with refused("InvalidRequestException", "cold storage"):
        aws.copied(point, source, target)
    aws.sandbox.advance(100 * 86_400)
    with refused("ResourceNotFoundException"):
        aws.copied(point, source, target)


def test_a_restore_into_a_table_that_exists_fails_and_leaves_it(aws: BackupWorld, ready: Any) -> None:
    point = aws.copied(*ready)["DestinationRecoveryPointArn"]
    aws.restored(point, "there")
    aws.target("dynamodb").put_item(TableName="there", Item={"pk": {"S": "own"}})
    failed(aws.restored(point, "there"), "Table already exists: there")
    assert aws.target("dynamodb").scan(TableName="there")["Count"] == 4


def test_a_restore_in_another_account_must_name_the_encryption(aws: BackupWorld, ready: Any) -> None:
    point = aws.copied(*ready)["DestinationRecoveryPointArn"]
    failed(aws.restored(point, "no-key", Metadata={"encryptionType": ""}), "no encryptionType")
    with refused("InvalidParameterValueException", "kmsMasterKeyArn"):
        aws.restored(point, "no-key", Metadata={"kmsMasterKeyArn": aws.key(TARGET_ACCOUNT)})
    wrong = {"encryptionType": "KMS", "kmsMasterKeyArn": aws.key(TARGET_ACCOUNT)[:-1] + "x"}
    failed(aws.restored(point, "no-key", Metadata=wrong), "KMS")


def test_restore_requests_are_checked(aws: BackupWorld, ready: Any) -> None:
    point = aws.copied(*ready)["DestinationRecoveryPointArn"]
    with refused("InvalidParameterValueException", "billingmode"):
        aws.restored(point, "t-1", Metadata={"billingMode": "PROVISIONED"})
    with refused("InvalidParameterValueException", "targetTableName"):
        aws.restored(point, "")
    with refused("InvalidParameterValueException", "CopySourceTags"):
        aws.restored(point, "t-1", CopySourceTagsToRestoredResource=True)
    with refused("ResourceNotFoundException"):
        aws.restored(ready[0], "t-1")


@pytest.mark.parametrize("state", ["FAILED", "PARTIAL", "ABORTED", "EXPIRED"])
def test_jobs_end_as_the_fault_rules_say(aws: BackupWorld, ready: Any, state: str) -> None:
    rule = {"service": "backup", "kind": f"job-{state.lower()}", "message": "so it was ordered", "times": 1}
    vault, client = aws.vault(SOURCE_ACCOUNT), aws.source("backup")

    def order(operation: str) -> None:
        assert aws.sandbox.faults.replace({"rules": [{**rule, "operation": operation}]}) == []

    order("StartBackupJob")
    job = aws.backed_up(aws.table(), vault)
    assert (job["State"], job["StatusMessage"]) == (state, "so it was ordered")
    assert bool(client.list_recovery_points_by_backup_vault(BackupVaultName=vault)["RecoveryPoints"]) == (
        state == "PARTIAL"
    )
    order("StartCopyJob")
    copy = aws.copied(*ready)
    assert copy["State"] == (state if state in ("FAILED", "PARTIAL") else "COMPLETED")
    order("StartRestoreJob")
    restore = aws.restored(aws.copied(*ready)["DestinationRecoveryPointArn"], "faulty")
    assert restore["Status"] == (state if state in ("FAILED", "ABORTED") else "COMPLETED")
    assert ("faulty" in aws.target("dynamodb").list_tables()["TableNames"]) == (restore["Status"] == "COMPLETED")


def test_too_many_tags_fail_the_job(aws: BackupWorld) -> None:
    table = aws.table(1, Tags=[{"Key": f"t{number}", "Value": ""} for number in range(50)])
    failed(aws.backed_up(table, aws.vault(SOURCE_ACCOUNT), RecoveryPointTags={"one": "more"}), "51 tags")


def test_requests_of_another_account_or_region_are_refused(aws: BackupWorld, ready: Any) -> None:
    table, vault = aws.table(), aws.vault(SOURCE_ACCOUNT)
    with refused("InvalidParameterValueException"):
        aws.backed_up(table.replace("eu-west-1", "us-east-1"), vault)
    with refused("ResourceNotFoundException", "does not exist"):
        aws.backed_up(table + "x", vault)
    with refused("ResourceNotFoundException", "no-vault"):
        aws.backed_up(table, "no-vault")
    with refused("InvalidParameterValueException", "Invalid backup vault ARN"):
        aws.copied(ready[0], ready[1], "arn:aws:s3:::bucket")


def test_roles_work_as_everywhere(aws: BackupWorld) -> None:
    """The calls with which a role is made, read and removed."""
    iam = aws.target("iam")
    name, trust = aws.name("role"), json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Tags=[{"Key": "a", "Value": "1"}])
    with refused("EntityAlreadyExists"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    iam.tag_role(RoleName=name, Tags=[{"Key": "b", "Value": "2"}])
    assert {tag["Key"] for tag in iam.list_role_tags(RoleName=name)["Tags"]} == {"a", "b"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": RESTORE_ACTIONS})
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["p"]
    assert iam.get_role_policy(RoleName=name, PolicyName="p")["PolicyDocument"] == json.loads(policy)
    managed = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores"
    iam.attach_role_policy(RoleName=name, PolicyArn=managed)
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [one["PolicyArn"] for one in attached] == [managed]
    with refused("DeleteConflict"):
        iam.delete_role(RoleName=name)
    iam.detach_role_policy(RoleName=name, PolicyArn=managed)
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)
    with refused("NoSuchEntity"):
        iam.get_role(RoleName=name)
    with refused("NoSuchEntity"):
        aws.source("iam").get_role(RoleName=name)


def test_the_first_vault_makes_the_service_linked_role(aws: BackupWorld) -> None:
    """A key policy may name it from then on, and not before."""
    linked = f"arn:aws:iam::{TARGET_ACCOUNT}:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
    root = f"arn:aws:iam::{SOURCE_ACCOUNT}:root"
    statement = {"Effect": "Allow", "Principal": {"AWS": [root, linked]}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with refused("MalformedPolicyDocumentException"):
        aws.source("kms").create_key(Policy=policy)
    target = aws.vault(TARGET_ACCOUNT, lets_in=SOURCE_ACCOUNT)
    assert aws.target("iam").get_role(RoleName="AWSServiceRoleForBackup")["Role"]["Arn"] == linked
    source = aws.vault(SOURCE_ACCOUNT, key=aws.source("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"])
    point = aws.backed_up(aws.table(1), source)["RecoveryPointArn"]
    assert aws.copied(point, source, target)["State"] == "COMPLETED"
    other = aws.client("iam", MANAGEMENT_ACCOUNT, role="")
    made = other.create_service_linked_role(AWSServiceName="backup.amazonaws.com")["Role"]
    assert made["RoleName"] == "AWSServiceRoleForBackup"


def test_keys_work_as_everywhere(aws: BackupWorld) -> None:
    """The calls with which a key is made, found and removed."""
    kms, alias = aws.target("kms"), f"alias/{aws.name('key')}"
    key = kms.create_key(Tags=[{"TagKey": "a", "TagValue": "1"}])["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=key["Arn"])
    kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": "b", "TagValue": "2"}])
    assert {tag["TagKey"] for tag in kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]} == {"a", "b"}
    listed = {one["AliasName"]: one.get("TargetKeyId") for one in kms.list_aliases()["Aliases"]}
    assert listed[alias] == key["KeyId"]
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"] == key["Arn"]
    unknown = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{SOURCE_ACCOUNT}:role/missing"},
        "Action": "kms:*",
        "Resource": "*",
    }
    with refused("MalformedPolicyDocumentException", "invalid principals"):
        kms.put_key_policy(
            KeyId=key["KeyId"],
            PolicyName="default",
            Policy=json.dumps({"Version": "2012-10-17", "Statement": [unknown]}),
        )
    kms.delete_alias(AliasName=alias)
    with refused("NotFoundException"):
        kms.describe_key(KeyId=alias)
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=30)
    with refused("KMSInvalidStateException"):
        kms.schedule_key_deletion(KeyId=key["Arn"], PendingWindowInDays=30)
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
