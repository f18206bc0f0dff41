"""Jobs of AWS Backup (backup, copy, restore) and the recovery points that they make.

Always pass a stored IdempotencyToken: botocore fills in a random one when it is left out, and a crash would lose it.
No waiter exists for any of these jobs. https://docs.aws.amazon.com/aws-backup/latest/devguide/API_Operations.html
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.errors import NotFound

SERVICE = "backup"
_NEXT = ("NextToken", "NextToken")


def start_backup(account: Account, **params: Any) -> str:
    """StartBackupJob; the job's id. A repeat with the same IdempotencyToken gives the same job."""
    return str(call(account, SERVICE, "StartBackupJob", **params)["BackupJobId"])


def describe_backup(account: Account, job: str) -> dict[str, Any] | None:
    """DescribeBackupJob: State, RecoveryPointArn, StatusMessage, PercentDone (a string), ...; None when unknown."""
    try:
        return call(account, SERVICE, "DescribeBackupJob", BackupJobId=job)
    except NotFound:
        return None


def list_backups(account: Account, table_arn: str, vault: str, since: dt.datetime | None) -> list[dict[str, Any]]:
    """Backup jobs of a table into a vault, created at or after `since`."""
    filters = {"ByResourceArn": table_arn, "ByBackupVaultName": vault, **_since(since)}
    return [
        job for page in pages(account, SERVICE, "ListBackupJobs", token=_NEXT, **filters) for job in page["BackupJobs"]
    ]


def start_copy(account: Account, **params: Any) -> str:
    """StartCopyJob; the job's id. A repeat with the same IdempotencyToken gives the same job."""
    return str(call(account, SERVICE, "StartCopyJob", **params)["CopyJobId"])


def describe_copy(account: Account, job: str) -> dict[str, Any] | None:
    """DescribeCopyJob: State, DestinationRecoveryPointArn, StatusMessage, ...; None when unknown."""
    try:
        return dict(call(account, SERVICE, "DescribeCopyJob", CopyJobId=job)["CopyJob"])
    except NotFound:
        return None


def list_copies(
    account: Account, recovery_point: str, vault_arn: str, since: dt.datetime | None
) -> list[dict[str, Any]]:
    """Copy jobs of a recovery point into a vault, created at or after `since`."""
    filters = {"BySourceRecoveryPointArn": recovery_point, "ByDestinationVaultArn": vault_arn, **_since(since)}
    return [job for page in pages(account, SERVICE, "ListCopyJobs", token=_NEXT, **filters) for job in page["CopyJobs"]]


def start_restore(account: Account, **params: Any) -> str:
    """StartRestoreJob; the job's id. A repeat with the same IdempotencyToken gives the same job."""
    return str(call(account, SERVICE, "StartRestoreJob", ResourceType="DynamoDB", **params)["RestoreJobId"])


def describe_restore(account: Account, job: str) -> dict[str, Any] | None:
    """DescribeRestoreJob: Status, CreatedResourceArn, StatusMessage, ...; None when unknown."""
    try:
        return call(account, SERVICE, "DescribeRestoreJob", RestoreJobId=job)
    except NotFound:
        return None


def list_restores(account: Account, since: dt.datetime | None) -> list[dict[str, Any]]:
    """Restore jobs of DynamoDB tables, created at or after `since`. AWS has no filter by recovery point or target."""
    filters = {"ByResourceType": "DynamoDB", **_since(since)}
    found = pages(account, SERVICE, "ListRestoreJobs", token=_NEXT, **filters)
    return [job for page in found for job in page["RestoreJobs"]]


def describe_recovery_point(
    account: Account, vault: str, arn: str, vault_account: str | None = None
) -> dict[str, Any] | None:
    """DescribeRecoveryPoint: Status, StorageClass, ...; None when it is not there (any more).

    `vault_account` is the owner of a vault that is shared with this account.
    """
    params = {"BackupVaultName": vault, "RecoveryPointArn": arn, **_owner(vault_account)}
    try:
        return call(account, SERVICE, "DescribeRecoveryPoint", **params)
    except NotFound:
        return None


def restore_metadata(account: Account, vault: str, arn: str, vault_account: str | None = None) -> dict[str, str]:
    """GetRecoveryPointRestoreMetadata: the base of StartRestoreJob's Metadata. Names of keys are case-insensitive."""
    params = {"BackupVaultName": vault, "RecoveryPointArn": arn, **_owner(vault_account)}
    return dict(call(account, SERVICE, "GetRecoveryPointRestoreMetadata", **params).get("RestoreMetadata") or {})


def delete_recovery_point(account: Account, vault: str, arn: str) -> None:
    """DeleteRecoveryPoint; nothing happens when it is gone. Raises `Conflict` while it is being copied or restored."""
    try:
        call(account, SERVICE, "DeleteRecoveryPoint", BackupVaultName=vault, RecoveryPointArn=arn)
    except NotFound:
        return


def list_tags(account: Account, arn: str) -> dict[str, str]:
    """Tags of a vault or a recovery point; none when it is not there."""
    try:
        return {
            name: value
            for page in pages(account, SERVICE, "ListTags", token=_NEXT, ResourceArn=arn)
            for name, value in (page.get("Tags") or {}).items()
        }
    except NotFound:
        return {}


def _since(moment: dt.datetime | None) -> dict[str, Any]:
    return {} if moment is None else {"ByCreatedAfter": moment}


def _owner(account: str | None) -> dict[str, str]:
    return {"BackupVaultAccountId": account} if account else {}
