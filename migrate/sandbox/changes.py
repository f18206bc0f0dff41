"""UpdateTable: one kind of change per call, then UPDATING for a while.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html ("You can only perform one
of the following operations at once"; one index at a time). AWS allows some pairs of kinds in one call that are
refused here: which ones is not documented. Not emulated, and refused: replicas, vector indexes, witnesses. Values
change at once; only the status takes its time. Limits on how often capacity, class and mode may change are not
counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from moto.core.utils import utcnow
from moto.dynamodb.models.table import GlobalSecondaryIndex

from migrate.sandbox import encryption
from migrate.sandbox.description import describe_table
from migrate.sandbox.front import Call, operation
from migrate.sandbox.index_counts import count_indexes
from migrate.sandbox.lifecycle import mark_updating, must_be_idle
from migrate.sandbox.refusals import Refused
from migrate.sandbox.settings import Timing
from migrate.sandbox.tables import check_index_capacity
from migrate.sandbox.values import invalid

_INVALID = "One or more parameter values were invalid: "
_KINDS = {
    "BillingMode": "capacity",
    "ProvisionedThroughput": "capacity",
    "OnDemandThroughput": "capacity",
    "GlobalSecondaryIndexUpdates": "indexes",
    "StreamSpecification": "stream",
    "SSESpecification": "encryption",
    "TableClass": "class",
    "DeletionProtectionEnabled": "protection",
    "WarmThroughput": "warm throughput",
}
_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long a table is UPDATING."""
    global _timing
    _timing = timing


@operation("UpdateTable", f"TableName AttributeDefinitions {' '.join(_KINDS)}")
def update_table(call: Call) -> dict[str, Any]:
    """API_UpdateTable."""
    table, body = call.table(), call.body
    must_be_idle(table)
    kinds = {kind for name, kind in _KINDS.items() if name in body}
    if kinds == {"capacity", "indexes"} and all("Update" in update for update in body["GlobalSecondaryIndexUpdates"]):
        kinds = {"capacity"}
    if not kinds:
        raise invalid(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
            "SSESpecification or ReplicaUpdates is required"
        )
    if len(kinds) > 1:
        raise invalid(f"{_INVALID}Only one kind of change per UpdateTable call: {', '.join(sorted(kinds))}")
    _CHANGES[kinds.pop()](table, body)
    mark_updating(table, _timing.update)
    return {"TableDescription": describe_table(table)}


def _capacity(table: Any, body: dict[str, Any]) -> None:
    mode = body.get("BillingMode", table.billing_mode)
    throughput, maximum = body.get("ProvisionedThroughput"), body.get("OnDemandThroughput")
    updates = [entry["Update"] for entry in body.get("GlobalSecondaryIndexUpdates", [])]
    if mode == "PAY_PER_REQUEST" and throughput:
        raise invalid(
            _INVALID
            + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
        )
    if mode == "PROVISIONED" and maximum:
        raise invalid(_INVALID + "OnDemandThroughput needs BillingMode PAY_PER_REQUEST")
    changes_mode = mode != table.billing_mode
    if changes_mode and mode == "PROVISIONED":
        missing = {i.name for i in table.global_indexes} - {u["IndexName"] for u in updates}
        if not throughput or missing:
            raise invalid(
                _INVALID
                + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
            )
    same = not throughput or all(table.throughput.get(name) == value for name, value in throughput.items())
    if not changes_mode and same and not updates and (not maximum or maximum == table.on_demand):
        units = table.throughput
        raise invalid(
            "The provisioned throughput for the table will not change. The requested value equals the current value. "
            f"Current ReadCapacityUnits provisioned for the table: {units['ReadCapacityUnits']}. "
            f"Current WriteCapacityUnits provisioned for the table: {units['WriteCapacityUnits']}"
        )
    for update in updates:
        _update_index(table, update)
    _set_mode(table, mode, throughput)
    if maximum:
        table.on_demand = {**(table.on_demand or {}), **maximum}


def _set_mode(table: Any, mode: str, throughput: dict[str, Any] | None) -> None:
    if mode == "PAY_PER_REQUEST" and table.billing_mode != mode:
        table.on_demand_since = utcnow()
        nothing = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
        table.throughput = dict(nothing)
        for index in table.global_indexes:
            index.throughput = dict(nothing)
    elif mode == "PROVISIONED" and table.billing_mode != mode:
        table.was_on_demand = True
        table.on_demand = None
    table.billing_mode = mode
    if throughput:
        table.throughput = dict(throughput)


def _indexes(table: Any, body: dict[str, Any]) -> None:
    updates = body["GlobalSecondaryIndexUpdates"]
    structural = [entry for entry in updates if "Create" in entry or "Delete" in entry]
    if not updates:
        raise invalid(_INVALID + "GlobalSecondaryIndexUpdates is empty")
    if len(structural) > 1:
        raise Refused(
            "LimitExceededException",
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
        )
    for entry in updates:
        if "Create" in entry:
            _create_index(table, entry["Create"], body.get("AttributeDefinitions", []))
        elif "Delete" in entry:
            _index_named(table, entry["Delete"]["IndexName"]).deleted_at = time.time() + _timing.update
        else:
            _update_index(table, entry["Update"])


