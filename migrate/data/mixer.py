"""Pages of several segments, dealt into batches that take a little from each.

A scanned page is one neighbourhood of keys. Written in scan order, all writes would roll over one partition after the
other (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-data-upload.html).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from migrate.core.clock import Clock
from migrate.data.rawitems import RawItem
from migrate.data.retry import check_stop

PAGES_AHEAD = 2
"""Pages of one segment that may be unacknowledged: the back-pressure that bounds the memory."""

_BATCH_BYTES = 12 << 20
_PATIENT_SECONDS = 0.02
_TICK = 0.2


@dataclass
class Page:
    """A page on its way. It is finished when `pending` is 0; then read + extra = written + kept + filtered + rejected.

    `read` items came from the source; `items` are what a transform made of them, which has left out `filtered`, made
    `extra` ones, and `rejected` those that it failed on.
    """

    segment: int
    items: Sequence[RawItem]
    last_key: bytes | None
    size: int
    read: int
    filtered: int = 0
    extra: int = 0
    rejected: list[Refused] = field(default_factory=list)
    taken: int = 0
    written: int = 0
    kept: int = 0
    pending: int = field(init=False)

    def __post_init__(self) -> None:
        self.pending = len(self.items)


@dataclass(frozen=True)
class Refused:
    """An item that the service does not take, and why, in its words."""

    item: RawItem
    code: str
    reason: str


@dataclass
class Part:
    """The items of one page in a batch."""

    page: Page
    items: Sequence[RawItem]
    kept: int = 0
    rejected: list[Refused] = field(default_factory=list)


class _Lane:
    """One segment's pages, in order."""

    def __init__(self) -> None:
        self.pages: deque[Page] = deque()
        self.returned: deque[Part] = deque()
        self.not_before = 0.0
        self.pause = 0.0

    @property
    def waiting(self) -> int:
        """Items that may be dealt."""
        page = self._open_page()
        return sum(len(part.items) for part in self.returned) + (len(page.items) - page.taken if page else 0)

    def cut(self, most: int) -> Part:
        """Up to `most` of its items: what was given back, before anything new."""
        if self.returned:
            old = self.returned.popleft()
            if len(old.items) > most:
                self.returned.appendleft(Part(old.page, old.items[most:]))
            return Part(old.page, old.items[:most])
        page = self._open_page()
        assert page is not None
        items = page.items[page.taken : page.taken + most]
        page.taken += len(items)
        return Part(page, items)

    def _open_page(self) -> Page | None:
        return next((page for page in self.pages if page.taken < len(page.items)), None)


class Mixer:
    """Takes pages from readers, gives batches to writers, tells of pages in the order of their segment. Thread-safe.

    `on_done(page)` is called when a page and all earlier ones of its segment are finished, one call at a time.
    """

    def __init__(self, clock: Clock, on_done: Callable[[Page], None]) -> None:
        self._clock = clock
        self._on_done = on_done
        self._lanes: dict[int, _Lane] = {}
        self._turn: deque[int] = deque()
        self._lock = threading.Lock()
        # Two conditions, since waking who has nothing to do costs more than all else here.
        self._has_items = threading.Condition(self._lock)
        self._has_room = threading.Condition(self._lock)

    def put(self, page: Page, should_stop: Callable[[], bool]) -> None:
        """Add a segment's next page; waits while it has `PAGES_AHEAD` unfinished ones. Raises `Interrupted`."""
        segment = page.segment
        with self._lock:
            lane = self._lanes.get(segment)
            if lane is None:
                lane = self._lanes[segment] = _Lane()
                self._turn.append(segment)
            while len(lane.pages) >= PAGES_AHEAD:
                check_stop(should_stop)
                self._has_room.wait(_TICK)
            lane.pages.append(page)
            self._tell_finished(segment, lane)
            self._has_items.notify_all()

    def take(self, most: int, should_stop: Callable[[], bool]) -> list[Part]:
        """Up to `most` items of as many segments as there are. Waits for the first; raises `Interrupted`."""
        waited = False
        with self._lock:
            while True:
                check_stop(should_stop)
                ready = self._ready()
                if ready and (waited or sum(lane.waiting for lane in ready) >= most):
                    return self._deal(ready, most)
                # A full batch costs the same as a part of one, so a little patience pays.
                self._has_items.wait(_PATIENT_SECONDS if ready else _TICK)
                waited = bool(ready)

    def finish(self, parts: list[Part]) -> None:
        """Every item of these parts is written, kept or rejected for good."""
        with self._lock:
            for part in parts:
                page = part.page
                page.kept += part.kept
                page.rejected += part.rejected
                page.written += len(part.items) - part.kept - len(part.rejected)
                page.pending -= len(part.items)
                if page.pending == 0:
                    self._tell_finished(page.segment, self._lanes[page.segment])

    def give_back(self, part: Part) -> None:
        """Nothing of this part was written: deal it again, before anything new of its segment."""
        with self._lock:
            self._lanes[part.page.segment].returned.append(part)
            self._has_items.notify_all()

    def slow_down(self, segment: int) -> float:
        """This segment's keys are hot: deal nothing of it for a while that grows each time. Returns the seconds."""
        with self._lock:
            lane = self._lanes.get(segment)
            now = self._clock.monotonic()
            if lane is None or lane.not_before > now:
                return 0.0
            lane.pause = min(10.0, max(0.25, lane.pause * 2))
            lane.not_before = now + lane.pause
            return lane.pause

    def is_empty(self) -> bool:
        """True when no page is on its way."""
        with self._lock:
            return not any(lane.pages for lane in self._lanes.values())

    def wake(self) -> None:
        """Let everybody who waits look whether to stop."""
        with self._lock:
            self._has_items.notify_all()
            self._has_room.notify_all()

    def _ready(self) -> list[_Lane]:
        now = self._clock.monotonic()
        lanes = map(self._lanes.__getitem__, self._turn)
        return [lane for lane in lanes if lane.not_before <= now and lane.waiting]

    def _deal(self, ready: list[_Lane], most: int) -> list[Part]:
        self._turn.rotate(-1)
        parts: list[Part] = []
        size, share = 0, -(-most // len(ready))
        for lane in ready:
            if most <= 0 or (parts and size + lane.pages[0].size > _BATCH_BYTES):
                break
            part = lane.cut(min(share, most))
            most -= len(part.items)
            size += part.page.size
            parts.append(part)
        return parts

    def _tell_finished(self, segment: int, lane: _Lane) -> None:
        while lane.pages and lane.pages[0].pending == 0:
            page = lane.pages.popleft()
            self._has_room.notify_all()
            lane.pause = 0.0 if lane.not_before < self._clock.monotonic() - 5 else lane.pause
            self._on_done(page)
            if page.last_key is None:
                del self._lanes[segment]
                self._turn.remove(segment)
