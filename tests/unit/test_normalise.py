"""Real-looking Describe payloads to facts: every way in which AWS says one thing must end in one spelling."""

from __future__ import annotations

import copy
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from migrate.core.codec import decode, encode
from migrate.core.table import (
    Encryption,
    Index,
    Key,
    KeySchema,
    KinesisDestination,
    ScalingTarget,
    TableFacts,
    Throughput,
)
from migrate.observe.normalise import TableReads, canonical_policy, normalise_table
from migrate.observe.scaling import normalise_scaling

KEY = "arn:aws:kms:eu-west-1:111111111111:key/6f1c8b8e-1111-4222-8333-444455556666"


def payload(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((Path(__file__).parent / "fixtures" / f"{name}.json").read_text())
    return loaded


def facts(name: str, **changes: Any) -> TableFacts:
    """Facts of a fixture; `changes` replace members of its `table`."""
    reads = payload(name)
    reads["table"].update(changes)
    return normalise_table(TableReads(**reads))


def test_on_demand_table() -> None:
    found = facts("on_demand_table")
    spec = found.spec
    assert spec.keys == KeySchema((Key("PK", "S"),), (Key("SK", "N"),))
    assert (spec.billing, spec.provisioned, spec.on_demand_maximum) == ("PAY_PER_REQUEST", None, None)
    assert spec.warm_throughput == Throughput(40000, 4000)
    assert spec.table_class == "STANDARD_INFREQUENT_ACCESS"
    assert spec.ttl == "expiresAt"
    assert spec.recovery_days == 14
    assert spec.stream == "NEW_AND_OLD_IMAGES"
    assert spec.deletion_protection is True
    assert spec.kinesis == KinesisDestination("arn:aws:kinesis:eu-west-1:111111111111:stream/orders", "MICROSECOND")
    assert spec.contributor_insights == {"": "ACCESSED_AND_THROTTLED_KEYS", "by-tenant": "THROTTLED_KEYS"}
    assert (found.item_count, found.size_bytes, found.status) == (1204331, 851443712, "ACTIVE")
    assert found.table_id == "2b2f8a1c-1f2e-4a55-9f6c-0a1b2c3d4e5f"
    assert found.stream_arn is not None
    assert found.stream_arn.endswith("2024-03-05T10:11:12.345")
    assert found.vector_indexes == ("similar",)
    assert found.building_indexes == ("by-hash",)


def test_global_index_with_several_attributes_in_its_key() -> None:
    index = facts("on_demand_table").spec.global_indexes["by-tenant"]
    assert index == Index(
        keys=KeySchema((Key("tenant", "S"), Key("region", "S")), (Key("at", "N"), Key("SK", "N"))),
        projection="INCLUDE",
        projected=("currency", "total"),
        on_demand_maximum=Throughput(500, None),
    )


def test_local_index() -> None:
    assert facts("on_demand_table").spec.local_indexes == {
        "recent": Index(KeySchema((Key("PK", "S"),), (Key("at", "N"),)))
    }


def test_tags_of_aws_are_dropped_and_our_own_kept_apart() -> None:
    found = facts("on_demand_table")
    assert found.spec.tags == {"env": "prod", "team": "checkout"}
    assert found.own_tags == {"migrate:lineage": "0123456789abcdef"}


def test_replicas_are_the_other_regions() -> None:
    assert facts("on_demand_table").replicas == ("ap-southeast-2", "us-east-1")


def test_provisioned_table_without_billing_mode_summary() -> None:
    found = facts("provisioned_table")
    spec = found.spec
    assert (spec.billing, spec.provisioned) == ("PROVISIONED", Throughput(100, 50))
    assert spec.warm_throughput is None, "what is provisioned is warm anyway"
    assert spec.global_indexes["by-day"].provisioned == Throughput(20, 10)
    assert spec.global_indexes["by-day"].warm_throughput == Throughput(200, 10)
    assert (spec.table_class, spec.encryption) == ("STANDARD", Encryption())
    assert (spec.ttl, spec.recovery_days, spec.stream, spec.resource_policy) == (None, None, None, None)
    assert found.stream_arn is None, "the ARN of a stream outlives the stream"


def test_auto_scaling_keeps_what_is_needed_to_make_it_again() -> None:
    assert facts("provisioned_table").spec.auto_scaling == {
        "index/by-day:Write": ScalingTarget(5, 50),
        "table:Read": ScalingTarget(
            10,
            400,
            policies={
                "$events-read": {
                    "PolicyType": "TargetTrackingScaling",
                    "TargetTrackingScalingPolicyConfiguration": {
                        "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
                        "TargetValue": 70.0,
                    },
                }
            },
            schedules={
                "night": {
                    "Schedule": "cron(0 22 * * ? *)",
                    "Timezone": "Europe/Berlin",
                    "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 10},
                }
            },
        ),
    }


def test_times_of_a_schedule_become_text() -> None:
    where = {"ResourceId": "table/t", "ScalableDimension": "dynamodb:table:ReadCapacityUnits"}
    schedule = {**where, "ScheduledActionName": "once", "StartTime": dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc)}
    found = normalise_scaling([{**where, "MinCapacity": 1, "MaxCapacity": 2}], [], [schedule])
    assert found["table:Read"].schedules == {"once": {"StartTime": "2026-01-02T00:00:00.000Z"}}


