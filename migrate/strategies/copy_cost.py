"""What a copy reads and writes, how fast it may, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from migrate.core.table import PROVISIONED, Index, TableFacts
from migrate.plan import costs
from migrate.plan.model import Estimate, Range
from migrate.plan.strategy import TableRequest
from migrate.plan.verification import SHARE, share_of_reads

ITEMS_PER_SECOND, MIB_PER_SECOND = 20_000, 5
"""What one core moves: of 400-byte items, measured; of large ones, what people report of boto3."""

CORES = Range(1, 8)
"""Of the machine that will copy, which is not known."""

START = Range.exactly(1)
"""Minutes until a table is there and the first item moves."""

Rates = dict[str, float | None]


def copying(
    request: TableRequest,
    present: Iterable[Index],
    at_once: float,
    cores: Range = CORES,
    *,
    is_read: bool = True,
) -> Estimate:
    """Reading (unless an export is read, not the table) and writing every item, with the global indexes `present`.

    `at_once` are the write units a second that an on-demand target takes from its first moment.
    """
    present = list(present)
    reads, dollars = costs.scan(request) if is_read else (0, 0.0)
    writes = load_units(request, present)
    paid = writes * costs.unit_dollars(1, request.desired.billing, request.target_prices.write_unit)
    if is_read and costs.is_far(request):
        dollars += costs.gib(request) * request.source_prices.transfer_gb
    spans = (*_by_rates(request, reads, writes, at_once), *_by_machine(request.source, cores))
    return Estimate.of(START + costs.longest(*spans) * (1 / 60), paid + Range.exactly(dollars), reads)


def _by_rates(request: TableRequest, reads: float, writes: Range, at_once: float) -> Iterator[Range]:
    """Seconds for which the tables, or the rates of the manifest, hold the copy back."""
    named = rates(request)
    free = costs.capped(costs.TABLE_READS, request.source.spec.on_demand_maximum, "read")
    named_reads = named["read_units"]
    units = Range.exactly(reads)
    yield costs.seconds(units, Range.exactly(named_reads)) if named_reads else costs.growing(units, free)
    if named["write_units"]:
        yield costs.seconds(writes, Range.exactly(named["write_units"]))
    else:  # a table and each of its global indexes have a limit of their own
        rate = Range(at_once, max(at_once, costs.TABLE_WRITES.high))
        yield costs.growing(own_units(request), costs.capped(rate, request.desired.on_demand_maximum, "write"))


def _by_machine(source: TableFacts, cores: Range) -> Iterator[Range]:
    """Seconds that so many cores take."""
    yield costs.seconds(Range.exactly(source.item_count), cores * ITEMS_PER_SECOND)
    yield costs.seconds(Range.exactly(source.size_bytes / costs.MIB), cores * MIB_PER_SECOND)


def load_units(request: TableRequest, present: Iterable[Index]) -> Range:
    """Write units of putting every item, with its entries in the local indexes and in the global ones `present`."""
    return own_units(request) + entry_units(request, present)


def own_units(request: TableRequest) -> Range:
    """Write units of the table itself, with its local indexes."""
    source = request.source
    return costs.put_units(source.item_count, source.size_bytes) + entry_units(
        request, request.desired.local_indexes.values()
    )


def entry_units(request: TableRequest, indexes: Iterable[Index]) -> Range:
    """Write units of the entries in these indexes, each of which is taken to have every item.

    How much an index has that does not project everything is not known: from one unit an item to all of it.
    """
    source, found = request.source, Range()
    whole = costs.put_units(source.item_count, source.size_bytes)
    for index in indexes:
        found += whole if index.projection == "ALL" else Range(source.item_count, whole.high)
    return found


def item_units(request: TableRequest) -> int:
    """Write units of one item of average size, with its entries in the local indexes: for rates."""
    return _average(request.source) + index_units(request, request.desired.local_indexes.values())


def index_units(request: TableRequest, indexes: Iterable[Index]) -> int:
    """Write units of the entries of one item of average size in these indexes.

    An index that does not project everything is taken for one unit; that many items may have no entry is not known.
    """
    return sum(_average(request.source) if index.projection == "ALL" else 1 for index in indexes)


def _average(source: TableFacts) -> int:
    size = source.size_bytes / source.item_count if source.item_count else 0
    return max(1, -(-int(size) // 1024))


def rates(request: TableRequest) -> Rates:
    """Units a second: the manifest's, or a share of what a provisioned table has; None is no limit of ours."""
    target = request.desired.provisioned if request.desired.billing == PROVISIONED else None
    writes = target.write * SHARE if target and target.write else None
    return {
        "read_units": request.options.get("read_units") or share_of_reads(request.source.spec.provisioned),
        "write_units": request.options.get("write_units") or writes,
    }


def rate_words(request: TableRequest) -> str:
    """The rates as the end of a title; '' when nothing limits the copy."""
    found: dict[str, Any] = rates(request)
    words = [f"{found[f'{side}_units']:,.0f} {side} units/s" for side in ("read", "write") if found[f"{side}_units"]]
    return f"; at most {' and '.join(words)}" if words else ""
