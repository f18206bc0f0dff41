"""What IAM asks of a recorded call: the one table from operations to actions, and the resource that each is about."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from migrate.core.access import Permission
from migrate.sandbox.settings import REGION

Params = Mapping[str, Any]

OTHER_NAMES = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
}
"""Operations whose action has another name: https://docs.aws.amazon.com/AmazonS3/latest/API/ says which."""

FREE = {"sts:GetCallerIdentity"}
"""https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html: no permission is needed."""

TAGGED = {
    "dynamodb:CreateTable": ("Tags", "dynamodb:TagResource"),
    "backup:CreateBackupVault": ("BackupVaultTags", "backup:TagResource"),
    "backup:CreateLogicallyAirGappedBackupVault": ("BackupVaultTags", "backup:TagResource"),
    "backup:CreateBackupPlan": ("BackupPlanTags", "backup:TagResource"),
    "backup:StartBackupJob": ("RecoveryPointTags", "backup:TagResource"),
    "kms:CreateKey": ("Tags", "kms:TagResource"),
    "iam:CreateRole": ("Tags.member.1.Key", "iam:TagRole"),
    "ram:CreateResourceShare": ("tags", "ram:TagResource"),
    "glue:CreateJob": ("Tags", "glue:TagResource"),
    "emr-serverless:CreateApplication": ("tags", "emr-serverless:TagResource"),
    "emr-serverless:StartJobRun": ("tags", "emr-serverless:TagResource"),
    "elasticmapreduce:RunJobFlow": ("Tags", "elasticmapreduce:AddTags"),
}
"""Operation -> the parameter with tags, and what tagging with a creation needs besides."""

PASSED = {
    "backup:StartBackupJob": "IamRoleArn",
    "backup:StartCopyJob": "IamRoleArn",
    "backup:StartRestoreJob": "IamRoleArn",
    "glue:CreateJob": "Role",
    "emr-serverless:StartJobRun": "executionRoleArn",
}
"""Operation -> the parameter with a role that is passed to the service."""


@dataclass(frozen=True)
class Ask:
    """One action on one resource by one principal (see `core.access` for who). `alias`: of a call that names a key."""

    who: str
    action: str
    resource: str
    alias: str = ""

    def is_allowed_by(self, one: Permission) -> bool:
        """True when the permission covers it; of conditions, the alias is looked at."""
        named = ((one.condition or {}).get("StringEquals") or {}).get("kms:RequestAlias")
        return (
            self.action in one.actions
            and any(fnmatch.fnmatchcase(self.resource, pattern) for pattern in one.resources)
            and (named is None or named == self.alias)
        )


def asks(record: Mapping[str, Any]) -> Iterator[Ask]:
    """What a record of the sandbox's call log asks of IAM."""
    operation = f"{record['service']}:{record['operation']}"
    who, params, account = principal(record), record["params"], record["account"]
    if operation in FREE or not who:
        return
    action = OTHER_NAMES.get(operation, operation)
    alias = str(params.get("KeyId", "")) if str(params.get("KeyId", "")).startswith("alias/") else ""
    resources = list(_resources(record["service"], record["operation"], params, account))
    for resource in resources:
        yield Ask(who, action, resource, alias)
    tags, tagging = TAGGED.get(operation, ("", ""))
    if params.get(tags):
        made = f"arn:aws:backup:{REGION}:{account}:recovery-point:new" if operation == "backup:StartBackupJob" else ""
        yield Ask(who, tagging, made or _tagged(record["service"], resources[0], account))
    if operation in PASSED:
        yield Ask(who, "iam:PassRole", str(params[PASSED[operation]]))


def principal(record: Mapping[str, Any]) -> str:
    """`source`, `target` or `runner`, or the ARN of another role; '' for the test itself."""
    known = {
        "arn:aws:iam::111111111111:role/MigrateSandbox": "source",
        "arn:aws:iam::222222222222:role/MigrateSandbox": "target",
        "arn:aws:iam::123456789012:root": "runner",
    }
    arn = str(record["principal"])
    return known.get(arn, arn if ":role/" in arn else "")


def _tagged(service: str, resource: str, account: str) -> str:
    """What is tagged by a creation that names no resource: something with an id of AWS's."""
    new = {
        "kms": f"arn:aws:kms:{REGION}:{account}:key/new",
        "ram": f"arn:aws:ram:{REGION}:{account}:resource-share/new",
        "emr-serverless": f"arn:aws:emr-serverless:{REGION}:{account}:/applications/new",
        "elasticmapreduce": f"arn:aws:elasticmapreduce:{REGION}:{account}:cluster/new",
        "backup": f"arn:aws:backup:{REGION}:{account}:backup-plan:new",
    }
    return resource if resource != "*" else new[service]


def _resources(service: str, operation: str, params: Params, account: str) -> Iterator[str]:
    found = [one for one in _BY_SERVICE.get(service, _nothing)(operation, params, account) if one]
    yield from found or ["*"]


