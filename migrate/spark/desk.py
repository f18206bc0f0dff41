"""The driver's desk: one read and one write budget for the tasks of all executors, their counts, their failures.

Every attempt of a task holds a connection to it, over which both speak the messages of a copy's foreman and workers.
Whoever connects must know a secret that only this job's tasks carry.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge

from migrate.core.clock import Clock, new_lineage
from migrate.core.errors import MigrateError
from migrate.data.messages import Ask, Failed, Goodbye, Grant, SetRate, Spent
from migrate.data.rates import Governor, Want

_TICK = 0.05


@dataclass(frozen=True)
class Moved:
    """From a task: so many items were dealt with, `rejected` among them, and `done` units ended."""

    items: int
    rejected: int
    done: int


@dataclass(frozen=True)
class DeskAddress:
    """What a task needs to reach the desk; picklable."""

    host: str
    port: int
    secret: str = field(repr=False)
    sides: tuple[str, ...]

    def call(self) -> Connection:
        """A connection. The rates of all sides come first. Raises `MigrateError`."""
        try:
            return Client((self.host, self.port), authkey=self.secret.encode())
        except (OSError, EOFError, AuthenticationError) as error:
            raise MigrateError(
                f"the driver at {self.host}:{self.port} cannot be reached by a task",
                why=f"{type(error).__name__}: {error}",
                hint="let the workers reach the driver: a security group that allows all TCP within itself",
            ) from error


class Desk:
    """Listens on `host` from the start until `close`. `on_failure` is told of the first `Failed`, in another thread."""

    def __init__(
        self, host: str, bind: str, rates: Mapping[str, float | None], on_failure: Callable[[], None], clock: Clock
    ) -> None:
        now = clock.monotonic()
        self.governors = {side: Governor(side, rate, now) for side, rate in rates.items()}
        self.failure: MigrateError | None = None
        self.moved: Counter[str] = Counter()
        """Of this run: items, rejected, done."""

        self._clock = clock
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._calls: dict[int, Connection] = {}
        self._closing = threading.Event()
        self._listener = socket.create_server((bind, 0), backlog=1024)
        self.address = DeskAddress(host, self._listener.getsockname()[1], new_lineage(), tuple(rates))
        for work in (self._accept, self._keep_time):
            threading.Thread(target=work, name="desk", daemon=True).start()

    def close(self) -> None:
        """Hear nobody any more."""
        self._closing.set()
        self._listener.close()
        with self._lock:
            for call in self._calls.values():
                call.close()
            self._calls.clear()
            for governor in self.governors.values():
                governor.judge(self._clock.monotonic())

    def fail(self, error: MigrateError) -> None:
        """The job cannot succeed any more."""
        with self._lock:
            is_first, self.failure = self.failure is None, self.failure or error
        if is_first:
            self._on_failure()

    def _accept(self) -> None:
        number = 0
        while not self._closing.is_set():
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            threading.Thread(target=self._attend, args=(number, accepted), name=f"desk-{number}", daemon=True).start()

    def _attend(self, number: int, accepted: socket.socket) -> None:
        """One caller, from the handshake on: a stranger who says nothing keeps nobody waiting."""
        call: Connection = Connection(accepted.detach())
        secret = self.address.secret.encode()
        with contextlib.suppress(OSError, EOFError, AuthenticationError):
            deliver_challenge(call, secret)
            answer_challenge(call, secret)
            with self._lock:
                for side, governor in self.governors.items():
                    call.send(SetRate(side, governor.rate))
                self._calls[number] = call
            while not self._closing.is_set():
                self._hear(number, call.recv())
        with self._lock:
            self._forget(number)
        call.close()

    def _hear(self, number: int, message: object) -> None:
        if isinstance(message, Failed):
            self.fail(message.error)
        if isinstance(message, (Failed, Goodbye)):
            raise EOFError
        with self._lock:
            if isinstance(message, Ask):
                self.governors[message.side].bucket.ask(Want(number, message.units))
                self._serve()
            elif isinstance(message, Spent):
                self.governors[message.side].note(message.used, message.refused, message.reasons)
            elif isinstance(message, Moved):
                self.moved.update(items=message.items, rejected=message.rejected, done=message.done)

    def _keep_time(self) -> None:
        while not self._closing.is_set():
            with self._lock:
                waits = [one.bucket.seconds_to_next() for one in self.governors.values()]
            self._closing.wait(min([_TICK, *(one for one in waits if one is not None)]))
            with self._lock:
                self._serve()
                for side, governor in self.governors.items():
                    if governor.adapt(self._clock.monotonic()):
                        for number in list(self._calls):
                            self._tell(number, SetRate(side, governor.rate))

    def _serve(self) -> None:
        now = self._clock.monotonic()
        for side, governor in self.governors.items():
            for want in governor.bucket.serve(now):
                self._tell(want.who, Grant(side, want.units))

    def _tell(self, number: int, message: object) -> None:
        call = self._calls.get(number)
        try:
            if call is not None:
                call.send(message)
        except OSError:
            self._forget(number)

    def _forget(self, number: int) -> None:
        self._calls.pop(number, None)
        for governor in self.governors.values():
            governor.bucket.forget(number)
