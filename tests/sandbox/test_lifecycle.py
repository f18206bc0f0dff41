"""States that take time. The module's clock is so slow that a transient state is still there at the next call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from moto.dynamodb.models import dynamodb_backends

from migrate.sandbox.lifecycle import mark_creating, status_of
from migrate.sandbox.settings import SOURCE_ACCOUNT, Timing
from tests.sandbox.aws import Aws, error_of

ITEM = {"pk": {"S": "a"}, "sk": {"N": "1"}}
INDEX = {
    "IndexName": "by-other",
    "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}


@pytest.fixture(scope="module")
def timing() -> Timing:
    return Timing(create=60, update=60, settings=60)


def finish(name: str) -> Any:
    """Moves the deadlines of a table to now, instead of waiting for them."""
    table = dynamodb_backends[SOURCE_ACCOUNT]["eu-west-1"].tables[name]
    table.creating_until = table.updating_until = table.key_changing_until = 0.0
    table.deleted_at = table.deleted_at and 0.0
    table.ttl.pop("Until", None)
    for index in table.global_indexes:
        index.creating_until = 0.0
        if getattr(index, "deleted_at", None):
            index.deleted_at = 0.0
    return table


def test_a_new_table_is_creating_and_holds_no_data_yet(aws: Aws) -> None:
    name = aws.table()
    assert aws.describe(name)["TableStatus"] == "CREATING"
    calls: list[Callable[[], str]] = [
        lambda: error_of(aws.source.put_item, TableName=name, Item=ITEM),
        lambda: error_of(aws.source.scan, TableName=name),
        lambda: error_of(aws.source.batch_write_item, RequestItems={name: [{"PutRequest": {"Item": ITEM}}]}),
        lambda: error_of(
            aws.source.query,
            TableName=name,
            KeyConditionExpression="pk = :p",
            ExpressionAttributeValues={":p": {"S": "a"}},
        ),
        lambda: error_of(aws.source.update_item, TableName=name, Key=ITEM),
    ]
    for call in calls:
        assert call() == "ResourceNotFoundException"
    finish(name)
    assert aws.describe(name)["TableStatus"] == "ACTIVE"
    aws.source.put_item(TableName=name, Item=ITEM)
    assert aws.source.scan(TableName=name)["Count"] == 1


def test_a_busy_table_takes_no_second_change(aws: Aws) -> None:
    name = aws.table()
    change = {"TableName": name, "DeletionProtectionEnabled": True}
    assert error_of(aws.source.update_table, **change) == "ResourceInUseException"
    assert error_of(aws.source.delete_table, TableName=name) == "ResourceInUseException"
    finish(name)
    assert aws.source.update_table(**change)["TableDescription"]["TableStatus"] == "UPDATING"
    again = {"TableName": name, "TableClass": "STANDARD_INFREQUENT_ACCESS"}
    assert error_of(aws.source.update_table, **again) == "ResourceInUseException"
    aws.source.put_item(TableName=name, Item=ITEM)
    finish(name)
    assert aws.source.update_table(**again)["TableDescription"]["TableStatus"] == "UPDATING"


def test_a_deleted_table_is_seen_deleting_and_then_gone(aws: Aws) -> None:
    name = aws.table()
    finish(name)
    assert aws.source.delete_table(TableName=name)["TableDescription"]["TableStatus"] == "DELETING"
    assert aws.describe(name)["TableStatus"] == "DELETING"
    assert error_of(aws.source.scan, TableName=name) == "ResourceNotFoundException"
    assert error_of(aws.source.delete_table, TableName=name) == "ResourceInUseException"
    finish(name)
    assert error_of(aws.source.describe_table, TableName=name) == "ResourceNotFoundException"
    aws.table(TableName=name)
    assert aws.describe(name)["ItemCount"] == 0


def test_a_new_index_is_backfilled_and_a_deleted_one_lingers(aws: Aws) -> None:
    name = aws.table()
    finish(name)
    aws.source.put_item(TableName=name, Item={**ITEM, "other": {"S": "x"}})
    aws.source.update_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "other", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": INDEX}],
    )
    index = aws.describe(name)["GlobalSecondaryIndexes"][0]
    assert (index["IndexStatus"], index["Backfilling"]) == ("CREATING", True)
    assert {d["AttributeName"] for d in aws.describe(name)["AttributeDefinitions"]} == {"pk", "sk", "other"}
    finish(name)
    index = aws.describe(name)["GlobalSecondaryIndexes"][0]
    assert (index["IndexStatus"], index["ItemCount"], "Backfilling" in index) == ("ACTIVE", 1, False)
    aws.source.update_table(TableName=name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-other"}}])
    assert aws.describe(name)["GlobalSecondaryIndexes"][0]["IndexStatus"] == "DELETING"
    finish(name)
    assert "GlobalSecondaryIndexes" not in aws.describe(name)
    assert {d["AttributeName"] for d in aws.describe(name)["AttributeDefinitions"]} == {"pk", "sk"}


def test_time_to_live_takes_effect_later_and_only_one_change_at_a_time(aws: Aws) -> None:
    name = aws.table()
    on = {"TableName": name, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"}}
    off = {"TableName": name, "TimeToLiveSpecification": {"Enabled": False, "AttributeName": "until"}}
    assert error_of(aws.source.update_time_to_live, **on) == "ResourceInUseException"
    finish(name)
    aws.source.update_time_to_live(**on)
    assert aws.source.describe_time_to_live(TableName=name)["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLING",
        "AttributeName": "until",
    }
    assert error_of(aws.source.update_time_to_live, **off) == "ValidationException"
    finish(name)
    assert aws.source.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
    assert error_of(aws.source.update_time_to_live, **on) == "ValidationException"
    other = {"Enabled": False, "AttributeName": "other"}
    refused = error_of(aws.source.update_time_to_live, TableName=name, TimeToLiveSpecification=other)
    assert refused == "ValidationException"
    aws.source.update_time_to_live(**off)
    assert aws.source.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLING"
    finish(name)
    assert aws.source.describe_time_to_live(TableName=name)["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}


def test_backups_need_a_finished_table(aws: Aws) -> None:
    name = aws.table()
    wish = {"TableName": name, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    assert error_of(aws.source.update_continuous_backups, **wish) == "ContinuousBackupsUnavailableException"


def test_insights_and_kinesis_take_their_time(aws: Aws) -> None:
    name = aws.table()
    finish(name)
    aws.source.update_contributor_insights(TableName=name, ContributorInsightsAction="ENABLE")
    assert aws.source.describe_contributor_insights(TableName=name)["ContributorInsightsStatus"] == "ENABLING"
    kinesis = aws.client("kinesis")
    kinesis.create_stream(StreamName="changes", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="changes")["StreamDescriptionSummary"]["StreamARN"]
    aws.source.enable_kinesis_streaming_destination(TableName=name, StreamArn=arn)
    found = aws.source.describe_kinesis_streaming_destination(TableName=name)["KinesisDataStreamDestinations"]
    assert found[0]["DestinationStatus"] == "ENABLING"
    refused = error_of(aws.source.disable_kinesis_streaming_destination, TableName=name, StreamArn=arn)
    assert refused == "ResourceNotFoundException"


def test_another_module_can_hold_a_table_in_creating(aws: Aws) -> None:
    table = finish(aws.table())
    assert status_of(table) == "ACTIVE"
    mark_creating(table, 60)
    assert aws.describe(table.name)["TableStatus"] == status_of(table) == "CREATING"
