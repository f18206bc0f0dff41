"""A batch, written until every item of it is acknowledged or refused for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from migrate.core.clock import Clock
from migrate.core.errors import Invalid, Throttled
from migrate.data.budget import Average, Budget
from migrate.data.mixer import Refused
from migrate.data.rawitems import ItemTransport, RawItem, Refusals, ignore_refusal, raw_key
from migrate.data.retry import PATIENCE_SECONDS, pause_after, wait

OVERWRITE, KEEP = "overwrite", "keep"
"""What happens to an item of the target whose key comes from the source, too."""

_REFUSED_FOR_ITSELF = {"ValidationException", "ItemCollectionSizeLimitExceededException"}


@dataclass
class Outcome:
    """What became of a batch. All its items but `kept` and `rejected` were written."""

    kept: list[RawItem] = field(default_factory=list)
    rejected: list[Refused] = field(default_factory=list)


class Progressed:
    """When anything was last acknowledged, by any writer that shares it."""

    def __init__(self, clock: Clock) -> None:
        self.at = clock.monotonic()


class BatchWriter:
    """Writes batches into one table. Thread-safe.

    What the service leaves unprocessed is sent again without end while anything is acknowledged; after `patience`
    seconds without, `Throttled` is raised. A batch that is refused as a whole is halved until the item at fault is
    alone, so two items of one key, which may not stand in one batch, are written one after the other, in order.
    """

    def __init__(
        self,
        transport: ItemTransport,
        table: str,
        key_names: tuple[str, ...],
        budget: Budget,
        *,
        clock: Clock,
        mode: str = OVERWRITE,
        patience: float = PATIENCE_SECONDS,
        on_refusal: Refusals = ignore_refusal,
        on_unprocessed: Callable[[Sequence[RawItem]], None] = lambda _items: None,
        progress: Progressed | None = None,
    ) -> None:
        self._transport = transport
        self._table = table
        self._key_names = key_names
        self._budget = budget
        self._clock = clock
        self._mode = mode
        self._patience = patience
        self._on_refusal = on_refusal
        self._on_unprocessed = on_unprocessed
        self._progress = progress or Progressed(clock)
        self.units_per_item = Average(1.0)

    def write(self, items: Sequence[RawItem], should_stop: Callable[[], bool]) -> Outcome:
        """Put all of them. Raises `Interrupted`, or what the transport raises; then some may have been written."""
        outcome = Outcome()
        if self._mode == KEEP:
            for item in items:
                self._put(item, outcome, should_stop)
        else:
            self._write(list(items), outcome, should_stop)
        return outcome

    def _write(self, items: list[RawItem], outcome: Outcome, should_stop: Callable[[], bool]) -> None:
        try:
            self._send(items, should_stop)
        except Invalid as error:
            if error.code not in _REFUSED_FOR_ITSELF:
                raise
            if len(items) == 1:
                outcome.rejected.append(Refused(items[0], error.code, error.why))
                return
            middle = len(items) // 2
            self._write(items[:middle], outcome, should_stop)
            self._write(items[middle:], outcome, should_stop)

    def _send(self, items: list[RawItem], should_stop: Callable[[], bool]) -> None:
        """Until all are acknowledged. The service's copy of what it did not do says which; ours is sent again."""
        attempt, since = 0, self._clock.monotonic()
        while True:
            # To wait for units, or for the end of a pause, is no lack of progress.
            estimate, began = self.units_per_item.value * len(items), self._clock.monotonic()
            self._budget.reserve(estimate, should_stop)
            since += self._clock.monotonic() - began
            left = self._once(items, estimate, should_stop)
            if len(left) < len(items):
                self._progress.at, attempt = self._clock.monotonic(), 0
                since = max(since, self._progress.at)
            if not left:
                return
            error = Throttled(f"{self._table}: {len(left)} items unprocessed again and again", reason="Unprocessed")
            items = self._ours(items, left)
            self._on_unprocessed(items)
            if self._clock.monotonic() - max(since, self._progress.at) > self._patience:
                raise error
            wait(self._clock, pause_after(error, attempt) / 4, should_stop)
            attempt += 1

    def _once(self, items: list[RawItem], estimate: float, should_stop: Callable[[], bool]) -> Sequence[RawItem]:
        charged = 0.0
        try:
            answer = self._transport.batch_write_raw(
                self._table, items, should_stop=should_stop, on_refusal=self._on_refusal
            )
            charged = answer.units
        finally:
            self._budget.settle(estimate, charged)
        self.units_per_item.add(charged, len(items) - len(answer.unprocessed))
        return answer.unprocessed

    def _ours(self, items: list[RawItem], left: Sequence[RawItem]) -> list[RawItem]:
        if len(left) == len(items):
            return items
        keys = {raw_key(item, self._key_names) for item in left}
        found = [item for item in items if raw_key(item, self._key_names) in keys]
        if len(found) != len(left):
            raise Invalid(
                f"BatchWriteItem {self._table}: the answer names unprocessed items that were not sent",
                operation="BatchWriteItem",
                hint="check the endpoint and the proxy",
            )
        return found

    def _put(self, item: RawItem, outcome: Outcome, should_stop: Callable[[], bool]) -> None:
        estimate = self.units_per_item.value
        self._budget.reserve(estimate, should_stop)
        charged = estimate
        try:
            answer = self._transport.put_raw(
                self._table,
                item,
                unless_exists=self._key_names[0],
                should_stop=should_stop,
                on_refusal=self._on_refusal,
            )
            # A refused condition costs as much as a write, and the answer does not say how much.
            charged = answer.units or estimate
            self.units_per_item.add(answer.units, 1)
            if answer.is_kept:
                outcome.kept.append(item)
        except Invalid as error:
            if error.code not in _REFUSED_FOR_ITSELF:
                raise
            outcome.rejected.append(Refused(item, error.code, error.why))
        finally:
            self._budget.settle(estimate, charged)
