"""The words of an error: what happened where, and what to do next. Decides nothing; `errors.py` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from migrate.core import errors
from migrate.data.reactions import reason_in_words

if TYPE_CHECKING:
    from migrate.aws.session import Account

_OUTCOMES: dict[type[errors.AwsError], str] = {
    errors.Throttled: "was throttled",
    errors.Transient: "failed",
    errors.NotFound: "found nothing",
    errors.AlreadyExists: "found it existing or in use already",
    errors.Conflict: "met another change",
    errors.LimitReached: "met a quota",
    errors.AccessDenied: "was refused",
    errors.CredentialsExpired: "had no valid credentials",
    errors.Invalid: "is not valid",
}

_RESOURCES = (
    ("TableName", "table {}"),
    ("TableArn", "{}"),
    ("ResourceArn", "{}"),
    ("ExportArn", "{}"),
    ("ImportArn", "{}"),
    ("BackupArn", "{}"),
    ("KeyId", "key {}"),
    ("AliasName", "key {}"),
    ("RecoveryPointArn", "{}"),
    ("BackupVaultName", "vault {}"),
    ("RoleName", "role {}"),
    ("ResourceId", "{}"),
    ("logGroupName", "log group {}"),
    ("RoleArn", "role {}"),
    ("JobName", "Glue job {}"),
    ("JobFlowId", "cluster {}"),
    ("ClusterId", "cluster {}"),
    ("applicationId", "application {}"),
)

VERSIONS = {
    ("CreateTable", "GlobalTableSourceArn"): "1.42.41",
    ("CreateTable", "GlobalTableSettingsReplicationMode"): "1.42.41",
    ("CreateTable", "VectorIndexes"): "1.43.64",
    ("UpdateTable", "VectorIndexUpdates"): "1.43.64",
    ("SearchVectors", ""): "1.43.64",
    ("ExportTableToPointInTime", "FilterSpecification"): "1.43.106",
    ("UpdateTable", "DisassociationProtectionEnabled"): "1.43.116",
    ("StartBulkPutItems", ""): "1.43.124",
    ("DescribeBulkOperation", ""): "1.43.124",
}
"""(operation, parameter or '') -> first botocore release that knows it."""

# IAM's name of an action, where it is not "service:Operation".
_ACTIONS = {
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "DeleteObjects"): "s3:DeleteObject",
    ("s3", "HeadObject"): "s3:GetObject",
    ("resourcegroupstaggingapi", "GetResources"): "tag:GetResources",
    ("s3", "GetBucketEncryption"): "s3:GetEncryptionConfiguration",
    ("s3", "PutBucketEncryption"): "s3:PutEncryptionConfiguration",
    ("s3", "GetPublicAccessBlock"): "s3:GetBucketPublicAccessBlock",
    ("s3", "PutPublicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("s3", "PutBucketLifecycleConfiguration"): "s3:PutLifecycleConfiguration",
}

_PREFIXES = {"dynamodbstreams": "dynamodb", "emr": "elasticmapreduce"}
"""What IAM calls a service, where botocore calls it otherwise."""


def resource_of(params: Mapping[str, Any]) -> str:
    """What a call is about, in words, from its parameters: `table orders`, `s3://bucket/key`; '' for the account."""
    if "Bucket" in params:
        return f"s3://{params['Bucket']}/{params['Key']}" if "Key" in params else f"bucket {params['Bucket']}"
    creation = params.get("TableCreationParameters")
    if isinstance(creation, Mapping):
        return f"table {creation.get('TableName', '')}"
    return next((form.format(params[name]) for name, form in _RESOURCES if name in params), "")


def action(service: str, operation: str) -> str:
    """The IAM action that allows the operation."""
    return _ACTIONS.get((service, operation), f"{_PREFIXES.get(service, service)}:{operation}")


def summary(kind: type[errors.AwsError], operation: str, resource: str, account: Account | None) -> str:
    """`DescribeTable on table orders was refused in 111111111111 eu-west-1`."""
    place = " ".join(filter(None, (account.id, account.region))) if account else ""
    where = f" in {place}" if place else ""
    what = f" on {resource}" if resource else ""
    return f"{operation}{what} {_OUTCOMES.get(kind, 'failed')}{where}"


def reason(message: str) -> str:
    """AWS's message as one line. A page of a proxy or a trace of an emulator is no message."""
    line = next((line.strip() for line in message.splitlines() if line.strip()), "")
    return "" if line.startswith("<") else line[:500]


