"""Turns of actions in threads, with timers between them. What comes next is the agenda's matter."""

from __future__ import annotations

import heapq
import queue
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from migrate.apply.agenda import Agenda
from migrate.apply.executor import Turn, Verdict
from migrate.core.clock import Clock
from migrate.plan.model import Action

IDLE = 0.5
"""Seconds after which the loop looks whether it should stop."""


@dataclass
class Result:
    """How each action ended. `skipped` were never tried, because something before them did not get done."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, Turn] = field(default_factory=dict)
    blocked: dict[str, Turn] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    stopped: Turn | None = None
    is_interrupted: bool = False


class Scheduler:
    """Runs the actions of an agenda, several at a time. One thread schedules; a pool does the turns."""

    def __init__(
        self,
        advance: Callable[[Action], Turn],
        clock: Clock,
        *,
        parallelism: int = 10,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._advance = advance
        self._clock = clock
        self._parallelism = parallelism
        self._should_stop = should_stop
        self._due: deque[Action] = deque()
        """Taken from the agenda before, and due for another turn."""

        self._timers: list[tuple[float, int, Action]] = []
        self._ended: queue.SimpleQueue[tuple[Action, Turn | BaseException]] = queue.SimpleQueue()
        self._flying = 0
        self._sequence = 0

    def run(self, agenda: Agenda) -> Result:
        """Carry out all actions of the agenda. Returns when nothing more can be done or a stop was asked for."""
        result = Result()
        with ThreadPoolExecutor(self._parallelism, thread_name_prefix="step") as pool:
            while self._flying or self._due or self._timers or agenda.has_ready:
                if result.stopped is None and not result.is_interrupted:
                    result.is_interrupted = self._should_stop()
                if result.stopped is not None or result.is_interrupted:
                    if not self._flying:
                        break
                else:
                    self._wake()
                    self._launch(agenda, pool)
                self._collect(agenda, result)
        return result

    def _wake(self) -> None:
        now = self._clock.monotonic()
        while self._timers and self._timers[0][0] <= now:
            self._due.append(heapq.heappop(self._timers)[2])

    def _launch(self, agenda: Agenda, pool: ThreadPoolExecutor) -> None:
        """What has begun goes before what has not: its end gives quota back."""
        while self._flying < self._parallelism:
            action = self._due.popleft() if self._due else agenda.take()
            if action is None:
                return
            self._flying += 1
            pool.submit(self._fly, action)

    def _fly(self, action: Action) -> None:
        try:
            turn = self._advance(action)
            while turn.verdict is Verdict.WAIT and turn.seconds <= 0 and not self._should_stop():
                turn = self._advance(action)  # in the same thread: handing over costs more than most turns
            self._ended.put((action, turn))
        except BaseException as death:  # noqa: BLE001 - handed to the scheduling thread, which ends with it
            self._ended.put((action, death))

    def _collect(self, agenda: Agenda, result: Result) -> None:
        """Take in the turns that have ended; wait for one, or for the next timer."""
        try:
            action, turn = self._ended.get(timeout=self._patience())
        except queue.Empty:
            return
        self._settle(action, turn, agenda, result)
        while not self._ended.empty():
            self._settle(*self._ended.get(), agenda, result)

    def _patience(self) -> float:
        if not self._timers:
            return IDLE
        return min(IDLE, max(0.0001, self._timers[0][0] - self._clock.monotonic()))

    def _settle(self, action: Action, turn: Turn | BaseException, agenda: Agenda, result: Result) -> None:
        self._flying -= 1
        if isinstance(turn, BaseException):
            raise turn
        if turn.verdict is Verdict.WAIT:
            self._later(action, turn.seconds)
        elif turn.verdict is Verdict.DONE:
            result.done.append(action.address)
            agenda.finish(action.address)
        elif turn.verdict is Verdict.STOPPED:
            result.stopped = result.stopped or turn
        else:
            ended = result.failed if turn.verdict is Verdict.FAILED else result.blocked
            ended[action.address] = turn
            result.skipped.extend(agenda.drop(action.address))

    def _later(self, action: Action, seconds: float) -> None:
        if seconds <= 0:
            self._due.append(action)
            return
        self._sequence += 1
        heapq.heappush(self._timers, (self._clock.monotonic() + seconds, self._sequence, action))
