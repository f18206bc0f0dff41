"""The action that proves the move: what is compared with what, and how fast it may read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.core.table import TableFacts, Throughput
from migrate.plan import costs
from migrate.plan.model import NOTHING, Action, Change, Estimate, Range, Risk, Side, ref
from migrate.plan.strategy import Recipe, TableRequest, Verifier
from migrate.state.model import Status

SHARE = 0.8
"""Of a provisioned capacity, when the manifest names no rate: the rest is for whoever else uses the table."""

ITEMS_PER_SECOND = Range(50_000, 400_000)
"""What one core reads and compares of 400-byte items, and what eight do."""


def verify_actions(
    request: TableRequest, recipe: Recipe, load: str, needs: tuple[str, ...], target: TableFacts | None
) -> list[Action]:
    """The verify action, unless this very table was verified already or the manifest says none.

    `load` is the address of the action that puts the items there.
    """
    if not is_verification_due(request, target):
        return []
    by, taken = recipe.verifier, _taken(request, recipe, load)
    local = {"mode": request.verify, "size_bytes": request.source.size_bytes, **taken}
    before = tuple(action.address for action in (*by.shared, *by.actions))
    verify = Action(
        address=request.address("verify"),
        kind=by.kind,
        side=Side.BOTH,
        change=Change.READ,
        title=_title(request, by, taken),
        params={
            "source_table": request.source.name,
            "target_table": request.target_name,
            "keys": [key.name for key in request.desired.keys.attributes],
            **(local if by.is_local else by.params),
            "table_id": ref(load, "table_id"),
            **recipe.verify,
        },
        tuning=_tuning(request) if by.is_local else by.tuning,
        needs=(*needs, *before),
        risk=Risk.COST,
        undo="nothing to undo: it only reads" if by.is_local else "job-work-removal",
        why="equal digests of all items, in both accounts",
        details=by.details,
    )
    return [*by.actions, verify]


def is_verification_due(request: TableRequest, target: TableFacts | None) -> bool:
    """True unless this very target table was verified already, or the manifest says none."""
    done = request.state.record(request.address("verify"))
    is_done = done is not None and done.status is Status.DONE
    is_of_target = bool(target and done and done.outputs.get("table_id") == target.table_id)
    return request.verify != "none" and not (is_done and is_of_target)


def share_of_reads(provisioned: Throughput | None) -> float | None:
    """Read units a second that may be taken from a table for which no rate is named; None is no limit."""
    return provisioned.read * SHARE if provisioned and provisioned.read else None


def verification(request: TableRequest, *, is_copied: bool, items_per_second: Range = ITEMS_PER_SECOND) -> Estimate:
    """Reading both tables consistently, at the same time; after a copy (`is_copied`) perhaps only the target.

    `items_per_second` are what whoever compares them reads of each.
    """
    if request.verify == "none":
        return NOTHING
    units, dollars = costs.scan(request, consistent=True)
    target = costs.unit_dollars(units, request.desired.billing, request.target_prices.read_unit)
    if is_copied and request.verify_as_copied and request.verify == "digest":
        return Estimate.of(_span(request, units, items_per_second), Range.exactly(target))
    return Estimate.of(_span(request, units, items_per_second), Range.exactly(dollars + target), units)


def _span(request: TableRequest, units: int, items_per_second: Range) -> Range:
    """Minutes, as far as the rates of both tables and who compares them let it go."""
    named = verification_rates(request)
    items = request.source.item_count
    spans = [costs.seconds(Range.exactly(items), items_per_second)]
    for side, spec in (("source_units", request.source.spec), ("target_units", request.desired)):
        free = costs.capped(costs.TABLE_READS, spec.on_demand_maximum, "read")
        amount = Range.exactly(units)
        spans.append(
            costs.seconds(amount, Range.exactly(named[side])) if side in named else costs.growing(amount, free)
        )
    return costs.longest(*spans) * (1 / 60)


def _taken(request: TableRequest, recipe: Recipe, load: str) -> dict[str, Any]:
    """What a copy has read, where the manifest wants to be compared with that, and the copy says (or will say) it."""
    if not request.verify_as_copied or request.verify != "digest" or load != request.address("copy"):
        return {}
    done = request.state.record(load)
    if not any(action.address == load for action in recipe.load) and not (done and "source_digest" in done.outputs):
        return {}
    return {"source_items": ref(load, "source_items"), "source_digest": ref(load, "source_digest")}


def _title(request: TableRequest, by: Verifier, taken: Mapping[str, Any]) -> str:
    title = "compare the item counts" if request.verify == "counts" else "verify every item"
    if by.words:
        title += f" by {by.words}"
    if taken:
        title += " of the target against what the copy read; later writes to the source are not seen"
    found = verification_rates(request)
    if found and not by.is_local:
        return f"{title}; at most {min(found.values()):,.0f} read units/s of each table"
    rates = {name.removesuffix("_units"): f"{units:,.0f}" for name, units in found.items()}
    if len(rates) == 2 and len(set(rates.values())) == 1:
        return f"{title}; at most {rates['source']} read units/s of each table"
    words = " and ".join(f"{units} of the {side}" for side, units in rates.items())
    return f"{title}; read units/s: at most {words}" if words else title


def _tuning(request: TableRequest) -> dict[str, Any] | None:
    transport = request.options.get("transport", "lean")
    tuning = {**verification_rates(request), **({} if transport == "lean" else {"transport": transport})}
    return tuning or None


def verification_rates(request: TableRequest) -> dict[str, float]:
    """Read units a second: the manifest's for verifying or copying, or a share of what a provisioned table has."""
    wish = request.verify_read_units or request.options.get("read_units")
    rates = {
        "source_units": wish or share_of_reads(request.source.spec.provisioned),
        "target_units": wish or share_of_reads(request.desired.provisioned),
    }
    return {name: units for name, units in rates.items() if units}
