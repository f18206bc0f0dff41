"""The AWS managed policies that the sandbox's services need, in every account.

https://docs.aws.amazon.com/aws-backup/latest/devguide/security-iam-awsmanpol.html

AWS's documents cover every resource type; these have their DynamoDB part only.
"""

from __future__ import annotations

from typing import Any

from moto.iam.models import AWSManagedPolicy, iam_backends

_DATE = "2019-01-10T00:00:00"
_KEYS: list[dict[str, Any]] = [
    {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"],
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
_POLICIES: dict[str, list[dict[str, Any]]] = {
    "AWSBackupServiceRolePolicyForBackup": [
        {
            "Effect": "Allow",
            "Action": [
                "dynamodb:DescribeTable", "dynamodb:CreateBackup", "dynamodb:StartAwsBackupJob",
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
        *_KEYS,
    ],
    "AWSBackupServiceRolePolicyForRestores": [
        {
            "Effect": "Allow",
            "Action": [
                "dynamodb:Scan", "dynamodb:Query", "dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:GetItem",
                "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:DescribeTable",
                "dynamodb:RestoreTableFromAwsBackup",
            ],
            "Resource": "arn:aws:dynamodb:*:*:table/*",
        },
        *_KEYS,
    ],
}  # fmt: skip


def seed(account: str) -> None:
    """Makes the policies known to the account's IAM. Idempotent."""
    iam = iam_backends[account]["aws"]
    for name, statements in _POLICIES.items():
        data = {
            "DefaultVersionId": "v1",
            "Path": "/service-role/",
            "Document": {"Version": "2012-10-17", "Statement": statements},
            "CreateDate": _DATE,
            "UpdateDate": _DATE,
        }
        policy = AWSManagedPolicy.from_data(name, account, "us-east-1", data)
        iam.managed_policies.setdefault(policy.arn, policy)
