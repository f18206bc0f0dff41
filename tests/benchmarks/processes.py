"""What other processes cost: time, CPU, and memory of a whole family of them (from Linux's /proc)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
    peak = [0.0]

    def look() -> None:
        peak[0] = max(peak[0], sum(_resident(pid) for pid in family(root) if pid not in besides))

    with _watching(look, 0.05):
        yield peak


@contextlib.contextmanager
def peaks_of_family(root: int, is_worker: Callable[[int], bool]) -> Iterator[list[float]]:
    """Highest resident memory of a process and its descendants (MB): of the largest worker, of the others together.

    Looking costs about a tenth of a core, so rates are measured without.
    """
    peaks = [0.0, 0.0]

    def look() -> None:
        workers, others = [0.0], 0.0
        for pid in family(root):
            if is_worker(pid):
                workers.append(_resident(pid))
            else:
                others += _resident(pid)
        peaks[:] = max(peaks[0], *workers), max(peaks[1], others)

    with _watching(look, 0.2):
        yield peaks


@contextlib.contextmanager
def _watching(look: Callable[[], None], every: float) -> Iterator[None]:
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def cpu_of_family(root: int) -> float:
    """CPU seconds that a process and its descendants have used so far."""
    used = 0.0
    for pid in family(root):
        with contextlib.suppress(OSError):
            used += cpu_seconds(pid)
    return used


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
