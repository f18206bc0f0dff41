"""CreateTable, DescribeTable, DeleteTable, ListTables.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html and its neighbours. Not
emulated, and refused: vector indexes, global tables (GlobalTableSourceArn, replicas), the quota of tables per
account.
"""

from __future__ import annotations

import re
from typing import Any

from moto.core.utils import utcnow
from moto.dynamodb.models import table as moto_table
from moto.dynamodb.responses import DynamoHandler

from migrate.sandbox import encryption, policies
from migrate.sandbox.description import describe_table
from migrate.sandbox.front import Call, operation
from migrate.sandbox.index_counts import count_indexes
from migrate.sandbox.lifecycle import all_tables, mark_creating, mark_deleting, must_be_idle, table_named
from migrate.sandbox.refusals import Refused
from migrate.sandbox.settings import Timing
from migrate.sandbox.table_settings import check_tags
from migrate.sandbox.values import invalid

_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}$", re.ASCII)
_INVALID = "One or more parameter values were invalid: "
_timing = Timing()

_DEFAULTS: dict[str, Any] = {
    "table_class_summary": None,
    "on_demand": None,
    "on_demand_since": None,
    "was_on_demand": False,
    "key_arn": None,
    "key_changing_until": 0.0,
    "creating_until": 0.0,
    "updating_until": 0.0,
    "deleted_at": None,
    "restored_from": None,
}


def install(timing: Timing) -> None:
    """Gives moto's tables the attributes and the description that the rules here need. Idempotent."""
    global _timing
    _timing = timing
    for name, value in _DEFAULTS.items():
        setattr(moto_table.Table, name, value)
    moto_table.Table.describe = lambda self, base_key="TableDescription": {base_key: describe_table(self)}


@operation(
    "CreateTable",
    "TableName AttributeDefinitions KeySchema LocalSecondaryIndexes GlobalSecondaryIndexes BillingMode "
    "ProvisionedThroughput StreamSpecification SSESpecification Tags TableClass DeletionProtectionEnabled "
    "WarmThroughput "
    "ResourcePolicy OnDemandThroughput",
)
def create_table(call: Call) -> dict[str, Any]:
    """API_CreateTable."""
    return {"TableDescription": describe_table(create(call.backend, call.body, _timing.create))}


def create(backend: Any, wish: dict[str, Any], seconds: float) -> Any:
    """A new table from CreateTable's parameters (or an import's TableCreationParameters), CREATING for `seconds`.

    Checks everything before it creates anything. Raises ResourceInUseException when the name is taken.
    """
    _check(wish)
    if table_named(backend, wish["TableName"]) is not None:
        raise Refused("ResourceInUseException", f"Table already exists: {wish['TableName']}")
    on_demand = wish.get("BillingMode") == "PAY_PER_REQUEST"
    if wish.get("ResourcePolicy") is not None:
        policies.check_policy(wish["ResourcePolicy"])
    table = moto_table.Table(
        wish["TableName"],
        account_id=backend.account_id,
        region=backend.region_name,
        schema=wish["KeySchema"],
        attr=wish["AttributeDefinitions"],
        throughput=wish.get("ProvisionedThroughput"),
        billing_mode="PAY_PER_REQUEST" if on_demand else "PROVISIONED",
        indexes=wish.get("LocalSecondaryIndexes"),
        global_indexes=wish.get("GlobalSecondaryIndexes"),
        streams=wish.get("StreamSpecification"),
        tags=list(wish.get("Tags", [])),
        deletion_protection_enabled=wish.get("DeletionProtectionEnabled", False),
        warm_throughput=wish.get("WarmThroughput"),
    )
    table.key_arn = encryption.resolve_key(table, wish.get("SSESpecification") or {})
    table.on_demand = wish.get("OnDemandThroughput")
    for index, given in zip(table.global_indexes, wish.get("GlobalSecondaryIndexes") or [], strict=True):
        index.on_demand = given.get("OnDemandThroughput")
    if on_demand:
        table.on_demand_since = utcnow()
    if wish.get("TableClass", "STANDARD") != "STANDARD":
        table.table_class_summary = {"TableClass": wish["TableClass"]}
    count_indexes(table)
    mark_creating(table, seconds)
    backend.tables[table.name] = table
    if wish.get("ResourcePolicy") is not None:
        policies.attach(backend, table.table_arn, wish["ResourcePolicy"])
    return table


