"""Which action is due when: needs, caps of the account, timers. Knows nothing about AWS or the state."""

from __future__ import annotations

import heapq
import queue
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from migrate.apply.executor import Turn, Verdict
from migrate.core.clock import Clock
from migrate.plan.model import Action

CAPS: Mapping[str, int] = {
    "import": 50,
    "export": 300,
    "backup": 300,
    "copy-job": 100,
    "restore": 50,
    "control": 250,
    "verify": 2,
    "copy": 1,
    "spark": 10,
}
"""How many actions of a slot may run at once. Quotas of DynamoDB (control plane: 500, 250 with indexes) and of
AWS Backup (100 copy jobs per account and destination Region); verify and copy work on this machine. Spark jobs: new
accounts have few workers and vCPUs."""

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
    """Runs actions in the order of their needs, several at a time. One thread schedules; a pool does the turns."""

    def __init__(
        self,
        advance: Callable[[Action], Turn],
        slot_of: Callable[[Action], str | None],
        clock: Clock,
        *,
        parallelism: int = 10,
        should_stop: Callable[[], bool] = lambda: False,
        caps: Mapping[str, int] = CAPS,
    ) -> None:
        self._advance = advance
        self._slot_of = slot_of
        self._clock = clock
        self._parallelism = parallelism
        self._should_stop = should_stop
        self._caps = caps
        self._taken: Counter[str] = Counter()
        self._holding: set[str] = set()
        self._queued: defaultdict[str, deque[Action]] = defaultdict(deque)
        self._ready: deque[Action] = deque()
        self._timers: list[tuple[float, int, Action]] = []
        self._ended: queue.SimpleQueue[tuple[Action, Turn | BaseException]] = queue.SimpleQueue()
        self._flying = 0
        self._sequence = 0
        self._needs: dict[str, int] = {}
        self._dependents: defaultdict[str, list[Action]] = defaultdict(list)

    def run(self, actions: Iterable[Action], is_done: Callable[[Action], bool]) -> Result:
        """Carry out all actions that are not done. Returns when nothing more can be done or a stop was asked for."""
        result = Result()
        self._take_in(list(actions), is_done, result)
        with ThreadPoolExecutor(self._parallelism, thread_name_prefix="step") as pool:
            while self._flying or self._ready or self._timers:
                if result.stopped is None and not result.is_interrupted:
                    result.is_interrupted = self._should_stop()
                if result.stopped is not None or result.is_interrupted:
                    if not self._flying:
                        break
                else:
                    self._wake()
                    self._launch(pool)
                self._collect(result)
        return result

    def _take_in(self, actions: list[Action], is_done: Callable[[Action], bool], result: Result) -> None:
        done = {action.address for action in actions if is_done(action)}
        result.done.extend(action.address for action in actions if action.address in done)
        for action in actions:
            if action.address in done:
                continue
            needs = [need for need in action.needs if need not in done]
            self._needs[action.address] = len(needs)
            for need in needs:
                self._dependents[need].append(action)
            if not needs:
                self._ready.append(action)

    def _wake(self) -> None:
        now = self._clock.monotonic()
        while self._timers and self._timers[0][0] <= now:
            self._ready.append(heapq.heappop(self._timers)[2])

    def _launch(self, pool: ThreadPoolExecutor) -> None:
        while self._ready and self._flying < self._parallelism:
            action = self._ready.popleft()
            if not self._take_slot(action):
                continue
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

    def _take_slot(self, action: Action) -> bool:
        """True when the action holds its slot; otherwise it is queued until one is free."""
        slot = self._slot_of(action)
        if slot is None or action.address in self._holding:
            return True
        if self._taken[slot] >= self._caps.get(slot, self._parallelism):
            self._queued[slot].append(action)
            return False
        self._taken[slot] += 1
        self._holding.add(action.address)
        return True

    def _free_slot(self, action: Action) -> None:
        slot = self._slot_of(action)
        if slot is None or action.address not in self._holding:
            return
        self._holding.discard(action.address)
        self._taken[slot] -= 1
        if self._queued[slot]:
            self._ready.append(self._queued[slot].popleft())

    def _collect(self, result: Result) -> None:
        """Take in the turns that have ended; wait for one, or for the next timer."""
        try:
            action, turn = self._ended.get(timeout=self._patience())
        except queue.Empty:
            return
        self._settle(action, turn, result)
        while not self._ended.empty():
            self._settle(*self._ended.get(), result)

    def _patience(self) -> float:
        if self._ready and self._flying < self._parallelism:
            return 0.0001
        if not self._timers:
            return IDLE
        return min(IDLE, max(0.0001, self._timers[0][0] - self._clock.monotonic()))

    def _settle(self, action: Action, turn: Turn | BaseException, result: Result) -> None:
        self._flying -= 1
        if isinstance(turn, BaseException):
            raise turn
        if turn.verdict is Verdict.WAIT:
            self._later(action, turn.seconds)
            return
        self._free_slot(action)
        if turn.verdict is Verdict.DONE:
            result.done.append(action.address)
            self._release(action)
        elif turn.verdict is Verdict.STOPPED:
            result.stopped = result.stopped or turn
        else:
            ended = result.failed if turn.verdict is Verdict.FAILED else result.blocked
            ended[action.address] = turn
            result.skipped.extend(self._skip(action))

    def _later(self, action: Action, seconds: float) -> None:
        if seconds <= 0:
            self._ready.append(action)
            return
        self._sequence += 1
        heapq.heappush(self._timers, (self._clock.monotonic() + seconds, self._sequence, action))

    def _release(self, action: Action) -> None:
        for dependent in self._dependents.pop(action.address, []):
            self._needs[dependent.address] -= 1
            if self._needs[dependent.address] == 0:
                self._ready.append(dependent)

    def _skip(self, action: Action) -> list[str]:
        """Everything that waits for `action`, directly or not: it will not become ready in this run."""
        found: dict[str, None] = {}
        pending = deque([action.address])
        while pending:
            for dependent in self._dependents.get(pending.popleft(), []):
                if dependent.address not in found:
                    found[dependent.address] = None
                    pending.append(dependent.address)
        return list(found)
