"""Copy into a table that was there before: options `into` and `on_conflict` of strategy `copy`.

The table stays its owner's: it is never counted as ours, tagged or deleted, and of its settings only those change that
the manifest names under `target`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate.core.diagnostics import Diagnostic, error
from migrate.core.table import TableFacts
from migrate.plan.diff import missing_indexes
from migrate.plan.model import Action, Change, Side
from migrate.plan.strategy import TableRequest

OVERWRITE, KEEP = "overwrite", "keep"
SAY = "strategies.copy: {into: existing, on_conflict: keep | overwrite}"


def against_existing(request: TableRequest, target: TableFacts) -> Iterator[Diagnostic]:
    """Every reason against filling the table that is there."""
    address, wanted, there = request.target_name, request.desired.keys, target.spec.keys
    if there != wanted:
        yield error(
            f"the table {target.name} in {request.inventory.target.id} has the key {there}, and "
            f"{'the items will have' if request.is_rewritten else f'the source `{request.source.name}` has'} {wanted}",
            address=address,
            why="an item can only be written under the key that its table has",
            hint="set target.name to a free name, or to a table with the same key (names, types and order)",
        )
    if target.status not in ("ACTIVE", "UPDATING"):
        yield error(f"the table {target.name} is {target.status}", address=address, why="it cannot be written to")
    if must_be_empty(request) and target.item_count and not _has_begun(request, target):
        yield error(
            f"the table {target.name} exists in {request.inventory.target.id}, this migration did not make it, and it "
            f"has items (about {target.item_count:,})",
            address=address,
            why="nothing says what becomes of its items; copy fills a table that is not ours only when it is empty",
            hint=f"set target.name to a free name, or say {SAY}",
        )


def look(request: TableRequest) -> Action | None:
    """The look at the table before the first write; None when this copy has begun: then its items are ours too."""
    target = request.existing
    if target is None or _has_begun(request, target):
        return None
    held = "must be empty" if must_be_empty(request) else f"about {target.item_count:,} items by AWS's count, hours old"
    return Action(
        address=request.address("look"),
        kind="table-look",
        side=Side.TARGET,
        change=Change.READ,
        title=f"look at table {target.name}, which is there and not ours: key {target.spec.keys}; {held}",
        params={
            "table": target.name,
            "table_id": target.table_id,
            "keys": [[key.name, key.type] for key in target.spec.keys.attributes],
            "must_be_empty": must_be_empty(request),
        },
        undo="nothing to undo: it only reads",
        why="looked at once more before the first write; the table stays its owner's and is never deleted",
    )


def must_be_empty(request: TableRequest) -> bool:
    """True unless the manifest has said what becomes of items that are there."""
    return request.options.get("into") != "existing"


def write_mode(request: TableRequest) -> str:
    """What the writer does with an item whose key the target has; in an empty table there is none."""
    return OVERWRITE if must_be_empty(request) else str(request.options["on_conflict"])


def conflict_words(request: TableRequest) -> str:
    """What becomes of items that are there, as the end of a title."""
    if request.existing is None or must_be_empty(request):
        return ""
    kept = write_mode(request) == KEEP
    return "; where the target has the key, its item " + ("is kept" if kept else "is overwritten")


def notes(request: TableRequest) -> Iterator[str]:
    """What the owner of an existing table should know."""
    target = request.existing
    if target is None:
        return
    if request.verify == "counts" and not must_be_empty(request):
        yield f"`verify: counts` says little of {target.name}, which had items before: digest compares each of them"
    yield f"{target.name} keeps its own settings, but for those that `target` names in the manifest"
    lacking = missing_indexes(request.source.spec, target.spec)
    if lacking:
        names = ", ".join(sorted(lacking))
        yield f"{target.name} lacks a global index of the source ({names}): create it if you need it"
    if target.spec.stream or target.spec.kinesis:
        yield f"every item that is written goes to the readers of {target.name}'s stream"
    if target.spec.ttl:
        yield f"{target.name} has TTL on {target.spec.ttl}: items that have expired vanish, and are then missing"


def _has_begun(request: TableRequest, target: TableFacts) -> bool:
    """True when a copy into this very table was begun, so that what is in it may be ours."""
    seen: Any = request.state.record(request.address("look"))
    is_same = seen is not None and seen.outputs.get("table_id") == target.table_id
    return is_same and request.state.record(request.address("copy")) is not None
