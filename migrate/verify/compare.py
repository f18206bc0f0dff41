"""Source and target compared: one scan of each proves equality; only what is unequal is read again to name keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from migrate.core.clock import Clock, SystemClock
from migrate.core.events import Progress
from migrate.data.books import CONTROL, digest_value
from migrate.data.endpoints import EndpointSpec
from migrate.data.messages import PageRead
from migrate.data.pagedigest import RAW
from migrate.data.rates import READ, ControlFile
from migrate.data.reading import PageLook, Reading, TableToRead, Task
from migrate.data.retry import PATIENCE_SECONDS
from migrate.data.rewriting import Rewriter
from migrate.data.transform import TransformSpec
from migrate.data.transport import never
from migrate.verify.digests import TableDigest, unequal_buckets
from migrate.verify.looks import BucketLook, NameLook, SumLook
from migrate.verify.probe import choose_form, sample
from migrate.verify.reconcile import SOURCE, TARGET, Reconciler, Tally, group_buckets
from migrate.verify.report import DIFFERS, ERROR, EXTRA, MISSING, VerifyReport
from migrate.verify.sums import Sums

Mode = Literal["digest", "counts"]

BUCKETS = 1 << 16
"""Many, so that one difference makes few items be matched again: 1,500 in a table of 100 million. 6 MB a side."""

MAX_NAMED = 100
MAX_KEPT = 500_000
"""Items of both sides that the last pass may have to keep at once (up to about 350 bytes each)."""

_SIDES = ("source", "target")
_SAVE_SECONDS = 2.0


@dataclass(frozen=True)
class ScanSide:
    """One table to compare. `key_names`: partition key, then sort key. `expected_items` only serves the progress.

    `read_units` are capacity units a second; None is no limit of ours. With a `transform`, what it makes of the items
    is compared, and `key_names` are those that the items have then.
    """

    endpoint: EndpointSpec
    table: str
    key_names: tuple[str, ...]
    expected_items: int | None = None
    read_units: float | None = None
    transform: TransformSpec | None = None


@dataclass(frozen=True)
class Taken:
    """What a copy has read from the source: number of items and `data.books.digest_text` of them all."""

    items: int
    digest: str


@dataclass(frozen=True)
class VerifyOptions:
    """How to compare. Eventually consistent reads unless `consistent`, which doubles the cost.

    With a `folder`, what was read is kept there for the next run of the same `attempt`, and `control.json` in it
    changes the rate (`migrate.data.rates.ControlFile`). With `taken`, the source is not read if the target equals it.
    """

    mode: Mode = "digest"
    segments: int = 8
    processes: int = 0
    """Worker processes; 0 for threads of this process (small tables: no process is started)."""

    consistent: bool = False
    folder: Path | None = None
    attempt: str = ""
    taken: Taken | None = None
    buckets: int = BUCKETS
    max_named: int = MAX_NAMED
    max_kept: int = MAX_KEPT
    patience: float = PATIENCE_SECONDS


def verify_tables(
    source: ScanSide,
    target: ScanSide,
    options: VerifyOptions = VerifyOptions(),
    *,
    clock: Clock | None = None,
    should_stop: Callable[[], bool] = never,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> VerifyReport:
    """Read both tables at the same time, in the same segments, and say what differs.

    Read-only. Equal tables cost the read units of one scan each. Where they differ, the segments that differ are read
    again (twice, when they hold more than `max_kept` items; more often with that many items in unequal buckets). A key
    that differs in the first pass and not in the last (somebody wrote meanwhile) counts as the same.

    Raises the first `AwsError` of either side, `StateWriteFailed`, or `Interrupted`; then no read goes on behind it.
    After each of them the same call goes on, when it has a folder.
    """
    if source.key_names != target.key_names:
        raise ValueError(f"key names differ: {source.key_names} and {target.key_names}")
    comparison = _Comparison((source, target), options, clock or SystemClock(), should_stop, on_progress)
    return comparison.run()


class _Comparison:
    """One call of `verify_tables`."""

    def __init__(
        self,
        sides: tuple[ScanSide, ScanSide],
        options: VerifyOptions,
        clock: Clock,
        should_stop: Callable[[], bool],
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._sides = sides
        self._options = options
        self._clock = clock
        self._should_stop = should_stop
        self._on_progress = on_progress
        self._key_names = sides[SOURCE].key_names
        transform = sides[SOURCE].transform
        self._may_join = transform is not None and transform.may_join
        self._units = 0.0
        self._saved_at = clock.monotonic()
        identity = {
            "tables": [[side.endpoint.url, side.table] for side in sides],
            "mode": options.mode,
            "segments": options.segments,
            "attempt": options.attempt,
            "transforms": [side.transform.digest if side.transform else None for side in sides],
        }
        self._sums = Sums(options.folder, identity)
        self._reading = self._open()

    def run(self) -> VerifyReport:
        started = self._clock.monotonic()
        self._sums.save()
        try:
            with self._reading:
                report = self._counts() if self._options.mode == "counts" else self._digests()
        finally:
            self._sums.save()
        self._sums.forget()
        return report(self._clock.monotonic() - started)

    def _open(self) -> Reading:
        options, names = self._options, [side.table for side in self._sides]
        control = ControlFile(options.folder / CONTROL, {READ: None}) if options.folder else None
        return Reading(
            f"comparison of {names[SOURCE]} and {names[TARGET]}",
            {
                name: TableToRead(side.endpoint, side.table, side.read_units, side.transform)
                for name, side in zip(_SIDES, self._sides, strict=True)
            },
            segments=options.segments,
            processes=options.processes,
            consistent=options.consistent,
            patience=options.patience,
            control=control,
            clock=self._clock,
        )

    def _counts(self) -> Callable[[float], VerifyReport]:
        self._sum_up((SOURCE, TARGET), None, "counting items")
        (here, _), (there, _) = (self._sums.total(side) for side in _SIDES)
        return self._report("counts", same=min(here, there), missing=max(0, here - there), extra=max(0, there - here))

    def _digests(self) -> Callable[[float], VerifyReport]:
        if self._sums.form is None:
            self._sums.form = self._probe()
        look, taken = SumLook(self._sums.form), self._options.taken
        if taken is not None and self._sums.form == RAW:
            self._sum_up((TARGET,), look, "comparing with what was copied")
            if self._sums.total(_SIDES[TARGET]) == (taken.items, digest_value(taken.digest)):
                return self._report(
                    "digest",
                    same=taken.items,
                    source_items=taken.items,
                    source_digest=taken.digest,
                    compared_with="copy",
                )
        self._sum_up((SOURCE, TARGET), look, "comparing")
        here, there = (self._sums.total(side) for side in _SIDES)
        if here == there:
            return self._report("digest", same=here[0])
        return self._name(self._unequal_segments())

    def _probe(self) -> str:
        here, there = (
            sample(
                side.endpoint,
                side.table,
                self._options.segments,
                consistent=self._options.consistent,
                rate=side.read_units,
                should_stop=self._should_stop,
            )
            for side in self._sides
        )
        self._units += here.units + there.units
        source = self._sides[SOURCE].transform
        items = Rewriter(source).expected(here.items) if source else here.items
        return choose_form(items, there.items, self._key_names)

    def _sum_up(self, sides: Iterable[int], look: PageLook | None, message: str) -> None:
        """The first pass, from where it stands."""
        sums, meter = self._sums, self._meter(message, sum(self._sums.total(side)[0] for side in _SIDES))

        def take(page: PageRead) -> None:
            sums.note(page.side, page.segment, page.last_key, page.items, page.found or 0, page.units)
            meter(page)

        books = [sums.segment(_SIDES[at], number) for number in range(self._options.segments) for at in sides]
        tasks = [
            Task(one.side, one.segment, one.last_key.encode() if one.last_key else None)
            for one in books
            if not one.done
        ]
        self._reading.read(tasks, look, take, should_stop=self._should_stop, on_tick=self._save_sometimes)

    def _save_sometimes(self) -> None:
        if self._clock.monotonic() - self._saved_at >= _SAVE_SECONDS:
            self._saved_at = self._clock.monotonic()
            self._sums.save()

    def _unequal_segments(self) -> list[int]:
        """Segments with equal sums have the same items on both sides, so what differs is in the others.

        Where the two tables are not cut alike, these are all of them.
        """
        found = []
        for number in range(self._options.segments):
            here, there = (self._sums.segment(side, number) for side in _SIDES)
            if (here.items, here.sum) != (there.items, there.sum):
                found.append(number)
        return found

    def _name(self, segments: Sequence[int]) -> Callable[[float], VerifyReport]:
        tally = Tally(self._options.max_named)
        groups = self._groups(segments)
        for done, wanted in enumerate(groups):
            reconciler = Reconciler(tally, may_join=self._may_join)
            self._again(
                segments,
                NameLook(self._key_names, self._options.buckets, wanted),
                lambda side, found, to=reconciler: to.add(side, found),  # type: ignore[misc]
                f"naming the differences ({done + 1} of {len(groups)})",
            )
            reconciler.finish()
        counts = tally.counts
        unequal = counts[DIFFERS] + counts[MISSING] + counts[ERROR] - tally.errors_in_target_only
        return self._report(
            "digest",
            same=max(0, self._sums.total(_SIDES[SOURCE])[0] - unequal),
            differs=counts[DIFFERS],
            missing=counts[MISSING],
            extra=counts[EXTRA],
            errors=counts[ERROR],
            named=tally.named(),
        )

    def _groups(self, segments: Sequence[int]) -> list[frozenset[int] | None]:
        """Which buckets each of the last passes matches; None is all of them."""
        at_most = sum(self._sums.total(side, set(segments))[0] for side in _SIDES)
        if at_most <= self._options.max_kept:
            return [None]
        digests = TableDigest(self._options.buckets), TableDigest(self._options.buckets)
        look = BucketLook(self._key_names, self._options.buckets)
        self._again(segments, look, lambda side, found: digests[side].add(found), "looking for the differences")
        weights = [a + b for a, b in zip(digests[SOURCE].counts, digests[TARGET].counts, strict=True)]
        return [frozenset(one) for one in group_buckets(unequal_buckets(*digests), weights, self._options.max_kept)]

    def _again(self, segments: Sequence[int], look: PageLook, take: Callable[[int, Any], None], message: str) -> None:
        """Read these segments of both sides from their beginning."""
        meter = self._meter(message)

        def on_page(page: PageRead) -> None:
            self._units += page.units
            take(_SIDES.index(page.side), page.found)
            meter(page)

        tasks = [Task(side, number) for number in segments for side in _SIDES]
        self._reading.read(tasks, look, on_page, should_stop=self._should_stop)

    def _meter(self, message: str, items: int = 0) -> Callable[[PageRead], None]:
        known = [side.expected_items for side in self._sides if side.expected_items is not None]
        expected = sum(known) if len(known) == len(self._sides) else None
        size = 0

        def count(page: PageRead) -> None:
            nonlocal items, size
            items += page.items
            size += page.size
            self._on_progress(Progress(items=items, total_items=expected, bytes=size, message=message))

        return count

    def _report(self, mode: Mode, same: int, **found: Any) -> Callable[[float], VerifyReport]:
        """The report, once it is known how many seconds it took."""
        (here, ours), (there, theirs) = (self._sums.total(side) for side in _SIDES)
        facts: dict[str, Any] = {"source_items": here, "target_items": there}
        facts["read_units"] = self._units + self._sums.units
        if mode == "digest":
            facts |= {"source_digest": self._sums.text(ours), "target_digest": self._sums.text(theirs)}
        facts |= found
        source, target = (side.table for side in self._sides)
        return lambda seconds: VerifyReport(source, target, mode, same=same, seconds=seconds, **facts)
