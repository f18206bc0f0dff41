"""Ctrl-C and SIGTERM: the first asks to stop, the second stops now. Neither loses anything."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130


@contextmanager
def stop_on_signal(tell: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Inside it, signals ask to stop instead of killing. Gives a function that says whether one came.

    Works in the main thread only; elsewhere signals keep their meaning.
    """
    asked = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            os._exit(INTERRUPTED)  # every record is durable already, so there is nothing to clean up
        asked.set()
        tell("stopping: nothing new is started; once more to stop at once")

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
