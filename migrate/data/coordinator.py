"""Deals segments to workers, keeps the books, holds the rates. The only one that decides and writes files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from migrate.core.clock import Clock, timestamp
from migrate.core.errors import Interrupted, Invalid, MigrateError
from migrate.core.events import Progress
from migrate.core.item import MalformedItem
from migrate.data.books import Books, DeadLetter, SegmentBook, Usage, saving
from migrate.data.crew import CredentialKeeper, Hand, wait_for
from migrate.data.endpoints import EndpointSpec
from migrate.data.live import LiveStatus, live_rates, write_live
from migrate.data.messages import (
    Ask,
    Deal,
    Failed,
    Goodbye,
    Grant,
    NeedCredentials,
    PageDone,
    SetRate,
    Spent,
    Stop,
)
from migrate.data.rates import READ, WRITE, ControlFile, Governor, Want
from migrate.data.rawitems import key_in_words
from migrate.data.worker import WorkerJob

if TYPE_CHECKING:
    from migrate.data.copy import CopyJob

MAX_DEATHS = 5
"""Workers that may die in one run; their segments go on with others."""

_LONGEST_WAIT = 0.1
_GRACE_SECONDS = 0.8
_FAREWELL_SECONDS = 60.0
_PROGRESS_SECONDS = 0.5
_CONTROL_SECONDS = 0.5
_ALL_REFUSED = 1000


class Coordinator:
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
        self._worker_job = worker_job
        self._books = books
        self._control = control
        self._job = job
        self._clock = clock
        now = clock.monotonic()
        control.look()
        self._governors = {side: Governor(side, control.rates[side], now) for side in (READ, WRITE)}
        self._todo = deque(books.unfinished())
        self._hands: list[Hand] = []
        self._started = now
        self._spent_before = books.usage
        self._due: dict[str, float] = {}
        self._deaths = self._hired = 0
        self._failure: MigrateError | None = None
        totals = books.totals()
        self._items, self._bytes, self._rejected = totals.read, totals.bytes, totals.rejected
        self._items_then, self._items_at, self._speed = totals.read, now, 0.0
        self._credentials = CredentialKeeper(sides)
        self.consumed: list[Any] = []
        """Results of the workers' page consumers."""

    def run(self, should_stop: Callable[[], bool], on_progress: Callable[[Progress], None]) -> None:
        """Until every segment is done. Whatever is raised, the books are saved first, and no worker is left."""
        try:
            for _ in range(max(1, min(self._job.processes, len(self._todo)))):
                self._hire()
            while not self._books.is_complete:
                self._tick(on_progress)
                if self._failure is not None:
                    raise self._failure
                if should_stop():
                    raise Interrupted("copy stopped; the same command goes on")
            self._part(_FAREWELL_SECONDS)
        finally:
            self._part(_GRACE_SECONDS)
            self._credentials.end()
            for hand in self._hands:
                hand.end()
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
            problem=self._control.problem,
        )

    def _tick(self, on_progress: Callable[[Progress], None]) -> None:
        waits = [one.bucket.seconds_to_next() for one in self._governors.values()]
        timeout = min([_LONGEST_WAIT, *(one for one in waits if one is not None)])
        for hand in wait_for(self._hands, timeout):
            self._listen(hand)
        now = self._clock.monotonic()
        for side, governor in self._governors.items():
            for want in governor.bucket.serve(now):
                self._tell(want.who, Grant(side, want.units))
            if governor.adapt(now):
                self._announce(side)
        if self._is_due("control", _CONTROL_SECONDS, now) and self._control.look():
            for side, governor in self._governors.items():
                governor.allow(self._control.rates[side])
                self._announce(side)
        if self._is_due("save", self._job.save_seconds, now):
            self._save()
        if self._is_due("progress", _PROGRESS_SECONDS, now):
            on_progress(self._progress())
        for hand in self._hands:
            hand.renew(self._credentials.current)

    def _is_due(self, what: str, every: float, now: float) -> bool:
        if now < self._due.setdefault(what, now + every):
            return False
        self._due[what] = now + every
        return True

    def _hire(self) -> None:
        self._hired += 1
        hand = Hand(self._hired, self._worker_job, in_process=self._job.processes == 0)
        self._hands.append(hand)
        hand.renew(self._credentials.current)
        for side, governor in self._governors.items():
            hand.tell(SetRate(side, governor.rate))
        self._deal(hand)

    def _deal(self, hand: Hand) -> None:
        # With few segments, what another worker could start is not hoarded.
        workers = max(1, self._job.processes)
        most = min(self._job.segments_at_once, max(1, -(-self._job.segments // workers)))
        while self._todo and len(hand.segments) < most:
            number = self._todo.popleft()
            hand.segments.add(number)
            key = self._books.segment(number).last_key
            hand.tell(Deal(number, key.encode() if key else None))

    def _listen(self, hand: Hand) -> None:
        try:
            for message in hand.hear():
                self._take(hand, message)
        except EOFError:
            self._bury(hand)

    def _take(self, hand: Hand, message: object) -> None:
        if isinstance(message, PageDone):
            self._book(hand, message)
        elif isinstance(message, Ask):
            self._governors[message.side].bucket.ask(Want(hand.number, message.units))
        elif isinstance(message, Spent):
            self._governors[message.side].note(message.used, message.refused, message.reasons)
        elif isinstance(message, NeedCredentials):
            self._credentials.hurry()
        elif isinstance(message, Failed):
            hand.has_left = True
            self._failure = self._failure or message.error
        elif isinstance(message, Goodbye):
            hand.has_left = True
            self.consumed.append(message.consumed)

    def _book(self, hand: Hand, page: PageDone) -> None:
        before = self._books.segment(page.segment)
        letters = [
            DeadLetter(page.segment, before.pages, self._key_of(one.item), one.code, one.reason, bytes(one.item))
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
        )
        self._books.note(book, letters)
        self._items += page.read
        self._bytes += page.size
        self._rejected += len(letters)
        if letters:
            self._check_rejected(letters[0])
        if book.done:
            hand.segments.discard(page.segment)
            self._deal(hand)

    def _check_rejected(self, letter: DeadLetter) -> None:
        if self._rejected > self._job.max_rejected or self._rejected == self._items >= _ALL_REFUSED:
            self._failure = self._failure or Invalid(
                f"{self._job.target_table} refuses too many items: {self._rejected:,} of {self._items:,}",
                code=letter.code,
                operation="BatchWriteItem",
                why=letter.reason,
                hint="check the target's key schema and local indexes; dead-letters.jsonl has the items",
            )

    def _key_of(self, item: Any) -> dict[str, Any] | None:
        try:
            return dict(key_in_words(item, self._job.key_names))
        except (KeyError, MalformedItem):
            return None

    def _bury(self, hand: Hand) -> None:
        """It died: its segments go on elsewhere, from the last page that it told of."""
        hand.has_left = True
        self._deaths += 1
        for governor in self._governors.values():
            governor.bucket.forget(hand.number)
        self._todo.extendleft(sorted(hand.segments, reverse=True))
        hand.segments.clear()
        if self._deaths > MAX_DEATHS:
            self._failure = MigrateError(
                f"copy of {self._job.source_table}: {self._deaths} worker processes died",
                why=f"the last one ended with code {hand.exit_code} (-9: killed, perhaps for lack of memory)",
                hint="use fewer processes; the same command goes on where this one stopped",
            )
        else:
            self._hire()

    def _tell(self, who: int, message: object) -> None:
        for hand in self._hands:
            if hand.number == who:
                hand.tell(message)

    def _announce(self, side: str) -> None:
        for hand in self._hands:
            hand.tell(SetRate(side, self._governors[side].rate))

    def _part(self, seconds: float) -> None:
        """Tell all to stop, and hear what they still have to say, for so long at most."""
        deadline = self._clock.monotonic() + seconds
        for hand in self._hands:
            hand.tell(Stop())
        while any(not hand.has_left for hand in self._hands):
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return
            for hand in wait_for(self._hands, left):
                try:
                    for message in hand.hear():
                        self._take(hand, message)
                except EOFError:
                    hand.has_left = True

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
        notices += [f"the control file: {self._control.problem}"] if self._control.problem else []
        return Progress(items=self._items, bytes=self._bytes, message=message, notice="; ".join(notices))
