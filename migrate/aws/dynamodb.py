"""DynamoDB's control plane: tables and their settings. API reference: Amazon DynamoDB 2012-08-10.

Functions that change something are as idempotent as the API is: none of these calls takes a client token, so whoever
repeats one looks first. Answers are the API's own dicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.errors import NotFound

SERVICE = "dynamodb"


def list_tables(account: Account) -> list[str]:
    """Names of all tables of the account in its Region, sorted."""
    token = ("ExclusiveStartTableName", "LastEvaluatedTableName")
    found = pages(account, SERVICE, "ListTables", token=token)
    return sorted(name for page in found for name in page.get("TableNames", []))


def describe_table(account: Account, name: str) -> dict[str, Any] | None:
    """The `Table` of DescribeTable; None when there is none (a table just made may be missing for a moment)."""
    try:
        table: dict[str, Any] = call(account, SERVICE, "DescribeTable", TableName=name)["Table"]
    except NotFound:
        return None
    return table


def has_items(account: Account, name: str) -> bool:
    """True when the table has an item now: a consistent Scan of one. Raises `NotFound`."""
    answer = call(account, SERVICE, "Scan", TableName=name, Limit=1, ConsistentRead=True, Select="COUNT")
    return bool(answer.get("Count"))


def describe_ttl(account: Account, name: str) -> dict[str, Any]:
    """TimeToLiveDescription: TimeToLiveStatus and, when it is on, AttributeName. Raises `NotFound`."""
    answer = call(account, SERVICE, "DescribeTimeToLive", TableName=name)
    return dict(answer.get("TimeToLiveDescription") or {})


def describe_recovery(account: Account, name: str) -> dict[str, Any]:
    """PointInTimeRecoveryDescription with ContinuousBackupsStatus added to it. Raises `NotFound`."""
    answer = call(account, SERVICE, "DescribeContinuousBackups", TableName=name)
    described = answer.get("ContinuousBackupsDescription") or {}
    recovery = described.get("PointInTimeRecoveryDescription") or {}
    return {"ContinuousBackupsStatus": described.get("ContinuousBackupsStatus", "DISABLED"), **recovery}


def list_tags(account: Account, arn: str) -> dict[str, str]:
    """All tags of a table, `aws:` ones included. Eventually consistent. Raises `NotFound`."""
    found = pages(account, SERVICE, "ListTagsOfResource", token=("NextToken", "NextToken"), ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in found for tag in page.get("Tags", [])}


def get_resource_policy(account: Account, arn: str) -> tuple[str, str] | None:
    """Policy text and revision id of a table or stream; None when it has no policy. Eventually consistent."""
    try:
        answer = call(account, SERVICE, "GetResourcePolicy", ResourceArn=arn)
    except NotFound as error:
        if error.code != "PolicyNotFoundException":
            raise
        return None
    return answer["Policy"], answer.get("RevisionId", "")


def describe_kinesis(account: Account, name: str) -> list[dict[str, Any]]:
    """KinesisDataStreamDestinations of a table, disabled ones included (AWS lists them for a while)."""
    answer = call(account, SERVICE, "DescribeKinesisStreamingDestination", TableName=name)
    return list(answer.get("KinesisDataStreamDestinations", []))


def list_contributor_insights(account: Account) -> list[dict[str, Any]]:
    """ContributorInsightsSummaries of every table and index of the account."""
    found = pages(account, SERVICE, "ListContributorInsights", token=("NextToken", "NextToken"), MaxResults=100)
    return [entry for page in found for entry in page.get("ContributorInsightsSummaries", [])]


def create_table(account: Account, **params: Any) -> dict[str, Any]:
    """CreateTable; the TableDescription. Raises `AlreadyExists`. The table is not ACTIVE yet."""
    return dict(call(account, SERVICE, "CreateTable", **params)["TableDescription"])


def update_table(account: Account, name: str, **changes: Any) -> dict[str, Any]:
    """UpdateTable; the TableDescription. AWS wants one kind of change per call and ACTIVE in between."""
    return dict(call(account, SERVICE, "UpdateTable", TableName=name, **changes)["TableDescription"])


def delete_table(account: Account, name: str) -> dict[str, Any] | None:
    """DeleteTable; the TableDescription, None when there is no such table. Refused while protection is on."""
    try:
        return dict(call(account, SERVICE, "DeleteTable", TableName=name)["TableDescription"])
    except NotFound:
        return None


def update_ttl(account: Account, name: str, attribute: str, enabled: bool) -> dict[str, Any]:
    """UpdateTimeToLive; takes up to an hour, and a second call within that hour is `Invalid`."""
    wish = {"AttributeName": attribute, "Enabled": enabled}
    answer = call(account, SERVICE, "UpdateTimeToLive", TableName=name, TimeToLiveSpecification=wish)
    return dict(answer.get("TimeToLiveSpecification") or {})


def update_recovery(account: Account, name: str, days: int | None) -> dict[str, Any]:
    """Point-in-time recovery on with a period of `days` (1-35), or off with None. Idempotent.

    A table just made may answer ContinuousBackupsUnavailableException for some minutes (`Transient`).
    """
    wish: dict[str, Any] = {"PointInTimeRecoveryEnabled": days is not None}
    if days is not None:
        wish["RecoveryPeriodInDays"] = days
    answer = call(account, SERVICE, "UpdateContinuousBackups", TableName=name, PointInTimeRecoverySpecification=wish)
    return dict(answer.get("ContinuousBackupsDescription") or {})


def tag(account: Account, arn: str, tags: Mapping[str, str]) -> None:
    """Add or replace tags of a table; other tags stay. Nothing is sent for no tags."""
    if tags:
        wish = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        call(account, SERVICE, "TagResource", ResourceArn=arn, Tags=wish)


def untag(account: Account, arn: str, keys: Iterable[str]) -> None:
    """Remove tags of a table by key; absent ones are ignored. Nothing is sent for no keys."""
    wish = sorted(keys)
    if wish:
        call(account, SERVICE, "UntagResource", ResourceArn=arn, TagKeys=wish)


def put_resource_policy(account: Account, arn: str, policy: str, revision: str | None) -> str:
    """Set the policy of a table or stream; the new revision id.

    With `revision` only if that is still the present one, else `Conflict`; `NO_POLICY` as revision means: only if there
    is none. 15 s must pass between two updates of one policy.
    """
    expected = {"ExpectedRevisionId": revision} if revision is not None else {}
    answer = call(account, SERVICE, "PutResourcePolicy", ResourceArn=arn, Policy=policy, **expected)
    return str(answer.get("RevisionId", ""))


def delete_resource_policy(account: Account, arn: str, revision: str | None = None) -> None:
    """Remove the policy of a table or stream. Idempotent, also when the table is gone.

    With `revision` only while that is the present one: when it is not, the policy stays, and the next look sees it.
    """
    expected = {"ExpectedRevisionId": revision} if revision is not None else {}
    try:
        call(account, SERVICE, "DeleteResourcePolicy", ResourceArn=arn, **expected)
    except NotFound:
        return


def enable_kinesis(account: Account, name: str, stream: str, precision: str) -> dict[str, Any]:
    """Send the table's changes to a Kinesis data stream (ARN; same account and Region). ENABLING for a while."""
    configuration = {"ApproximateCreationDateTimePrecision": precision}
    return call(
        account,
        SERVICE,
        "EnableKinesisStreamingDestination",
        TableName=name,
        StreamArn=stream,
        EnableKinesisStreamingConfiguration=configuration,
    )


def disable_kinesis(account: Account, name: str, stream: str) -> dict[str, Any]:
    """Stop sending the table's changes to a Kinesis data stream (ARN)."""
    return call(account, SERVICE, "DisableKinesisStreamingDestination", TableName=name, StreamArn=stream)


def update_contributor_insights(account: Account, name: str, index: str | None, mode: str | None) -> dict[str, Any]:
    """Contributor insights of a table (`index` None) or an index: on with `mode`, off with None."""
    params: dict[str, Any] = {"TableName": name, "ContributorInsightsAction": "ENABLE" if mode else "DISABLE"}
    if index:
        params["IndexName"] = index
    if mode:
        params["ContributorInsightsMode"] = mode
    return call(account, SERVICE, "UpdateContributorInsights", **params)