@pytest.mark.parametrize(
    ("described", "manager", "expected"),
    [
        (None, None, Encryption("aws-owned")),
        ({"Status": "DISABLED"}, None, Encryption("aws-owned")),
        ({"Status": "DISABLING", "SSEType": "KMS", "KMSMasterKeyArn": KEY}, "CUSTOMER", Encryption("aws-owned")),
        ({"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY}, "AWS", Encryption("aws-managed")),
        (
            {"Status": "UPDATING", "SSEType": "KMS", "KMSMasterKeyArn": KEY},
            "CUSTOMER",
            Encryption("customer-managed", KEY),
        ),
        ({"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY}, None, Encryption("customer-managed", KEY)),
    ],
)
def test_encryption(described: dict[str, Any] | None, manager: str | None, expected: Encryption) -> None:
    reads = payload("provisioned_table")
    if described is not None:
        reads["table"]["SSEDescription"] = described
    assert normalise_table(TableReads(**reads, key_manager=manager)).spec.encryption == expected


@pytest.mark.parametrize(
    ("status", "attribute", "is_changing"),
    [("ENABLED", "e", False), ("ENABLING", "e", True), ("DISABLING", None, True), ("DISABLED", None, False)],
)
def test_time_to_live(status: str, attribute: str | None, is_changing: bool) -> None:
    reads = payload("provisioned_table") | {"ttl": {"TimeToLiveStatus": status, "AttributeName": "e"}}
    found = normalise_table(TableReads(**reads))
    assert (found.spec.ttl, found.ttl_changing) == (attribute, is_changing)


def test_recovery_period_of_an_older_answer_is_35_days() -> None:
    reads = payload("provisioned_table") | {"recovery": {"PointInTimeRecoveryStatus": "ENABLED"}}
    assert normalise_table(TableReads(**reads)).spec.recovery_days == 35


def test_on_demand_defaults_have_no_spelling_of_their_own() -> None:
    described = payload("on_demand_table")
    bare = copy.deepcopy(described)
    for table in (described["table"], *described["table"]["GlobalSecondaryIndexes"]):
        table["OnDemandThroughput"] = {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1}
        table["WarmThroughput"] = {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE"}
    for table in (bare["table"], *bare["table"]["GlobalSecondaryIndexes"]):
        table.pop("OnDemandThroughput", None)
        table.pop("WarmThroughput", None)
        table.pop("ProvisionedThroughput")
    assert normalise_table(TableReads(**described)) == normalise_table(TableReads(**bare))


def test_policy_text_is_canonical() -> None:
    assert facts("on_demand_table").spec.resource_policy == (
        '{"Statement":[{"Action":"dynamodb:GetItem","Effect":"Allow"}],"Version":"2012-10-17"}'
    )
    assert canonical_policy("not JSON") == "not JSON"


def test_order_of_lists_makes_no_difference() -> None:
    reads = payload("on_demand_table")
    turned = copy.deepcopy(reads)
    for name in ("AttributeDefinitions", "GlobalSecondaryIndexes", "Replicas", "VectorIndexes"):
        turned["table"][name].reverse()
    turned["table"]["GlobalSecondaryIndexes"][1]["Projection"]["NonKeyAttributes"].reverse()
    turned["kinesis"].reverse()
    turned["insights"].reverse()
    turned["tags"] = dict(reversed(list(turned["tags"].items())))
    first, second = (normalise_table(TableReads(**one)) for one in (reads, turned))
    assert json.dumps(encode(first)) == json.dumps(encode(second))


@pytest.mark.parametrize("name", ["on_demand_table", "provisioned_table"])
def test_facts_survive_a_file(name: str) -> None:
    found = facts(name)
    assert decode(TableFacts, json.loads(json.dumps(encode(found)))) == found
