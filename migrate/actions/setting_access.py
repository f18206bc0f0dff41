"""What reading and changing each setting of a table takes.

https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds_iam.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Contributor_Insights_IAM.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions.places import LATER
from migrate.aws import autoscaling
from migrate.core.access import Permission, Place, allow, anywhere, linked_role
from migrate.core.codec import Json

_READ: Mapping[str, str] = {
    "ttl": "DescribeTimeToLive",
    "recovery": "DescribeContinuousBackups",
    "tags": "ListTagsOfResource",
    "kinesis": "DescribeKinesisStreamingDestination",
    "resource-policy": "GetResourcePolicy",
}
_WRITE: Mapping[str, str] = {
    "table-class": "UpdateTable",
    "billing": "UpdateTable",
    "on-demand-maximum": "UpdateTable",
    "encryption": "UpdateTable",
    "stream": "UpdateTable",
    "deletion-protection": "UpdateTable",
    "recovery": "UpdateContinuousBackups",
    "tags": "TagResource",
    "ttl": "UpdateTimeToLive",
}


def setting_access(name: str, place: Place, table: str, before: Json, after: Json) -> Iterator[Permission]:
    """What it takes beside DescribeTable to see the setting `name` of a table, and to bring it from one value to
    another."""
    arn = place.table(table)
    names = [one for one in (_READ.get(name), _WRITE.get(name)) if one]
    if name == "kinesis":
        names += [f"{verb}KinesisStreamingDestination" for verb, on in _turned(before, after) if on]
    if name == "resource-policy":
        names.append("DeleteResourcePolicy" if after is None else "PutResourcePolicy")
    if names:
        yield allow(place.side, f"dynamodb:{' '.join(names)}", arn)
    more = _MORE.get(name)
    if more:
        yield from more(place, table, before, after)


def _turned(before: Json, after: Json) -> tuple[tuple[str, bool], ...]:
    return ("Disable", before is not None), ("Enable", after is not None)


def _kinesis(place: Place, _table: str, _before: Json, after: Json) -> Iterator[Permission]:
    if after is not None:
        when = "DynamoDB looks at the stream with the permissions of the caller"
        yield allow(place.side, "kinesis:DescribeStream PutRecord PutRecords", after["stream"], when=when)
        name = "kinesisreplication.dynamodb.amazonaws.com"
        yield linked_role(place, name, "AWSServiceRoleForDynamoDBKinesisDataStreamsReplication")


def _insights(place: Place, table: str, _before: Json, _after: Json) -> Iterator[Permission]:
    yield anywhere(place.side, "dynamodb:ListContributorInsights")
    arn = place.table(table)
    yield allow(place.side, "dynamodb:UpdateContributorInsights", arn)
    when = "contributor insights of an index"
    yield allow(place.side, "dynamodb:UpdateContributorInsights", f"{arn}/index/*", when=when, wide="every index")
    name = "contributorinsights.dynamodb.amazonaws.com"
    yield linked_role(place, name, "AWSServiceRoleForDynamoDBCloudWatchContributorInsights")


def _scaling(place: Place, table: str, before: Json, after: Json) -> Iterator[Permission]:
    yield anywhere(place.side, f"application-autoscaling:{' '.join(autoscaling.READS)}")
    targets = place.arn("application-autoscaling", "scalable-target/*")
    of_tables = {"StringEquals": {"application-autoscaling:service-namespace": "dynamodb"}}
    names = f"application-autoscaling:{' '.join(_scaling_writes(before or {}, after or {}))}"
    yield allow(place.side, names, targets, condition=of_tables, wide=LATER)
    when = "Application Auto Scaling looks at the table, and makes alarms, with the permissions of the caller"
    yield allow(place.side, "dynamodb:UpdateTable", place.table(table), when=when)
    alarms = place.arn("cloudwatch", f"alarm:TargetTracking-table/{table}*")
    names = "cloudwatch:PutMetricAlarm DescribeAlarms DeleteAlarms"
    yield allow(place.side, names, alarms, when=when, wide=LATER)
    name = "dynamodb.application-autoscaling.amazonaws.com"
    yield linked_role(place, name, "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable")


def _scaling_writes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """The operations that `setting_writes` calls for this change."""
    if before.keys() - after.keys():
        yield "DeregisterScalableTarget"
    if after:
        yield "RegisterScalableTarget"
    for part, put, delete in (
        ("policies", "PutScalingPolicy", "DeleteScalingPolicy"),
        ("schedules", "PutScheduledAction", "DeleteScheduledAction"),
    ):
        if any(target.get(part) for target in after.values()):
            yield put
        old, new = ({(p, one) for p, t in side.items() for one in t.get(part) or {}} for side in (before, after))
        if any(place in after for place, _ in old - new):
            yield delete


def _encryption(place: Place, _table: str, _before: Json, after: Json) -> Iterator[Permission]:
    if after.get("key"):
        yield allow(place.side, "kms:DescribeKey", place.key(after["key"]))


_MORE = {
    "kinesis": _kinesis,
    "contributor-insights": _insights,
    "auto-scaling": _scaling,
    "encryption": _encryption,
}