def _check(wish: dict[str, Any]) -> None:
    if not _NAME.match(wish.get("TableName", "")):
        raise invalid(
            "1 validation error detected: Value at 'tableName' failed to satisfy constraint: Member must satisfy "
            "regular expression pattern: [a-zA-Z0-9_.-]+ and have a length of 3 to 255"
        )
    for name in ("KeySchema", "AttributeDefinitions"):
        if not wish.get(name):
            raise invalid(f"{_INVALID}{name} is required")
    mode = wish.get("BillingMode", "PROVISIONED")
    _one_of("billingMode", mode, "PROVISIONED", "PAY_PER_REQUEST")
    _one_of("tableClass", wish.get("TableClass", "STANDARD"), "STANDARD", "STANDARD_INFREQUENT_ACCESS")
    if mode == "PROVISIONED" and wish.get("OnDemandThroughput"):
        raise invalid(_INVALID + "OnDemandThroughput needs BillingMode PAY_PER_REQUEST")
    for definition in wish["AttributeDefinitions"]:
        _one_of("attributeType", definition["AttributeType"], "B", "N", "S")
    DynamoHandler()._validate_table_creation(
        billing_mode=mode,
        throughput=wish.get("ProvisionedThroughput"),
        key_schema=wish["KeySchema"],
        global_indexes=wish.get("GlobalSecondaryIndexes"),
        local_secondary_indexes=wish.get("LocalSecondaryIndexes"),
        attr=wish["AttributeDefinitions"],
        warm_throughput=wish.get("WarmThroughput"),
    )
    _check_indexes(wish, mode)
    check_tags(wish.get("Tags", []))


def _one_of(name: str, value: str, *allowed: str) -> None:
    if value not in allowed:
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        )


def _check_indexes(wish: dict[str, Any], mode: str) -> None:
    local, glob = wish.get("LocalSecondaryIndexes") or [], wish.get("GlobalSecondaryIndexes") or []
    names = [index["IndexName"] for index in local + glob]
    for name in names:
        if names.count(name) > 1:
            raise invalid(f"{_INVALID}Duplicate index name: {name}")
    if len(local) > 5:
        raise invalid(_INVALID + "Number of LocalSecondaryIndexes exceeds per-table limit of 5")
    if len(glob) > 20:
        raise invalid(_INVALID + "GlobalSecondaryIndex count exceeds the per-table limit of 20")
    hash_key = next(key["AttributeName"] for key in wish["KeySchema"] if key["KeyType"] == "HASH")
    if local and len(wish["KeySchema"]) < 2:
        raise invalid(
            _INVALID + "Table KeySchema does not have a range key, which is required for LocalSecondaryIndexes"
        )
    for index in local:
        if index["KeySchema"][0]["AttributeName"] != hash_key:
            raise invalid(
                f"{_INVALID}Index KeySchema does not have the hash key of the table for index: {index['IndexName']}"
            )
    for index in glob:
        check_index_capacity(index, mode)


def check_index_capacity(index: dict[str, Any], mode: str) -> None:
    """A GSI needs its own capacity on a provisioned table, and may have none on an on-demand table."""
    provisioned = mode == "PROVISIONED"
    if provisioned != bool(index.get("ProvisionedThroughput")):
        verb = "must" if provisioned else "must not"
        raise invalid(f"{_INVALID}ProvisionedThroughput {verb} be specified for index: {index['IndexName']}")
    if provisioned and index.get("OnDemandThroughput"):
        raise invalid(f"{_INVALID}OnDemandThroughput must not be specified for index: {index['IndexName']}")


@operation("DescribeTable", "TableName")
def describe(call: Call) -> dict[str, Any]:
    """API_DescribeTable."""
    return {"Table": describe_table(call.table())}


@operation("DeleteTable", "TableName")
def delete_table(call: Call) -> dict[str, Any]:
    """API_DeleteTable: the table stays visible as DELETING for a while."""
    table = call.table()
    must_be_idle(table)
    if table.deletion_protection_enabled:
        raise invalid(
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        )
    mark_deleting(table, _timing.update)
    return {"TableDescription": describe_table(table)}


@operation("ListTables", "ExclusiveStartTableName Limit")
def list_tables(call: Call) -> dict[str, Any]:
    """API_ListTables: at most 100 names a page, in order."""
    limit = call.body.get("Limit", 100)
    if not 1 <= limit <= 100:
        raise invalid(f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: 1 to 100")
    start = call.body.get("ExclusiveStartTableName", "")
    names = [table.name for table in all_tables(call.backend) if table.name > start]
    answer: dict[str, Any] = {"TableNames": names[:limit]}
    if len(names) > limit:
        answer["LastEvaluatedTableName"] = names[limit - 1]
    return answer


@operation("DescribeLimits", "")
def describe_limits(_: Call) -> dict[str, Any]:
    """API_DescribeLimits: the default quotas, which nothing here enforces."""
    return {
        "AccountMaxReadCapacityUnits": 80_000,
        "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000,
        "TableMaxWriteCapacityUnits": 40_000,
    }
