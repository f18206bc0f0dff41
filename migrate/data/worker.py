"""One worker of a copy: reads the segments that it is dealt, several at once, and writes them with many requests.

It keeps no file and decides nothing that must last: it tells the coordinator of every finished page. If it dies, its
segments go on elsewhere from there.
"""

from __future__ import annotations

import gc
import os
import queue
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

from migrate.core.clock import SystemClock
from migrate.core.errors import AwsError, CredentialsExpired, Interrupted, MigrateError, Throttled, Transient
from migrate.data.budget import Average, Budget
from migrate.data.endpoints import EndpointSpec
from migrate.data.messages import (
    Ask,
    Deal,
    Failed,
    Goodbye,
    Grant,
    NeedCredentials,
    PageDone,
    SetCredentials,
    SetRate,
    Spent,
    Stop,
)
from migrate.data.mixer import Mixer, Page
from migrate.data.partwriter import PartWriter
from migrate.data.rates import READ, WRITE
from migrate.data.rawitems import BATCH_ITEMS, RawItem, Refusals
from migrate.data.reactions import UNPROCESSED, fault
from migrate.data.transport import Credentials
from migrate.data.writing import OVERWRITE, BatchWriter, Progressed

_REPORT_SECONDS = 0.25
_PAGE_SECONDS, _BATCH_SECONDS = 0.1, 0.2
"""At a low rate, a page and a batch are made so small that they cost no more units than this time brings."""

_FULL_PAGE_UNITS = 128.0
_LEAST_GUESS = 0.125


class PageConsumer(Protocol):
    """Looks at items on their way (a digest, say). Made in each worker; called from one thread at a time."""

    def add(self, items: Sequence[RawItem]) -> None:
        """The items of a page, just read."""

    def result(self) -> Any:
        """What it has found; picklable. Called once, at the end."""


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
    make_consumer: Callable[[], PageConsumer] | None = None


