"""KMS keys, read only. API reference: AWS KMS 2014-11-01."""

from __future__ import annotations

from typing import Any

from migrate.aws.errors import call
from migrate.aws.session import Account
from migrate.core.errors import AccessDenied, NotFound

SERVICE = "kms"


def describe_key(account: Account, id: str) -> dict[str, Any] | None:
    """KeyMetadata of a key by id, ARN or alias; None when it does not exist. Raises `AccessDenied`."""
    try:
        return dict(call(account, SERVICE, "DescribeKey", KeyId=id)["KeyMetadata"])
    except NotFound:
        return None


def get_key_policy(account: Account, arn: str) -> str | None:
    """The key policy's JSON text; None when it may not be read (always so for another account's key)."""
    try:
        answer = call(account, SERVICE, "GetKeyPolicy", KeyId=arn, PolicyName="default")
    except (AccessDenied, NotFound):
        return None
    return str(answer["Policy"])
