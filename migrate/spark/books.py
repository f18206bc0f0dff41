"""The books of a job in its work folder: one object per unit and attempt, cumulative, so that none can spoil another's.

A unit is a segment, a data file or a file of keys. Spark may run the task of a unit again, or twice at the same time,
and so may two runs of the job; each attempt goes on from the furthest book that it finds, and writes one of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from migrate.core.codec import Undecodable, decode, encode
from migrate.core.errors import Invalid, Refused
from migrate.data.books import DeadLetter, SegmentBook, digest_text, digest_value, letter_line
from migrate.spark.arguments import JobSpec
from migrate.spark.cloud import Store

FORMAT = 1
JOB, RESULT, UNITS, RUNS = "job.json", "result.json", "units/", "runs/"
LETTERS, SUMS, DIFFERENCES = "dead-letters/", "sums/", "differences/"
_AT_ONCE = 32
"""Requests for books: S3 answers each after a while, and no item moves meanwhile."""


@dataclass(frozen=True)
class UnitBook:
    """How far an attempt has come with a unit."""

    book: SegmentBook
    absent: int = 0
    """Keys of a repair that the source does not have."""

    letters: tuple[str, ...] = ()
    """Objects with the items that `book.rejected` counts, those of earlier attempts included."""

    sums: str | None = None
    """The object with what a `verify` has added up."""

    @property
    def rank(self) -> tuple[bool, int, int]:
        """The furthest is the highest: each attempt's book is right in itself."""
        return self.book.done, self.book.read + self.absent, self.book.pages


@dataclass(frozen=True)
class RunBook:
    """What one run of the job has spent so far; written by its driver."""

    run: str
    token: str = ""
    items: int = 0
    """Of this run, those of failed attempts included: for progress, not for the books."""

    read_units: float = 0.0
    write_units: float = 0.0
    seconds: float = 0.0
    units: int = 0
    units_done: int = 0
    throttles: dict[str, int] = field(default_factory=dict)
    reaction: str = ""
    """What is being done about throttles now; '' when nothing."""


@dataclass(frozen=True)
class Result:
    """What the job says at its end: see `migrate.spark`."""

    format_version: int
    mode: str
    token: str
    run: str
    balanced: bool
    units: int
    units_done: int
    read: int
    written: int
    kept: int
    rejected: int
    filtered: int
    extra: int
    absent: int
    bytes: int
    read_units: float
    write_units: float
    seconds: float
    digest: str | None = None
    dead_letters: tuple[str, ...] = ()
    comparison: dict[str, Any] | None = None


class Attempt:
    """The books that one attempt of a task writes: `note` what is acknowledged, `save` to make it last."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._books: dict[int, UnitBook] = {}
        self._dirty: set[int] = set()
        self._letters: dict[str, bytes] = {}

    def open(self, units: Sequence[int]) -> list[UnitBook]:
        """Where each of these units stands, whoever brought it there."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            names = [name for found in pool.map(self._store.names, map(_folder, units)) for name in found]
        found = furthest(self._store, names)
        self._books = {unit: found.get(unit) or UnitBook(SegmentBook(unit)) for unit in units}
        return list(self._books.values())

    def book(self, unit: int) -> UnitBook:
        """Where this attempt stands with it, saved or not."""
        return self._books[unit]

    def note(self, book: UnitBook, letters: Iterable[DeadLetter] = ()) -> None:
        """A unit is further on. Raises `AssertionError` when its book does not balance."""
        unit = book.book.segment
        if not book.book.is_balanced:
            raise AssertionError(f"unit {unit}: {book.book} accounts for other items than were read")
        text = b"".join(map(letter_line, letters))
        if text:
            name = f"{LETTERS}{unit:06d}/{self._name}-{book.book.pages:06d}.jsonl"
            self._letters[name] = text
            book = replace(book, letters=(*book.letters, name))
        self._books[unit] = book
        self._dirty.add(unit)

    def save(self) -> None:
        """Letters first, then the books that count them."""
        self._write(self._letters)
        self._letters.clear()
        self._write({f"{_folder(unit)}{self._name}.json": _written(self._books[unit]) for unit in self._dirty})
        self._dirty.clear()

    def _write(self, objects: Mapping[str, bytes]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(self._store.write, objects, objects.values()):
                pass  # raises what a write has raised, after all of them have ended


def _folder(unit: int) -> str:
    return f"{UNITS}{unit:06d}/"


def furthest(store: Store, names: Iterable[str]) -> dict[int, UnitBook]:
    """The furthest book of each unit, of the objects with these names."""
    found: dict[int, UnitBook] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for content in pool.map(store.read, names):
            book = _read(content) if content is not None else None
            if book is not None:
                before = found.get(book.book.segment)
                if before is None or book.rank > before.rank:
                    found[book.book.segment] = book
    return found


def claim(store: Store, spec: JobSpec) -> None:
    """This work folder is for this work. Raises `Refused` when it has other work's books."""
    known = store.read(JOB)
    if known is None:
        if store.names(UNITS):
            raise Refused(f"s3://{store.bucket}/{store.prefix} has books, but no {JOB}: they cannot be used")
        about = {"format": FORMAT, "identity": spec.identity, "mode": spec.mode, "job": encode(spec)}
        store.write(JOB, json.dumps(about, indent=1).encode())
    elif json.loads(known).get("identity") != spec.identity:
        raise Refused(
            f"s3://{store.bucket}/{store.prefix} belongs to other work",
            why=f"it was begun with {json.loads(known).get('job')}",
            hint="use the same arguments, or another work folder",
        )


def spent(store: Store) -> RunBook:
    """All runs added up."""
    total = RunBook("")
    for name in store.names(RUNS):
        one = decode(RunBook, json.loads(store.read(name) or b"{}"))
        total = replace(
            total,
            read_units=total.read_units + one.read_units,
            write_units=total.write_units + one.write_units,
            seconds=total.seconds + one.seconds,
        )
    return total


def total_of(books: Iterable[UnitBook]) -> SegmentBook:
    """All units added up; `digest` is None unless every one of them has it."""
    total, digest = SegmentBook(-1), 0
    is_digested = True
    for one in (unit.book for unit in books):
        total = replace(
            total,
            pages=total.pages + one.pages,
            read=total.read + one.read,
            written=total.written + one.written,
            kept=total.kept + one.kept,
            rejected=total.rejected + one.rejected,
            filtered=total.filtered + one.filtered,
            extra=total.extra + one.extra,
            bytes=total.bytes + one.bytes,
        )
        value = digest_value(one.digest)
        is_digested = is_digested and value is not None
        digest += value or 0
    return replace(total, digest=digest_text(digest) if is_digested else None)


def _written(book: UnitBook) -> bytes:
    return json.dumps({"format": FORMAT, **encode(book)}, separators=(",", ":")).encode()


def _read(content: bytes) -> UnitBook:
    try:
        return decode(UnitBook, json.loads(content))
    except (ValueError, Undecodable) as error:
        raise Invalid("a book in the work folder cannot be read", why=str(error)) from error
