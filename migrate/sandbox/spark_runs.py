"""What runs now for Glue, EMR and EMR Serverless: spark-submit processes, each watched by a thread until it ends.

Only the end of a process ends a run: who stops one or finds its time over kills it, and the state follows. Processes do
not survive a reset, the end of the sandbox or its restart from a state file: a run is FAILED then, and says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from migrate.sandbox.jobs import STARTING
from migrate.sandbox.spark_process import Program, SparkProcess, last_words

STOPPED = "The sandbox was stopped while this ran."
_LOOK_SECONDS = 0.05
_endpoint = [""]


@dataclass(frozen=True)
class Doom:
    """How a fault rule ends a run, so many seconds after its process was started."""

    kind: str
    seconds: float
    message: str


@dataclass(frozen=True)
class Ended:
    """A process that has ended. `struck` is the fault that ended it, if one did; `message` says why it failed."""

    is_success: bool
    message: str
    out: str
    errors: str
    struck: Doom | None = None


@dataclass(eq=False)
class _Active:
    process: SparkProcess
    ended: Callable[[Ended], None]
    doom: Doom | None
    struck: Doom | None = None
    message: str = ""
    thread: threading.Thread | None = field(default=None)


_active: dict[str, _Active] = {}


def serve_at(endpoint_url: str) -> None:
    """Where jobs find the sandbox."""
    _endpoint[0] = endpoint_url


def start(
    run: str, program: Program, credentials: dict[str, str], doom: Doom | None, ended: Callable[[Ended], None]
) -> None:
    """Starts the process of a run. `ended` is called once, in another thread, under `STARTING`. Raises NoSpark."""
    environment = {
        **credentials,
        "AWS_ENDPOINT_URL": _endpoint[0],
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    active = _Active(SparkProcess(program, environment), ended, doom)
    _active[run] = active
    active.thread = threading.Thread(target=_watch, args=(run, active), daemon=True)
    active.thread.start()


def kill(run: str, message: str = "") -> bool:
    """Kills the process of a run, whose end is told as always; False if it has none any more."""
    active = _active.get(run)
    if active is None:
        return False
    active.message = active.message or message
    active.process.kill()
    return True


def end_all() -> None:
    """Kills every process and waits until the ends of all were told: the sandbox stops."""
    for run, active in list(_active.items()):
        kill(run, STOPPED)
        _join(active)


def drop_all() -> None:
    """Kills every process; no end is told: a reset."""
    for run in list(_active):
        active = _active.pop(run, None)
        if active is not None:
            active.process.kill()
            _join(active)


def _join(active: _Active) -> None:
    if active.thread is not None:
        active.thread.join()


def _watch(run: str, active: _Active) -> None:
    began = time.monotonic()
    while (status := active.process.wait(_LOOK_SECONDS if active.doom else None)) is None:
        if active.doom and time.monotonic() - began >= active.doom.seconds:
            _strike(active, active.doom)
    out, errors = active.process.output()
    active.process.clear()
    words = active.message or last_words(errors) or last_words(out) or f"spark-submit ended with exit status {status}"
    with STARTING:
        if _active.pop(run, None) is not None:
            active.ended(Ended(status == 0, words, out, errors, active.struck))


def _strike(active: _Active, doom: Doom) -> None:
    if doom.kind == "executor-killed":
        if active.process.kill_workers():
            active.doom = None  # Spark does the tasks again, or fails by itself
        return
    active.struck, active.doom = doom, None
    active.process.kill()