def _nothing(_operation: str, _params: Params, _account: str) -> list[str]:
    return []


def _dynamodb(operation: str, params: Params, account: str) -> list[str]:
    if operation in ("ListExports", "ListImports", "ListTables", "ListContributorInsights"):
        return []
    table = params.get("TableName") or (params.get("TableCreationParameters") or {}).get("TableName")
    arns = [params.get(name) for name in ("TableArn", "ResourceArn", "ExportArn", "ImportArn") if params.get(name)]
    names = [table] if table else list(params.get("RequestItems") or ())
    return [*(str(one) for one in arns), *(f"arn:aws:dynamodb:{REGION}:{account}:table/{name}" for name in names)]


def _s3(operation: str, params: Params, _account: str) -> list[str]:
    bucket, _, key = unquote(params["path"]).lstrip("/").partition("/")
    if "Keys" in params:
        return [f"arn:aws:s3:::{bucket}/{key}" for key in params["Keys"]]
    return [f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"]


def _kms(operation: str, params: Params, account: str) -> list[str]:
    if operation in ("ListKeys", "CreateKey"):
        return []
    ids = [params[name] for name in ("KeyId", "TargetKeyId") if name in params]
    keys = f"arn:aws:kms:{REGION}:{account}:key/"
    arns = [one if one.startswith("arn:") else keys + one.removeprefix("alias/") for one in ids]
    if operation == "DeleteAlias":
        arns.append(f"{keys}behind-the-alias")
    alias = params.get("AliasName")
    return [*arns, *([f"arn:aws:kms:{REGION}:{account}:{alias}"] if alias else [])]


def _backup(operation: str, params: Params, account: str) -> list[str]:
    wide = ("Describe", "List")
    if operation in ("DescribeRecoveryPoint", "GetRecoveryPointRestoreMetadata", "DeleteRecoveryPoint", "StartCopyJob"):
        return [params["RecoveryPointArn"]]
    if operation == "StartRestoreJob":
        return [params["RecoveryPointArn"]]
    if operation == "ListTags":
        return [params["ResourceArn"]]
    if "BackupPlanId" in params:
        return [f"arn:aws:backup:{REGION}:{account}:backup-plan:{params['BackupPlanId']}"]
    if operation == "CreateBackupPlan":
        return [f"arn:aws:backup:{REGION}:{account}:backup-plan:new"]
    owner = params.get("BackupVaultAccountId", account)
    if "BackupVaultName" in params:
        return [f"arn:aws:backup:{REGION}:{owner}:backup-vault:{params['BackupVaultName']}"]
    assert operation.startswith(wide), operation
    return []


def _iam(_operation: str, params: Params, account: str) -> list[str]:
    if "InstanceProfileName" in params:
        return [f"arn:aws:iam::{account}:instance-profile/{params['InstanceProfileName']}"]
    return [f"arn:aws:iam::{account}:role/{params['RoleName']}"]


def _sts(_operation: str, params: Params, _account: str) -> list[str]:
    return [params["RoleArn"]]


def _scaling(operation: str, _params: Params, account: str) -> list[str]:
    if operation.startswith("Describe"):
        return []
    return [f"arn:aws:application-autoscaling:{REGION}:{account}:scalable-target/some-id"]


def _ram(_operation: str, params: Params, _account: str) -> list[str]:
    return [str(params[name]) for name in ("resourceShareArn", "resourceShareInvitationArn") if name in params]


def _glue(_operation: str, params: Params, account: str) -> list[str]:
    if "ResourceArn" in params:
        return [str(params["ResourceArn"])]
    return [f"arn:aws:glue:{REGION}:{account}:job/{params.get('JobName') or params['Name']}"]


def _serverless(operation: str, params: Params, account: str) -> list[str]:
    if "applicationId" not in params:
        return []
    run = f"/jobruns/{params['jobRunId']}" if "jobRunId" in params else ""
    return [f"arn:aws:emr-serverless:{REGION}:{account}:/applications/{params['applicationId']}{run}"]


def _emr(_operation: str, params: Params, account: str) -> list[str]:
    id = params.get("ClusterId") or params.get("JobFlowId")
    return [f"arn:aws:elasticmapreduce:{REGION}:{account}:cluster/{id}"] if id else []


def _logs(_operation: str, params: Params, account: str) -> list[str]:
    group, stream = params["logGroupName"], params["logStreamName"]
    return [f"arn:aws:logs:{REGION}:{account}:log-group:{group}:log-stream:{stream}"]


_BY_SERVICE: Mapping[str, Callable[[str, Params, str], list[str]]] = {
    "dynamodb": _dynamodb,
    "s3": _s3,
    "kms": _kms,
    "backup": _backup,
    "iam": _iam,
    "sts": _sts,
    "application-autoscaling": _scaling,
    "ram": _ram,
    "glue": _glue,
    "emr-serverless": _serverless,
    "elasticmapreduce": _emr,
    "logs": _logs,
}
