"""DescribeTable's answer.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html, with the absences
that AWS has: no BillingModeSummary on a table that always was provisioned, no SSEDescription with the AWS owned key,
no TableClassSummary for STANDARD. Not emulated: AWS refreshes sizes and counts every six hours, here they are always
current; replicas; archival.
"""

from __future__ import annotations

from typing import Any

from migrate.sandbox import encryption
from migrate.sandbox.lifecycle import index_status, status_of


def describe_table(table: Any) -> dict[str, Any]:
    """The table as AWS shows it now; times are datetime values."""
    found: dict[str, Any] = {
        "AttributeDefinitions": table.attr,
        "TableName": table.name,
        "KeySchema": table.schema,
        "TableStatus": status_of(table),
        "CreationDateTime": table.created_at,
        "ProvisionedThroughput": _throughput(table.throughput),
        "TableSizeBytes": table.rows.total_bytes,
        "ItemCount": len(table.rows),
        "TableArn": table.table_arn,
        "TableId": table.table_id,
        "DeletionProtectionEnabled": bool(table.deletion_protection_enabled),
        "WarmThroughput": _warm(table.warm_throughput, status_of(table)),
    }
    optional = {
        "LocalSecondaryIndexes": [_local_index(table, index) for index in table.indexes],
        "GlobalSecondaryIndexes": [_global_index(table, index) for index in table.global_indexes],
        "BillingModeSummary": _billing(table),
        "TableClassSummary": table.table_class_summary,
        "OnDemandThroughput": table.on_demand,
        "SSEDescription": encryption.describe(table),
        "RestoreSummary": _restore(table),
    }
    found.update((name, value) for name, value in optional.items() if value)
    found.update(_stream(table))
    return found


def _throughput(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": given.get("ReadCapacityUnits", 0),
        "WriteCapacityUnits": given.get("WriteCapacityUnits", 0),
    }


def _warm(given: dict[str, Any], status: str) -> dict[str, Any]:
    shown = "UPDATING" if status == "UPDATING" else "ACTIVE"
    return {**{name: value for name, value in given.items() if name != "Status"}, "Status": shown}


def _billing(table: Any) -> dict[str, Any] | None:
    if table.billing_mode == "PAY_PER_REQUEST":
        return {"BillingMode": "PAY_PER_REQUEST", "LastUpdateToPayPerRequestDateTime": table.on_demand_since}
    if table.was_on_demand:
        return {"BillingMode": "PROVISIONED", "LastUpdateToPayPerRequestDateTime": table.on_demand_since}
    return None


def _restore(table: Any) -> dict[str, Any] | None:
    """A restore by AWS Backup; it stays in the description after its end."""
    if table.restored_from is None:
        return None
    backup, source, moment = table.restored_from
    return {
        "SourceBackupArn": backup,
        "SourceTableArn": source,
        "RestoreDateTime": moment,
        "RestoreInProgress": status_of(table) == "CREATING",
    }


def _index(table: Any, index: Any) -> dict[str, Any]:
    count, size = table.index_totals.get(index.name, (0, 0))
    return {
        "IndexName": index.name,
        "KeySchema": index.schema,
        "Projection": index.projection,
        "IndexSizeBytes": size,
        "ItemCount": count,
        "IndexArn": f"{table.table_arn}/index/{index.name}",
    }


def _local_index(table: Any, index: Any) -> dict[str, Any]:
    return _index(table, index)


def _global_index(table: Any, index: Any) -> dict[str, Any]:
    status = index_status(index)
    found = {
        **_index(table, index),
        "IndexStatus": status,
        "ProvisionedThroughput": _throughput(index.throughput),
        "WarmThroughput": _warm(index.warm_throughput, status),
    }
    if status == "CREATING" and getattr(index, "backfills", False):
        found["Backfilling"] = True
    if getattr(index, "on_demand", None):
        found["OnDemandThroughput"] = index.on_demand
    return found


def _stream(table: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if table.latest_stream_label:
        found["LatestStreamLabel"] = table.latest_stream_label
        found["LatestStreamArn"] = f"{table.table_arn}/stream/{table.latest_stream_label}"
    if table.stream_specification and table.stream_specification.get("StreamEnabled"):
        found["StreamSpecification"] = table.stream_specification
    return found
