"""What one attempt of a task does: a worker in threads of this process, its books, and a line to the driver's desk."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterable, Mapping
from multiprocessing.connection import Connection, wait

from migrate.core.clock import Clock, SystemClock
from migrate.core.errors import (
    AccessDenied,
    CredentialsExpired,
    Interrupted,
    Invalid,
    MigrateError,
    NotFound,
    Refused,
)
from migrate.data.crew import CredentialKeeper, Hand
from migrate.data.endpoints import EndpointSpec
from migrate.data.messages import Ask, Failed, Goodbye, NeedCredentials, Spent, Stop
from migrate.data.pipeworker import WorkerPlan
from migrate.spark.desk import DeskAddress, Moved

_FINAL = (AccessDenied, CredentialsExpired, Invalid, NotFound, Refused)
"""Another attempt would meet the same: the job ends."""

_TICK = 0.1
_DESK_SECONDS = 60.0
_FAREWELL_SECONDS = 30.0


class Shift:
    """Runs `plan`'s worker on some units. `take(message)` is told of its pages, and says what that has moved.

    `save()` is called every `save_seconds`, and whenever the shift ends, well or not.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        sides: Mapping[str, EndpointSpec],
        take: Callable[[object], Moved],
        save: Callable[[], None],
        save_seconds: float,
        clock: Clock | None = None,
    ) -> None:
        self._plan = plan
        self._sides = dict(sides)
        self._take = take
        self._save = save
        self._save_seconds = save_seconds
        self._clock = clock or SystemClock()
        self._error: MigrateError | None = None

    def run(self, address: DeskAddress, dealt: Iterable[object], units: int) -> None:
        """Until so many units are done. `dealt` are the messages that deal them. Raises `core.errors`.

        An error that no other attempt can avoid ends the job, by way of the desk.
        """
        desk = address.call()
        last_word: object = Goodbye()
        try:
            self._run(desk, address.sides, dealt, units)
        except _FINAL as error:
            last_word = Failed(error)
            raise
        finally:
            _leave(desk, last_word)

    def _run(self, desk: Connection, sides: tuple[str, ...], dealt: Iterable[object], units: int) -> None:
        keeper = CredentialKeeper(self._sides)
        hand = Hand(1, self._plan, in_process=True)
        try:
            hand.renew(keeper.current)
            for _ in sides:
                hand.tell(self._hear_desk(desk))
            for message in dealt:
                hand.tell(message)
            self._work(hand, desk, keeper, units)
            self._part(hand, desk)
        finally:
            hand.tell(Stop())
            keeper.end()
            hand.end()
            self._save()

    def _work(self, hand: Hand, desk: Connection, keeper: CredentialKeeper, units: int) -> None:
        saved = self._clock.monotonic()
        while units:
            for ready in wait([hand.pipe, desk], _TICK):
                if ready is desk:
                    hand.tell(self._hear_desk(desk))
            units -= self._listen(hand, desk, keeper)
            hand.renew(keeper.current)
            if self._clock.monotonic() - saved >= self._save_seconds:
                self._save()
                saved = self._clock.monotonic()
            if self._error is not None:
                raise self._error

    def _listen(self, hand: Hand, desk: Connection, keeper: CredentialKeeper | None) -> int:
        """Pass on what the worker says; how many units it has ended."""
        items = rejected = done = 0
        for message in hand.hear():
            if isinstance(message, (Ask, Spent)):
                desk.send(message)
            elif isinstance(message, NeedCredentials):
                if keeper is not None:
                    keeper.hurry()
            elif isinstance(message, Failed):
                hand.has_left = True
                self._error = self._error or message.error
            elif isinstance(message, Goodbye):
                hand.has_left = True
            else:
                moved = self._take(message)
                items, rejected, done = items + moved.items, rejected + moved.rejected, done + moved.done
        if items or rejected or done:
            desk.send(Moved(items, rejected, done))
        return done

    def _part(self, hand: Hand, desk: Connection) -> None:
        """Its last words say what it has spent."""
        hand.tell(Stop())
        deadline = self._clock.monotonic() + _FAREWELL_SECONDS
        while not hand.has_left and self._clock.monotonic() < deadline:
            wait([hand.pipe], _TICK)
            self._listen(hand, desk, None)

    def _hear_desk(self, desk: Connection) -> object:
        try:
            if desk.poll(_DESK_SECONDS):
                return desk.recv()
        except (EOFError, OSError):
            pass
        raise Interrupted("the driver of this job is gone, or has ended it")


def _leave(desk: Connection, last_word: object) -> None:
    """Not before the desk has heard it: closed with anything unread, a connection forgets what it was to deliver."""
    with contextlib.suppress(OSError, EOFError):
        desk.send(last_word)
        while desk.poll(_DESK_SECONDS):
            desk.recv()
    desk.close()


_is_ready = False


def prepare_process() -> None:
    """Look for garbage cycles rarely: pages have none, and looking costs a third of the time. Once per process."""
    global _is_ready
    if not _is_ready:
        gc.freeze()
        gc.set_threshold(200_000, 50, 1000)
        _is_ready = True
