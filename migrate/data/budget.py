"""Capacity units of one side, as one process spends them: paid in advance by estimate, settled when they are known."""

from __future__ import annotations

import threading
from collections.abc import Callable

from migrate.data.retry import check_stop

_QUANTUM_SECONDS = 0.02
"""Units that are asked for at once, so that a fast copy does not ask for every request."""

_TICK = 0.2


class Budget:
    """Lets a request through while there are units; the last one may leave a debt. Thread-safe.

    `ask(units)` asks whoever holds the rate of all processes, who answers by `grant`. None as a rate is no limit, 0
    is a pause.
    """

    def __init__(self, ask: Callable[[float], None]) -> None:
        self._ask = ask
        self._asked = False
        self._balance = 0.0
        self._used = 0.0
        self._refused = 0.0
        self._changed = threading.Condition()
        self.rate: float | None = None

    def reserve(self, units: float, should_stop: Callable[[], bool]) -> None:
        """Wait for units, and take them. Raises `Interrupted`."""
        with self._changed:
            while self.rate is not None and (self.rate <= 0 or self._balance <= 0):
                check_stop(should_stop)
                if self.rate > 0 and not self._asked:
                    self._asked = True
                    self._ask(max(units - self._balance, self.rate * _QUANTUM_SECONDS))
                self._changed.wait(_TICK)
            if self.rate is not None:
                self._balance -= units

    def settle(self, reserved: float, charged: float) -> None:
        """The service has charged `charged` for what was reserved."""
        with self._changed:
            self._used += charged
            if self.rate is not None:
                self._balance += reserved - charged
                self._changed.notify()

    def refuse(self, units: float) -> None:
        """So many units were refused (throttled): they count as asked for, not as used."""
        with self._changed:
            self._refused += units

    def grant(self, units: float) -> None:
        """The answer to `ask`."""
        with self._changed:
            self._asked = False
            self._balance += units
            self._changed.notify_all()

    def set_rate(self, rate: float | None) -> None:
        """Another rate, in units per second of all processes."""
        with self._changed:
            if (rate is None) != (self.rate is None):
                self._balance = 0.0
            self.rate = rate
            self._changed.notify_all()

    def take_usage(self) -> tuple[float, float]:
        """Units used and refused since the last call."""
        with self._changed:
            usage = self._used, self._refused
            self._used = self._refused = 0.0
        return usage


class Average:
    """A running average of units per item (or per page), which follows the table as it changes. Thread-safe enough."""

    def __init__(self, first_guess: float) -> None:
        self.value = first_guess
        self._is_guess = True

    def add(self, units: float, items: int) -> None:
        """So many items were charged so many units."""
        if items and units:
            seen = units / items
            self.value = seen if self._is_guess else 0.8 * self.value + 0.2 * seen
            self._is_guess = False