def throttling_reasons(response: Mapping[str, Any]) -> str:
    """The reasons that DynamoDB gives with a throttle (`TableWriteAccountLimitExceeded`, ...), separated by commas."""
    found = (
        response.get("ThrottlingReasons")
        or response.get("throttlingReasons")
        or response.get("Error", {}).get("ThrottlingReasons")
        or []
    )
    return reason_in_words(found)


def hint(
    kind: type[errors.AwsError], service: str, operation: str, resource: str, message: str, account: Account | None
) -> str:
    """What to do about an answer of AWS; '' when the message says it all."""
    if kind is errors.AccessDenied:
        return _permission_hint(service, operation, resource, message, account)
    if kind is errors.CredentialsExpired:
        return credentials_hint(account)
    if kind is errors.LimitReached:
        return "wait for running work to end, or ask for a higher quota (Service Quotas)"
    if kind is errors.NotFound and account is not None:
        return f"check the name, the account ({account.id}) and the Region ({account.region})"
    return ""


def _permission_hint(service: str, operation: str, resource: str, message: str, account: Account | None) -> str:
    text = message.lower()
    if "service control policy" in text:
        return "a service control policy of the organization denies it; only its administrators can allow it"
    if "resource control policy" in text:
        return "a resource control policy of the organization denies it; only its administrators can allow it"
    who = principal(account)
    if service == "sts" and account is not None and account.access.role:
        extra = " and the external id" if account.access.external_id else ""
        own = f"profile {account.access.profile}" if account.access.profile else "the ambient credentials"
        return (
            f"allow sts:AssumeRole on {account.access.role} for {own}; "
            f"the role's trust policy must name them too (check the role's name{extra})"
        )
    if service != "kms" and ("kms:" in text or "kms key" in text or " kms" in text):
        return f"allow {who} to use the KMS key: in the key policy and, in another account, in IAM as well"
    return f"allow {action(service, operation)} on {resource or '*'} for {who}"


def principal(account: Account | None) -> str:
    """Who asks, as exactly as is known: the caller's ARN, the role, the profile."""
    if account is None:
        return "the caller"
    if account.caller:
        return account.caller
    return credentials_in_words(account)


def credentials_in_words(account: Account) -> str:
    """Which credentials are used for this account, for a message."""
    profile = f"profile {account.access.profile}" if account.access.profile else ""
    if account.access.role:
        return f"role {account.access.role}" + (f" (assumed with {profile})" if profile else "")
    return profile or "the ambient credentials"


def credentials_hint(account: Account | None) -> str:
    """How to get credentials for this account."""
    if account is None:
        return "log in again"
    if account.access.profile:
        return f"aws sso login --profile {account.access.profile}   (or renew that profile's keys)"
    ambient = "aws sso login, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    is_named = account.side in ("source", "target")  # in the manifest
    return f"{ambient}; or name a profile under accounts.{account.side}" if is_named else ambient


def botocore_reason(error: Exception, operation: str) -> str:
    """Why botocore failed before or without an answer of AWS."""
    name, text = type(error).__name__, " ".join(str(error).split()).rstrip(".")
    if name in ("ReadTimeoutError", "ConnectionClosedError", "IncompleteReadError", "ResponseStreamingError"):
        return f"{text}. The call may have taken effect"
    if name == "ParamValidationError" and "Unknown parameter" in text:
        parameter = text.split('"')[1] if text.count('"') >= 2 else ""
        return f"{text}. {needed_version(operation, parameter)}"
    return text


def botocore_hint(error: Exception, kind: type[errors.AwsError], account: Account | None) -> str:
    """What to do when botocore failed without an answer of AWS."""
    name, text = type(error).__name__, str(error)
    if name == "ProfileNotFound":
        return "aws configure list-profiles   shows the profiles that exist"
    if kind is errors.CredentialsExpired:
        return credentials_hint(account)
    if name in ("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError") and account is not None:
        where = account.access.endpoint_url
        return f"is {where} running?" if where else f"check the network and that the Region {account.region} exists"
    if name == "ParamValidationError" and "Unknown parameter" in text:
        return "pip install --upgrade boto3 botocore"
    return ""


def needed_version(operation: str, parameter: str) -> str:
    """`This needs botocore >= X (installed: Y)`, as far as the first version is known."""
    import botocore

    version = VERSIONS.get((operation, parameter)) or VERSIONS.get((operation, ""))
    wanted = f"needs botocore >= {version}" if version else "needs a newer botocore"
    return f"It {wanted} (installed: {botocore.__version__})"
