"""Recovery points: reading them, their lifecycle, deleting them.

https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DescribeRecoveryPoint.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteRecoveryPoint.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_GetRecoveryPointRestoreMetadata.html

The restore metadata name the table and the key of the source, as a base that a restore in another account must
override. AWS documents the names of the metadata, not which of them this call gives back.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from migrate.sandbox import clock
from migrate.sandbox.backup_store import USABLE, RecoveryPoint, shelf
from migrate.sandbox.backup_vaults import readable_vault
from migrate.sandbox.backup_work import RESOURCE_TYPE
from migrate.sandbox.jobs import STARTING, schedule
from migrate.sandbox.kms import find_key
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation
from migrate.sandbox.settings import Timing

_COLD_DAYS = 90
_DAY = 86_400
_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long a recovery point is DELETING."""
    global _timing
    _timing = timing


@operation("backup", "DescribeRecoveryPoint", "BackupVaultName RecoveryPointArn BackupVaultAccountId")
def describe(call: Call) -> dict[str, Any]:
    point = named_point(call)
    return {**_describe(point), "StorageClass": "COLD" if point.is_cold else "WARM"}


@operation(
    "backup",
    "ListRecoveryPointsByBackupVault",
    "BackupVaultName BackupVaultAccountId NextToken MaxResults ByResourceArn ByResourceType ByBackupPlanId "
    "ByCreatedBefore ByCreatedAfter",
)
def list_by_vault(call: Call) -> dict[str, Any]:
    wanted = call.body

    def fits(point: RecoveryPoint) -> bool:
        return (
            wanted.get("ByResourceArn") in (None, point.resource_arn)
            and wanted.get("ByResourceType") in (None, RESOURCE_TYPE)
            and wanted.get("ByBackupPlanId") in (None, (point.created_by or {}).get("BackupPlanId"))
            and ("ByCreatedAfter" not in wanted or point.created >= wanted["ByCreatedAfter"])
            and ("ByCreatedBefore" not in wanted or point.created <= wanted["ByCreatedBefore"])
        )

    points = [point for point in reversed(list(readable_vault(call).points.values())) if fits(point)]
    return call.page("RecoveryPoints", [_describe(point) for point in points])


@operation("backup", "ListRecoveryPointsByResource", "ResourceArn NextToken MaxResults ManagedByAWSBackupOnly")
def list_by_resource(call: Call) -> dict[str, Any]:
    points = [
        {
            "RecoveryPointArn": point.arn,
            "CreationDate": point.created,
            "Status": point.status,
            "BackupVaultName": point.vault.name,
            "BackupSizeBytes": point.snapshot.size if point.snapshot else 0,
            "ResourceName": point.resource_arn.rpartition("/")[2],
            "VaultType": point.vault.kind,
            "IsParent": False,
            **_key(point),
        }
        for point in shelf(call.account, call.region).points()
        if point.resource_arn == call.body["ResourceArn"]
        and not (call.body.get("ManagedByAWSBackupOnly") and point.is_managed_by_dynamodb)
    ]
    return call.page("RecoveryPoints", points[::-1])


@operation("backup", "GetRecoveryPointRestoreMetadata", "BackupVaultName RecoveryPointArn BackupVaultAccountId")
def restore_metadata(call: Call) -> dict[str, Any]:
    point = named_point(call)
    metadata = {
        "aws:backup:request-id": point.arn.rpartition(":")[2],
        "targetTableName": point.resource_arn.rpartition("/")[2],
        "encryptionType": "Default",
    }
    key_arn = point.snapshot.key_arn if point.snapshot else None
    if key_arn:
        key = find_key(key_arn, "", "")
        metadata["encryptionType"] = "KMS"
        if key is None or key.key_manager != "AWS":
            metadata["kmsMasterKeyArn"] = key_arn
    return {
        "BackupVaultArn": point.vault.arn,
        "RecoveryPointArn": point.arn,
        "RestoreMetadata": metadata,
        "ResourceType": RESOURCE_TYPE,
    }


@operation("backup", "UpdateRecoveryPointLifecycle", "BackupVaultName RecoveryPointArn Lifecycle")
def update_lifecycle(call: Call) -> dict[str, Any]:
    point = named_point(call)
    check_lifecycle(call.body.get("Lifecycle"))
    if point.is_managed_by_dynamodb or point.vault.is_air_gapped:
        raise Refused("InvalidRequestException", f"The lifecycle of {point.arn} cannot be changed.")
    point.lifecycle = dict(call.body.get("Lifecycle") or {})
    expire_in_time(point)
    return {
        "BackupVaultArn": point.vault.arn,
        "RecoveryPointArn": point.arn,
        "Lifecycle": shown_lifecycle(point.lifecycle),
        "CalculatedLifecycle": point.calculated(),
    }


