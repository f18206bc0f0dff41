"""What AWS Backup may do: with the role of a job, with the keys of vaults, and in the other account's vault.

https://docs.aws.amazon.com/aws-backup/latest/devguide/create-cross-account-backup.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/encryption.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/access-control.html

Missing rights make a job FAILED with a StatusMessage, but for the documented trap: a role that may not use a key gets a
job that is COMPLETED, without data. The texts are AWS's where they are known and in its style where not.
"""

from __future__ import annotations

from moto.kms.models import Key

from migrate.sandbox.backup_settings import is_cross_account_on
from migrate.sandbox.backup_store import DEFAULT_VAULT, Vault
from migrate.sandbox.callers import request_context
from migrate.sandbox.kms import find_key, may_use
from migrate.sandbox.organizations import organization_of
from migrate.sandbox.policy_verdicts import Verdict, decide
from migrate.sandbox.refusals import Refused
from migrate.sandbox.service_roles import as_caller, find_role, is_allowed, is_assumable

SERVICE = "backup.amazonaws.com"
_USE = ("kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt", "kms:CreateGrant")
_GRANT = ("kms:DescribeKey", "kms:CreateGrant")
_DENIED = "Access Denied trying to call AWS Backup service"
_NO_PRIVILEGES = "Insufficient privileges to perform this action."


class JobFailed(Exception):
    """Why a job becomes FAILED: its StatusMessage."""


def check_role(arn: str, account: str) -> None:
    """Refuses a role that does not exist in the account, or that AWS Backup may not assume."""
    role = find_role(arn)
    if role is None or role.account_id != account:
        raise Refused("InvalidParameterValueException", f"IAM Role {arn} does not exist")
    if not is_assumable(role, SERVICE):
        raise Refused("InvalidParameterValueException", f"IAM Role {arn} cannot be assumed by AWS Backup")


def must_allow(role_arn: str, resource: str, *actions: str, message: str = _NO_PRIVILEGES) -> None:
    """Raises JobFailed unless the role's policies allow every action."""
    role = find_role(role_arn)
    if role is None or not is_assumable(role, SERVICE):
        raise JobFailed(f"IAM Role {role_arn} cannot be assumed by AWS Backup")
    if not all(is_allowed(role, action, resource) for action in actions):
        raise JobFailed(message)


def can_use_key(role_arn: str, key_arn: str | None) -> bool:
    """Whether the role's policies and the key's let the role use a customer managed key; any other key is no matter.

    Raises JobFailed when the key is gone, disabled or about to be deleted.
    """
    key = _customer_key(key_arn)
    if key is None:
        return True
    role = find_role(role_arn)
    context = _through_dynamodb(key)
    allowed = role is not None and all(is_allowed(role, action, key.arn, context) for action in _USE)
    return allowed and may_use(key, as_caller(role_arn), *_USE, more=context)


def check_copy(source: Vault, destination: Vault | None, destination_arn: str, role_arn: str) -> Vault:
    """The vault that a copy goes to. Raises JobFailed for whatever AWS finds out only when the job runs."""
    account = destination_arn.split(":")[4]
    foreign = account != source.account
    if foreign and organization_of(source.account) != organization_of(account):
        raise JobFailed(
            f"Copy job failed. The destination account {account} is not part of the same organization as the source "
            f"account {source.account}."
        )
    if foreign and not is_cross_account_on(source.account):
        raise JobFailed("Copy job failed. Cross-account backup is not enabled for the organization.")
    if foreign and account_name(destination_arn) == DEFAULT_VAULT:
        raise JobFailed(
            f"Copy job failed. The destination backup vault {destination_arn} is encrypted with the default key "
            "aws/backup, which cannot be used for cross-account copies."
        )
    if destination is None or (foreign and not _lets_in(destination, role_arn)):
        raise JobFailed(f"{_DENIED}: backup:CopyIntoBackupVault on {destination_arn}")
    for action, vault in (("backup:CopyIntoBackupVault", destination), ("backup:CopyFromBackupVault", source)):
        must_allow(role_arn, vault.arn, action, message=f"{_DENIED}: {action} on {vault.arn}")
    for name, key_arn in (("source", source.key_arn), ("destination", destination.key_arn)):
        _check_copy_key(name, key_arn, role_arn, account)
    return destination


def account_name(vault_arn: str) -> str:
    """The name in a vault's ARN."""
    return vault_arn.rpartition(":")[2]


def _check_copy_key(name: str, key_arn: str | None, role_arn: str, account: str) -> None:
    """A copy needs both vaults' keys: the source role, and the service-linked role of the destination account."""
    key, role = _customer_key(key_arn), find_role(role_arn)
    linked = f"arn:aws:iam::{account}:role/aws-service-role/{SERVICE}/AWSServiceRoleForBackup"
    if key is None:
        return
    if role is None or not all(is_allowed(role, one, key.arn, _through_dynamodb(key)) for one in _GRANT):
        raise JobFailed(
            f"Copy job failed. The IAM role {role_arn} lacks {' and '.join(_GRANT)} on the KMS key {key_arn}."
        )
    for user in (role_arn, linked):
        if not may_use(key, as_caller(user), *_USE, more=_through_dynamodb(key)):
            raise JobFailed(
                f"Copy job failed. The {name} backup vault's KMS key {key_arn} is not accessible: its key policy does "
                f"not allow {user} to use it."
            )


def _lets_in(vault: Vault, role_arn: str) -> bool:
    caller = as_caller(role_arn)
    said = decide(vault.policy, caller, "backup:CopyIntoBackupVault", vault.arn, request_context(caller))
    return said is Verdict.ALLOW


def _customer_key(arn: str | None) -> Key | None:
    """The customer managed key behind an ARN, None for another kind of key. Raises JobFailed for an unusable one."""
    key = find_key(arn, "", "") if arn else None
    if arn is None or (key is not None and key.key_manager == "AWS"):
        return None
    if key is None or key.key_state != "Enabled":
        state = key.key_state if key else "gone"
        raise JobFailed(f"The KMS key {arn} cannot be used: it is {state}.")
    return key


def _through_dynamodb(key: Key) -> dict[str, str]:
    return {"kms:viaservice": f"dynamodb.{key.region}.amazonaws.com", "kms:grantisforawsresource": "true"}
