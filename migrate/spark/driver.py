"""The driver: cuts the work into tasks, holds the rates, adds up the books, and writes the result last."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from migrate.core.clock import Clock, SystemClock
from migrate.core.codec import canonical, encode
from migrate.core.errors import AwsError, Invalid, MigrateError
from migrate.data.rates import READ, WRITE
from migrate.spark.arguments import COPY, LOAD_EXPORT, VERIFY, JobSpec, parse
from migrate.spark.books import (
    FORMAT,
    RESULT,
    RUNS,
    UNITS,
    Result,
    RunBook,
    UnitBook,
    claim,
    furthest,
    spent,
    total_of,
)
from migrate.spark.cloud import SOURCE, TARGET, Store, store_at
from migrate.spark.desk import Desk
from migrate.spark.exports import read_manifest
from migrate.spark.moving import Moving
from migrate.spark.shift import prepare_process
from migrate.spark.transforming import transform_of

_REPORT_SECONDS = 5.0
_ALL_REFUSED = 1000


def main(arguments: Sequence[str]) -> None:
    """Carry out what the arguments say. Ends with `SystemExit(text)` when it cannot: the same arguments go on."""
    try:
        run_job(parse(arguments))
    except MigrateError as error:
        raise SystemExit(in_words(error)) from error


def in_words(error: MigrateError) -> str:
    """What, why, what next: one line, since engines keep only so much of it."""
    return "migrate: " + " | ".join(part for part in (error.summary, error.why, error.hint) if part)


def run_job(spec: JobSpec, clock: Clock | None = None) -> Result:
    """The job from beginning to end, in a Spark context that is there or made. Raises `core.errors`."""
    store = store_at(spec, spec.work)
    claim(store, spec)
    transform_of(spec)
    driver = Driver(spec, store, clock or SystemClock())
    try:
        if spec.mode == VERIFY:
            from migrate.spark.verifying import compare

            return driver.finish(compare(driver))
        return driver.finish(None)
    finally:
        driver.close()


class Driver:
    """One run. `stage` carries out tasks; the books are in the work folder."""

    def __init__(self, spec: JobSpec, store: Store, clock: Clock) -> None:
        from pyspark import SparkContext

        self.spec = spec
        self.store = store
        self.context: Any = SparkContext.getOrCreate()
        self._clock = clock
        self._started = clock.monotonic()
        self.run = f"{clock.now():%Y%m%dT%H%M%S%f}-{self.context.applicationId}"
        self.units = 0
        self.done_before = 0
        sides = {SOURCE: spec.read_units, TARGET: spec.read_units}
        if spec.mode != VERIFY:
            # An export costs no read units, and its lines are not paid for.
            sides = {READ: None if spec.mode == LOAD_EXPORT else spec.read_units, WRITE: spec.write_units}
        host = self.context.getConf().get("spark.driver.host")
        bind = self.context.getConf().get("spark.driver.bindAddress", host)
        self.desk = Desk(host, bind, sides, self.context.cancelAllJobs, clock)
        self._ended = threading.Event()
        self._reporting = threading.Thread(target=self._report, name="report", daemon=True)
        self._reporting.start()

    def close(self) -> None:
        """Say last what was spent, hear no task any more, and end the context."""
        self._ended.set()
        self._reporting.join()
        self.desk.close()
        self.context.stop()

    def stage(self, work: Callable[[Sequence[int], int], None], todo: Sequence[int]) -> None:
        """`work(units, attempt)` on executors, until every unit in `todo` was worked on. Raises `core.errors`."""
        if todo:
            self._carry_out(lambda: self._spread(todo).foreachPartition(TaskBody(work)))

    def gather(self, seen: Callable[[Iterator[Sequence[int]]], Iterator[Any]], make: Callable[..., Any]) -> list[Any]:
        """All units through `seen`, which makes (key, tuple) pairs; each partition of the keys through `make`."""
        spread = self._spread(range(self.units))
        slots = max(spread.getNumPartitions(), self.context.defaultParallelism)
        paired = spread.mapPartitions(seen).reduceByKey(operator.add, slots)
        gathered: list[Any] = self._carry_out(lambda: paired.mapPartitionsWithIndex(make).collect())
        return gathered

    def _spread(self, todo: Sequence[int]) -> Any:
        groups = _grouped(todo, self.context.defaultParallelism, self.spec.segments_at_once)
        return self.context.parallelize(groups, len(groups))

    def _carry_out(self, action: Callable[[], Any]) -> Any:
        from py4j.protocol import Py4JError

        try:
            made = action()
        except Py4JError as error:
            raise self.desk.failure or _of_spark(error) from error
        if self.desk.failure is not None:
            raise self.desk.failure
        return made

    def books(self) -> dict[int, UnitBook]:
        """The furthest book of every unit, as the work folder has it now."""
        return furthest(self.store, self.store.names(UNITS))

    def todo(self, units: int) -> list[int]:
        """Which of so many units are not done."""
        self.units = units
        books = self.books()
        todo = [number for number in range(units) if not (number in books and books[number].book.done)]
        self.done_before = units - len(todo)
        return todo

    def finish(self, comparison: dict[str, Any] | None) -> Result:
        """Move what is to be moved, write the result, and raise when it is not balanced."""
        if comparison is None:
            self._move()
        self._note_run()
        books = self.books()
        total, costs = total_of(books.values()), spent(self.store)
        done = sum(book.book.done for book in books.values())
        is_sound = all(book.book.is_balanced for book in books.values()) and done == self.units == len(books)
        absent = sum(book.absent for book in books.values())
        letters = tuple(name for book in books.values() for name in book.letters)
        result = Result(
            FORMAT, self.spec.mode, self.spec.token, self.run, is_sound, self.units, done,
            total.read, total.written, total.kept, total.rejected, total.filtered, total.extra,
            absent, total.bytes, round(costs.read_units, 1), round(costs.write_units, 1),
            round(self._clock.monotonic() - self._started, 1),
            total.digest if self.spec.mode == COPY else None, letters, comparison,
        )  # fmt: skip
        self.store.write(RESULT, canonical(encode(result)).encode())
        if not is_sound:
            raise MigrateError(
                f"{self.spec.mode}: the books do not balance",
                why=f"{done} of {self.units} units done; {total}",
                hint="run the same job again; if it stays so, report this fault",
            )
        if result.rejected > self.spec.max_rejected:
            raise self._too_many(result.rejected, result.read)
        return result

    def _move(self) -> None:
        spec = self.spec
        moving = Moving(spec, self.desk.address, self.run, spec.segments)
        if spec.mode == LOAD_EXPORT:
            files = read_manifest(store_at(spec, str(spec.export)))
            moving = replace(moving, units=len(files), files=files)
        elif spec.mode != COPY:
            names = tuple(store_at(spec, str(spec.keys_from)).names())
            moving = replace(moving, units=len(names), key_files=names)
        self.stage(moving, self.todo(moving.units))

    def _report(self) -> None:
        while not self._ended.wait(_REPORT_SECONDS):
            try:
                self._note_run()
                self._check_rejected()
            except AwsError as error:
                self.desk.fail(error)
        self._note_run()

    def _note_run(self) -> None:
        governors, moved = self.desk.governors.values(), self.desk.moved
        read = sum(one.used for side, one in self.desk.governors.items() if side != WRITE)
        book = RunBook(
            self.run, self.spec.token, moved["items"], read, sum(one.used for one in governors) - read,
            round(self._clock.monotonic() - self._started, 1), self.units, self.done_before + moved["done"],
            {reason: count for one in governors for reason, count in one.reasons.items()},
            "; ".join(one.reaction for one in governors if one.reaction),
        )  # fmt: skip
        self.store.write(f"{RUNS}{self.run}.json", canonical(encode(book)).encode())

    def _check_rejected(self) -> None:
        rejected, items = self.desk.moved["rejected"], self.desk.moved["items"]
        if rejected > self.spec.max_rejected or rejected == items >= _ALL_REFUSED:
            self.desk.fail(self._too_many(rejected, items))

    def _too_many(self, rejected: int, items: int) -> Invalid:
        return Invalid(
            f"{self.spec.target_table} refuses too many items: {rejected:,} of {items:,}",
            operation="BatchWriteItem",
            hint="check the target's key schema and local indexes, or the transform; dead-letters/ in the work folder "
            "has them",
        )


@dataclass(frozen=True)
class TaskBody:
    """What Spark calls in a task, with the groups of units of one partition; picklable."""

    work: Callable[[Sequence[int], int], None]

    def __call__(self, groups: Iterator[Sequence[int]]) -> None:
        """See `Driver.stage`."""
        from pyspark import TaskContext

        attempt = TaskContext.get()
        assert attempt is not None
        prepare_process()
        for units in groups:
            self.work(units, attempt.taskAttemptId())


def _grouped(todo: Sequence[int], slots: int, at_once: int) -> list[list[int]]:
    """Groups of units for one task each: several at once keep its writers busy, and neighbours are kept apart."""
    size = max(1, min(at_once, -(-len(todo) // max(1, slots))))
    count = -(-len(todo) // size)
    return [list(todo[number::count]) for number in range(count)]


def _of_spark(error: Exception) -> MigrateError:
    """What Spark says of a stage that failed, without its stack."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if "migrate.core.errors." in line]
    found = told or [line for line in lines if "Error" in line or "Lost task" in line or "cancelled" in line]
    return MigrateError(
        "a task of the job failed again and again",
        why=found[0].partition("migrate.core.errors.")[2] or found[0] if found else type(error).__name__,
        hint="run the same job again: it goes on where it stopped; the job's log has the details",
    )
