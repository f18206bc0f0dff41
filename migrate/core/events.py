"""What happens during an apply, told to whoever listens (progress display, journal). Listeners never decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a long step is. Totals are estimates, or None when nothing is known."""

    items: int | None = None
    total_items: int | None = None
    bytes: int | None = None
    total_bytes: int | None = None
    message: str = ""
    notice: str = ""
    """What the user should know although nothing has ended (throttled, and why). The same words while it lasts."""


@dataclass(frozen=True)
class StepEvent:
    """A step changed: `change` is started, adopted, progress, waiting, done, failed or blocked."""

    address: str
    change: str
    title: str = ""
    message: str = ""
    progress: Progress | None = None
    attempt: int = 1


Listener = Callable[[StepEvent], None]
