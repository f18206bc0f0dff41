"""Pre-warming of the target: option `warm` of strategy `copy`. Never without being asked: it is charged.

A new on-demand table takes 4,000 writes a second at once; warm throughput raises that from the first moment. It is
charged once for the increase and can never be lowered.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.core.codec import Json
from migrate.core.diagnostics import Diagnostic, warning
from migrate.core.table import PROVISIONED, Index, TableSpec, Throughput
from migrate.observe.normalise import ON_DEMAND_WARM
from migrate.plan.model import Action, Change, Estimate, Range, Risk, Side
from migrate.plan.strategy import TableRequest
from migrate.strategies import copy_cost

MOST = 40_000
"""Write units a second of one table: AWS's default quota, which is also the most that it can be warmed to."""


@dataclass(frozen=True)
class Warmth:
    """Warm throughput to ask for: of the table, and of its indexes by name. Empty: nothing."""

    table: Throughput | None = None
    indexes: Mapping[str, Throughput] = field(default_factory=dict)
    dollars: float = 0.0
    why: str = ""

    @property
    def estimate(self) -> Estimate:
        """The charge."""
        return Estimate.of(dollars=Range.exactly(self.dollars))

    def added_to(self, creation: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of CreateTable with it."""
        body = dict(creation)
        if self.table:
            body["WarmThroughput"] = _parameters(self.table)
        if self.indexes:
            body["GlobalSecondaryIndexes"] = [
                {**one, "WarmThroughput": _parameters(self.indexes[one["IndexName"]])}
                if one["IndexName"] in self.indexes
                else one
                for one in creation["GlobalSecondaryIndexes"]
            ]
        return body


def choose_warmth(request: TableRequest, present: Mapping[str, Index]) -> Warmth:
    """What the rate of the copy needs above what the table, and its indexes `present`, take already."""
    if not request.options.get("warm") or request.desired.billing == PROVISIONED:
        return Warmth()
    every = copy_cost.item_units(request) + copy_cost.index_units(request, present.values())
    asked = request.options.get("write_units")
    items = min(copy_cost.ITEMS_PER_SECOND, asked / every if asked else copy_cost.ITEMS_PER_SECOND)
    maximum = request.desired.on_demand_maximum
    table = _raised(taken_at_once(request), items * copy_cost.item_units(request), maximum)
    indexes: dict[str, Throughput] = {}
    for name, index in present.items():
        units = items * copy_cost.index_units(request, [index])
        if raised := _raised(taken_at_once(request, name), units, index.on_demand_maximum):
            indexes[name] = raised
    dollars = sum(_charge(request, name, one) for name, one in indexes.items())
    dollars += _charge(request, None, table) if table else 0.0
    return Warmth(table, indexes, dollars, _words(table, indexes, dollars))


def warm_up(request: TableRequest, warmth: Warmth, first: Action | None) -> list[Action]:
    """The actions that warm a table that is there already, one after the other; a new one is created warm."""
    if first is not None and first.kind == "table":
        return []
    wishes = ([(None, warmth.table)] if warmth.table else []) + list(warmth.indexes.items())
    actions: list[Action] = []
    for index, wanted in wishes:
        before = actions[-1] if actions else first
        actions.append(_warming(request, index, wanted, (before.address,) if before else ()))
    return actions


def _warming(request: TableRequest, index: str | None, wanted: Throughput, needs: tuple[str, ...]) -> Action:
    what = f"index {index}" if index else f"table {request.target_name}"
    return Action(
        address=request.address(f"warm.{index}" if index else "warm"),
        kind="warm-throughput",
        side=Side.TARGET,
        change=Change.UPDATE,
        title=f"{what}: pre-warm to {wanted.write:,} writes/s, charged once",
        params={"table": request.target_name, "index": index, "throughput": _parameters(wanted)},
        needs=needs,
        risk=Risk.IRREVERSIBLE,
        undo="none: warm throughput can never be lowered",
        why="the manifest asks for it (warm: true)",
    )


def warming_costs(request: TableRequest, warmth: Warmth) -> dict[str, Estimate]:
    """The charges of `warm_up`, by the names of its actions."""
    wishes = [*([(None, warmth.table)] if warmth.table else []), *warmth.indexes.items()]
    return {
        f"warm.{index}" if index else "warm": Estimate.of(dollars=Range.exactly(_charge(request, index, wanted)))
        for index, wanted in wishes
    }


def useless_warmth(request: TableRequest) -> tuple[Diagnostic, ...]:
    """A warning where `warm` does nothing."""
    if not request.options.get("warm") or request.desired.billing != PROVISIONED:
        return ()
    return (
        warning(
            f"`warm` does nothing for {request.target_name}",
            address=request.target_name,
            why="its billing is provisioned: its capacity is what it takes, warm or not",
            hint="set target.billing to on-demand or to more write units, or leave `warm` out",
        ),
    )


def taken_at_once(request: TableRequest, index: str | None = None) -> Throughput:
    """What an on-demand target, or an index of it, takes at once already."""
    there = request.inventory.target_tables.get(request.target_name)
    known: TableSpec | Index | None = there.spec if there else None
    if there and index:
        known = there.spec.global_indexes.get(index)
    return (known.warm_throughput if known else None) or ON_DEMAND_WARM


def _raised(now: Throughput, units: float, maximum: Throughput | None) -> Throughput | None:
    """What to ask for; None when what is there is enough. Reads stay as they are."""
    most = min(MOST, maximum.write if maximum and maximum.write else MOST)
    wanted = min(most, -(-int(units) // 1000) * 1000)
    return Throughput(now.read, wanted) if wanted > (now.write or 0) else None


def _charge(request: TableRequest, index: str | None, wanted: Throughput) -> float:
    added = (wanted.write or 0) - (taken_at_once(request, index).write or 0)
    return added * request.target_prices.warm_write_unit


def _words(table: Throughput | None, indexes: Mapping[str, Throughput], dollars: float) -> str:
    parts = [f"{table.write:,} writes/s"] if table else []
    parts += [f"index {name} {one.write:,}" for name, one in indexes.items()]
    if not parts:
        return f"not pre-warmed: it takes {ON_DEMAND_WARM.write:,} writes/s or more at once, and the copy needs no more"
    return f"pre-warmed to {', '.join(parts)}: charged once, ~${dollars:,.2f} (an estimate), and never lowered again"


def _parameters(wanted: Throughput) -> Json:
    return {"ReadUnitsPerSecond": wanted.read, "WriteUnitsPerSecond": wanted.write}
