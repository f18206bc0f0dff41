"""A whole table, read in parallel segments. Pages are consumed as they come, so memory does not grow with the table."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from migrate.core.errors import Interrupted
from migrate.data.rawitems import ItemTransport
from migrate.data.transport import ScanPage, never

Consumer = Callable[[int, ScanPage], None]
"""Gets a segment's number and one of its pages. Called from several threads at once, in order within a segment."""

_SEGMENT_BYTES = 2 << 30
_SEGMENTS_PER_WORKER = 4
_SMALL_TABLE_BYTES = 4 << 20
_LARGEST_SEGMENTS = 100_000


@dataclass(frozen=True)
class ScanTotals:
    """What a scan has read. `bytes` counts the answers as sent; `read_units` is what AWS says it charged."""

    items: int = 0
    bytes: int = 0
    read_units: float = 0.0

    def __add__(self, other: ScanTotals) -> ScanTotals:
        return ScanTotals(self.items + other.items, self.bytes + other.bytes, self.read_units + other.read_units)


def choose_segments(size_bytes: int, workers: int) -> int:
    """How many segments to cut a table of that size into: enough to keep every worker busy to the end.

    A small table gets one per worker; larger ones at least four per worker and at most 2 GiB in each, so that none
    is a long tail. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.ParallelScan
    """
    if size_bytes <= _SMALL_TABLE_BYTES:
        return max(1, workers)
    by_size = -(-size_bytes // _SEGMENT_BYTES)
    return max(1, min(max(by_size, _SEGMENTS_PER_WORKER * workers), _LARGEST_SEGMENTS))


def parallel_scan(
    transport: ItemTransport,
    table: str,
    *,
    segments: int,
    consume: Consumer,
    workers: int = 8,
    consistent: bool = False,
    count_only: bool = False,
    should_stop: Callable[[], bool] = never,
) -> ScanTotals:
    """Read every item of `table` once, each page given to `consume`, with `workers` threads over `segments` segments.

    The first error of any segment, or of `consume`, stops the others and is raised. Raises `Interrupted` soon after
    `should_stop()` becomes true. When it raises, some pages have been consumed; none is being consumed any more.
    Reading is read-only and may be repeated. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
    """
    failed = threading.Event()

    def must_stop() -> bool:
        return failed.is_set() or should_stop()

    def stop_if_failed(one: Future[ScanTotals]) -> None:
        if not one.cancelled() and one.exception() is not None:
            failed.set()

    def read(segment: int) -> ScanTotals:
        totals, start_key = ScanTotals(), None
        while True:
            page = transport.scan(
                table,
                segment=segment,
                total_segments=segments,
                start_key=start_key,
                consistent=consistent,
                count_only=count_only,
                should_stop=must_stop,
            )
            consume(segment, page)
            totals += ScanTotals(page.count, page.size, page.consumed_units)
            if page.last_key is None:
                return totals
            start_key = page.last_key

    with _rare_collections(), ThreadPoolExecutor(min(workers, segments), thread_name_prefix="scan") as pool:
        try:
            running = [pool.submit(read, segment) for segment in range(segments)]
            for one in running:
                one.add_done_callback(stop_if_failed)
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            # Also on Ctrl-C in the waiting thread: leaving the pool waits for its threads.
            failed.set()
            pool.shutdown(wait=True, cancel_futures=True)
    raise_first_failure(running)
    return sum((one.result() for one in running), ScanTotals())


def raise_first_failure(futures: list[Future[ScanTotals]]) -> None:
    """Raise what one of these finished reads raised, if any: a real error before the interruptions that it caused."""
    failures = [one.exception() for one in futures if one.done() and not one.cancelled()]
    real = [failure for failure in failures if failure is not None]
    real.sort(key=lambda failure: isinstance(failure, Interrupted))
    if real:
        raise real[0]


_scans_running = 0
_scans_lock = threading.Lock()
_usual_thresholds = gc.get_threshold()


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for garbage cycles rarely while any scan runs: pages have none, and looking costs a third of the time."""
    global _scans_running, _usual_thresholds
    with _scans_lock:
        if _scans_running == 0:
            _usual_thresholds = gc.get_threshold()
            gc.set_threshold(200_000, 50, 1000)
        _scans_running += 1
    try:
        yield
    finally:
        with _scans_lock:
            _scans_running -= 1
            if _scans_running == 0:
                gc.set_threshold(*_usual_thresholds)
