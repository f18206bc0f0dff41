"""Pages of one table, each paid for from the budget of its side."""

from __future__ import annotations

from collections.abc import Callable

from migrate.data.budget import Average, Budget
from migrate.data.rawitems import ItemTransport, RawPage, Refusals

_PAGE_SECONDS = 0.1
"""At a low rate, a page is made so small that it costs no more units than this time brings."""

_FULL_PAGE_UNITS = 128.0
_MOST_SMALL = 1024
_LEAST_GUESS = 0.125


class PageReader:
    """Reads a table's segments page by page, never faster than `budget` allows. Thread-safe."""

    def __init__(
        self, transport: ItemTransport, table: str, total_segments: int, budget: Budget, *, consistent: bool
    ) -> None:
        self._transport = transport
        self._table = table
        self._total_segments = total_segments
        self._budget = budget
        self._consistent = consistent
        self._units = Average(_LEAST_GUESS)
        # Every answer costs at least what 4 KiB do, however few items it has: fewer than fit would be paid for in vain.
        self._least_charge = 1.0 if consistent else 0.5
        self._least_items = 1

    def page(
        self,
        segment: int,
        start_key: bytes | None,
        should_stop: Callable[[], bool],
        refusals: Callable[[float], Refusals],
        *,
        count_only: bool = False,
    ) -> RawPage:
        """The next page behind `start_key`. `refusals` gets the units of an attempt. Raises what `scan_raw` does."""
        limit = self._limit(self._budget.rate)
        estimate = min(_FULL_PAGE_UNITS, self._units.value * limit) if limit else _FULL_PAGE_UNITS
        self._budget.reserve(estimate, should_stop)
        charged = 0.0
        try:
            page = self._transport.scan_raw(
                self._table,
                segment=segment,
                total_segments=self._total_segments,
                start_key=start_key,
                consistent=self._consistent,
                limit=limit,
                count_only=count_only,
                should_stop=should_stop,
                on_refusal=refusals(estimate),
            )
            charged = page.units
        finally:
            self._budget.settle(estimate, charged)
        self._units.add(page.units, page.count)
        if limit is not None and page.count >= limit:
            self._learn(limit, page.units)
        return page

    def _learn(self, limit: int, units: float) -> None:
        if units <= self._least_charge:
            self._least_items = min(_MOST_SMALL, 2 * limit)
        elif units > 2 * self._least_charge:
            self._least_items = max(1, self._least_items // 2)

    def _limit(self, rate: float | None) -> int | None:
        if not rate or rate * _PAGE_SECONDS >= _FULL_PAGE_UNITS:
            return None
        return max(self._least_items, int(rate * _PAGE_SECONDS / self._units.value))
