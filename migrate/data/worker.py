"""One worker of a copy: reads the segments that it is dealt, several at once, and writes them with many requests.

It keeps no file and decides nothing that must last: it tells the coordinator of every finished page. If it dies, its
segments go on elsewhere from there.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from migrate.data.endpoints import EndpointSpec
from migrate.data.messages import Deal, PageDone
from migrate.data.mixer import Mixer, Page
from migrate.data.pagedigest import page_digest
from migrate.data.pagereader import PageReader
from migrate.data.partwriter import PartWriter
from migrate.data.pipeworker import PipeWorker
from migrate.data.rates import READ, WRITE
from migrate.data.rawitems import BATCH_ITEMS, RawPage
from migrate.data.reactions import UNPROCESSED
from migrate.data.rewriting import Rewriter
from migrate.data.transform import TransformSpec
from migrate.data.writing import OVERWRITE, BatchWriter, Progressed

_BATCH_SECONDS = 0.2
"""At a low rate, a batch is made so small that it costs no more units than this time brings."""


@dataclass(frozen=True)
class WorkerJob:
    """What a worker has to know; picklable."""

    source: EndpointSpec
    target: EndpointSpec
    source_table: str
    target_table: str
    key_names: tuple[str, ...]
    total_segments: int
    segments_at_once: int
    writes_in_flight: int
    write_mode: str
    consistent: bool
    patience: float
    transform: TransformSpec | None

    def worker(self, pipe: Connection) -> Worker:
        """See `WorkerPlan.worker`."""
        return Worker(self, pipe)


class Worker(PipeWorker):
    """Threads around one mixer: `segments_at_once` readers, `writes_in_flight` writers, one for the pipe."""

    def __init__(self, job: WorkerJob, pipe: Connection) -> None:
        super().__init__(pipe, (READ, WRITE))
        self._job = job
        self._segments: queue.SimpleQueue[Deal | None] = queue.SimpleQueue()
        self._progress = Progressed(self._clock)
        self._mixer = Mixer(self._clock, self._page_done)
        self._source = job.source.opened(job.segments_at_once, job.patience, lambda: self._credentials_of(READ))
        self._target = job.target.opened(job.writes_in_flight, job.patience, lambda: self._credentials_of(WRITE))
        self._rewriter = Rewriter(job.transform) if job.transform else None
        self._reader = PageReader(
            self._source, job.source_table, job.total_segments, self._budgets[READ], consistent=job.consistent
        )

    def _work(self) -> list[Callable[[], None]]:
        return [self._read_segments] * self._job.segments_at_once + [self._write_batches] * self._job.writes_in_flight

    def _do(self, message: object) -> None:
        if isinstance(message, Deal):
            self._segments.put(message)

    def _wake(self) -> None:
        self._mixer.wake()
        for _ in range(self._job.segments_at_once):
            self._segments.put(None)

    def _close(self) -> None:
        self._source.close()
        self._target.close()

    def _read_segments(self) -> None:
        while not self._stopping.is_set():
            deal = self._segments.get()
            if deal is not None:
                self._read_segment(deal.segment, deal.start_key)

    def _read_segment(self, segment: int, start_key: bytes | None) -> None:
        stop = self._stopping.is_set
        while True:
            page = self._reader.page(segment, start_key, stop, lambda units: self._refusals_of(READ, units))
            self._mixer.put(self._rewritten(segment, page), stop)
            if page.last_key is None:
                return
            start_key = page.last_key

    def _rewritten(self, segment: int, page: RawPage) -> Page:
        read = len(page.items)
        if self._rewriter is None:
            return Page(segment, page.items, page.last_key, page.size, read)
        made = self._rewriter.page(page.items)
        return Page(segment, made.items, page.last_key, page.size, read, made.filtered, made.extra, made.failed)

    def _write_batches(self) -> None:
        budget, stop = self._budgets[WRITE], self._stopping.is_set
        parts = PartWriter(
            self._mixer,
            self._clock,
            self._progress,
            self._job.patience,
            lambda error, items: self._refusals_of(WRITE, writer.units_per_item.value * items)(error),
            lambda items: self._count(WRITE, UNPROCESSED, writer.units_per_item.value * items),
        )
        writer = BatchWriter(
            self._target,
            self._job.target_table,
            self._job.key_names,
            budget,
            clock=self._clock,
            mode=self._job.write_mode,
            patience=self._job.patience,
            on_refusal=parts.refused,
            progress=self._progress,
            on_unprocessed=parts.came_back,
        )
        while not self._stopping.is_set():
            taken = self._mixer.take(self._batch_items(budget.rate, writer.units_per_item.value), stop)
            # A conditional put that is repeated finds what it has put itself, and would count it as kept.
            parts.write(writer, taken, stop, may_repeat=self._job.write_mode == OVERWRITE)

    @staticmethod
    def _batch_items(rate: float | None, units_per_item: float) -> int:
        if not rate:
            return BATCH_ITEMS
        return max(1, min(BATCH_ITEMS, int(rate * _BATCH_SECONDS / max(units_per_item, 0.01))))

    def _page_done(self, page: Page) -> None:
        became = (page.written, page.kept, page.filtered, page.extra, page.rejected)
        digest = page_digest(page.items)
        self._send(PageDone(page.segment, page.last_key, page.read, *became, page.size, digest))
