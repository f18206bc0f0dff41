"""A table as AWS Backup keeps it, and a new table from that.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CreateBackup.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-dynamodb.html

Kept: items, key schema, local and global indexes, billing mode and provisioned capacity. Lost: tags, stream, time to
live, point-in-time recovery, deletion protection, table class, resource policy, Kinesis destination, contributor
insights, auto scaling, on-demand maximums and warm throughput.
"""

from __future__ import annotations

import copy
import json
import math
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from migrate.sandbox import clock, tables
from migrate.sandbox.backup_store import RecoveryPoint, Snapshot
from migrate.sandbox.description import describe_table
from migrate.sandbox.index_counts import count_indexes
from migrate.sandbox.lifecycle import mark_creating, table_named
from migrate.sandbox.rows import WRITES, Rows, dump
from migrate.sandbox.values import canonical_item

_CAPACITY = ("ReadCapacityUnits", "WriteCapacityUnits")


def find_table(arn: str) -> Any:
    """The table behind an ARN; None if there is none."""
    _, _, _, region, account, resource = arn.split(":", 5)
    return table_named(dynamodb_backends[account][region], resource.removeprefix("table/"))


def take(table: Any, with_items: bool) -> Snapshot:
    """The table as it is now; without its items if the job's role cannot use the keys."""
    described = describe_table(table)
    on_demand = table.billing_mode == "PAY_PER_REQUEST"
    wish: dict[str, Any] = {
        "TableName": table.name,
        "KeySchema": described["KeySchema"],
        "AttributeDefinitions": described["AttributeDefinitions"],
        "BillingMode": "PAY_PER_REQUEST" if on_demand else "PROVISIONED",
        "LocalSecondaryIndexes": [_index(index) for index in described.get("LocalSecondaryIndexes", [])],
        "GlobalSecondaryIndexes": [
            _index(index) | ({} if on_demand else {"ProvisionedThroughput": _capacity(index)})
            for index in described.get("GlobalSecondaryIndexes", [])
        ],
    }
    if not on_demand:
        wish["ProvisionedThroughput"] = _capacity(described)
    with WRITES:
        rows = copy.deepcopy(table.rows) if with_items else Rows()
    return Snapshot(copy.deepcopy(wish), rows, table.key_arn, clock.moment())


def begin(point: RecoveryPoint, account: str, name: str, encryption: dict[str, Any]) -> Any:
    """A new table in CREATING, which `fill` ends. Raises Refused when the name is taken or the key cannot be used."""
    assert point.snapshot is not None
    wish = {**point.snapshot.wish, "TableName": name, "SSESpecification": encryption}
    backend = dynamodb_backends[account][point.vault.region]
    table = tables.create(backend, {key: value for key, value in wish.items() if value}, math.inf)
    table.restored_from = (point.arn, point.resource_arn, point.snapshot.taken)
    table.created_at = clock.moment().replace(tzinfo=None)  # never older than its job, whose time follows this clock
    return table


def fill(table: Any, snapshot: Snapshot, with_items: bool) -> None:
    """Ends a restore: the table is ACTIVE and has the backup's items."""
    with WRITES:
        table.rows = copy.deepcopy(snapshot.rows) if with_items else Rows()
        count_indexes(table)
    mark_creating(table, 0)


def damage(snapshot: Snapshot) -> dict[str, Any]:
    """Changes one attribute, which is no key, of the first item; returns that item's key. For tests of restores."""
    snapshot.rows = copy.deepcopy(snapshot.rows)
    place, (text, _) = next(snapshot.rows.walk())
    item = json.loads(text)
    indexed = {one["AttributeName"] for one in snapshot.wish["AttributeDefinitions"]}
    free = sorted(set(item) - indexed)
    item[free[0] if free else "damaged"] = {"S": "damaged by the sandbox"}
    changed, size = canonical_item(item)
    snapshot.rows.put(place, (dump(changed), size))
    return {key["AttributeName"]: item[key["AttributeName"]] for key in snapshot.wish["KeySchema"]}


def _index(index: dict[str, Any]) -> dict[str, Any]:
    return {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}


def _capacity(described: dict[str, Any]) -> dict[str, int]:
    return {name: described["ProvisionedThroughput"][name] for name in _CAPACITY}