def run_process(job: WorkerJob, pipe: Connection) -> None:
    """The whole life of a worker process. It ends with the coordinator's, also when that is killed."""
    for one in (signal.SIGINT, signal.SIGTERM):  # for the coordinator to decide; Ctrl-C reaches the whole group
        signal.signal(one, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(200_000, 50, 1000)
    Worker(job, pipe).run()
    # Threads may still wait for an answer of the service, which nobody wants any more.
    os._exit(0)


class Worker:
    """Threads around one mixer: `segments_at_once` readers, `writes_in_flight` writers, one for the pipe."""

    def __init__(self, job: WorkerJob, pipe: Connection) -> None:
        self._job = job
        self._pipe = pipe
        self._sending = threading.Lock()
        self._clock = SystemClock()
        self._stopping = threading.Event()
        self._error: MigrateError | None = None
        self._segments: queue.SimpleQueue[Deal] = queue.SimpleQueue()
        self._credentials: dict[str, Credentials] = {}
        self._reasons: dict[str, Counter[str]] = {READ: Counter(), WRITE: Counter()}
        self._counting = threading.Lock()
        self._budgets = {side: Budget(self._asker(side)) for side in (READ, WRITE)}
        self._reported = self._clock.monotonic()
        self._consuming = threading.Lock()
        self._progress = Progressed(self._clock)
        self._mixer = Mixer(self._clock, self._page_done)
        self._consumer = job.make_consumer() if job.make_consumer else None
        self._read_units = Average(_LEAST_GUESS)
        self._source = job.source.opened(job.segments_at_once, job.patience, lambda: self._credentials_of(READ))
        self._target = job.target.opened(job.writes_in_flight, job.patience, lambda: self._credentials_of(WRITE))

    def run(self) -> None:
        """Until told to stop, or the first error. Then says goodbye, or what failed."""
        work = [self._read_segments] * self._job.segments_at_once + [self._write_batches] * self._job.writes_in_flight
        threads = [threading.Thread(target=self._guard, args=(one,), daemon=True) for one in work]
        for thread in threads:
            thread.start()
        try:
            while not self._stopping.is_set():
                if self._pipe.poll(_REPORT_SECONDS):
                    self._obey(self._pipe.recv())
                if self._clock.monotonic() - self._reported >= _REPORT_SECONDS:
                    self._report()
        except (EOFError, OSError):  # the coordinator is gone
            self._stopping.set()
            return
        self._finish(threads)

    def _finish(self, threads: list[threading.Thread]) -> None:
        self._mixer.wake()
        for thread in threads:
            thread.join(timeout=None if self._error is None else 1.0)
        try:
            self._report()
            result = self._consumer.result() if self._consumer else None
            self._send(Failed(self._error) if self._error else Goodbye(result))
            self._pipe.close()
        except OSError:
            pass
        self._source.close()
        self._target.close()

    def _asker(self, side: str) -> Callable[[float], None]:
        return lambda units: self._send(Ask(side, units))

    def _obey(self, message: object) -> None:
        if isinstance(message, Grant):
            self._budgets[message.side].grant(message.units)
        elif isinstance(message, Deal):
            self._segments.put(message)
        elif isinstance(message, SetRate):
            self._budgets[message.side].set_rate(message.rate)
        elif isinstance(message, SetCredentials):
            self._credentials[message.side] = message.credentials
        elif isinstance(message, Stop):
            self._stopping.set()

    def _guard(self, work: Callable[[], None]) -> None:
        failure: MigrateError | None = MigrateError("copy: a thread of a worker died", hint="report this fault")
        try:
            work()
            failure = None
        except Interrupted:
            failure = None
        except MigrateError as error:
            failure = error
        finally:
            # Also after a fault of this program: the copy must end with it, not wait for a thread that is gone.
            if failure is not None:
                self._error = self._error or failure
                self._stopping.set()

    def _read_segments(self) -> None:
        while not self._stopping.is_set():
            try:
                deal = self._segments.get(timeout=0.2)
            except queue.Empty:
                continue
            self._read_segment(deal.segment, deal.start_key)

    def _read_segment(self, segment: int, start_key: bytes | None) -> None:
        budget, stop = self._budgets[READ], self._stopping.is_set
        while True:
            limit = self._page_limit(budget.rate)
            estimate = min(_FULL_PAGE_UNITS, self._read_units.value * limit) if limit else _FULL_PAGE_UNITS
            budget.reserve(estimate, stop)
            charged = 0.0
            try:
                page = self._source.scan_raw(
                    self._job.source_table,
                    segment=segment,
                    total_segments=self._job.total_segments,
                    start_key=start_key,
                    consistent=self._job.consistent,
                    limit=limit,
                    should_stop=stop,
                    on_refusal=self._refusals_of(READ, estimate),
                )
                charged = page.units
            finally:
                budget.settle(estimate, charged)
            self._read_units.add(page.units, len(page.items))
            if self._consumer is not None:
                with self._consuming:
                    self._consumer.add(page.items)
            self._mixer.put(segment, page, stop)
            if page.last_key is None:
                return
            start_key = page.last_key

    def _page_limit(self, rate: float | None) -> int | None:
        if not rate or rate * _PAGE_SECONDS >= _FULL_PAGE_UNITS:
            return None
        return max(1, int(rate * _PAGE_SECONDS / self._read_units.value))

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
        read = len(page.items)
        self._send(PageDone(page.segment, page.last_key, read, page.written, page.kept, page.rejected, page.size))

    def _refusals_of(self, side: str, units: float) -> Refusals:
        def note(error: AwsError) -> None:
            if isinstance(error, CredentialsExpired):
                self._send(NeedCredentials(side))
            elif isinstance(error, Throttled):
                self._count(side, error.reason or error.code, units)
            elif isinstance(error, Transient):
                self._count(side, fault(error.code), 0.0)

        return note

    def _count(self, side: str, reason: str, units: float) -> None:
        with self._counting:
            self._reasons[side][reason] += 1
        self._budgets[side].refuse(units)

    def _report(self) -> None:
        self._reported = self._clock.monotonic()
        for side, budget in self._budgets.items():
            used, refused = budget.take_usage()
            with self._counting:
                reasons, self._reasons[side] = self._reasons[side], Counter()
            if used or refused or reasons:
                self._send(Spent(side, used, refused, reasons))

    def _credentials_of(self, side: str) -> Credentials:
        try:
            return self._credentials[side]
        except KeyError:
            raise CredentialsExpired(f"no credentials for the {side} side") from None

    def _send(self, message: object) -> None:
        try:
            with self._sending:
                self._pipe.send(message)
        except OSError:  # the coordinator is gone
            self._stopping.set()
            raise Interrupted("the coordinator of the copy is gone") from None
