"""`verify`: both tables summed up per bucket; what is in unequal buckets is matched by key in a second pass.

The second pass goes through Spark's shuffle, which spills to disk: it needs no memory for however many differences.
"""

from __future__ import annotations

import json
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from migrate.core.errors import MigrateError
from migrate.data.books import SegmentBook
from migrate.data.messages import Look, PageRead, Read
from migrate.data.reader import ReaderPlan
from migrate.spark.arguments import JobSpec
from migrate.spark.books import DIFFERENCES, SUMS, Attempt, UnitBook
from migrate.spark.cloud import SOURCE, TARGET, Store, endpoint_of, store_at
from migrate.spark.desk import DeskAddress, Moved
from migrate.spark.shift import Shift, prepare_process
from migrate.spark.sums import BucketSums, NameLook, SumLook, unequal, unpacked
from migrate.spark.transforming import transform_of

if TYPE_CHECKING:
    from migrate.spark.driver import Driver

SIDES = (SOURCE, TARGET)
SAME, DIFFERS, MISSING, EXTRA, ERROR = "=", "*", "+", "-", "!"
"""Missing in the target; extra there. As in `migrate verify`."""

MOST_NAMED = 100
_LINES = 10_000
"""In one file of differences, which is a unit of a repair."""

_AT_A_TIME = 64
_PAGES_AHEAD = 16
Seen = tuple[bytes, tuple[tuple[str, "int | None", str], ...]]
"""Digest of a key, and where it was seen: side, digest of the item, the key as JSON."""


def compare(driver: Driver) -> dict[str, Any]:
    """The `comparison` of the result. Raises `core.errors`."""
    spec = driver.spec
    todo = driver.todo(2 * spec.segments)
    driver.stage(Summing(spec, driver.desk.address, driver.run), todo)
    sums = {side: _sums_of(driver, number) for number, side in enumerate(SIDES)}
    wanted = unequal(sums[SOURCE], sums[TARGET])
    counts: Counter[str] = Counter()
    named: list[dict[str, Any]] = []
    folder = f"{DIFFERENCES}{driver.run}/"
    if wanted:
        for found, names in driver.gather(_Naming(spec, driver.desk.address, wanted), Matching(spec, folder)):
            counts += found
            named += names
    equal = sum(entry[0] for bucket, entry in sums[SOURCE].entries.items() if bucket not in wanted)
    return {
        "source_items": sums[SOURCE].items,
        "target_items": sums[TARGET].items,
        "same": equal + counts[SAME],
        "differs": counts[DIFFERS],
        "missing": counts[MISSING],
        "extra": counts[EXTRA],
        "errors": counts[ERROR],
        "named": sorted(named, key=lambda one: (one["mark"], str(one["key"])))[:MOST_NAMED],
        "differences": folder if wanted else None,
        "buckets": {side: found.in_words() for side, found in sums.items()},
    }


@dataclass(frozen=True)
class Summing:
    """The first pass, as it reaches the tasks. Unit n is segment n of the source, or n - segments of the target."""

    spec: JobSpec
    desk: DeskAddress
    run: str

    def __call__(self, units: Sequence[int], attempt_id: int) -> None:
        """Sum these units up, each from its beginning, unless an earlier attempt has."""
        prepare_process()
        store = store_at(self.spec, self.spec.work)
        attempt = Attempt(store, f"{self.run}-{attempt_id}")
        left = [book.book.segment for book in attempt.open(units) if not book.book.done]
        adder = _Adder(self.spec, store, attempt, f"{self.run}-{attempt_id}", left)
        look = SumLook(self.spec.key_names, self.spec.buckets)
        if left:
            _read(self.spec, self.desk, left, look, adder.take, attempt.save)


class _Adder:
    """Adds up the pages of one attempt; a unit is booked when it is done."""

    def __init__(self, spec: JobSpec, store: Store, attempt: Attempt, name: str, units: Sequence[int]) -> None:
        self._spec = spec
        self._store = store
        self._attempt = attempt
        self._name = name
        self._sums = {unit: BucketSums() for unit in units}
        self._books = {unit: SegmentBook(unit) for unit in units}

    def take(self, message: object) -> Moved:
        """The `take` of the shift."""
        if not isinstance(message, PageRead):
            return Moved(0, 0, 0)
        unit = message.segment + SIDES.index(message.side) * self._spec.segments
        self._sums[unit].add(message.found)
        old = self._books[unit]
        is_done = message.last_key is None
        # Nothing is written: all that was read stays as it is.
        read = old.read + message.items
        self._books[unit] = replace(
            old, pages=old.pages + 1, done=is_done, read=read, kept=read, bytes=old.bytes + message.size
        )
        if is_done:
            name = f"{SUMS}{unit:06d}/{self._name}"
            self._store.write(name, self._sums.pop(unit).packed())
            self._attempt.note(UnitBook(self._books[unit], sums=name))
        return Moved(message.items, 0, int(is_done))


