"""Progress of an apply on stderr: bars on a terminal, a line per change otherwise; and the journal."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

from migrate.cli.console import console
from migrate.core.clock import Clock, timestamp
from migrate.core.events import Progress, StepEvent
from migrate.core.printable import printable
from migrate.plan.model import Plan
from migrate.render.style import seconds, size
from migrate.state.store import Store

_TOLD = ("started", "adopted", "done", "failed", "blocked")
_SAY_AGAIN_SECONDS = 300.0
_MOST_BARS = 16
"""Steps that have a bar of their own, so that the screen holds them; how many more run stands behind the whole's."""

_LONG = {
    "export", "import", "export-check", "copy", "verify", "backup", "copy-job", "restore",
    "glue-run", "emr-run", "emr-cluster", "emr-step",
}  # fmt: skip


class ProgressDisplay:
    """Listens to the steps. Thread-safe. As a context manager it holds the terminal's bars."""

    def __init__(self, plan: Plan, store: Store, clock: Clock) -> None:
        self._plan = plan
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._began: dict[str, float] = {}
        self._noticed: dict[tuple[str, str], float] = {}
        self._waiting: dict[str, str] = {}
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._barless: set[str] = set()
        self._total: Any = None

    def __enter__(self) -> ProgressDisplay:
        if sys.stderr.isatty() and console.error_style.colour:
            self._bars = _new_bars()
            self._total = self._bars.add_task("steps", total=len(self._plan.actions), note="")
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def event(self, event: StepEvent) -> None:
        """A step has changed."""
        with self._lock:
            if event.change in ("started", "adopted"):
                self._began.setdefault(event.address, self._clock.monotonic())
            if event.change in _TOLD:
                self._journal(event)
            if event.change == "progress":
                self._advance(event.address, event.progress)
            elif self._is_new(event):
                self._line(event) if self._bars is None else self._bar(event)

    def progress(self, address: str, progress: Progress) -> None:
        """Long local work says how far it is."""
        with self._lock:
            self._advance(address, progress)
            if progress.notice:
                self._notice(address, progress.notice)

    def _notice(self, address: str, notice: str) -> None:
        """A line of its own, also beside bars; the same words again only after some minutes."""
        now = self._clock.monotonic()
        if now - self._noticed.get((address, notice), -_SAY_AGAIN_SECONDS) < _SAY_AGAIN_SECONDS:
            return
        self._noticed[address, notice] = now
        self._journal(StepEvent(address, "notice", message=notice))
        self._tell(f"{address}: {notice}")

    def _tell(self, line: str) -> None:
        if self._bars is None:
            console.say(line)
        else:
            self._bars.console.print(printable(line), markup=False)

    def _journal(self, event: StepEvent) -> None:
        line = {"time": timestamp(self._clock.now()), "address": event.address, "change": event.change}
        if event.message:
            line["message"] = event.message
        self._store.append_journal(self._plan.migration, {**line, "attempt": event.attempt})

    def _line(self, event: StepEvent) -> None:
        if event.change == "started" and event.address.split("/")[-1] not in _LONG:
            return  # it is done in a moment, and that is a line of its own
        took = ""
        if event.change == "done" and event.address in self._began:
            took = f" in {seconds(self._clock.monotonic() - self._began[event.address])}"
        message = f": {event.message}" if event.message else ""
        console.say(f"{event.address}: {event.change}{took}{message or ('' if took else f': {event.title}')}")

    def _is_new(self, event: StepEvent) -> bool:
        """False for a step that waits for the same thing as before, and tries it again in between."""
        said = self._waiting.get(event.address, "")
        if event.change == "started" and said:
            return False
        self._waiting[event.address] = event.message if event.change == "waiting" else ""
        return event.change != "waiting" or event.message != said

    def _bar(self, event: StepEvent) -> None:
        if event.change == "waiting":
            self._tell(f"{event.address}: waiting: {event.message}")
        elif event.change in ("started", "adopted") and event.address.split("/")[-1] in _LONG:
            self._task(event.address)
        elif event.change in ("done", "failed", "blocked"):
            task = self._tasks.pop(event.address, None)
            if task is not None:
                self._bars.remove_task(task)
            self._barless.discard(event.address)
            self._bars.update(self._total, advance=1, note=self._more_running())
            if event.change != "done":
                self._tell(f"{event.address}: {event.change}: {event.message}")

    def _advance(self, address: str, progress: Progress | None) -> None:
        if self._bars is None or progress is None:
            return
        bits = [f"{progress.items:,} items" if progress.items is not None else ""]
        bits += [size(progress.bytes) if progress.bytes is not None else "", progress.message]
        note = printable(", ".join(bit for bit in bits if bit))
        done = progress.items if progress.items is not None else 0
        task = self._task(address)
        if task is not None:
            self._bars.update(task, completed=done, total=progress.total_items, note=note)

    def _task(self, address: str) -> Any:
        """Its bar; None when there are enough."""
        if address not in self._tasks and len(self._tasks) < _MOST_BARS:
            self._barless.discard(address)
            self._tasks[address] = self._bars.add_task(address, total=None, note="")
        elif address not in self._tasks:
            self._barless.add(address)
            self._bars.update(self._total, note=self._more_running())
        return self._tasks.get(address)

    def _more_running(self) -> str:
        return f"{len(self._barless):,} more running" if self._barless else ""


def _new_bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=True,
    )
