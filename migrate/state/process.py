"""Who runs this program, and whether a process that held a lock still lives."""

from __future__ import annotations

import functools
import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process, recognisable after its end. `start` tells it from a later one with the same number (empty: unknown).

    `space` names the boot and the process-number space, since two containers may share a host name: only within one
    space does a process number mean anything.
    """

    user: str
    host: str
    pid: int
    start: str = ""
    space: str = ""

    def __str__(self) -> str:
        return f"{self.user}@{self.host}, process {self.pid}"


def this_process(user: str | None = None) -> Process:
    """This very process. `user` replaces the name of the account it runs under (a pipeline's run, for instance)."""
    return Process(user or _user(), socket.gethostname(), os.getpid(), _start(os.getpid()), _space())


def is_gone(process: Process) -> bool:
    """True when it certainly ended. False when it lives, or when this cannot be known from here (another host)."""
    here = this_process(process.user)
    if (process.host, process.space) != (here.host, here.space):
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it lives, under another user
        pass
    start = _start(process.pid)
    return bool(start and process.start and start != process.start)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # containers run under numbers that have no name
        return str(os.getuid())


def _start(pid: int) -> str:
    """Start of a process in clock ticks after boot: field 22 of proc(5)'s stat, counted after the name in brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    # A zombie has ended: it only waits for its parent to notice.
    return "ended" if fields[0] == "Z" else fields[19]


@functools.cache
def _space() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""
