"""A worker that only reads: segments of several tables, several at once, each page looked at where it arrived."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection

from migrate.data.endpoints import EndpointSpec
from migrate.data.messages import Look, PageRead, Read
from migrate.data.pagereader import PageReader
from migrate.data.pipeworker import PipeWorker
from migrate.data.rewriting import Rewriter
from migrate.data.transform import TransformSpec


@dataclass(frozen=True)
class ReaderPlan:
    """What a reader has to know; picklable. `tables` are endpoint and name by side, `transforms` what becomes of the
    items of a side before they are looked at (or counted).
    """

    tables: Mapping[str, tuple[EndpointSpec, str]]
    total_segments: int
    at_once: int
    consistent: bool
    patience: float
    transforms: Mapping[str, TransformSpec]

    def worker(self, pipe: Connection) -> Reader:
        """See `WorkerPlan.worker`."""
        return Reader(self, pipe)


class Reader(PipeWorker):
    """`at_once` threads that read, and one for the pipe."""

    def __init__(self, plan: ReaderPlan, pipe: Connection) -> None:
        super().__init__(pipe, plan.tables)
        self._plan = plan
        self._look = Look(None)
        self._reads: queue.SimpleQueue[Read | None] = queue.SimpleQueue()
        self._rewriters = {side: Rewriter(spec) for side, spec in plan.transforms.items()}
        self._transports = {
            side: spec.opened(plan.at_once, plan.patience, partial(self._credentials_of, side))
            for side, (spec, _) in plan.tables.items()
        }
        self._readers = {
            side: PageReader(
                self._transports[side], table, plan.total_segments, self._budgets[side], consistent=plan.consistent
            )
            for side, (_, table) in plan.tables.items()
        }

    def _work(self) -> list[Callable[[], None]]:
        return [self._read_all] * self._plan.at_once

    def _do(self, message: object) -> None:
        if isinstance(message, Look):
            self._look = message
        elif isinstance(message, Read):
            self._reads.put(message)

    def _wake(self) -> None:
        for _ in range(self._plan.at_once):
            self._reads.put(None)

    def _close(self) -> None:
        for transport in self._transports.values():
            transport.close()

    def _read_all(self) -> None:
        while not self._stopping.is_set():
            read = self._reads.get()
            if read is not None:
                self._read(read.side, read.segment, read.start_key)

    def _read(self, side: str, segment: int, start_key: bytes | None) -> None:
        look, rewriter = self._look.at, self._rewriters.get(side)
        while True:
            page = self._readers[side].page(
                segment,
                start_key,
                self._stopping.is_set,
                partial(self._refusals_of, side),
                count_only=look is None and rewriter is None,
            )
            items, count = page.items, page.count
            if rewriter is not None:
                items = rewriter.expected(items)
                count = len(items)
            found = look(items) if look else None
            self._send(PageRead(side, segment, page.last_key, count, page.size, page.units, found))
            if page.last_key is None:
                return
            start_key = page.last_key
