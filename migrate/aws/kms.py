"""KMS keys and their aliases. API reference: AWS KMS 2014-11-01."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.codec import Json, canonical
from migrate.core.errors import AccessDenied, Conflict, NotFound

SERVICE = "kms"
_MARKER = ("Marker", "NextMarker")
WAITING_DAYS = 30
"""Days for which a key that is to be deleted can still be saved: the longest that KMS offers."""


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


def key_tags(account: Account, arn: str) -> dict[str, str]:
    """Tags of a key; none when it does not exist or they may not be read (keys of AWS's own services)."""
    try:
        found = list(pages(account, SERVICE, "ListResourceTags", token=_MARKER, KeyId=arn))
    except (AccessDenied, NotFound):
        return {}
    return {tag["TagKey"]: tag["TagValue"] for page in found for tag in page.get("Tags", [])}


def find_keys(account: Account, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """The enabled keys that carry all these tags, oldest first. Reads the tags of every key of the account."""
    found = []
    for page in pages(account, SERVICE, "ListKeys", token=_MARKER):
        for key in page.get("Keys", []):
            if tags.items() <= key_tags(account, key["KeyArn"]).items():
                described = describe_key(account, key["KeyArn"])
                if described is not None and described.get("KeyState") == "Enabled":
                    found.append(described)
    return sorted(found, key=lambda key: (str(key.get("CreationDate", "")), str(key["Arn"])))


def create_key(account: Account, policy: Json, description: str, tags: Mapping[str, str]) -> str:
    """Make a symmetric customer managed key; its ARN.

    There is no idempotency token: look for it by its tags before, and after (botocore repeats a call whose answer was
    lost, and then there are two).
    """
    tag_list = [{"TagKey": key, "TagValue": value} for key, value in sorted(tags.items())]
    answer = call(account, SERVICE, "CreateKey", Policy=canonical(policy), Description=description, Tags=tag_list)
    return str(answer["KeyMetadata"]["Arn"])


def create_alias(account: Account, alias: str, arn: str) -> None:
    """Give a key an alias (`alias/...`). Raises `AlreadyExists` when another key has it."""
    call(account, SERVICE, "CreateAlias", AliasName=alias, TargetKeyId=arn)


def delete_alias(account: Account, alias: str) -> None:
    """Take an alias away; nothing happens when it is gone."""
    try:
        call(account, SERVICE, "DeleteAlias", AliasName=alias)
    except NotFound:
        return


def schedule_deletion(account: Account, key_id: str) -> None:
    """Have a key deleted in `WAITING_DAYS`; until then it can be saved. Nothing happens when that is under way."""
    try:
        call(account, SERVICE, "ScheduleKeyDeletion", KeyId=key_id, PendingWindowInDays=WAITING_DAYS)
    except (NotFound, Conflict):
        return
