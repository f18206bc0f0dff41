"""How far the looking at both accounts is, on stderr, when there is much to look at."""

from __future__ import annotations

import threading

from migrate.aws.limits import least_seconds
from migrate.cli.console import console
from migrate.core.clock import Clock
from migrate.render.style import plural, seconds

EVERY = 5.0
"""Seconds between two lines; what is done before the first needs none."""


class LookingDisplay:
    """Told of every read that has ended. Thread-safe."""

    def __init__(self, tables: int, clock: Clock, *, is_paced: bool) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began = self._said = clock.monotonic()
        least = least_seconds("DescribeContinuousBackups", tables) if is_paced else 0.0
        if least > EVERY:
            why = "AWS answers DescribeContinuousBackups ten times a second"
            console.say(f"Looking at {plural(tables, 'table')}; this takes {seconds(least)} at least: {why}.")

    def read(self, done: int, asked: int) -> None:
        """So many reads of those begun so far have ended."""
        with self._lock:
            now = self._clock.monotonic()
            if now - self._said < EVERY:
                return
            self._said = now
        console.say(f"Looking: {done:,} of {asked:,} reads in {seconds(now - self._began)}")
