"""Global indexes before or after the load: option `indexes` of strategy `copy`.

Before, every item is written once more for each index, which an on-demand table is charged for. After, DynamoDB fills
them from the table: one index at a time, and an index of a provisioned table with its own write units.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.OnlineOps.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from migrate.core.table import PROVISIONED, Index
from migrate.plan.costs import TABLE_WRITES, seconds
from migrate.plan.figures import about, dollars_words
from migrate.plan.model import Estimate, Range
from migrate.plan.strategy import TableRequest
from migrate.strategies.copy_cost import entry_units, index_units

FIRST_MINUTES = 5.0
UNITS_PER_SECOND = 4000.0
"""How long DynamoDB takes to create an index, and how fast it fills one on demand: guesses, for AWS gives no figure."""

HOUR_WORTH = 5.0
"""Dollars that `auto` must save for each hour that it makes the user wait."""


@dataclass(frozen=True)
class IndexChoice:
    """`present` are the global indexes during the load. `why` is '' where there was nothing to choose."""

    present: Mapping[str, Index]
    why: str = ""
    after: Mapping[str, Estimate] = field(default_factory=dict)
    """What creating each of the others after the load takes, by name; what AWS charges for it is not known."""


def choose_indexes(request: TableRequest) -> IndexChoice:
    """When the global indexes of a table that the copy makes are created."""
    indexes = request.desired.global_indexes
    if not indexes:
        return IndexChoice({})
    asked, minutes = request.options.get("indexes", "auto"), _minutes(request)
    count = f"{len(indexes)} global index{'es' if len(indexes) != 1 else ''}"
    one_by_one = ", one at a time" if len(indexes) > 1 else ""
    is_worth_it, reason = _weigh(request, minutes)
    when = ("after" if is_worth_it else "before") if asked == "auto" else asked
    by_whom = "chosen" if asked == "auto" else "as the manifest says"
    if when == "after":
        why = f"{count} after the load{one_by_one} ({by_whom}): {reason}"
        return IndexChoice({}, why, {name: _filling(request, index) for name, index in indexes.items()})
    return IndexChoice(indexes, f"{count} with the table, before the load ({by_whom}): {reason}")


def _weigh(request: TableRequest, minutes: float) -> tuple[bool, str]:
    """Whether `after` is the better choice, and both sides in words."""
    if request.desired.billing == PROVISIONED:
        return False, (
            "provisioned index capacity is used and paid for either way; "
            f"after the load, one at a time, they would take ~{_span(minutes)} more"
        )
    units = entry_units(request, request.desired.global_indexes.values())
    dollars = units * request.target_prices.write_unit
    cost = about(dollars_words(dollars))
    return dollars.middle > HOUR_WORTH * minutes / 60, (
        f"their writes during the load cost {cost}; filling them afterwards takes ~{_span(minutes)} more (a guess), "
        "and what AWS charges for that is not estimated"
    )


def _span(minutes: float) -> str:
    return f"{minutes:,.0f} min" if minutes < 100 else f"{minutes / 60:,.1f} h"


def _minutes(request: TableRequest) -> float:
    """Creating every index, one after the other, on a table that is full: the guess by which `auto` chooses."""
    return sum(_one(request, index) for index in request.desired.global_indexes.values())


def _one(request: TableRequest, index: Index) -> float:
    units = request.source.item_count * index_units(request, [index])
    own = index.provisioned.write if index.provisioned else None
    return FIRST_MINUTES + units / (own or UNITS_PER_SECOND) / 60


def _filling(request: TableRequest, index: Index) -> Estimate:
    """As a table on demand takes writes: AWS gives no figure, and adds partitions as it sees fit."""
    units = Range.exactly(request.source.item_count * index_units(request, [index]))
    own = index.provisioned.write if index.provisioned else None
    rate = Range.exactly(own) if own else Range(UNITS_PER_SECOND, TABLE_WRITES.high)
    return Estimate.of(Range(FIRST_MINUTES, 2 * FIRST_MINUTES) + seconds(units, rate) * (1 / 60))
