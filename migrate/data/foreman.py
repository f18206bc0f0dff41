"""Workers of one job: hired, dealt work, paid by the rates of their sides, replaced when they die."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from migrate.core.clock import Clock
from migrate.core.errors import Interrupted, MigrateError
from migrate.data.crew import CredentialKeeper, Hand, wait_for
from migrate.data.endpoints import EndpointSpec
from migrate.data.messages import Ask, Failed, Goodbye, Grant, NeedCredentials, SetRate, Spent, Stop
from migrate.data.pipeworker import WorkerPlan
from migrate.data.rates import ControlFile, Governor, Want

MAX_DEATHS = 5
"""Workers that may die in one run; their work goes on with others."""

_LONGEST_WAIT = 0.1
_GRACE_SECONDS = 0.8
_FAREWELL_SECONDS = 60.0
_CONTROL_SECONDS = 0.5


class Foreman(ABC):
    """One run of one job. `name` is for error texts; a worker with 0 `processes` is a thread of this process.

    The rates of its sides are those given, or what `control` says; which of them a side goes by is `_allowed`.
    """

    def __init__(
        self,
        name: str,
        sides: Mapping[str, EndpointSpec],
        plan: WorkerPlan,
        rates: Mapping[str, float | None],
        control: ControlFile | None,
        *,
        processes: int,
        clock: Clock,
    ) -> None:
        self._name = name
        self._plan = plan
        self._control = control
        self._processes = processes
        self._clock = clock
        self._started = clock.monotonic()
        self._governors = {side: Governor(side, rates[side], self._started) for side in sides}
        self._hands: list[Hand] = []
        self._due: dict[str, float] = {}
        self._deaths = self._hired = 0
        self._failure: MigrateError | None = None
        self._credentials = CredentialKeeper(dict(sides))
        self._look_at_control()

    @abstractmethod
    def _deal(self, hand: Hand) -> None:
        """Give this worker what it can take of the work that is left."""

    @abstractmethod
    def _greet(self, hand: Hand) -> None:
        """Tell a new worker what it has to know before its first work."""

    @abstractmethod
    def _take_back(self, hand: Hand) -> None:
        """It died: the work that it was dealt waits again."""

    @abstractmethod
    def _take(self, hand: Hand, message: object) -> None:
        """A message of this kind of work."""

    @abstractmethod
    def _on_tick(self, now: float) -> None:
        """Called ten times a second and more."""

    def _allowed(self, side: str, rates: Mapping[str, float | None]) -> float | None:
        """The rate of this side, of those in the control file."""
        return rates[side]

    def _control_problem(self) -> str:
        """Why the control file is not obeyed, or ''."""
        return self._control.problem if self._control else ""

    def _run(self, work: int, is_complete: Callable[[], bool], should_stop: Callable[[], bool]) -> None:
        """Until `is_complete()`, with at most so many workers as there is `work`."""
        for _ in range(max(1, min(self._processes, work)) - len(self._hands)):
            self._hire()
        while not is_complete():
            self._tick()
            if self._failure is not None:
                raise self._failure
            if should_stop():
                raise Interrupted(f"{self._name} stopped; the same command goes on")

    def _dismiss(self) -> None:
        """Nobody works any more, no worker is left; what they still have to say is heard."""
        self._part(_GRACE_SECONDS)
        self._credentials.end()
        for hand in self._hands:
            hand.end()

    def _farewell(self) -> None:
        """The work is done: let everybody end in peace."""
        self._part(_FAREWELL_SECONDS)

    def _tick(self) -> None:
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
        if self._is_due("control", _CONTROL_SECONDS, now):
            self._look_at_control()
        self._on_tick(now)
        for hand in self._hands:
            hand.renew(self._credentials.current)

    def _look_at_control(self) -> None:
        if self._control is not None and self._control.look():
            for side, governor in self._governors.items():
                governor.allow(self._allowed(side, self._control.rates))
                self._announce(side)

    def _is_due(self, what: str, every: float, now: float) -> bool:
        if now < self._due.setdefault(what, now + every):
            return False
        self._due[what] = now + every
        return True

    def _hire(self) -> None:
        self._hired += 1
        hand = Hand(self._hired, self._plan, in_process=self._processes == 0)
        self._hands.append(hand)
        hand.renew(self._credentials.current)
        for side, governor in self._governors.items():
            hand.tell(SetRate(side, governor.rate))
        self._greet(hand)
        self._deal(hand)

    def _listen(self, hand: Hand) -> None:
        try:
            for message in hand.hear():
                self._hear(hand, message)
        except EOFError:
            self._bury(hand)

    def _hear(self, hand: Hand, message: object) -> None:
        if isinstance(message, Ask):
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
        else:
            self._take(hand, message)

    def _bury(self, hand: Hand) -> None:
        """It died: its work goes on elsewhere, from the last page that it told of."""
        hand.has_left = True
        self._deaths += 1
        for governor in self._governors.values():
            governor.bucket.forget(hand.number)
        self._take_back(hand)
        hand.work.clear()
        if self._deaths > MAX_DEATHS:
            self._failure = MigrateError(
                f"{self._name}: {self._deaths} worker processes died",
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
                        self._hear(hand, message)
                except EOFError:
                    hand.has_left = True
