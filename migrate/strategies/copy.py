"""Strategy `copy`: parallel Scan in the source account, BatchWriteItem in the target account, from this machine.

Needs no infrastructure, carries local indexes, and reads the live table: items written while it runs may be missed.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.ParallelScan
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from migrate.core.diagnostics import Diagnostic, error
from migrate.core.table import PROVISIONED, TableSpec
from migrate.data.scan import choose_segments
from migrate.plan.creation import describe, table_parameters
from migrate.plan.desired import as_loaded
from migrate.plan.model import Action, Change, Estimate, Risk, Side, ref
from migrate.plan.prices import GIB, PRICES, scan_units
from migrate.plan.strategy import Recipe, TableRequest, Verdict
from migrate.plan.verification import SHARE, share_of_reads
from migrate.state.model import Status

WORKERS = 8
ITEMS_PER_SECOND = 20_000
"""What one core moves of 400-byte items, measured; the tables' own limits are usually below it."""

NO_SNAPSHOT = "stop the writers of the source first: a scan is no snapshot, and misses what changes behind it"


class Copy:
    """See the module."""

    name = "copy"

    def verdict(self, request: TableRequest) -> Verdict:
        """See `Strategy.verdict`."""
        units = scan_units(request.source.size_bytes)
        why = f"no bucket and no import; reads about {units:,} units from the live table"
        return Verdict(reasons=tuple(_reasons(request)), why=why)

    def estimate(self, request: TableRequest) -> Estimate:
        """See `Strategy.estimate`."""
        source = request.source
        reads = scan_units(source.size_bytes)
        average = source.size_bytes / source.item_count if source.item_count else 0
        indexes = len(request.desired.global_indexes) + len(request.desired.local_indexes)
        writes = source.item_count * max(1, -(-int(average) // 1024)) * (1 + indexes)
        rates = _rates(request)
        seconds = max(
            source.item_count / ITEMS_PER_SECOND,
            reads / rates["read_units"] if rates["read_units"] else 0.0,
            writes / rates["write_units"] if rates["write_units"] else 0.0,
        )
        dollars = reads * PRICES.read_unit + writes * PRICES.write_unit
        if request.inventory.source.region != request.inventory.target.region:
            dollars += source.size_bytes / GIB * PRICES.transfer_gib
        if request.verify != "none":
            dollars += 4 * reads * PRICES.read_unit
            reads *= 3
        return Estimate(round(1 + seconds / 60, 1), round(dollars, 6), reads)

    def load(self, request: TableRequest) -> Recipe:
        """See `Strategy.load`."""
        created = created_spec(request.desired)
        table = _table(request, created)
        copy = _copy(request, table)
        return Recipe(
            load=(table, copy) if table else (copy,),
            loaded=created,
            needs_user=(NO_SNAPSHOT,),
            is_tagged=True,
        )

    def leftovers(self, request: TableRequest) -> Recipe:
        """See `Strategy.leftovers`: a copy makes nothing for itself in AWS."""
        return Recipe()


def created_spec(desired: TableSpec) -> TableSpec:
    """What CreateTable carries. The stream comes after the load: it would repeat every item to its readers."""
    return dataclasses.replace(as_loaded(desired), table_class=desired.table_class, tags=desired.tags)


def _reasons(request: TableRequest) -> Iterator[Diagnostic]:
    source = request.source
    if request.is_rewritten:
        yield error("copy does not transform items yet", address=request.target_name, hint="leave `transform` out")
    if source.vector_indexes:
        yield error(
            f"`{source.name}` has vector indexes ({', '.join(source.vector_indexes)})",
            address=request.target_name,
            why="this version cannot create them on the target",
        )
    if source.status not in ("ACTIVE", "UPDATING"):
        yield error(
            f"`{source.name}` is {source.status}",
            address=request.target_name,
            why="its items cannot be read",
            hint="restore access to its KMS key, or wait until it is ACTIVE",
        )


def _table(request: TableRequest, created: TableSpec) -> Action | None:
    """Create the table, unless it was made for this very load."""
    done = request.state.record(request.address("table"))
    target = request.inventory.target_tables.get(request.target_name)
    is_made = done is not None and done.status is Status.DONE and target is not None
    if is_made and done is not None and target is not None and done.outputs.get("table_id") == target.table_id:
        return None
    local = len(created.local_indexes)
    indexes = f"; {local} local index{'es' if local != 1 else ''}" if local else ""
    return Action(
        address=request.address("table"),
        kind="table",
        side=Side.TARGET,
        change=Change.CREATE,
        title=f"table {request.target_name} ({describe(created)}{indexes})",
        params={"creation": table_parameters(request.target_name, created)},
        undo="table-removal",
        why="with its key, indexes, billing, encryption, table class and tags",
    )


def _copy(request: TableRequest, table: Action | None) -> Action:
    segments = request.options.get("segments", "auto")
    if segments == "auto":
        segments = choose_segments(request.source.size_bytes, WORKERS)
    return Action(
        address=request.address("copy"),
        kind="copy",
        side=Side.BOTH,
        change=Change.MOVE,
        title=f"copy every item ({segments} segments{_rate_words(request)})",
        params={
            "source_table": request.source.name,
            "source_arn": request.source.arn,
            "target_table": request.target_name,
            "table_id": ref(request.address("table"), "table_id"),
            "keys": [key.name for key in request.desired.keys.attributes],
            "segments": segments,
            "size_bytes": request.source.size_bytes // GIB * GIB,
        },
        tuning=_rates(request),
        needs=(table.address,) if table else (),
        risk=Risk.COST,
        undo="table-removal",
        why="resumes to the page; an item that DynamoDB refuses is kept in a file and named, never dropped",
    )


def _rates(request: TableRequest) -> dict[str, Any]:
    """Units a second: the manifest's, or a share of what a provisioned table has; None is no limit of ours."""
    target = request.desired.provisioned if request.desired.billing == PROVISIONED else None
    writes = target.write * SHARE if target and target.write else None
    return {
        "read_units": request.options.get("read_units") or share_of_reads(request.source.spec.provisioned),
        "write_units": request.options.get("write_units") or writes,
    }


def _rate_words(request: TableRequest) -> str:
    rates = _rates(request)
    words = [f"{rates[f'{side}_units']:,.0f} {side} units/s" for side in ("read", "write") if rates[f"{side}_units"]]
    return f"; at most {' and '.join(words)}" if words else ""
