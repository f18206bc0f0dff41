"""What AWS Backup, KMS, IAM and RAM have at the end of a life, as an independent reader sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from migrate.sandbox.settings import SOURCE_ACCOUNT, TARGET_ACCOUNT
from migrate.state.model import State
from tests.sandbox.aws import Aws

ACCOUNTS = (SOURCE_ACCOUNT, TARGET_ACCOUNT)
OURS = "migrate:lineage"
REGION = "eu-west-1"


def backup_end(aws: Aws) -> dict[str, Any]:
    """Everything that two runs of the same migration must agree on. Jobs are counted, whatever became of them."""
    jobs = [("list_backup_jobs", "BackupJobs"), ("list_copy_jobs", "CopyJobs"), ("list_restore_jobs", "RestoreJobs")]
    found = {
        f"{account} {members}": len(getattr(aws.client("backup", account), operation)()[members])
        for account in ACCOUNTS
        for operation, members in jobs
    }
    return {
        "jobs": found,
        "keys": sorted(f"{account} {key['KeyState']}" for account in ACCOUNTS for key, _ in _keys(aws, account)),
        "ids": sorted(_nameless(id) for id in backup_things(aws)),
    }


def backup_things(aws: Aws) -> set[str]:
    """What exists, by the ids that a state would give it; a key without an alias by its own ARN."""
    return {id for account in ACCOUNTS for id in _of_account(aws, account)}


def is_announced(aws: Aws, id: str, state: State | None) -> bool:
    """True when the state says that this is being made, though it does not know its name yet."""
    owned = state.owned() if state else {}
    if ":recovery-point:" in id:
        return any(one.kind == "recovery-point" and not one.is_confirmed for one in owned.values())
    if id.startswith("backup-selection://"):
        return any(one.kind == "backup-selection" and not one.is_confirmed for one in owned.values())
    addresses = {one.address for one in owned.values()}
    return any(
        key["Arn"] == id and tags.get("migrate:address") in addresses
        for account in ACCOUNTS
        for key, tags in _keys(aws, account)
    )


def _of_account(aws: Aws, account: str) -> Iterator[str]:
    keys = list(_keys(aws, account))
    backup = aws.client("backup", account)
    vaults = [one for one in backup.list_backup_vaults()["BackupVaultList"] if one["BackupVaultName"] != "Default"]
    if not keys and not vaults:
        return
    aliases = {one.get("TargetKeyId"): one["AliasName"] for one in aws.client("kms", account).list_aliases()["Aliases"]}
    for key, _ in keys:
        alias = aliases.get(key["KeyId"])
        if key["KeyState"] == "Enabled" or alias:
            yield f"arn:aws:kms:{REGION}:{account}:{alias}" if alias else str(key["Arn"])
    for vault in vaults:
        name, arn = vault["BackupVaultName"], str(vault["BackupVaultArn"])
        yield arn
        yield from (f"{arn}?policy#{one['Sid']}" for one in _statements(backup, name))
        points = backup.list_recovery_points_by_backup_vault(BackupVaultName=name)["RecoveryPoints"]
        yield from (str(point["RecoveryPointArn"]) for point in points)
    for plan in backup.list_backup_plans()["BackupPlansList"]:
        id, name = plan["BackupPlanId"], plan["BackupPlanName"]
        yield f"backup-plan://{name}"
        found = backup.list_backup_selections(BackupPlanId=id)["BackupSelectionsList"]
        yield from (f"backup-selection://{name}/{one['SelectionId']}" for one in found)
    for role in aws.client("iam", account).list_roles()["Roles"]:
        if role["RoleName"].startswith("migrate-"):
            yield str(role["Arn"])
    shares = aws.client("ram", account).get_resource_shares(resourceOwner="SELF")["resourceShares"]
    yield from (f"ram://{account}/{one['name']}" for one in shares if one["status"] == "ACTIVE")


def _keys(aws: Aws, account: str) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Description and tags of every customer managed key."""
    kms = aws.client("kms", account)
    for one in kms.list_keys()["Keys"]:
        key = kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"]
        if key.get("KeyManager") != "AWS":
            tags = kms.list_resource_tags(KeyId=one["KeyId"]).get("Tags", [])
            yield key, {tag["TagKey"]: tag["TagValue"] for tag in tags}


def _statements(backup: Any, vault: str) -> list[dict[str, Any]]:
    try:
        return list(json.loads(backup.get_backup_vault_access_policy(BackupVaultName=vault)["Policy"])["Statement"])
    except ClientError:
        return []


def _nameless(id: str) -> str:
    """Without the id of a recovery point or a selection, which differs from one life to the next."""
    if id.startswith("backup-selection://"):
        return id.rpartition("/")[0]
    head, found, _ = id.partition(":recovery-point:")
    return head + found
