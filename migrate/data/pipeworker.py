"""What every worker does beside its own work: hears the foreman, tells of what it spends, ends with the first error."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from typing import Protocol

from migrate.core.clock import SystemClock
from migrate.core.errors import AwsError, CredentialsExpired, Interrupted, MigrateError, Throttled, Transient
from migrate.data.budget import Budget
from migrate.data.messages import Ask, Failed, Goodbye, Grant, NeedCredentials, SetCredentials, SetRate, Spent, Stop
from migrate.data.rawitems import Refusals
from migrate.data.reactions import fault
from migrate.data.transport import Credentials

_REPORT_SECONDS = 0.25


class PipeWorker(ABC):
    """Threads that work, and the calling one at the pipe. It keeps no file and decides nothing that must last.

    `sides` have a budget and credentials each. If the worker dies, its work goes on elsewhere.
    """

    def __init__(self, pipe: Connection, sides: Iterable[str]) -> None:
        self._pipe = pipe
        self._sending = threading.Lock()
        self._clock = SystemClock()
        self._stopping = threading.Event()
        self._error: MigrateError | None = None
        self._credentials: dict[str, Credentials] = {}
        self._reasons: dict[str, Counter[str]] = {side: Counter() for side in sides}
        self._counting = threading.Lock()
        self._budgets = {side: Budget(self._asker(side)) for side in self._reasons}
        self._reported = self._clock.monotonic()

    @abstractmethod
    def _work(self) -> list[Callable[[], None]]:
        """What runs in threads, until `_stopping` is set."""

    @abstractmethod
    def _do(self, message: object) -> None:
        """A message of this kind of work."""

    @abstractmethod
    def _wake(self) -> None:
        """Stopping: let every thread look."""

    @abstractmethod
    def _close(self) -> None:
        """The threads have ended: close what was opened."""

    def run(self) -> None:
        """Until told to stop, or the first error. Then says goodbye, or what failed."""
        threads = [threading.Thread(target=self._guard, args=(one,), daemon=True) for one in self._work()]
        for thread in threads:
            thread.start()
        try:
            while not self._stopping.is_set():
                if self._pipe.poll(_REPORT_SECONDS):
                    self._obey(self._pipe.recv())
                if self._clock.monotonic() - self._reported >= _REPORT_SECONDS:
                    self._report()
        except (EOFError, OSError, Interrupted):  # the foreman is gone
            self._stopping.set()
            self._wake()
            return
        self._finish(threads)

    def _finish(self, threads: list[threading.Thread]) -> None:
        self._wake()
        for thread in threads:
            thread.join(timeout=None if self._error is None else 1.0)
        with contextlib.suppress(OSError, Interrupted):
            self._report()
            self._send(Failed(self._error) if self._error else Goodbye())
            self._pipe.close()
        self._close()

    def _obey(self, message: object) -> None:
        if isinstance(message, Grant):
            self._budgets[message.side].grant(message.units)
        elif isinstance(message, SetRate):
            self._budgets[message.side].set_rate(message.rate)
        elif isinstance(message, SetCredentials):
            self._credentials[message.side] = message.credentials
        elif isinstance(message, Stop):
            self._stopping.set()
        else:
            self._do(message)

    def _guard(self, work: Callable[[], None]) -> None:
        failure: MigrateError | None = MigrateError("a thread of a worker died", hint="report this fault")
        try:
            work()
            failure = None
        except Interrupted:
            failure = None
        except MigrateError as error:
            failure = error
        finally:
            # Also after a fault of this program: the job must end with it, not wait for a thread that is gone.
            if failure is not None:
                self._error = self._error or failure
                self._stopping.set()

    def _asker(self, side: str) -> Callable[[float], None]:
        return lambda units: self._send(Ask(side, units))

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
        except OSError:  # the foreman is gone
            self._stopping.set()
            raise Interrupted("the foreman is gone") from None


class WorkerPlan(Protocol):
    """What a worker has to know; picklable."""

    def worker(self, pipe: Connection) -> PipeWorker:
        """The worker itself, at its end of the pipe."""


def run_process(plan: WorkerPlan, pipe: Connection) -> None:
    """The whole life of a worker process. It ends with the foreman's, also when that is killed."""
    for one in (signal.SIGINT, signal.SIGTERM):  # for the foreman to decide; Ctrl-C reaches the whole group
        signal.signal(one, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(200_000, 50, 1000)
    plan.worker(pipe).run()
    # Threads may still wait for an answer of the service, which nobody wants any more.
    os._exit(0)
