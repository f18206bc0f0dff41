"""Workers: started, talked to, noticed when they die."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Callable, Hashable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from migrate.core.errors import MigrateError
from migrate.data.endpoints import EndpointSpec
from migrate.data.messages import SetCredentials
from migrate.data.pipeworker import WorkerPlan, run_process
from migrate.data.transport import Credentials

_RENEW_SECONDS = 60.0


class Hand:
    """One worker: a process, or a thread of this process, behind a pipe."""

    def __init__(self, number: int, plan: WorkerPlan, *, in_process: bool) -> None:
        self.number = number
        self.work: set[Hashable] = set()
        """Dealt and not done."""

        self.has_left = False
        """It said goodbye, failed, or was buried."""

        self._sent: dict[str, Credentials] = {}
        self.pipe, theirs = multiprocessing.Pipe()
        self._process: Any = None
        if in_process:
            worker = plan.worker(theirs)
            self._thread = threading.Thread(target=worker.run, name=f"worker-{number}", daemon=True)
            self._thread.start()
        else:
            context = multiprocessing.get_context("spawn")
            self._process = context.Process(
                target=run_process, args=(plan, theirs), name=f"worker-{number}", daemon=True
            )
            self._process.start()
            theirs.close()  # so that the pipe ends with the worker

    @property
    def pid(self) -> int | None:
        """Of its process."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """Of its process; negative is a signal."""
        if self._process is None:
            return None
        self._process.join(1.0)
        return self._process.exitcode  # type: ignore[no-any-return]

    def tell(self, message: object) -> None:
        """Send a message; a worker that is gone does not hear it, and is noticed elsewhere."""
        if not self.has_left:
            with contextlib.suppress(OSError):
                self.pipe.send(message)

    def hear(self) -> Iterator[object]:
        """Everything it has said. Raises `EOFError` when it has died."""
        try:
            while not self.has_left and self.pipe.poll():
                yield self.pipe.recv()
        except OSError as error:
            raise EOFError from error

    def renew(self, credentials: dict[str, Credentials]) -> None:
        """Send the credentials that it does not have yet."""
        for side, one in credentials.items():
            if self._sent.get(side) != one:
                self._sent[side] = one
                self.tell(SetCredentials(side, one))

    def end(self) -> None:
        """Kill its process, if it lives. A request in flight may still take effect, which repeating it makes good."""
        self.has_left = True
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None
        else:
            self._thread.join(1.0)
        self.pipe.close()


def wait_for(hands: list[Hand], seconds: float) -> list[Hand]:
    """Those that have something to say, or have died."""
    by_pipe: dict[Connection, Hand] = {hand.pipe: hand for hand in hands if not hand.has_left}  # type: ignore[type-arg, unused-ignore]
    return [by_pipe[pipe] for pipe in wait(list(by_pipe), seconds)]  # type: ignore[index]


class CredentialKeeper:
    """Asks for fresh credentials once a minute, and when told to, in a thread of its own: asking may take seconds."""

    def __init__(self, sides: dict[str, EndpointSpec]) -> None:
        self._ask = {side: _provider(spec) for side, spec in sides.items()}
        self.current = {side: ask() for side, ask in self._ask.items()}
        """Side -> credentials as of late."""

        self._hurry = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="credentials", daemon=True)
        self._thread.start()

    def hurry(self) -> None:
        """Some were refused: ask now."""
        self._hurry.set()

    def end(self) -> None:
        """Ask no more."""
        self._ended = True
        self._hurry.set()

    def _run(self) -> None:
        while True:
            self._hurry.wait(_RENEW_SECONDS)
            self._hurry.clear()
            if self._ended:
                return
            for side, ask in self._ask.items():
                try:
                    self.current[side] = ask()
                except MigrateError:
                    # The old ones may still do; if not, the worker that is refused says so, and the job ends.
                    continue


def _provider(spec: EndpointSpec) -> Callable[[], Credentials]:
    if spec.credentials is None:
        raise ValueError(f"{spec.name or spec.url}: no credentials")
    return spec.credentials
