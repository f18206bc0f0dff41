"""The policies that AWS Backup needs, each with the least that does: roles, keys, vaults.

https://docs.aws.amazon.com/aws-backup/latest/devguide/create-cross-account-backup.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/security-iam-awsmanpol.html
"""

from __future__ import annotations

from typing import Any

from migrate.core.codec import Json, digest
from migrate.observe.inventory import AccountFacts

VERSION = "2012-10-17"
COPY_INTO = "backup:CopyIntoBackupVault"
"""The one action that a vault's access policy can allow to another account."""

SERVICE = "backup.amazonaws.com"
KEY_ACTIONS = ["kms:DescribeKey", "kms:GenerateDataKey*", "kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*"]
_GRANTS = {"Action": "kms:CreateGrant", "Resource": "*", "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}}}
_VIA_TABLES = {"StringLike": {"kms:ViaService": ["dynamodb.*.amazonaws.com"]}}


def trust() -> Json:
    """Trust policy of a role that AWS Backup may assume."""
    statement = {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"}
    return {"Version": VERSION, "Statement": [statement]}


def backup_and_copy(account: AccountFacts) -> Json:
    """What the role in the source account may do: back tables up, and copy the recovery points into other vaults."""
    tables = f"arn:{account.partition}:dynamodb:*:{account.id}:table/*"
    backup = f"arn:{account.partition}:backup:*:*"
    read = ["DescribeTable", "CreateBackup", "StartAwsBackupJob", "ListTagsOfResource"]
    own = {"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}}
    return _policy(
        {"Action": [f"dynamodb:{name}" for name in read], "Resource": tables},
        {"Action": ["dynamodb:DescribeBackup", "dynamodb:DeleteBackup"], "Resource": f"{tables}/backup/*"},
        {"Action": ["backup:DescribeBackupVault", COPY_INTO], "Resource": f"{backup}:backup-vault:*"},
        {"Action": "backup:CopyFromBackupVault", "Resource": "*"},
        {"Action": "backup:TagResource", "Resource": f"{backup}:recovery-point:*", "Condition": own},
        {"Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*", "Condition": _VIA_TABLES},
        {"Action": "kms:DescribeKey", "Resource": "*"},
        _GRANTS,
        {"Action": "tag:GetResources", "Resource": "*"},
    )


def restore(account: AccountFacts) -> Json:
    """What the role in the target account may do: restore tables."""
    items = ["Scan", "Query", "UpdateItem", "PutItem", "GetItem", "DeleteItem", "BatchWriteItem"]
    actions = [f"dynamodb:{name}" for name in (*items, "DescribeTable", "RestoreTableFromAwsBackup")]
    data = ["Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptTo", "ReEncryptFrom", "GenerateDataKeyWithoutPlaintext"]
    keys = [f"kms:{name}" for name in (*data, "DescribeKey")]
    return _policy(
        {"Action": actions, "Resource": f"arn:{account.partition}:dynamodb:*:{account.id}:table/*"},
        {"Action": keys, "Resource": "*", "Condition": _VIA_TABLES},
        {"Action": "kms:DescribeKey", "Resource": "*"},
        _GRANTS,
    )


def key_policy(owner: AccountFacts, other: AccountFacts | None) -> Json:
    """Policy of a vault's key: its account manages it, and `other` too may copy what is encrypted with it."""
    manage = {"Sid": "Owner", "Principal": {"AWS": _root(owner)}, "Action": "kms:*", "Resource": "*"}
    if other is None:
        return _policy(manage)
    accounts = {"AWS": [_root(owner), _root(other)]}
    use = {"Sid": "UseForBackupCopy", "Principal": accounts, "Action": KEY_ACTIONS, "Resource": "*"}
    return _policy(manage, use, {"Sid": "GrantsForBackupCopy", "Principal": accounts, **_GRANTS})


def copy_statement(source: AccountFacts, migration: str) -> dict[str, Any]:
    """The statement of the target vault's access policy that lets the source account copy into it."""
    return {
        "Sid": f"Migrate{digest([migration, 'vault'])[:12]}",
        "Effect": "Allow",
        "Principal": {"AWS": _root(source)},
        "Action": COPY_INTO,
        "Resource": "*",
    }


def _root(account: AccountFacts) -> str:
    return f"arn:{account.partition}:iam::{account.id}:root"


def _policy(*statements: dict[str, Any]) -> Json:
    return {"Version": VERSION, "Statement": [{"Effect": "Allow", **statement} for statement in statements]}
