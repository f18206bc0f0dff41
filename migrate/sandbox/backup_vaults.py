"""Backup vaults, their access policies, and tags.

https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateLogicallyAirGappedBackupVault.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_PutBackupVaultAccessPolicy.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_TagResource.html

A vault without a key gets the account's AWS managed key (aws/backup), an air-gapped one the AWS owned key. The first
vault that an account makes brings AWS Backup's service-linked role. Not emulated: vault lock, notifications, restore
access vaults, quotas; a vault policy's word on callers of the own account.
"""

from __future__ import annotations

import json
import re
from typing import Any

from moto.iam.models import SERVICE_NAME_CONVERSION, iam_backends

from migrate.sandbox import clock, ram_shares
from migrate.sandbox.backup_store import AIR_GAPPED, DEFAULT_VAULT, RecoveryPoint, Shelf, Vault, account_in, shelf
from migrate.sandbox.kms import find_key, managed_key
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation
from migrate.sandbox.settings import Timing

_NAME = re.compile(r"[a-zA-Z0-9\-_]{2,50}")
_LEAST_RETENTION = 7
_KEY_TYPES = {True: "AWS_OWNED_KMS_KEY", False: "CUSTOMER_MANAGED_KMS_KEY"}
_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long an air-gapped vault is CREATING, and tells moto how AWS writes the service-linked role's name."""
    global _timing
    _timing = timing
    SERVICE_NAME_CONVERSION["backup"] = "Backup"


@operation("backup", "CreateBackupVault", "BackupVaultName BackupVaultTags EncryptionKeyArn CreatorRequestId")
def create(call: Call) -> dict[str, Any]:
    vault = _new(call, managed_key(call.account, call.region, "alias/aws/backup"))
    return {"BackupVaultName": vault.name, "BackupVaultArn": vault.arn, "CreationDate": vault.created}


@operation(
    "backup",
    "CreateLogicallyAirGappedBackupVault",
    "BackupVaultName BackupVaultTags CreatorRequestId MinRetentionDays MaxRetentionDays EncryptionKeyArn",
)
def create_air_gapped(call: Call) -> dict[str, Any]:
    least, most = call.body["MinRetentionDays"], call.body["MaxRetentionDays"]
    if least < _LEAST_RETENTION or most < least:
        raise _invalid(f"MinRetentionDays must be at least {_LEAST_RETENTION} and MaxRetentionDays at least as long")
    vault = _new(call, None)
    vault.kind, vault.min_days, vault.max_days = AIR_GAPPED, least, most
    vault.available_at = clock.now() + _timing.create
    shown = {"BackupVaultName": vault.name, "BackupVaultArn": vault.arn, "CreationDate": vault.created}
    return {**shown, "VaultState": "CREATING"}


def _new(call: Call, key_arn: str | None) -> Vault:
    kept, name = shelf(call.account, call.region), call.body["BackupVaultName"]
    if not _NAME.fullmatch(name):
        raise _invalid(f"Invalid vault name {name}: 2 to 50 letters, digits, hyphens or underscores")
    found = kept.vaults.get(name)
    if found is not None:
        raise Refused(
            "AlreadyExistsException",
            f"Backup vault with the same name already exists: {name}",
            Arn=found.arn,
            CreatorRequestId=found.creator_request_id,
        )
    wanted = call.body.get("EncryptionKeyArn")
    if wanted is not None:
        key = find_key(wanted, call.account, call.region) if wanted.startswith("arn:") else None
        if key is None or key.region != call.region or key.key_state != "Enabled":
            raise _invalid(f"The KMS key {wanted} does not exist in {call.region}, is not enabled or is not an ARN")
        key_arn = key.arn
    vault = Vault(name, call.account, call.region, key_arn, clock.moment(), call.body.get("CreatorRequestId", ""))
    vault.tags = dict(call.body.get("BackupVaultTags") or {})
    kept.vaults[name] = vault
    _make_service_linked_role(call.account)
    return vault


def _make_service_linked_role(account: str) -> None:
    iam = iam_backends[account]["aws"]
    if all(role.name != "AWSServiceRoleForBackup" for role in iam.roles.values()):
        iam.create_service_linked_role("backup.amazonaws.com", "", "")


@operation("backup", "DescribeBackupVault", "BackupVaultName BackupVaultAccountId")
def describe(call: Call) -> dict[str, Any]:
    return _describe(readable_vault(call))


