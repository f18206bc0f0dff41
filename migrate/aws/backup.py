"""AWS Backup: vaults, their access policies, and the settings of account and Region. API reference: 2018-11-15.

Jobs and recovery points that they make are in `backup_jobs.py`. Whether a vault exists is read from ListBackupVaults:
DescribeBackupVault answers AccessDeniedException for a vault that is not there.
https://docs.aws.amazon.com/aws-backup/latest/devguide/create-cross-account-backup.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.errors import AccessDenied, AlreadyExists, Invalid, NotFound

SERVICE = "backup"
RESOURCE_TYPE = "DynamoDB"
AIR_GAPPED = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
_NEXT = ("NextToken", "NextToken")


def region_settings(account: Account) -> tuple[bool, bool]:
    """Whether AWS Backup is on for DynamoDB in this account and Region, and whether it manages the backups fully.

    The second is what the console calls advanced features; only such backups can leave the account.
    """
    answer = call(account, SERVICE, "DescribeRegionSettings")
    on = answer.get("ResourceTypeOptInPreference") or {}
    managed = answer.get("ResourceTypeManagementPreference") or {}
    return bool(on.get(RESOURCE_TYPE)), bool(managed.get(RESOURCE_TYPE))


def is_cross_account_on(account: Account) -> bool | None:
    """Whether the organization's management account allows copies between accounts; None when only it may know."""
    try:
        settings = call(account, SERVICE, "DescribeGlobalSettings").get("GlobalSettings") or {}
    except Invalid:
        return None
    return str(settings.get("isCrossAccountBackupEnabled", "")).lower() == "true"


def list_vaults(account: Account) -> dict[str, dict[str, Any]]:
    """All vaults of the account in its Region by name: BackupVaultArn, VaultType, VaultState, EncryptionKeyArn, ..."""
    return {
        str(vault["BackupVaultName"]): vault
        for page in pages(account, SERVICE, "ListBackupVaults", token=_NEXT)
        for vault in page.get("BackupVaultList", [])
    }


def find_vault(account: Account, name: str) -> dict[str, Any] | None:
    """One of `list_vaults`; None when it does not exist."""
    return list_vaults(account).get(name)


def is_shared_vault(account: Account, name: str, owner: str) -> bool:
    """True when this account sees the vault `name` of the account `owner`."""
    try:
        call(account, SERVICE, "DescribeBackupVault", BackupVaultName=name, BackupVaultAccountId=owner)
    except (AccessDenied, NotFound, Invalid):
        return False
    return True


def vault_policy(account: Account, name: str) -> str | None:
    """The vault's access policy, JSON text; None when it has none."""
    try:
        return str(call(account, SERVICE, "GetBackupVaultAccessPolicy", BackupVaultName=name)["Policy"])
    except NotFound:
        return None


def put_vault_policy(account: Account, name: str, policy: str) -> None:
    """Replace the vault's access policy."""
    call(account, SERVICE, "PutBackupVaultAccessPolicy", BackupVaultName=name, Policy=policy)


def delete_vault_policy(account: Account, name: str) -> None:
    """Remove the vault's access policy; nothing happens when there is none."""
    try:
        call(account, SERVICE, "DeleteBackupVaultAccessPolicy", BackupVaultName=name)
    except NotFound:
        return


def create_vault(account: Account, name: str, key_arn: str, tags: Mapping[str, str], token: str) -> None:
    """Make a vault whose backups are encrypted with that key; its tags come with the creation.

    Raises `AlreadyExists` when there is one of that name that another request has made.
    """
    params = {"BackupVaultName": name, "EncryptionKeyArn": key_arn, "BackupVaultTags": dict(tags)}
    call(account, SERVICE, "CreateBackupVault", CreatorRequestId=token, **params)


def create_air_gapped_vault(
    account: Account, name: str, retention: tuple[int, int], tags: Mapping[str, str], token: str
) -> None:
    """Make a logically air-gapped vault with these minimum and maximum days of retention, and AWS's own key."""
    params: dict[str, Any] = {"BackupVaultName": name, "BackupVaultTags": dict(tags), "CreatorRequestId": token}
    shortest, longest = retention
    call(
        account,
        SERVICE,
        "CreateLogicallyAirGappedBackupVault",
        MinRetentionDays=shortest,
        MaxRetentionDays=longest,
        **params,
    )


def delete_vault(account: Account, name: str) -> None:
    """Delete an empty vault; nothing happens when it is gone. Raises `Invalid` while a recovery point is in it."""
    try:
        call(account, SERVICE, "DeleteBackupVault", BackupVaultName=name)
    except (NotFound, AlreadyExists):
        return


def recovery_points(account: Account, vault: str, table_arn: str = "") -> list[dict[str, Any]]:
    """The recovery points in a vault, of one table where it is named; none when the vault is not there."""
    filters = {"BackupVaultName": vault, **({"ByResourceArn": table_arn} if table_arn else {})}
    try:
        found = list(pages(account, SERVICE, "ListRecoveryPointsByBackupVault", token=_NEXT, **filters))
    except NotFound:
        return []
    return [point for page in found for point in page.get("RecoveryPoints", [])]


def is_empty(account: Account, vault: str) -> bool:
    """True when no recovery point is in the vault (or it is not there)."""
    try:
        page = call(account, SERVICE, "ListRecoveryPointsByBackupVault", BackupVaultName=vault, MaxResults=1)
    except NotFound:
        return True
    return not page.get("RecoveryPoints")