@operation("backup", "DeleteRecoveryPoint", "BackupVaultName RecoveryPointArn")
def delete(call: Call) -> dict[str, Any]:
    point = named_point(call)
    if point.holders or point.status == "CREATING":
        raise Refused(
            "InvalidResourceStateException",
            f"Recovery point {point.arn} cannot be deleted: it is being created, copied or restored.",
        )
    least = point.vault.min_days
    if least is not None and clock.now() < point.created.timestamp() + least * _DAY:
        raise Refused(
            "InvalidRequestException",
            f"Recovery point {point.arn} cannot be deleted: the vault keeps it for at least {least} days.",
        )
    point.status = "DELETING"
    schedule(_timing.update, partial(_remove, point))
    return {}


def named_point(call: Call) -> RecoveryPoint:
    """The recovery point that a call names by its vault and ARN. Raises ResourceNotFoundException."""
    point = readable_vault(call).points.get(call.body["RecoveryPointArn"])
    if point is None:
        raise Refused(
            "ResourceNotFoundException",
            f"Recovery point {call.body['RecoveryPointArn']} does not exist in vault {call.body['BackupVaultName']}.",
        )
    return point


def find_anywhere(arn: str) -> RecoveryPoint | None:
    """The recovery point of any account with this ARN, which must be one of AWS Backup's."""
    parts = arn.split(":")
    if parts[:3] != ["arn", "aws", "backup"] or len(parts) < 7:
        return None
    return next((point for point in shelf(parts[4], parts[3]).points() if point.arn == arn), None)


def must_be_usable(point: RecoveryPoint) -> None:
    """Refuses to copy or restore a recovery point that is not complete."""
    if point.status not in USABLE:
        raise Refused("InvalidRequestException", f"Recovery point {point.arn} is {point.status}.")


def check_lifecycle(lifecycle: dict[str, Any] | None) -> None:
    """Refuses days that AWS Backup does not take."""
    given = lifecycle or {}
    cold, deleted = given.get("MoveToColdStorageAfterDays", -1), given.get("DeleteAfterDays", -1)
    if set(given) - {"MoveToColdStorageAfterDays", "DeleteAfterDays", "OptInToArchiveForSupportedResources"}:
        raise Refused("InvalidParameterValueException", f"Lifecycle has parameters that are not supported: {given}")
    if cold == 0 or deleted == 0 or (cold > 0 and 0 < deleted < cold + _COLD_DAYS):
        raise Refused(
            "InvalidParameterValueException",
            f"DeleteAfterDays must be at least 1, and {_COLD_DAYS} more than MoveToColdStorageAfterDays: {given}",
        )


def shown_lifecycle(lifecycle: dict[str, Any]) -> dict[str, Any]:
    """A lifecycle as it is described: without the days that mean never."""
    return {name: value for name, value in lifecycle.items() if value != -1}


def expire_in_time(point: RecoveryPoint) -> None:
    """Has the recovery point go when its lifecycle says so."""
    deleted_at = point.calculated().get("DeleteAt")
    if deleted_at is not None:
        schedule(deleted_at.timestamp() - clock.now(), partial(_expire, point))


def _expire(point: RecoveryPoint) -> None:
    """Deletes what is due by the lifecycle that holds now; one that is in use is EXPIRED until it can go."""
    deleted_at = point.calculated().get("DeleteAt")
    if deleted_at is None or clock.moment() < deleted_at:
        return
    if point.holders:
        point.status = "EXPIRED"
        schedule(60, partial(_expire, point))
        return
    _remove(point)


def _remove(point: RecoveryPoint) -> None:
    with STARTING:
        point.vault.points.pop(point.arn, None)


def _key(point: RecoveryPoint) -> dict[str, str]:
    return {"EncryptionKeyArn": point.vault.key_arn} if point.vault.key_arn else {}


def _describe(point: RecoveryPoint) -> dict[str, Any]:
    optional = {
        "SourceBackupVaultArn": point.source_vault_arn,
        "StatusMessage": point.status_message,
        "CompletionDate": point.completed,
        "LastRestoreTime": point.restored,
        "CreatedBy": point.created_by,
        "CalculatedLifecycle": point.calculated(),
        "Lifecycle": shown_lifecycle(point.lifecycle),
    }
    return {
        "RecoveryPointArn": point.arn,
        "BackupVaultName": point.vault.name,
        "BackupVaultArn": point.vault.arn,
        "ResourceArn": point.resource_arn,
        "ResourceName": point.resource_arn.rpartition("/")[2],
        "ResourceType": RESOURCE_TYPE,
        "IamRoleArn": point.role_arn,
        "Status": point.status,
        "CreationDate": point.created,
        "BackupSizeInBytes": point.snapshot.size if point.snapshot else 0,
        "IsEncrypted": True,
        "IsParent": False,
        "VaultType": point.vault.kind,
        **_key(point),
        **{name: value for name, value in optional.items() if value},
    }
