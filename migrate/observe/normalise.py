"""API dicts -> table spec and facts. Pure: one spelling for everything that AWS can say in several ways.

The traps (from the DynamoDB API reference, TableDescription): BillingModeSummary is absent on tables that were always
provisioned; ProvisionedThroughput is 0/0 on on-demand tables; -1 means no maximum; SSEDescription absent means a key
that AWS owns; TableClassSummary absent means STANDARD; a stream's ARN outlives the stream.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.core.codec import canonical
from migrate.core.iam_policy import SHARE, Statement, marked, with_marked
from migrate.core.table import (
    AWS_MANAGED,
    CUSTOMER_MANAGED,
    ON_DEMAND,
    PROVISIONED,
    STANDARD,
    Encryption,
    Index,
    Key,
    KeySchema,
    KinesisDestination,
    ScalingTarget,
    TableFacts,
    TableSpec,
    Throughput,
)
from migrate.observe.scaling import normalise_scaling

OWN_TAG_PREFIX = "migrate:"
DEFAULT_INSIGHTS_MODE = "ACCESSED_AND_THROTTLED_KEYS"
ON_DEMAND_WARM = Throughput(12_000, 4_000)
"""Warm throughput that every new on-demand table has without asking (DynamoDB guide, "Warm throughput")."""

_ON = ("ENABLED", "ENABLING", "ACTIVE", "UPDATING")

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class TableReads:
    """What was read of one table, in the API's own shapes. An empty value: nothing set, or it could not be read.

    `key_manager` is KMS's KeyManager (AWS or CUSTOMER) of the key in SSEDescription. `insights` and the lists of
    `scaling` (targets, policies, schedules) hold this table's entries only.
    """

    table: Raw
    ttl: Raw = field(default_factory=dict)
    recovery: Raw = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: str | None = None
    stream_policy: str | None = None
    kinesis: Sequence[Raw] = ()
    insights: Sequence[Raw] = ()
    scaling: Mapping[str, Sequence[Raw]] = field(default_factory=dict)
    key_manager: str | None = None


def normalise_table(reads: TableReads) -> TableFacts:
    """The facts of one table."""
    table = reads.table
    spec = normalise_spec(reads)
    region = str(table.get("TableArn", "")).split(":")[3:4]
    replicas = (replica.get("RegionName", "") for replica in table.get("Replicas") or [])
    indexes = table.get("GlobalSecondaryIndexes") or []
    return TableFacts(
        name=table["TableName"],
        arn=table.get("TableArn", ""),
        table_id=table.get("TableId", ""),
        status=table.get("TableStatus", ""),
        spec=spec,
        item_count=table.get("ItemCount", 0),
        size_bytes=table.get("TableSizeBytes", 0),
        stream_arn=table.get("LatestStreamArn") if spec.stream else None,
        own_tags={key: value for key, value in sorted(reads.tags.items()) if key.startswith(OWN_TAG_PREFIX)},
        # The table's own Region may or may not be listed among the replicas; it is not another copy.
        replicas=tuple(sorted(name for name in replicas if name and [name] != region)),
        vector_indexes=tuple(sorted(index["IndexName"] for index in table.get("VectorIndexes") or [])),
        building_indexes=tuple(sorted(i["IndexName"] for i in indexes if i.get("IndexStatus", "ACTIVE") != "ACTIVE")),
        ttl_changing=reads.ttl.get("TimeToLiveStatus") in ("ENABLING", "DISABLING"),
        shares=tuple(dict(one) for one in _shares(canonical_policy(reads.policy))) or None,
        stream_policy=canonical_policy(reads.stream_policy),
    )


def normalise_spec(reads: TableReads) -> TableSpec:
    """The settings of one table that a migration carries over."""
    table = reads.table
    types = {a["AttributeName"]: a["AttributeType"] for a in table.get("AttributeDefinitions") or []}
    billing = (table.get("BillingModeSummary") or {}).get("BillingMode", PROVISIONED)
    provisioned = _provisioned(table, billing)
    return TableSpec(
        keys=_keys(table["KeySchema"], types),
        global_indexes=_indexes(table.get("GlobalSecondaryIndexes"), types, billing),
        local_indexes=_indexes(table.get("LocalSecondaryIndexes"), types, billing),
        billing=billing,
        provisioned=provisioned,
        on_demand_maximum=_on_demand_maximum(table, billing),
        warm_throughput=_warm(table, provisioned),
        table_class=(table.get("TableClassSummary") or {}).get("TableClass", STANDARD),
        encryption=_encryption(table.get("SSEDescription") or {}, reads.key_manager),
        ttl=_ttl(reads.ttl),
        recovery_days=_recovery_days(reads.recovery),
        stream=_stream(table),
        tags=_tags(reads.tags),
        deletion_protection=bool(table.get("DeletionProtectionEnabled")),
        resource_policy=_without_shares(canonical_policy(reads.policy)),
        kinesis=_kinesis(reads.kinesis),
        contributor_insights=_insights(reads.insights),
        auto_scaling=_scaling(reads.scaling),
    )


def canonical_policy(text: str | None) -> str | None:
    """A policy as canonical JSON text, so that white space and key order make no difference; None stays None."""
    if text is None:
        return None
    try:
        return canonical(json.loads(text))
    except ValueError:
        return text


def _shares(policy: str | None) -> list[Statement]:
    """The statements that `share:` of some migration has put there: they come and go by actions of their own."""
    try:
        return marked(policy, SHARE)
    except ValueError:
        return []


def _without_shares(policy: str | None) -> str | None:
    return with_marked(policy, SHARE, ()) if _shares(policy) else policy


def _keys(schema: Iterable[Raw], types: Mapping[str, str]) -> KeySchema:
    parts: dict[str, list[Key]] = {"HASH": [], "RANGE": []}
    for element in schema:
        name = element["AttributeName"]
        parts[element["KeyType"]].append(Key(name, types.get(name, "")))
    return KeySchema(tuple(parts["HASH"]), tuple(parts["RANGE"]))


def _indexes(described: Sequence[Raw] | None, types: Mapping[str, str], billing: str) -> dict[str, Index]:
    by_name = sorted(described or [], key=lambda index: str(index["IndexName"]))
    return {index["IndexName"]: _index(index, types, billing) for index in by_name}


def _index(described: Raw, types: Mapping[str, str], billing: str) -> Index:
    projection = described.get("Projection") or {}
    kind = projection.get("ProjectionType", "ALL")
    provisioned = _provisioned(described, billing)
    return Index(
        keys=_keys(described["KeySchema"], types),
        projection=kind,
        projected=tuple(sorted(projection.get("NonKeyAttributes") or [])) if kind == "INCLUDE" else (),
        provisioned=provisioned,
        on_demand_maximum=_on_demand_maximum(described, billing),
        warm_throughput=_warm(described, provisioned),
    )


def _provisioned(described: Raw, billing: str) -> Throughput | None:
    given = described.get("ProvisionedThroughput") or {}
    read, write = given.get("ReadCapacityUnits", 0), given.get("WriteCapacityUnits", 0)
    return Throughput(read, write) if billing != ON_DEMAND and read > 0 and write > 0 else None


def _on_demand_maximum(described: Raw, billing: str) -> Throughput | None:
    given = described.get("OnDemandThroughput") or {}
    read, write = (given.get(name, -1) for name in ("MaxReadRequestUnits", "MaxWriteRequestUnits"))
    found = Throughput(read if read > 0 else None, write if write > 0 else None)
    return found if billing == ON_DEMAND and found != Throughput() else None


def _warm(described: Raw, provisioned: Throughput | None) -> Throughput | None:
    """Warm throughput above what the table has without asking: asking for more is charged, asking for less is not."""
    given = described.get("WarmThroughput") or {}
    read, write = given.get("ReadUnitsPerSecond", 0), given.get("WriteUnitsPerSecond", 0)
    usual = provisioned or ON_DEMAND_WARM
    if read <= (usual.read or 0) and write <= (usual.write or 0):
        return None
    return Throughput(read, write)


def _encryption(described: Raw, key_manager: str | None) -> Encryption:
    is_on = described.get("Status", "ENABLED") in _ON
    if not is_on or described.get("SSEType") != "KMS":
        return Encryption()
    if key_manager == "AWS":
        return Encryption(AWS_MANAGED)
    return Encryption(CUSTOMER_MANAGED, described.get("KMSMasterKeyArn"))


def _ttl(described: Raw) -> str | None:
    return described.get("AttributeName") if described.get("TimeToLiveStatus") in _ON else None


def _recovery_days(described: Raw) -> int | None:
    if described.get("PointInTimeRecoveryStatus") != "ENABLED":
        return None
    return int(described.get("RecoveryPeriodInDays") or 35)


def _stream(table: Raw) -> str | None:
    specified = table.get("StreamSpecification") or {}
    return specified.get("StreamViewType") if specified.get("StreamEnabled") else None


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in sorted(tags.items()) if not key.startswith(("aws:", OWN_TAG_PREFIX))}


def _kinesis(destinations: Sequence[Raw]) -> KinesisDestination | None:
    live = sorted(
        (one["StreamArn"], one.get("ApproximateCreationDateTimePrecision") or "MILLISECOND")
        for one in destinations
        if one.get("DestinationStatus") in _ON
    )
    return KinesisDestination(*live[0]) if live else None


def _insights(summaries: Sequence[Raw]) -> dict[str, str]:
    live = (one for one in summaries if one.get("ContributorInsightsStatus") in _ON)
    modes = ((one.get("IndexName") or "", one.get("ContributorInsightsMode") or DEFAULT_INSIGHTS_MODE) for one in live)
    return dict(sorted(modes))


def _scaling(described: Mapping[str, Sequence[Raw]]) -> dict[str, ScalingTarget]:
    return normalise_scaling(*(described.get(name, ()) for name in ("targets", "policies", "schedules")))
