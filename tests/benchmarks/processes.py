"""What other processes cost: time, CPU, and memory of a whole family of them (from Linux's /proc)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Of commands that ran one after the other, each with its descendants."""

    wall: float
    cpu: float
    peak_mb: float


def cost_of(commands: Sequence[Sequence[str]], folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run them in `folder` to their successful ends, from nothing: starting their programs counts."""
    cpu = peak = 0.0
    began = time.perf_counter()
    with open(folder / "output", "wb") as output:
        for command in commands:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
            with peak_memory(process.pid) as found:
                _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            cpu, peak = cpu + used.ru_utime + used.ru_stime, max(peak, found[0])
            if process.returncode:
                said = (folder / "output").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said}")
    return Cost(time.perf_counter() - began, cpu, peak)


def cpu_seconds(pid: int) -> float:
    """CPU that a running process has used so far, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def peak_memory(root: int, besides: Collection[int] = ()) -> Iterator[list[float]]:
    """Highest sum of the resident memory of a process and its descendants, those in `besides` left out (MB)."""
    peak, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            peak[0] = max(peak[0], sum(_resident(pid) for pid in family(root) if pid not in besides))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def cpu_of_family(root: int) -> Iterator[dict[int, float]]:
    """CPU seconds of a process and its descendants, each as of late: also of those that nobody waits for."""
    used: dict[int, float] = {}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            for pid in family(root):
                with contextlib.suppress(OSError):
                    used[pid] = cpu_seconds(pid)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield used
    finally:
        ended.set()
        thread.join()


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    found = [root]
    for pid in found:  # grows while it is walked
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _resident(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0
