"""States that take time: CREATING, UPDATING, DELETING of tables and CREATING, DELETING of indexes.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html (TableStatus) and
.../API_GlobalSecondaryIndexDescription.html (IndexStatus, Backfilling). A state is derived from a deadline whenever
somebody looks; no thread changes anything. Not emulated: ARCHIVING, INACCESSIBLE_ENCRYPTION_CREDENTIALS,
REPLICATION_NOT_AUTHORIZED.
"""

from __future__ import annotations

from typing import Any

from migrate.sandbox import clock
from migrate.sandbox.refusals import Refused


def mark_creating(table: Any, seconds: float) -> None:
    """The table and its indexes show CREATING for that many seconds from now; the last call counts."""
    table.creating_until = clock.now() + seconds
    for index in table.global_indexes:
        index.creating_until = table.creating_until


def mark_updating(table: Any, seconds: float) -> None:
    """The table shows UPDATING for that many seconds from now."""
    table.updating_until = clock.now() + seconds


def mark_deleting(table: Any, seconds: float) -> None:
    """The table shows DELETING for that many seconds, then it is gone (see `table_named`)."""
    table.deleted_at = clock.now() + seconds


def status_of(table: Any) -> str:
    """CREATING, UPDATING, DELETING or ACTIVE."""
    now = clock.now()
    if getattr(table, "deleted_at", None) is not None:
        return "DELETING"
    if now < getattr(table, "creating_until", 0.0):
        return "CREATING"
    return "UPDATING" if now < getattr(table, "updating_until", 0.0) else "ACTIVE"


def table_named(backend: Any, name: str) -> Any:
    """The table of that name, without the indexes whose DELETING is over; None if there is none, or its own is over.

    Takes the same time however many tables the account has.
    """
    table = backend.tables.get(name)
    if table is None:
        return None
    if _expired(table):
        backend.tables.pop(name, None)
        backend.resource_policies.pop(table.table_arn, None)
        return None
    for index in [one for one in table.global_indexes if _expired(one)]:
        table.global_indexes.remove(index)
        table.index_totals.pop(index.name, None)
        used = set(table.attribute_keys)
        table.attr = [a for a in table.attr if a["AttributeName"] in used]
    return table


def all_tables(backend: Any) -> list[Any]:
    """All tables of an account and Region as `table_named` gives them, by name."""
    found = [table_named(backend, name) for name in sorted(backend.tables)]
    return [table for table in found if table is not None]


def _expired(it: Any) -> bool:
    """Whether a deleted table's, or index's, time in DELETING is over."""
    deleted_at = getattr(it, "deleted_at", None)
    return deleted_at is not None and clock.now() >= deleted_at


def index_status(index: Any) -> str:
    """CREATING, DELETING or ACTIVE."""
    if getattr(index, "deleted_at", None) is not None:
        return "DELETING"
    return "CREATING" if clock.now() < getattr(index, "creating_until", 0.0) else "ACTIVE"


def must_be_idle(table: Any) -> None:
    """Refuses a change of a table that is still being created, changed or deleted."""
    status = status_of(table)
    if status != "ACTIVE":
        word = {"CREATING": "created", "UPDATING": "updated", "DELETING": "deleted"}[status]
        raise Refused(
            "ResourceInUseException",
            f"Attempt to change a resource which is still in use: Table is being {word}: {table.name}",
        )


def must_hold_data(table: Any) -> None:
    """Refuses reads and writes of items while the table is being created or deleted."""
    if status_of(table) in ("CREATING", "DELETING"):
        raise Refused("ResourceNotFoundException", "Requested resource not found")
