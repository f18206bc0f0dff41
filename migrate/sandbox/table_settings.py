"""Settings beside the table: tags, time to live, continuous backups.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TagResource.html (50 tags, upsert),
API_UpdateTimeToLive.html (no second change while the first takes effect) and API_UpdateContinuousBackups.html (1 to
35 days, default 35). Not emulated: items that expire, the delay of tags, the five minutes by which
LatestRestorableDateTime lags.
"""

from __future__ import annotations

import time
from typing import Any

from moto.core.utils import utcnow

from migrate.sandbox.front import Call, operation
from migrate.sandbox.lifecycle import status_of
from migrate.sandbox.refusals import Refused
from migrate.sandbox.settings import Timing
from migrate.sandbox.values import invalid

_TAG_PAGE = 10
_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long time to live is ENABLING or DISABLING."""
    global _timing
    _timing = timing


def check_tags(tags: list[dict[str, str]]) -> None:
    """Refuses what no resource may have."""
    keys = [tag["Key"] for tag in tags]
    if len(set(keys)) != len(keys):
        raise invalid("One or more parameter values were invalid: Tag keys must be unique")
    if len(keys) > 50:
        raise invalid("One or more parameter values were invalid: Too many tags: the limit is 50 per resource")
    for tag in tags:
        if tag["Key"].lower().startswith("aws:"):
            raise invalid("One or more parameter values were invalid: aws: prefixed tag keys are not allowed")
        if not 1 <= len(tag["Key"]) <= 128 or len(tag["Value"]) > 256:
            raise invalid("One or more parameter values were invalid: Tag key 1 to 128 and value 0 to 256 characters")


@operation("TagResource", "ResourceArn Tags")
def tag_resource(call: Call) -> dict[str, Any]:
    """API_TagResource: a key that is there gets the new value."""
    table = _taggable(call)
    given = call.body["Tags"]
    check_tags(given)
    merged = {tag["Key"]: tag["Value"] for tag in [*table.tags, *given]}
    tags = [{"Key": key, "Value": value} for key, value in merged.items()]
    check_tags(tags)
    table.tags = tags
    return {}


@operation("UntagResource", "ResourceArn TagKeys")
def untag_resource(call: Call) -> dict[str, Any]:
    """API_UntagResource."""
    table = _taggable(call)
    table.tags = [tag for tag in table.tags if tag["Key"] not in call.body["TagKeys"]]
    return {}


def _taggable(call: Call) -> Any:
    table = call.owned_table(call.body["ResourceArn"])
    if status_of(table) in ("CREATING", "DELETING"):
        raise Refused("ResourceInUseException", f"Table is {status_of(table)}: {table.name}")
    return table


@operation("ListTagsOfResource", "ResourceArn NextToken")
def list_tags_of_resource(call: Call) -> dict[str, Any]:
    """API_ListTagsOfResource, ten a page so that callers must page."""
    tags = call.owned_table(call.body["ResourceArn"]).tags
    token = call.body.get("NextToken", "0")
    if not token.isdigit():
        raise invalid("Invalid NextToken")
    start = int(token)
    answer: dict[str, Any] = {"Tags": tags[start : start + _TAG_PAGE]}
    if len(tags) > start + _TAG_PAGE:
        answer["NextToken"] = str(start + _TAG_PAGE)
    return answer


@operation("UpdateTimeToLive", "TableName TimeToLiveSpecification")
def update_time_to_live(call: Call) -> dict[str, Any]:
    """API_UpdateTimeToLive."""
    table, wish = call.table(), call.body["TimeToLiveSpecification"]
    if status_of(table) != "ACTIVE":
        raise Refused("ResourceInUseException", f"Table is being changed: {table.name}")
    enabled = table.ttl.get("TimeToLiveStatus") == "ENABLED"
    if time.time() < table.ttl.get("Until", 0.0):
        raise invalid("Time to live has been modified multiple times within a fixed interval")
    if wish["Enabled"] == enabled:
        raise invalid(f"TimeToLive is already {'enabled' if enabled else 'disabled'}")
    if enabled and wish["AttributeName"] != table.ttl["AttributeName"]:
        raise invalid(
            f"TimeToLive is active on a different AttributeName: current AttributeName is {table.ttl['AttributeName']}"
        )
    table.ttl = {
        "TimeToLiveStatus": "ENABLED" if wish["Enabled"] else "DISABLED",
        "AttributeName": wish["AttributeName"],
        "Until": time.time() + _timing.settings,
    }
    return {"TimeToLiveSpecification": wish}


@operation("DescribeTimeToLive", "TableName")
def describe_time_to_live(call: Call) -> dict[str, Any]:
    """API_DescribeTimeToLive."""
    ttl = call.table().ttl
    status = ttl["TimeToLiveStatus"]
    if time.time() < ttl.get("Until", 0.0):
        status = "ENABLING" if status == "ENABLED" else "DISABLING"
    answer = {"TimeToLiveStatus": status}
    if status != "DISABLED":
        answer["AttributeName"] = ttl["AttributeName"]
    return {"TimeToLiveDescription": answer}


@operation("UpdateContinuousBackups", "TableName PointInTimeRecoverySpecification")
def update_continuous_backups(call: Call) -> dict[str, Any]:
    """API_UpdateContinuousBackups: enabling again keeps the earliest time and may change the period."""
    table, wish = _backed_up(call), call.body["PointInTimeRecoverySpecification"]
    days = wish.get("RecoveryPeriodInDays", 35)
    if not isinstance(days, int) or not 1 <= days <= 35:
        raise invalid(
            f"1 validation error detected: Value '{days}' at 'recoveryPeriodInDays' "
            "failed to satisfy constraint: 1 to 35"
        )
    if status_of(table) == "CREATING":
        raise Refused(
            "ContinuousBackupsUnavailableException",
            f"Backups are being enabled for the table: {table.name}. Please retry later",
        )
    current = table.continuous_backups["PointInTimeRecoveryDescription"]
    if not wish["PointInTimeRecoveryEnabled"]:
        if "RecoveryPeriodInDays" in wish:
            raise invalid("RecoveryPeriodInDays can only be given when point-in-time recovery is enabled")
        changed: dict[str, Any] = {"PointInTimeRecoveryStatus": "DISABLED"}
    else:
        changed = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": days,
            "EarliestRestorableDateTime": current.get("EarliestRestorableDateTime") or utcnow(),
        }
    table.continuous_backups["PointInTimeRecoveryDescription"] = changed
    return {"ContinuousBackupsDescription": _continuous(table)}


@operation("DescribeContinuousBackups", "TableName")
def describe_continuous_backups(call: Call) -> dict[str, Any]:
    """API_DescribeContinuousBackups."""
    return {"ContinuousBackupsDescription": _continuous(_backed_up(call))}


def _continuous(table: Any) -> dict[str, Any]:
    recovery = dict(table.continuous_backups["PointInTimeRecoveryDescription"])
    if recovery["PointInTimeRecoveryStatus"] == "ENABLED":
        recovery["LatestRestorableDateTime"] = utcnow()
    return {**table.continuous_backups, "PointInTimeRecoveryDescription": recovery}


def _backed_up(call: Call) -> Any:
    try:
        return call.table()
    except Refused as error:
        if error.name_only != "ResourceNotFoundException":
            raise
        raise Refused("TableNotFoundException", f"Table not found: {call.body['TableName']}") from error