def _create_index(table: Any, wish: dict[str, Any], definitions: list[dict[str, str]]) -> None:
    name = wish["IndexName"]
    if any(index.name == name for index in table.indexes + table.global_indexes):
        raise invalid(f"{_INVALID}Attempting to create an index which already exists: {name}")
    if len(table.global_indexes) >= 20:
        raise Refused("LimitExceededException", "GlobalSecondaryIndex count exceeds the per-table limit of 20")
    check_index_capacity(wish, table.billing_mode)
    types = {d["AttributeName"]: d for d in table.attr}
    for definition in definitions:
        known = types.setdefault(definition["AttributeName"], definition)
        if known["AttributeType"] != definition["AttributeType"]:
            raise invalid(f"{_INVALID}Attribute {definition['AttributeName']} is already defined with another type")
    keys = {key["AttributeName"] for key in wish["KeySchema"]}
    missing = sorted(keys - set(types))
    if missing:
        raise invalid(f"{_INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: {missing}")
    unused = sorted(set(types) - keys - set(table.attribute_keys))
    if unused:
        raise invalid(f"{_INVALID}Some AttributeDefinitions are not used: {unused}")
    index = GlobalSecondaryIndex.create(wish, table.table_key_attrs)
    index.on_demand = wish.get("OnDemandThroughput")
    index.creating_until, index.backfills = time.time() + _timing.update, True
    table.attr = list(types.values())
    table.global_indexes = [*table.global_indexes, index]
    count_indexes(table)


def _update_index(table: Any, wish: dict[str, Any]) -> None:
    index = _index_named(table, wish["IndexName"])
    given = wish.get("ProvisionedThroughput")
    if given and all(index.throughput.get(name) == value for name, value in given.items()):
        raise invalid(f"The provisioned throughput for the index {index.name} will not change.")
    unknown = set(wish) - {"IndexName", "ProvisionedThroughput", "OnDemandThroughput", "WarmThroughput"}
    if unknown or len(wish) == 1:
        raise invalid(f"{_INVALID}Nothing to change for index: {index.name}")
    index.throughput = dict(given or index.throughput)
    index.on_demand = wish.get("OnDemandThroughput", getattr(index, "on_demand", None))
    if "WarmThroughput" in wish:
        index.warm_throughput = _raised(index.warm_throughput, wish["WarmThroughput"])


def _index_named(table: Any, name: str) -> Any:
    for index in table.global_indexes:
        if index.name == name:
            return index
    raise Refused("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")


def _stream(table: Any, body: dict[str, Any]) -> None:
    wish = body["StreamSpecification"]
    enabled = bool((table.stream_specification or {}).get("StreamEnabled"))
    if wish.get("StreamEnabled") and enabled:
        raise invalid(f"Table already has an enabled stream: TableName: {table.name}")
    if not wish.get("StreamEnabled") and not enabled:
        raise invalid(f"Table has no stream to disable: TableName: {table.name}")
    if wish.get("StreamEnabled") and not wish.get("StreamViewType"):
        raise invalid(_INVALID + "StreamViewType is required when StreamEnabled is true")
    if wish.get("StreamEnabled"):
        table.set_stream_specification(dict(wish))
    else:
        table.stream_specification, table.stream_shard = {"StreamEnabled": False}, None


def _encryption(table: Any, body: dict[str, Any]) -> None:
    wanted = encryption.resolve_key(table, body["SSESpecification"])
    if wanted == table.key_arn:
        raise invalid(f"{_INVALID}Table is already encrypted by given KMSMasterKeyId")
    table.key_arn = wanted
    table.key_changing_until = time.time() + _timing.update


def _table_class(table: Any, body: dict[str, Any]) -> None:
    wanted = body["TableClass"]
    current = (table.table_class_summary or {}).get("TableClass", "STANDARD")
    if wanted not in ("STANDARD", "STANDARD_INFREQUENT_ACCESS"):
        raise invalid(f"1 validation error detected: Value '{wanted}' at 'tableClass' failed to satisfy constraint")
    if wanted == current:
        raise invalid(f"{_INVALID}Table class is already {wanted}")
    table.table_class_summary = {"TableClass": wanted, "LastUpdateDateTime": utcnow()}


def _protection(table: Any, body: dict[str, Any]) -> None:
    wanted = bool(body["DeletionProtectionEnabled"])
    if wanted == bool(table.deletion_protection_enabled):
        raise invalid(f"{_INVALID}DeletionProtectionEnabled is already {str(wanted).lower()}")
    table.deletion_protection_enabled = wanted


def _warm(table: Any, body: dict[str, Any]) -> None:
    table.warm_throughput = _raised(table.warm_throughput, body["WarmThroughput"])


def _raised(current: dict[str, Any], wish: dict[str, Any]) -> dict[str, Any]:
    for name, value in wish.items():
        if value < current.get(name, 0):
            raise invalid(f"{_INVALID}Requested {name} for WarmThroughput is lower than the current value")
    if all(current.get(name) == value for name, value in wish.items()):
        raise invalid(_INVALID + "The warm throughput will not change")
    return {**current, **wish}


_CHANGES: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "capacity": _capacity,
    "indexes": _indexes,
    "stream": _stream,
    "encryption": _encryption,
    "class": _table_class,
    "protection": _protection,
    "warm throughput": _warm,
}
