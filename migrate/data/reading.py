"""Whole tables, read in parallel segments by worker processes; pages are looked at there and added up here."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migrate.core.clock import Clock, SystemClock
from migrate.core.errors import Interrupted
from migrate.data.crew import Hand
from migrate.data.endpoints import EndpointSpec
from migrate.data.foreman import Foreman
from migrate.data.messages import Look, PageRead, Read
from migrate.data.rates import READ, ControlFile
from migrate.data.rawitems import RawItem
from migrate.data.reader import ReaderPlan
from migrate.data.retry import PATIENCE_SECONDS
from migrate.data.transform import TransformSpec
from migrate.data.transport import never

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

PageLook = Callable[[Sequence[RawItem]], Any]
"""Looks at a page where it was read; picklable, and so is what it returns."""

AT_ONCE = 8
"""Requests in flight of one worker: an answer takes many times longer to come than to be looked at."""


@dataclass(frozen=True)
class TableToRead:
    """A table behind an endpoint. `read_units` are capacity units a second; None is no limit of ours.

    With a `transform`, what it makes of the items is looked at, not the items themselves.
    """

    endpoint: EndpointSpec
    table: str
    read_units: float | None = None
    transform: TransformSpec | None = None


@dataclass(frozen=True)
class Task:
    """A segment to be read, from behind `start_key`."""

    side: str
    segment: int
    start_key: bytes | None = None


class Reading(Foreman):
    """Reads segments of one or more tables, as often as asked, with the same workers. Use it as a context manager.

    `processes` workers with `at_once` requests each; 0 reads in threads of this process, for tables so small that
    starting a process takes longer. `control` holds `read_units` of every table, changed while it runs.
    """

    def __init__(
        self,
        name: str,
        tables: Mapping[str, TableToRead],
        *,
        segments: int,
        processes: int = 0,
        at_once: int = AT_ONCE,
        consistent: bool = False,
        patience: float = PATIENCE_SECONDS,
        control: ControlFile | None = None,
        clock: Clock | None = None,
    ) -> None:
        sides = {side: one.endpoint for side, one in tables.items()}
        plan = ReaderPlan(
            {side: (one.endpoint.portable(), one.table) for side, one in tables.items()},
            segments,
            at_once,
            consistent,
            patience,
            {side: one.transform for side, one in tables.items() if one.transform},
        )
        rates = {side: one.read_units for side, one in tables.items()}
        super().__init__(name, sides, plan, rates, control, processes=processes, clock=clock or SystemClock())
        self._look = Look(None)
        self._at_once = at_once
        self._todo: deque[Task] = deque()
        self._open: dict[tuple[str, int], Task] = {}
        self._take_page: Callable[[PageRead], None] = lambda _page: None
        self._on_time: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if error is None:
            self._farewell()
        elif not isinstance(error, Interrupted):
            self._take_page = lambda _page: None
        self._dismiss()

    def read(
        self,
        tasks: Iterable[Task],
        look: PageLook | None,
        take: Callable[[PageRead], None],
        *,
        should_stop: Callable[[], bool] = never,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        """Every page of these segments to `look` in a worker (None: count only), its result to `take` in this thread.

        Pages of a segment come in order, each exactly once; a worker that dies loses none. Raises what the service
        answers, `Interrupted` soon after `should_stop()`, or what `take` raises; then nothing can be read any more.
        After an interruption, pages that have arrived are still taken, until the context is left.
        `on_tick` is called ten times a second and more.
        """
        self._todo.extend(tasks)
        self._open = {(task.side, task.segment): task for task in self._todo}
        self._take_page, self._on_time, self._look = take, on_tick, Look(look)
        if not self._open:
            return
        with _rare_collections():
            for hand in self._hands:
                hand.tell(self._look)
                self._deal(hand)
            self._run(len(self._todo), lambda: not self._open, should_stop)

    def _deal(self, hand: Hand) -> None:
        if hand.has_left:
            return
        # With few segments, what another worker could read is not hoarded.
        most = min(self._at_once, -(-len(self._open) // max(1, self._processes)))
        while self._todo and len(hand.work) < most:
            task = self._todo.popleft()
            hand.work.add((task.side, task.segment))
            hand.tell(Read(task.side, task.segment, task.start_key))

    def _greet(self, hand: Hand) -> None:
        hand.tell(self._look)

    def _take_back(self, hand: Hand) -> None:
        self._todo.extendleft(self._open[one] for one in hand.work)  # type: ignore[index]

    def _take(self, hand: Hand, message: object) -> None:
        if not isinstance(message, PageRead):
            return
        where = (message.side, message.segment)
        self._take_page(message)
        if message.last_key is not None:
            self._open[where] = Task(*where, message.last_key)
            return
        del self._open[where]
        hand.work.discard(where)
        self._deal(hand)

    def _allowed(self, _side: str, rates: Mapping[str, float | None]) -> float | None:
        return rates[READ]

    def _on_tick(self, _now: float) -> None:
        self._on_time()


_running = 0
_lock = threading.Lock()
_usual_thresholds = gc.get_threshold()


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for garbage cycles rarely while anything is read: pages have none, and looking costs a third of the time."""
    global _running, _usual_thresholds
    with _lock:
        if _running == 0:
            _usual_thresholds = gc.get_threshold()
            gc.set_threshold(200_000, 50, 1000)
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0:
                gc.set_threshold(*_usual_thresholds)
