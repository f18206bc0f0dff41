"""The two accounts ready for AWS Backup: keys, vaults, roles and tables, made with boto3 as an administrator would."""

from __future__ import annotations

import itertools
import json
from typing import Any

from migrate.sandbox.settings import MANAGEMENT_ACCOUNT, REGION, SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.sandbox.transfer_world import World

BACKUP_ACTIONS: list[dict[str, Any]] = [
    {
        "Effect": "Allow",
        "Action": [
            "dynamodb:DescribeTable",
            "dynamodb:CreateBackup",
            "dynamodb:StartAwsBackupJob",
            "dynamodb:ListTagsOfResource",
        ],
        "Resource": "arn:aws:dynamodb:*:*:table/*",
    },
    {
        "Effect": "Allow",
        "Action": ["backup:DescribeBackupVault", "backup:CopyIntoBackupVault"],
        "Resource": "arn:aws:backup:*:*:backup-vault:*",
    },
    {"Effect": "Allow", "Action": "backup:CopyFromBackupVault", "Resource": "*"},
]
RESTORE_ACTIONS: list[dict[str, Any]] = [
    {
        "Effect": "Allow",
        "Action": ["dynamodb:DescribeTable", "dynamodb:PutItem", "dynamodb:RestoreTableFromAwsBackup"],
        "Resource": "arn:aws:dynamodb:*:*:table/*",
    },
]
KEY_ACTIONS: list[dict[str, Any]] = [
    {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
        "Resource": "*",
        "Condition": {"StringLike": {"kms:ViaService": ["dynamodb.*.amazonaws.com"]}},
    },
    {"Effect": "Allow", "Action": "kms:DescribeKey", "Resource": "*"},
    {
        "Effect": "Allow",
        "Action": "kms:CreateGrant",
        "Resource": "*",
        "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
    },
]
_roles = itertools.count()


class BackupWorld(World):
    """What most tests of AWS Backup begin with."""

    def management(self, service: str) -> Any:
        """A client of the organization's management account."""
        return self.client(service, MANAGEMENT_ACCOUNT, role="")

    def client(self, service: str, account: str, role: str = "MigrateSandbox") -> Any:
        if not role:
            from tests.sandbox import aws

            return aws.client(self.endpoint_url, service, account)
        return super().client(service, account, role)

    def role(self, account: str, *statements: dict[str, Any], service: str = "backup.amazonaws.com") -> str:
        """A role that AWS Backup may assume, with a policy of these statements."""
        name = f"backup-{next(_roles)}"
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": service},
                    "Action": "sts:AssumeRole",
                    "Condition": {"StringEquals": {"aws:SourceAccount": account}},
                }
            ],
        }
        iam = self.client("iam", account)
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="backup", PolicyDocument=json.dumps(policy))
        return arn

    def backup_role(self) -> str:
        return self.role(SOURCE_ACCOUNT, *BACKUP_ACTIONS, *KEY_ACTIONS)

    def restore_role(self) -> str:
        return self.role(TARGET_ACCOUNT, *RESTORE_ACTIONS, *KEY_ACTIONS)

    def key(self, account: str, *others: str) -> str:
        """A customer managed key that the accounts `others` may use as well."""
        names = [f"arn:aws:iam::{one}:root" for one in (account, *others)]
        statement = {"Effect": "Allow", "Principal": {"AWS": names}, "Action": "kms:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        arn: str = self.client("kms", account).create_key(Policy=policy)["KeyMetadata"]["Arn"]
        return arn

    def vault(self, account: str, *, lets_in: str = "", key: str = "") -> str:
        """The name of a new vault, into which the account `lets_in` may copy."""
        name = self.name("vault")
        backup = self.client("backup", account)
        backup.create_backup_vault(BackupVaultName=name, **({"EncryptionKeyArn": key} if key else {}))
        if lets_in:
            backup.put_backup_vault_access_policy(BackupVaultName=name, Policy=letting_in(lets_in))
        return name

    def table(self, items: int = 3, **more: Any) -> str:
        """The ARN of a new table in the source account."""
        name = self.name("table")
        dynamodb = self.source("dynamodb")
        arn: str = dynamodb.create_table(
            TableName=name,
            **{
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
                **more,
            },
        )["TableDescription"]["TableArn"]
        for number in range(items):
            dynamodb.put_item(TableName=name, Item={"pk": {"S": f"k{number}"}, "n": {"N": str(number)}})
        return arn

    def backed_up(self, table_arn: str, vault: str, **more: Any) -> dict[str, Any]:
        """The description of a backup job that has ended."""
        backup = self.source("backup")
        wish = {"IamRoleArn": more.pop("IamRoleArn", None) or self.backup_role(), **more}
        job = backup.start_backup_job(BackupVaultName=vault, ResourceArn=table_arn, **wish)
        ended: dict[str, Any] = backup.describe_backup_job(BackupJobId=job["BackupJobId"])
        return ended

    def copied(self, point: str, source: str, destination: str, **more: Any) -> dict[str, Any]:
        """The description of a copy job that has ended; `destination` is a vault's name in the target or an ARN."""
        backup = self.source("backup")
        arn = destination if destination.startswith("arn:") else vault_arn(TARGET_ACCOUNT, destination)
        job = backup.start_copy_job(
            RecoveryPointArn=point,
            SourceBackupVaultName=source,
            DestinationBackupVaultArn=arn,
            **{"IamRoleArn": more.pop("IamRoleArn", None) or self.backup_role(), **more},
        )
        ended: dict[str, Any] = backup.describe_copy_job(CopyJobId=job["CopyJobId"])["CopyJob"]
        return ended

    def restored(self, point: str, table: str, **more: Any) -> dict[str, Any]:
        """The description of a restore job in the target account that has ended."""
        backup = self.target("backup")
        metadata = {"targetTableName": table, "encryptionType": "Default", **more.pop("Metadata", {})}
        job = backup.start_restore_job(
            RecoveryPointArn=point,
            Metadata={name: value for name, value in metadata.items() if value},
            **{"IamRoleArn": more.pop("IamRoleArn", None) or self.restore_role(), "ResourceType": "DynamoDB", **more},
        )
        ended: dict[str, Any] = backup.describe_restore_job(RestoreJobId=job["RestoreJobId"])
        return ended


def vault_arn(account: str, name: str) -> str:
    return f"arn:aws:backup:{REGION}:{account}:backup-vault:{name}"


def letting_in(account: str) -> str:
    """A vault's access policy that lets an account copy into it."""
    statement = {
        "Sid": "AllowCopyFromSource",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "backup:CopyIntoBackupVault",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