@dataclass(frozen=True)
class _Naming:
    """The second pass: everything in the unequal buckets, by key."""

    spec: JobSpec
    desk: DeskAddress
    wanted: frozenset[int]

    def __call__(self, groups: Iterator[Sequence[int]]) -> Iterator[Seen]:
        prepare_process()
        look = NameLook(self.spec.key_names, self.spec.buckets, self.wanted)
        for units in groups:
            for page in _streamed(lambda take, units=units: _read(self.spec, self.desk, units, look, take)):  # type: ignore[misc]
                for one in page.found:
                    yield one.key, ((page.side, one.digest, one.text),)


@dataclass(frozen=True)
class Matching:
    """What is made of one partition of all keys: files of differences, and their counts and first names."""

    spec: JobSpec
    folder: str

    def __call__(self, partition: int, seen: Iterable[Seen]) -> Iterator[tuple[Counter[str], list[dict[str, Any]]]]:
        """One pair for the partition."""
        counts: Counter[str] = Counter()
        named: list[dict[str, Any]] = []
        lines = self._lines(seen, counts, named)
        store = store_at(self.spec, self.spec.work)
        number = 0
        while part := list(islice(lines, _LINES)):
            store.write(f"{self.folder}{partition:06d}-{number:06d}.jsonl", b"".join(part))
            number += 1
        yield counts, named

    @staticmethod
    def _lines(seen: Iterable[Seen], counts: Counter[str], named: list[dict[str, Any]]) -> Iterator[bytes]:
        for _, places in seen:
            mark = _mark(places)
            counts[mark] += 1
            if mark != SAME:
                text = places[0][2]
                if len(named) < MOST_NAMED:
                    named.append({"mark": mark, "key": json.loads(text)})
                yield f'{{"mark":"{mark}","key":{text}}}\n'.encode()


def _mark(places: tuple[tuple[str, int | None, str], ...]) -> str:
    digests = {side: digest for side, digest, _ in places}
    # Twice on one side: a transform has given the key to several items, of which the target keeps one.
    if None in digests.values() or len(digests) < len(places):
        return ERROR
    if len(digests) == 2:
        return SAME if digests[SOURCE] == digests[TARGET] else DIFFERS
    return MISSING if SOURCE in digests else EXTRA


def _read(
    spec: JobSpec,
    desk: DeskAddress,
    units: Sequence[int],
    look: Any,
    take: Callable[[object], Moved],
    save: Callable[[], None] = lambda: None,
) -> None:
    """Every page of these units to `look`, and what it found to `take`."""
    tables = {SOURCE: (endpoint_of(spec, SOURCE), str(spec.source_table))}
    tables[TARGET] = endpoint_of(spec, TARGET), spec.target_table
    transform = transform_of(spec)
    plan = ReaderPlan(
        tables=tables,
        total_segments=spec.segments,
        at_once=min(len(units), spec.segments_at_once),
        consistent=spec.consistent,
        patience=spec.patience,
        transforms={SOURCE: transform} if transform else {},
    )
    dealt: list[object] = [Look(look)]
    dealt += [Read(SIDES[unit // spec.segments], unit % spec.segments, None) for unit in units]
    sides = {side: one for side, (one, _) in tables.items()}
    Shift(plan, sides, take, save, spec.save_seconds).run(desk, dealt, len(units))


def _streamed(read: Callable[[Callable[[object], Moved]], None]) -> Iterator[PageRead]:
    """The pages that `read` gives to its `take`, one after the other, while it goes on in a thread of its own."""
    pages: queue.Queue[PageRead | None] = queue.Queue(_PAGES_AHEAD)
    failure: list[MigrateError] = []

    def take(message: object) -> Moved:
        if not isinstance(message, PageRead):
            return Moved(0, 0, 0)
        pages.put(message)
        return Moved(0, 0, int(message.last_key is None))

    def work() -> None:
        failure.append(MigrateError("a thread of a task died", hint="report this fault"))
        try:
            read(take)
            failure.clear()
        except MigrateError as error:
            failure[:] = [error]
        finally:
            pages.put(None)

    threading.Thread(target=work, name="pages", daemon=True).start()
    yield from iter(pages.get, None)
    if failure:
        raise failure[0]


def _sums_of(driver: Driver, side: int) -> BucketSums:
    """All units of a side added up, a few at a time."""
    total = BucketSums()
    books = driver.books()
    names = [books[side * driver.spec.segments + number].sums for number in range(driver.spec.segments)]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for start in range(0, len(names), _AT_A_TIME):
            for content in pool.map(driver.store.read, map(str, names[start : start + _AT_A_TIME])):
                if content is None:
                    raise MigrateError(
                        "sums of a unit are gone from the work folder", hint="verify in a new work folder"
                    )
                total.add(unpacked(content))
    return total