@operation("backup", "ListBackupVaults", "ByVaultType ByShared NextToken MaxResults")
def list_all(call: Call) -> dict[str, Any]:
    if call.body.get("ByShared"):
        vaults = ram_shares.vaults_shared_with(call.account, call.region)
    else:
        vaults = list(shelf(call.account, call.region).vaults.values())
    found = [_describe(vault) for vault in vaults if call.body.get("ByVaultType") in (None, vault.kind)]
    return call.page("BackupVaultList", found)


@operation("backup", "DeleteBackupVault", "BackupVaultName")
def delete(call: Call) -> dict[str, Any]:
    kept = shelf(call.account, call.region)
    vault = kept.vault(call.body["BackupVaultName"])
    if vault.name == DEFAULT_VAULT:
        raise Refused("InvalidRequestException", "The default backup vault cannot be deleted.")
    if vault.points:
        raise Refused(
            "InvalidRequestException",
            f"Backup vault cannot be deleted (contains {len(vault.points)} recovery points): {vault.name}",
        )
    del kept.vaults[vault.name]
    return {}


@operation("backup", "PutBackupVaultAccessPolicy", "BackupVaultName Policy")
def put_policy(call: Call) -> dict[str, Any]:
    vault = _own(call)
    try:
        document = json.loads(call.body.get("Policy") or "")
    except ValueError:
        document = None
    if not isinstance(document, dict) or not document.get("Statement"):
        raise _invalid("The policy is not a valid policy document.")
    vault.policy = call.body["Policy"]
    return {}


@operation("backup", "GetBackupVaultAccessPolicy", "BackupVaultName")
def get_policy(call: Call) -> dict[str, Any]:
    vault = _own(call)
    if vault.policy is None:
        raise Refused("ResourceNotFoundException", f"Backup vault {vault.name} has no access policy.")
    return {"BackupVaultName": vault.name, "BackupVaultArn": vault.arn, "Policy": vault.policy}


@operation("backup", "DeleteBackupVaultAccessPolicy", "BackupVaultName")
def delete_policy(call: Call) -> dict[str, Any]:
    _own(call).policy = None
    return {}


@operation("backup", "ListTags", "ResourceArn NextToken MaxResults")
def list_tags(call: Call) -> dict[str, Any]:
    page = call.page("Tags", sorted(_tags(call).items()))
    return {**page, "Tags": dict(page["Tags"])}


@operation("backup", "TagResource", "ResourceArn Tags")
def tag(call: Call) -> dict[str, Any]:
    tags = _tags(call)
    if len({**tags, **call.body["Tags"]}) > 50:
        raise Refused("LimitExceededException", "A resource can have 50 tags at most.")
    tags.update(call.body["Tags"])
    return {}


@operation("backup", "UntagResource", "ResourceArn TagKeyList")
def untag(call: Call) -> dict[str, Any]:
    tags = _tags(call)
    for name in call.body["TagKeyList"]:
        tags.pop(name, None)
    return {}


def readable_vault(call: Call) -> Vault:
    """The vault that a call names, own or, with BackupVaultAccountId, one that its account shares with the caller."""
    owner = call.body.get("BackupVaultAccountId") or call.account
    found = shelf(owner, call.region).vaults.get(call.body["BackupVaultName"])
    if owner == call.account:
        return _own(call)
    if found is None or not ram_shares.is_shared_with(found.arn, call.account):
        raise Refused("AccessDeniedException", "Insufficient privileges to perform this action.")
    return found


def _own(call: Call) -> Vault:
    return shelf(call.account, call.region).vault(call.body["BackupVaultName"])


def _tags(call: Call) -> dict[str, str]:
    """The tags of a vault, a recovery point or a plan of the caller's account."""
    arn = call.body["ResourceArn"]
    kept: Shelf = shelf(call.account, call.region)
    tagged: list[Vault | RecoveryPoint | Any] = [*kept.vaults.values(), *kept.points(), *kept.plans.values()]
    for one in tagged:
        if one.arn == arn and account_in(arn) == call.account:
            found: dict[str, str] = one.tags
            return found
    raise Refused("ResourceNotFoundException", f"Resource does not exist: {arn}")


def _describe(vault: Vault) -> dict[str, Any]:
    optional = {
        "EncryptionKeyArn": vault.key_arn,
        "MinRetentionDays": vault.min_days,
        "MaxRetentionDays": vault.max_days,
        "CreatorRequestId": vault.creator_request_id or None,
        "EncryptionKeyType": _KEY_TYPES[vault.key_arn is None] if vault.is_air_gapped else None,
    }
    return {
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "VaultType": vault.kind,
        "VaultState": vault.state,
        "CreationDate": vault.created,
        "NumberOfRecoveryPoints": len(vault.points),
        "Locked": vault.is_air_gapped,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _invalid(message: str) -> Refused:
    return Refused("InvalidParameterValueException", message)
