"""Source and target compared: one scan of each proves equality; only unequal buckets are read again to name keys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Literal

from migrate.core.clock import Clock
from migrate.core.events import Progress
from migrate.data.rawitems import ItemTransport
from migrate.data.scan import ScanTotals, parallel_scan, raise_first_failure
from migrate.data.transport import ScanPage, never
from migrate.verify.digests import TableDigest, unequal_buckets
from migrate.verify.reconcile import SOURCE, TARGET, Reconciler, Tally, group_buckets
from migrate.verify.report import DIFFERS, ERROR, EXTRA, MISSING, SAME, VerifyReport

Mode = Literal["digest", "counts"]

BUCKETS = 1 << 16
"""Many, so that one difference makes few items be matched again: 1,500 in a table of 100 million. 6 MB a side."""

MAX_NAMED = 100
MAX_KEPT = 1_000_000
"""Items of both sides that the second pass may have to keep at once (up to about 350 bytes each)."""


@dataclass(frozen=True)
class ScanSide:
    """One table to compare. `key_names`: partition key, then sort key. `expected_items` only serves the progress."""

    transport: ItemTransport
    table: str
    key_names: tuple[str, ...]
    expected_items: int | None = None


def verify_tables(
    source: ScanSide,
    target: ScanSide,
    *,
    clock: Clock,
    mode: Mode = "digest",
    segments: int = 8,
    workers: int = 4,
    consistent: bool = False,
    should_stop: Callable[[], bool] = never,
    on_progress: Callable[[Progress], None] = lambda _: None,
    buckets: int = BUCKETS,
    max_named: int = MAX_NAMED,
    max_kept: int = MAX_KEPT,
) -> VerifyReport:
    """Read both tables at the same time (`workers` threads and `segments` segments each) and say what differs.

    Read-only; costs the read units of one scan per side, and of one more per `max_kept` items in unequal buckets. A key
    that differs in the first pass and not in the second (somebody wrote meanwhile) counts as the same. Eventually
    consistent reads unless `consistent`, which doubles the cost. `on_progress` is called from other threads, one call
    at a time. Raises the first `AwsError` of either side, or `Interrupted`; then no read goes on behind it.
    """
    if source.key_names != target.key_names:
        raise ValueError(f"key names differ: {source.key_names} and {target.key_names}")
    started = clock.monotonic()
    run = _Run((source, target), segments, workers, consistent, should_stop, on_progress)
    report = _compare_counts(run) if mode == "counts" else _compare_digests(run, buckets, max_named, max_kept)
    return replace(report, seconds=clock.monotonic() - started, read_units=run.read_units)


_Totals = tuple[ScanTotals, ScanTotals]


def _compare_counts(run: _Run) -> VerifyReport:
    here, there = (totals.items for totals in run.scan("counting items", lambda _side, _page: None, count_only=True))
    return VerifyReport(
        run.sides[SOURCE].table,
        run.sides[TARGET].table,
        "counts",
        here,
        there,
        same=min(here, there),
        missing=max(0, here - there),
        extra=max(0, there - here),
    )


def _compare_digests(run: _Run, buckets: int, max_named: int, max_kept: int) -> VerifyReport:
    key_names = run.sides[SOURCE].key_names
    digests = (TableDigest(key_names, buckets), TableDigest(key_names, buckets))
    run.scan("comparing", lambda side, page: digests[side].add(page.items))
    unequal = unequal_buckets(*digests)
    tally = Tally(max_named)
    source_counts, target_counts = digests[SOURCE].counts, digests[TARGET].counts
    tally.counts[SAME] = sum(source_counts) - sum(source_counts[number] for number in unequal)
    weights = [a + b for a, b in zip(source_counts, target_counts, strict=True)]
    groups = group_buckets(unequal, weights, max_kept)
    for done, wanted in enumerate(groups):
        reconciler = Reconciler(key_names, buckets, wanted, tally)
        run.scan(
            f"naming the differences ({done + 1} of {len(groups)})",
            lambda side, page, to=reconciler: to.add(side, page.items),  # type: ignore[misc]
        )
        reconciler.finish()
    return VerifyReport(
        run.sides[SOURCE].table,
        run.sides[TARGET].table,
        "digest",
        digests[SOURCE].items,
        digests[TARGET].items,
        same=tally.counts[SAME],
        differs=tally.counts[DIFFERS],
        missing=tally.counts[MISSING],
        extra=tally.counts[EXTRA],
        errors=tally.counts[ERROR],
        named=tally.named(),
    )


class _Run:
    """Reads both sides at the same time, as often as asked; adds up the cost and tells the progress."""

    def __init__(
        self,
        sides: tuple[ScanSide, ScanSide],
        segments: int,
        workers: int,
        consistent: bool,
        should_stop: Callable[[], bool],
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.sides = sides
        self.read_units = 0.0
        self._segments = segments
        self._workers = workers
        self._consistent = consistent
        self._should_stop = should_stop
        self._on_progress = on_progress
        self._lock = threading.Lock()

    def scan(self, message: str, consume: Callable[[int, ScanPage], None], *, count_only: bool = False) -> _Totals:
        """Every page of both tables to `consume(side, page)`. The first failure of a side stops the other."""
        failed = threading.Event()
        meter = self._meter(message)

        def read(side: int) -> ScanTotals:
            def take(_segment: int, page: ScanPage) -> None:
                consume(side, page)
                meter(page)

            return parallel_scan(
                self.sides[side].transport,
                self.sides[side].table,
                segments=self._segments,
                workers=self._workers,
                consume=take,
                consistent=self._consistent,
                count_only=count_only,
                should_stop=lambda: failed.is_set() or self._should_stop(),
            )

        with ThreadPoolExecutor(2, thread_name_prefix="verify") as pool:
            try:
                running = [pool.submit(read, side) for side in (SOURCE, TARGET)]
                wait(running, return_when=FIRST_EXCEPTION)
            finally:
                failed.set()
        raise_first_failure(running)
        here, there = (one.result() for one in running)
        self.read_units += here.read_units + there.read_units
        return here, there

    def _meter(self, message: str) -> Callable[[ScanPage], None]:
        known = [side.expected_items for side in self.sides if side.expected_items is not None]
        expected = sum(known) if len(known) == len(self.sides) else None
        items = size = 0

        def count(page: ScanPage) -> None:
            nonlocal items, size
            with self._lock:
                items += page.count
                size += page.size
                self._on_progress(Progress(items=items, total_items=expected, bytes=size, message=message))

        return count
