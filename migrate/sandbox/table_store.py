"""How exports and imports reach a table: read all items, create a table, put an item, say that it is being filled.

One place, because the sandbox has two kinds of storage: moto's own tables (these modules alone on a moto server), and
the sandbox's rows, which replace them when `tables` and `items` are installed. Only the latter keep OnDemandThroughput.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

from migrate.sandbox import records
from migrate.sandbox.import_requests import table_key
from migrate.sandbox.transfer_requests import refuse

Put = Callable[[dict[str, Any]], None]


def _has_rows() -> bool:
    return bool(getattr(Table, "sandbox_storage", False))


def _part(name: str) -> Any:
    return import_module(f"migrate.sandbox.{name}")


def items_of(table: Table) -> list[dict[str, Any]]:
    """Every item in JSON form (binary as base64), all from one moment."""
    if not _has_rows():
        return [records.render(item) for item in list(table.all_items())]
    with _part("rows").WRITES:
        return [_part("items").wire_of(item) for item in table.all_items()]


def create_table(backend: DynamoDBBackend, wish: Mapping[str, Any]) -> Table:
    """A new table from an import's TableCreationParameters, in CREATING until `mark_filled`."""
    name = wish["TableName"]
    if name in backend.tables:
        refuse("ResourceInUseException", f"Table already exists: {name}")
    table = _part("tables").create(backend, dict(wish), math.inf) if _has_rows() else _create_in_moto(backend, wish)
    table.sandbox_creating_until = math.inf
    return table


def _create_in_moto(backend: DynamoDBBackend, wish: Mapping[str, Any]) -> Table:
    sse = dict(wish.get("SSESpecification") or {})
    if sse.get("Enabled") and sse.get("KMSMasterKeyId"):
        sse["KMSMasterKeyId"] = table_key(sse["KMSMasterKeyId"], backend.account_id, backend.region_name)
    return backend.create_table(
        wish["TableName"],
        schema=wish["KeySchema"],
        throughput=wish.get("ProvisionedThroughput"),
        attr=wish["AttributeDefinitions"],
        global_indexes=wish.get("GlobalSecondaryIndexes") or [],
        indexes=[],
        streams=None,
        billing_mode=wish.get("BillingMode") or "PROVISIONED",
        sse_specification=sse if sse.get("Enabled") else None,
        tags=[],
        deletion_protection_enabled=False,
        warm_throughput=None,
    )


def mark_filled(table: Table) -> None:
    """Ends CREATING."""
    table.sandbox_creating_until = time.monotonic()
    if _has_rows():
        _part("lifecycle").mark_creating(table, 0)
        for index in table.global_indexes:
            index.creating_until = table.creating_until


def putter(table: Table) -> Put:
    """A function that puts an item given in JSON form; it raises ValueError for one that DynamoDB would not take."""
    return _put_row(table) if _has_rows() else _put_in_moto(table)


def _put_in_moto(table: Table) -> Put:
    def put(attributes: dict[str, Any]) -> None:
        decoded = records.decode(attributes)
        if records.size_of(decoded) > records.MAX_ITEM_BYTES:
            raise ValueError("Item size has exceeded the maximum allowed size")
        records.store(table, decoded)

    return put


def _put_row(table: Table) -> Put:
    canonical, store = _part("values").canonical_item, _part("items").store

    def put(attributes: dict[str, Any]) -> None:
        try:
            item, size = canonical(attributes)
        except JsonRESTError as error:
            raise ValueError(error.message) from error
        store(table, item, size)

    return put
