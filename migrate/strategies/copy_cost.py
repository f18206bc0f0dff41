"""What a copy reads and writes, how fast it may, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from migrate.core.table import PROVISIONED, Index, TableFacts
from migrate.plan.model import Estimate
from migrate.plan.prices import GIB, PRICES, scan_units
from migrate.plan.strategy import TableRequest
from migrate.plan.verification import SHARE, share_of_reads

ITEMS_PER_SECOND = 20_000
"""What one core moves of 400-byte items, measured; the tables' own limits are usually below it."""

Rates = dict[str, float | None]


def estimate(
    request: TableRequest,
    present: Iterable[Index],
    minutes_after: float,
    dollars_once: float,
    items_per_second: float = ITEMS_PER_SECOND,
) -> Estimate:
    """The whole move, with the global indexes `present` during the load; `minutes_after` and `dollars_once` on top."""
    source, rate = request.source, rates(request)
    reads, writes = scanned_units(request), load_units(request, present)
    seconds = max(
        source.item_count / items_per_second,
        reads / rate["read_units"] if rate["read_units"] else 0.0,
        writes / rate["write_units"] if rate["write_units"] else 0.0,
    )
    dollars = reads * PRICES.read_unit + writes * PRICES.write_unit + dollars_once
    if request.inventory.source.region != request.inventory.target.region:
        dollars += source.size_bytes / GIB * PRICES.transfer_gib
    if request.verify != "none":  # consistent reads, at twice the price
        again = 0 if request.verify_as_copied else 2 * reads
        dollars += (again + 2 * reads) * PRICES.read_unit
        reads += again
    return Estimate(round(1 + seconds / 60 + minutes_after, 1), round(dollars, 6), reads)


def scanned_units(request: TableRequest) -> int:
    """Read units of the scan of the source."""
    return scan_units(request.source.size_bytes)


def load_units(request: TableRequest, present: Iterable[Index]) -> int:
    """Write units of putting every item, with its entries in the local indexes and in the global ones `present`."""
    return request.source.item_count * (item_units(request) + index_units(request, present))


def item_units(request: TableRequest) -> int:
    """Write units of one item of average size, with its entries in the local indexes."""
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
