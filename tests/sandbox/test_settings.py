"""Tags, time to live, continuous backups, insights, Kinesis destinations, auto scaling."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.sandbox.settings import TARGET_ACCOUNT
from tests.sandbox.aws import KEYS, Aws, error_of

INVALID = "ValidationException"


def tags_of(aws: Aws, arn: str) -> dict[str, str]:
    pages = aws.source.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
    listed = [(tag["Key"], tag["Value"]) for page in pages for tag in page["Tags"]]
    assert len(listed) == len(dict(listed))
    return dict(listed)


def tag_list(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def test_tags_are_upserted_paged_and_limited(aws: Aws) -> None:
    arn = aws.describe(aws.table(Tags=tag_list(env="dev")))["TableArn"]
    aws.source.tag_resource(ResourceArn=arn, Tags=tag_list(env="prod", team="orders"))
    assert tags_of(aws, arn) == {"env": "prod", "team": "orders"}
    many = {f"k{n}": "v" for n in range(48)}
    aws.source.tag_resource(ResourceArn=arn, Tags=tag_list(**many))
    assert tags_of(aws, arn) == {"env": "prod", "team": "orders", **many}
    assert error_of(aws.source.tag_resource, ResourceArn=arn, Tags=tag_list(more="x")) == INVALID
    aws.source.untag_resource(ResourceArn=arn, TagKeys=["env", *many])
    assert tags_of(aws, arn) == {"team": "orders"}
    gone = {"ResourceArn": arn + "-missing", "Tags": tag_list(a="b")}
    assert error_of(aws.source.tag_resource, **gone) == "ResourceNotFoundException"


def test_time_to_live_without_waiting(aws: Aws) -> None:
    name = aws.table()
    on = {"TableName": name, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"}}
    off = {"TableName": name, "TimeToLiveSpecification": {"Enabled": False, "AttributeName": "until"}}
    assert error_of(aws.source.update_time_to_live, **off) == INVALID
    aws.source.update_time_to_live(**on)
    described = aws.source.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}
    assert error_of(aws.source.update_time_to_live, **on) == INVALID
    aws.source.update_time_to_live(**off)
    assert aws.source.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"


def test_point_in_time_recovery_keeps_its_period(aws: Aws) -> None:
    name = aws.table()

    def recovery(**wish: Any) -> Any:
        answer = aws.source.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=wish)
        described = aws.source.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        assert answer["ContinuousBackupsDescription"]["ContinuousBackupsStatus"] == "ENABLED"
        return described["PointInTimeRecoveryDescription"]

    first = recovery(PointInTimeRecoveryEnabled=True)
    assert first["RecoveryPeriodInDays"] == 35
    assert first["EarliestRestorableDateTime"] <= first["LatestRestorableDateTime"]
    second = recovery(PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=7)
    assert second["RecoveryPeriodInDays"] == 7
    assert second["EarliestRestorableDateTime"] == first["EarliestRestorableDateTime"]
    assert error_of(recovery, PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=36) == INVALID
    assert recovery(PointInTimeRecoveryEnabled=False) == {"PointInTimeRecoveryStatus": "DISABLED"}
    missing = {"TableName": "missing", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    assert error_of(aws.source.update_continuous_backups, **missing) == "TableNotFoundException"


def test_insights_of_tables_and_indexes(aws: Aws) -> None:
    name = aws.table(
        AttributeDefinitions=[*KEYS["AttributeDefinitions"], {"AttributeName": "g", "AttributeType": "S"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    assert aws.source.describe_contributor_insights(TableName=name)["ContributorInsightsStatus"] == "DISABLED"
    aws.source.update_contributor_insights(
        TableName=name, ContributorInsightsAction="ENABLE", ContributorInsightsMode="THROTTLED_KEYS"
    )
    aws.source.update_contributor_insights(TableName=name, IndexName="by-g", ContributorInsightsAction="ENABLE")
    described = aws.source.describe_contributor_insights(TableName=name)
    assert described["ContributorInsightsStatus"] == "ENABLED"
    assert described["ContributorInsightsMode"] == "THROTTLED_KEYS"
    listed: list[Any] = []
    page: dict[str, Any] = {}
    while not page or "NextToken" in page:
        token = {"NextToken": page["NextToken"]} if page else {}
        page = aws.source.list_contributor_insights(MaxResults=1, **token)
        listed += page["ContributorInsightsSummaries"]
    mine = [(row.get("IndexName"), row["ContributorInsightsMode"]) for row in listed if row["TableName"] == name]
    assert mine == [(None, "THROTTLED_KEYS"), ("by-g", "ACCESSED_AND_THROTTLED_KEYS")]
    assert aws.target.list_contributor_insights()["ContributorInsightsSummaries"] == []
    aws.source.update_contributor_insights(TableName=name, ContributorInsightsAction="DISABLE")
    assert aws.source.describe_contributor_insights(TableName=name)["ContributorInsightsStatus"] == "DISABLED"
    unknown = {"TableName": name, "IndexName": "nothing", "ContributorInsightsAction": "ENABLE"}
    assert error_of(aws.source.update_contributor_insights, **unknown) == "ResourceNotFoundException"


def test_a_kinesis_destination_needs_a_stream_of_the_account(aws: Aws) -> None:
    arns = []
    for account in (None, TARGET_ACCOUNT):
        kinesis = aws.client("kinesis", account) if account else aws.client("kinesis")
        kinesis.create_stream(StreamName="changes", ShardCount=1)
        arns.append(kinesis.describe_stream_summary(StreamName="changes")["StreamDescriptionSummary"]["StreamARN"])
    own, foreign = arns
    call: dict[str, Any] = {"TableName": aws.table()}
    assert error_of(aws.source.enable_kinesis_streaming_destination, **call, StreamArn=foreign) == INVALID
    assert error_of(aws.source.enable_kinesis_streaming_destination, **call, StreamArn=own + "-no") == INVALID
    assert aws.source.describe_kinesis_streaming_destination(**call)["KinesisDataStreamDestinations"] == []
    aws.source.enable_kinesis_streaming_destination(
        **call,
        StreamArn=own,
        EnableKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"},
    )
    found = aws.source.describe_kinesis_streaming_destination(**call)["KinesisDataStreamDestinations"]
    assert found == [
        {
            "StreamArn": own,
            "DestinationStatus": "ACTIVE",
            "ApproximateCreationDateTimePrecision": "MICROSECOND",
        }
    ]
    again = error_of(aws.source.enable_kinesis_streaming_destination, **call, StreamArn=own)
    assert again == "ResourceInUseException"
    aws.source.disable_kinesis_streaming_destination(**call, StreamArn=own)
    found = aws.source.describe_kinesis_streaming_destination(**call)["KinesisDataStreamDestinations"]
    assert found[0]["DestinationStatus"] == "DISABLED"


@pytest.fixture
def target(aws: Aws) -> dict[str, Any]:
    name = aws.table(BillingMode="PROVISIONED")
    return {
        "ServiceNamespace": "dynamodb",
        "ResourceId": f"table/{name}",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }


POLICY = {
    "PolicyName": "reads",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
    },
}
ACTION = {"ScheduledActionName": "nightly", "Schedule": "cron(0 1 * * ? *)"}
NIGHT = {"ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 2}}


def test_auto_scaling_is_kept_listed_and_removed_together(aws: Aws, target: dict[str, Any]) -> None:
    scaling = aws.client("application-autoscaling")
    scaling.register_scalable_target(**target, MinCapacity=5, MaxCapacity=50)
    scaling.put_scaling_policy(**target, **POLICY)
    scaling.put_scheduled_action(**target, **ACTION, **NIGHT)
    everything = {"ServiceNamespace": "dynamodb"}
    targets = scaling.describe_scalable_targets(**everything)["ScalableTargets"]
    assert [(t["MinCapacity"], t["MaxCapacity"]) for t in targets if t["ResourceId"] == target["ResourceId"]] == [
        (5, 50)
    ]
    policies = scaling.describe_scaling_policies(**everything)["ScalingPolicies"]
    assert [p["PolicyName"] for p in policies if p["ResourceId"] == target["ResourceId"]] == ["reads"]
    actions = scaling.describe_scheduled_actions(**everything)["ScheduledActions"]
    assert [a["ScheduledActionName"] for a in actions if a["ResourceId"] == target["ResourceId"]] == ["nightly"]
    longer = scaling.describe_scaling_policies(**everything, ResourceId=target["ResourceId"] + "-2")
    assert longer["ScalingPolicies"] == []
    scaling.deregister_scalable_target(**target)
    chosen = {**everything, "ResourceId": target["ResourceId"]}
    assert scaling.describe_scaling_policies(**chosen)["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(**chosen)["ScheduledActions"] == []
    ids = {**everything, "ResourceIds": [target["ResourceId"]]}
    assert scaling.describe_scalable_targets(**ids)["ScalableTargets"] == []


def test_auto_scaling_of_nothing_is_refused(aws: Aws, target: dict[str, Any]) -> None:
    scaling = aws.client("application-autoscaling")
    for resource in ("table/missing", target["ResourceId"] + "/index/missing"):
        wish = {**target, "ResourceId": resource, "MinCapacity": 1, "MaxCapacity": 2}
        assert error_of(scaling.register_scalable_target, **wish) == INVALID
    assert error_of(scaling.put_scaling_policy, **target, **POLICY) == "ObjectNotFoundException"
    assert error_of(scaling.put_scheduled_action, **target, **ACTION, **NIGHT) == "ObjectNotFoundException"
    assert error_of(scaling.deregister_scalable_target, **target) == "ObjectNotFoundException"
