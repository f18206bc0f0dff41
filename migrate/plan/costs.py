"""What moving a table takes and costs: the formulas that every strategy's estimate is made of. Estimates, never bills.

Where AWS gives no figure, or the table's own is not known (how its items differ in size), the result is a range.
Reads and writes of provisioned tables cost nothing here: their capacity is paid for whether it is used or not. Nor does
what the target costs from then on (its storage and capacity), which is the same whatever the strategy.
https://aws.amazon.com/dynamodb/pricing/
"""

from __future__ import annotations

from migrate.core.table import ON_DEMAND, Throughput
from migrate.plan.model import Estimate, Range
from migrate.plan.strategy import TableRequest

GIB, MIB = 2**30, 2**20
JSON_FACTOR = Range(1.2, 2.0)
"""Bytes of DynamoDB JSON for each byte of a table: names of attributes, type tags, base64."""

EXPORT_FLOOR, IMPORT_FLOOR = Range(10, 15), Range(5, 10)
"""Minutes of the smallest table, measured by people."""

TIB_MINUTES = Range(30, 120)
"""Of an export or an import, for each TiB: about 1 TiB an hour is known, as an order of magnitude."""

RESTORE_MINUTES = Range(10, 60)
"""AWS promises none and says that most restores end within an hour, whatever their size."""

TABLE_READS, TABLE_WRITES = Range(12_000, 40_000), Range(4_000, 40_000)
"""Units a second of an on-demand table: what a new one takes at once, and AWS's default quota of a table."""

DOUBLING = 1800
"""Seconds in which an on-demand table comes to take twice as much as it has had to take before."""

KEPT_DAYS = 30
"""What is kept after the move (`cleanup: keep`) is counted for a month."""


def gib(request: TableRequest) -> float:
    """Size of the source table."""
    return request.source.size_bytes / GIB


def is_far(request: TableRequest) -> bool:
    """True when the items go to another Region."""
    return request.inventory.source.region != request.inventory.target.region


def stored_days(request: TableRequest) -> int:
    """Days for which files and recovery points are paid for: AWS counts hours, and a move ends within the first."""
    return 1 if request.cleanup == "after-verify" else KEPT_DAYS


def scan_units(size_bytes: int) -> int:
    """Read units of an eventually consistent scan: half a unit for 4 KiB."""
    return max(1, -(-size_bytes // 8192))


def put_units(items: int, size_bytes: int) -> Range:
    """Write units of putting items that have so many bytes together: each counts by whole KiB.

    At least: every item fills its last KiB. At most: every item has just begun one.
    """
    kib = size_bytes / 1024
    return Range(max(items, kib), items + kib)


def scan(request: TableRequest, *, consistent: bool = False) -> tuple[int, float]:
    """Units and dollars of reading the source table once."""
    units = scan_units(request.source.size_bytes) * (2 if consistent else 1)
    return units, unit_dollars(units, request.source.spec.billing, request.source_prices.read_unit)


def unit_dollars(units: float, billing: str, price: float) -> float:
    """Dollars of read or write units at `price`: nothing for a provisioned table."""
    return units * price if billing == ON_DEMAND else 0.0


def export(request: TableRequest) -> Estimate:
    """Point-in-time export: the table's bytes, and a day of its files."""
    files = JSON_FACTOR * (gib(request) * request.target_prices.s3_gb_month / 30 * stored_days(request))
    dollars = files + Range.exactly(gib(request) * request.source_prices.export_gb)
    if is_far(request):
        dollars += JSON_FACTOR * (gib(request) * request.source_prices.transfer_gb)
    return Estimate.of(EXPORT_FLOOR + TIB_MINUTES * (gib(request) / 1024), dollars)


def recovery(request: TableRequest) -> Estimate:
    """Point-in-time recovery that was off before: its first day."""
    return Estimate.of(dollars=Range.exactly(gib(request) * request.source_prices.recovery_gb_month / 30))


def import_files(request: TableRequest) -> Estimate:
    """Import of the exported files, which are charged uncompressed."""
    dollars = JSON_FACTOR * (gib(request) * request.target_prices.import_gb)
    return Estimate.of(IMPORT_FLOOR + TIB_MINUTES * (gib(request) / 1024), dollars)


def recovery_point(request: TableRequest, days: int, *, at: str, is_sent: bool = False) -> Estimate:
    """A backup, or a copy of it in account `at`, kept for `days`. AWS gives no times: taken for an export's slope."""
    prices = request.source_prices if at == "source" else request.target_prices
    dollars = gib(request) * prices.backup_gb_month * days / 30
    if is_sent and is_far(request):
        dollars += gib(request) * request.source_prices.transfer_gb
    return Estimate.of(Range(5, 15) + TIB_MINUTES * (gib(request) / 1024), Range.exactly(dollars))


def restore(request: TableRequest) -> Estimate:
    """Restore of a recovery point."""
    return Estimate.of(RESTORE_MINUTES, Range.exactly(gib(request) * request.target_prices.restore_gb))


def seconds(amount: Range, rate: Range) -> Range:
    """From the least amount at the highest rate to the greatest at the lowest."""
    return Range(amount.low / rate.high, amount.high / rate.low)


def growing(amount: Range, rate: Range) -> Range:
    """Seconds on demand: at the highest rate from the start, or from the lowest on, which doubles up to the highest."""
    left, reached, passed = amount.high, rate.low, 0.0
    while reached < rate.high and left > reached * DOUBLING:
        left -= reached * DOUBLING
        passed += DOUBLING
        reached = min(2 * reached, rate.high)
    return Range(amount.low / rate.high, passed + left / reached)


def longest(*spans: Range) -> Range:
    """What is done at the same time takes as long as the slowest part."""
    return Range(max(one.low for one in spans), max(one.high for one in spans))


def capped(rate: Range, maximum: Throughput | None, side: str) -> Range:
    """A rate under a table's on-demand maximum."""
    most = getattr(maximum, side) if maximum else None
    return Range(min(rate.low, most), min(rate.high, most)) if most else rate
