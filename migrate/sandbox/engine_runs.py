"""From a command to a running program: role, files, credentials, process. The same on every engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from moto.iam.models import Role

from migrate.sandbox import spark_runs
from migrate.sandbox.engine_access import RunFailed, credentials, read
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call
from migrate.sandbox.spark_command import SparkCommand
from migrate.sandbox.spark_process import NoSpark, Program
from migrate.sandbox.spark_runs import Doom, Ended

NO_MACHINES = "no-machines"
"""A fault (`faults.py`) that is none of a process: it gets no machines to run on."""


@dataclass(frozen=True)
class Start:
    """Who starts a program, and what a fault rule has in store for it."""

    run: str
    role: Role
    region: str
    session: str
    doom: Doom | None


def launch(start: Start, command: SparkCommand, ended: Callable[[Ended], None]) -> None:
    """Fetches the program with the role's rights and starts it with the role's credentials. Raises RunFailed."""
    script = read(start.role, command.script)
    archives = {
        f"{number}/{uri.rpartition('/')[2]}": read(start.role, uri) for number, uri in enumerate(command.py_files)
    }
    program = Program(script, archives, command.arguments, command.settings)
    try:
        spark_runs.start(start.run, program, credentials(start.role, start.region, start.session), start.doom, ended)
    except NoSpark as error:
        raise RunFailed(str(error)) from error


def doom_of(call: Call) -> Doom | None:
    """What a fault rule says about the run that this call starts (`faults.py`)."""
    note = call.request.notes.get("run")
    if note and note[0] == "executor-killed" and not Path("/proc/self/stat").exists():
        raise Refused("NotImplemented", "executor-killed finds the workers in /proc, which this system has not", 501)
    return Doom(*note) if note else None


def why(ended: Ended, words: str) -> str:
    """The message of a run that did not succeed: the fault's, or `words` for a driver that was killed, or its own."""
    if ended.struck is not None:
        return ended.struck.message or words
    return ended.message
