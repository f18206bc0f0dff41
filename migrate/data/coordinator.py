"""One run of a copy: deals segments to workers and keeps the books. The only one that decides and writes files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from migrate.core.clock import Clock, timestamp
from migrate.core.errors import Invalid
from migrate.core.events import Progress
from migrate.core.item import MalformedItem
from migrate.data.books import Books, DeadLetter, SegmentBook, Usage, add_digest, saving
from migrate.data.crew import Hand
from migrate.data.endpoints import EndpointSpec
from migrate.data.foreman import Foreman
from migrate.data.live import LiveStatus, live_rates, write_live
from migrate.data.messages import Deal, PageDone
from migrate.data.mixer import Refused
from migrate.data.rates import READ, WRITE, ControlFile
from migrate.data.rawitems import key_in_words
from migrate.data.transform import FAILED
from migrate.data.worker import WorkerJob

if TYPE_CHECKING:
    from migrate.data.copy import CopyJob

_PROGRESS_SECONDS = 0.5
_ALL_REFUSED = 1000


class Coordinator(Foreman):
    """One run of one copy."""

    def __init__(
        self,
        sides: dict[str, EndpointSpec],
        worker_job: WorkerJob,
        books: Books,
        control: ControlFile,
        job: CopyJob,
        clock: Clock,
    ) -> None:
        name = f"copy of {job.source_table}"
        super().__init__(name, sides, worker_job, control.rates, control, processes=job.processes, clock=clock)
        self._books = books
        self._job = job
        self._on_progress: Callable[[Progress], None] = lambda _progress: None
        self._todo = deque(books.unfinished())
        self._spent_before = books.usage
        totals = books.totals()
        self._items, self._bytes, self._rejected = totals.read, totals.bytes, totals.rejected
        self._items_then, self._items_at, self._speed = totals.read, self._started, 0.0

    def run(self, should_stop: Callable[[], bool], on_progress: Callable[[Progress], None]) -> None:
        """Until every segment is done. Whatever is raised, the books are saved first, and no worker is left."""
        self._on_progress = on_progress
        try:
            self._run(len(self._todo), lambda: self._books.is_complete, should_stop)
            self._farewell()
        finally:
            self._dismiss()
            for governor in self._governors.values():
                governor.judge(self._clock.monotonic())
            on_progress(self._progress())
            self._save()

    def status(self) -> LiveStatus:
        """Where it stands: items, rates, throttles and what was done about them, deaths of workers."""
        now = self._clock.monotonic()
        return LiveStatus(
            written=timestamp(self._clock.now()),
            items=self._items,
            bytes=self._bytes,
            rejected=self._rejected,
            segments=self._books.identity.total_segments,
            segments_done=sum(book.done for book in self._books.segments.values()),
            items_per_second=round(self._speed, 1),
            rates=live_rates(self._governors.values(), self._clock.now(), now),
            worker_deaths=self._deaths,
            problem=self._control_problem(),
        )

    def _on_tick(self, now: float) -> None:
        if self._is_due("save", self._job.save_seconds, now):
            self._save()
        if self._is_due("progress", _PROGRESS_SECONDS, now):
            self._on_progress(self._progress())

    def _greet(self, hand: Hand) -> None:
        """Its job says it all."""

    def _deal(self, hand: Hand) -> None:
        # With few segments, what another worker could start is not hoarded.
        workers = max(1, self._job.processes)
        most = min(self._job.segments_at_once, max(1, -(-self._job.segments // workers)))
        while self._todo and len(hand.work) < most:
            number = self._todo.popleft()
            hand.work.add(number)
            key = self._books.segment(number).last_key
            hand.tell(Deal(number, key.encode() if key else None))

    def _take_back(self, hand: Hand) -> None:
        self._todo.extendleft(sorted(hand.work, reverse=True))  # type: ignore[arg-type]

    def _take(self, hand: Hand, message: object) -> None:
        if isinstance(message, PageDone):
            self._book(hand, message)

    def _book(self, hand: Hand, page: PageDone) -> None:
        before = self._books.segment(page.segment)
        letters = [
            DeadLetter(page.segment, before.pages, self._key_of(one), one.code, one.reason, bytes(one.item))
            for one in page.rejected
        ]
        book = SegmentBook(
            page.segment,
            before.pages + 1,
            page.last_key.decode() if page.last_key else None,
            page.last_key is None,
            before.read + page.read,
            before.written + page.written,
            before.kept + page.kept,
            before.rejected + len(letters),
            before.bytes + page.size,
            before.filtered + page.filtered,
            before.extra + page.extra,
            add_digest(before, page.digest),
        )
        self._books.note(book, letters)
        self._items += page.read
        self._bytes += page.size
        self._rejected += len(letters)
        if letters:
            self._check_rejected(letters[0])
        if book.done:
            hand.work.discard(page.segment)
            self._deal(hand)

    def _check_rejected(self, letter: DeadLetter) -> None:
        if self._rejected > self._job.max_rejected or self._rejected == self._items >= _ALL_REFUSED:
            who, hint = f"{self._job.target_table} refuses", "check the target's key schema and local indexes"
            if letter.code == FAILED:
                who, hint = "the transform fails on", "mend the transform"
            self._failure = self._failure or Invalid(
                f"{who} too many items: {self._rejected:,} of {self._items:,}",
                code=letter.code,
                operation="BatchWriteItem",
                why=letter.reason,
                hint=f"{hint}; dead-letters.jsonl has the items",
            )

    def _key_of(self, refused: Refused) -> dict[str, Any] | None:
        """An item that the transform failed on is still the source's."""
        transform = self._job.transform
        names = transform.source_keys if transform and refused.code == FAILED else self._job.key_names
        try:
            return dict(key_in_words(refused.item, names))
        except (KeyError, MalformedItem):
            return None

    def _save(self) -> None:
        before, now = self._spent_before, self._clock.monotonic()
        self._books.usage = Usage(
            before.read_units + self._governors[READ].used,
            before.write_units + self._governors[WRITE].used,
            before.seconds + now - self._started,
        )
        self._books.save()
        with saving(self._books.folder):
            write_live(self._books.folder, self.status())

    def _progress(self) -> Progress:
        now = self._clock.monotonic()
        if now > self._items_at:
            self._speed = (self._items - self._items_then) / (now - self._items_at)
            self._items_at, self._items_then = now, self._items
        units = ", ".join(f"{side} {one.current:,.0f} units/s" for side, one in self._governors.items())
        said = "; ".join(one.reaction for one in self._governors.values() if one.reaction)
        message = f"{self._speed:,.0f} items/s, {units}" + (f"; {said}" if said else "")
        notices = [one.notice for one in self._governors.values() if one.notice]
        problem = self._control_problem()
        notices += [f"the control file: {problem}"] if problem else []
        return Progress(items=self._items, bytes=self._bytes, message=message, notice="; ".join(notices))
