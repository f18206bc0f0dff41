"""Air-gapped vaults, shared with another account inside or outside of the organization."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.sandbox.backup_world import BackupWorld, vault_arn
from tests.sandbox.transfer_world import refused

DAY = 86_400


@pytest.fixture
def aws(sandbox: Sandbox) -> BackupWorld:
    return BackupWorld(sandbox)


def air_gapped(aws: BackupWorld, key: str = "") -> str:
    """The ARN of a new air-gapped vault in the source account."""
    made = aws.source("backup").create_logically_air_gapped_backup_vault(
        BackupVaultName=aws.name("air-gapped"),
        MinRetentionDays=7,
        MaxRetentionDays=30,
        **({"EncryptionKeyArn": key} if key else {}),
    )
    assert made["VaultState"] == "CREATING"
    return str(made["BackupVaultArn"])


def kept(aws: BackupWorld, vault: str, days: int = 7) -> dict[str, Any]:
    """The job of a copy into that vault."""
    source = aws.vault(SOURCE_ACCOUNT)
    point = aws.backed_up(aws.table(3), source)["RecoveryPointArn"]
    return aws.copied(point, source, vault, Lifecycle={"DeleteAfterDays": days})


def share(aws: BackupWorld, vault: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = aws.source("ram").create_resource_share(
        name="backups", resourceArns=[vault], principals=[TARGET_ACCOUNT], **more
    )["resourceShare"]
    return made


def read(aws: BackupWorld, vault: str) -> list[str]:
    """The recovery points that the target sees in a vault of the source."""
    listed = aws.target("backup").list_recovery_points_by_backup_vault(
        BackupVaultName=vault.rpartition(":")[2], BackupVaultAccountId=SOURCE_ACCOUNT
    )
    return [point["RecoveryPointArn"] for point in listed["RecoveryPoints"]]


def test_a_shared_vault_is_read_and_restored_from_without_a_copy(aws: BackupWorld) -> None:
    vault = air_gapped(aws)
    name = vault.rpartition(":")[2]
    described = aws.source("backup").describe_backup_vault(BackupVaultName=name)
    assert (described["VaultState"], described["Locked"], described["MinRetentionDays"]) == ("AVAILABLE", True, 7)
    assert described["EncryptionKeyType"] == "AWS_OWNED_KMS_KEY"
    point = kept(aws, vault)["DestinationRecoveryPointArn"]
    with refused("AccessDeniedException"):
        read(aws, vault)
    with refused("ResourceNotFoundException"):
        aws.restored(point, "restored")
    share(aws, vault)
    assert aws.target("ram").get_resource_share_invitations()["resourceShareInvitations"] == []
    assert read(aws, vault) == [point]
    target = aws.target("backup")
    with refused("ResourceNotFoundException"):
        target.describe_backup_vault(BackupVaultName=name)
    where = {"BackupVaultName": name, "BackupVaultAccountId": SOURCE_ACCOUNT}
    assert target.describe_backup_vault(**where)["VaultType"] == "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
    assert target.describe_recovery_point(**where, RecoveryPointArn=point)["Status"] == "COMPLETED"
    assert target.get_recovery_point_restore_metadata(**where, RecoveryPointArn=point)["RestoreMetadata"]
    shared = target.list_backup_vaults(ByShared=True)["BackupVaultList"]
    assert [one["BackupVaultArn"] for one in shared] == [vault]
    job = aws.restored(point, "restored")
    assert (job["Status"], job["BackupVaultArn"]) == ("COMPLETED", vault)
    assert aws.target("dynamodb").scan(TableName="restored")["Count"] == 3


def test_another_organization_must_accept(aws: BackupWorld) -> None:
    aws.sandbox.place(TARGET_ACCOUNT, "other")
    vault, ram = air_gapped(aws), aws.target("ram")
    point = kept(aws, vault)["DestinationRecoveryPointArn"]
    with refused("OperationNotPermittedException"):
        share(aws, vault, allowExternalPrincipals=False)
    arn = share(aws, vault)["resourceShareArn"]
    with refused("AccessDeniedException"):
        read(aws, vault)
    (invitation,) = ram.get_resource_share_invitations(resourceShareArns=[arn])["resourceShareInvitations"]
    assert (invitation["status"], invitation["senderAccountId"]) == ("PENDING", SOURCE_ACCOUNT)
    accepted = {"resourceShareInvitationArn": invitation["resourceShareInvitationArn"]}
    ram.accept_resource_share_invitation(**accepted)
    with refused("ResourceShareInvitationAlreadyAcceptedException"):
        ram.accept_resource_share_invitation(**accepted)
    assert read(aws, vault) == [point]
    assert aws.restored(point, "restored")["Status"] == "COMPLETED"


def test_invitations_expire(aws: BackupWorld) -> None:
    aws.sandbox.place(TARGET_ACCOUNT, "none")
    vault, ram = air_gapped(aws), aws.target("ram")
    share(aws, vault)
    aws.sandbox.advance(13 * 3600)
    (invitation,) = ram.get_resource_share_invitations()["resourceShareInvitations"]
    assert invitation["status"] == "EXPIRED"
    with refused("ResourceShareInvitationExpiredException"):
        ram.accept_resource_share_invitation(resourceShareInvitationArn=invitation["resourceShareInvitationArn"])


def test_shares_can_be_found_and_taken_back(aws: BackupWorld) -> None:
    vault, other, ram = air_gapped(aws), air_gapped(aws), aws.source("ram")
    arn = share(aws, vault, tags=[{"key": "plan", "value": "42"}], clientToken="token")["resourceShareArn"]
    assert share(aws, vault, tags=[{"key": "plan", "value": "42"}], clientToken="token")["resourceShareArn"] == arn
    tagged = [{"tagKey": "plan", "tagValues": ["42"]}]

    def listed(client: Any, owner: str, **more: Any) -> list[str]:
        shares = client.get_resource_shares(resourceOwner=owner, **more)["resourceShares"]
        return [one["resourceShareArn"] for one in shares]

    assert listed(ram, "SELF", name="backups", tagFilters=tagged) == [arn]
    assert listed(ram, "SELF", tagFilters=[{"tagKey": "plan", "tagValues": ["43"]}]) == []
    assert listed(aws.target("ram"), "OTHER-ACCOUNTS") == [arn]
    ram.associate_resource_share(resourceShareArn=arn, resourceArns=[other])
    resources = aws.target("ram").list_resources(resourceOwner="OTHER-ACCOUNTS")["resources"]
    assert {one["arn"] for one in resources} == {vault, other}
    associations = ram.get_resource_share_associations(associationType="PRINCIPAL", resourceShareArns=[arn])
    found = [(one["associatedEntity"], one["status"]) for one in associations["resourceShareAssociations"]]
    assert found == [(TARGET_ACCOUNT, "ASSOCIATED")]
    ram.delete_resource_share(resourceShareArn=arn)
    assert listed(ram, "SELF", resourceShareStatus="ACTIVE") == []
    with refused("AccessDeniedException"):
        read(aws, vault)
    with refused("UnknownResourceException"):
        ram.delete_resource_share(resourceShareArn=arn)


def test_only_air_gapped_vaults_of_the_own_account_can_be_shared(aws: BackupWorld) -> None:
    ordinary = vault_arn(SOURCE_ACCOUNT, aws.vault(SOURCE_ACCOUNT))
    with refused("InvalidParameterException", "air-gapped"):
        share(aws, ordinary)
    with refused("UnknownResourceException"):
        share(aws, vault_arn(SOURCE_ACCOUNT, "missing"))
    with refused("MalformedArnException"):
        share(aws, "arn:aws:s3:::bucket")


def test_nothing_leaves_an_air_gapped_vault_before_its_time(aws: BackupWorld) -> None:
    vault = air_gapped(aws)
    where = {"BackupVaultName": vault.rpartition(":")[2]}
    client = aws.source("backup")
    points = [kept(aws, vault, days)["DestinationRecoveryPointArn"] for days in (10, 20)]
    with refused("InvalidRequestException", "at least 7 days"):
        client.delete_recovery_point(**where, RecoveryPointArn=points[0])
    aws.sandbox.advance(8 * DAY)
    client.delete_recovery_point(**where, RecoveryPointArn=points[0])
    assert len(client.list_recovery_points_by_backup_vault(**where)["RecoveryPoints"]) == 1
    aws.sandbox.advance(13 * DAY)
    assert client.list_recovery_points_by_backup_vault(**where)["RecoveryPoints"] == []
    client.delete_backup_vault(**where)


def test_retention_must_be_what_the_vault_allows(aws: BackupWorld) -> None:
    vault = air_gapped(aws)
    for days in (6, 31):
        job = kept(aws, vault, days)
        assert job["State"] == "FAILED"
        assert "between the 7 and 30 days" in job["StatusMessage"]
    for least, most in ((6, 30), (10, 9)):
        with refused("InvalidParameterValueException", "MinRetentionDays"):
            aws.source("backup").create_logically_air_gapped_backup_vault(
                BackupVaultName="too-short", MinRetentionDays=least, MaxRetentionDays=most
            )


def test_the_key_of_a_shared_vault_must_be_shared_too(aws: BackupWorld) -> None:
    """Without it the restore is the documented trap: COMPLETED, and empty."""
    for others, count in (((), 0), ((TARGET_ACCOUNT,), 3)):
        vault = air_gapped(aws, aws.key(SOURCE_ACCOUNT, *others))
        point = kept(aws, vault)["DestinationRecoveryPointArn"]
        share(aws, vault)
        table = aws.name("restored")
        assert aws.restored(point, table)["Status"] == "COMPLETED"
        assert aws.target("dynamodb").scan(TableName=table)["Count"] == count
