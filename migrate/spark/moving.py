"""Tasks that move items: `copy`, `load-export` and `repair` differ only in where their pages come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from migrate.core.item import MalformedItem
from migrate.data.books import DeadLetter, SegmentBook, add_digest
from migrate.data.endpoints import EndpointSpec
from migrate.data.messages import Deal, PageDone
from migrate.data.rates import READ, WRITE
from migrate.data.rawitems import key_in_words
from migrate.data.transform import FAILED
from migrate.data.worker import WorkerJob
from migrate.spark.arguments import COPY, LOAD_EXPORT, REPAIR, JobSpec
from migrate.spark.books import Attempt, UnitBook
from migrate.spark.cloud import SOURCE, TARGET, endpoint_of, store_at
from migrate.spark.desk import DeskAddress, Moved
from migrate.spark.exports import DataFile, open_export
from migrate.spark.keyfiles import KeyFiles, open_keys
from migrate.spark.shift import Shift, prepare_process
from migrate.spark.transforming import transform_of


@dataclass(frozen=True)
class Moving:
    """One stage of the job, as it reaches the tasks; picklable. Called with some of its units."""

    spec: JobSpec
    desk: DeskAddress
    run: str
    units: int
    files: tuple[DataFile, ...] = ()
    """Of an export, one for each unit."""

    key_files: tuple[str, ...] = ()
    """Of a repair, one for each unit."""

    def __call__(self, units: Sequence[int], attempt_id: int) -> None:
        """Bring these units to their ends, from wherever earlier attempts left them. Raises `core.errors`."""
        prepare_process()
        attempt = Attempt(store_at(self.spec, self.spec.work), f"{self.run}-{attempt_id}")
        left = [book.book for book in attempt.open(units) if not book.book.done]
        if not left:
            return
        mover = _Mover(self.spec, attempt)
        plan = self._plan(left, mover)
        dealt = [Deal(one.segment, one.last_key.encode() if one.last_key else None) for one in left]
        shift = Shift(plan, self._with_credentials(plan), mover.take, attempt.save, self.spec.save_seconds)
        shift.run(self.desk, dealt, len(left))

    def _plan(self, left: Sequence[SegmentBook], mover: _Mover) -> WorkerJob:
        spec = self.spec
        return WorkerJob(
            source=self._source(mover),
            target=endpoint_of(spec, TARGET),
            source_table=spec.source_table or "the export",
            target_table=spec.target_table,
            key_names=spec.key_names,
            total_segments=self.units,
            segments_at_once=min(spec.segments_at_once, len(left)),
            writes_in_flight=spec.writes_in_flight,
            write_mode=spec.write_mode,
            consistent=spec.consistent,
            patience=spec.patience,
            transform=transform_of(spec),
        )

    def _source(self, mover: _Mover) -> EndpointSpec:
        spec = self.spec
        if spec.mode == LOAD_EXPORT:
            store = store_at(spec, str(spec.export))
            return EndpointSpec("", "", None, "export", partial(open_export, store, self.files))
        source = endpoint_of(spec, SOURCE)
        if spec.mode == REPAIR:
            store = store_at(spec, str(spec.keys_from))
            names = source_keys(spec)
            files = KeyFiles(store, self.key_files, names, spec.consistent, mover.note_absent)
            return replace(source, open_transport=partial(open_keys, files))
        assert spec.mode == COPY
        return source

    def _with_credentials(self, plan: WorkerJob) -> dict[str, EndpointSpec]:
        sides = {READ: plan.source, WRITE: plan.target}
        return {side: one for side, one in sides.items() if one.credentials is not None}


def source_keys(spec: JobSpec) -> tuple[str, ...]:
    """Names of the source's key attributes."""
    transform = transform_of(spec)
    return transform.source_keys if transform else spec.key_names


class _Mover:
    """Books every page of one attempt."""

    def __init__(self, spec: JobSpec, attempt: Attempt) -> None:
        self._spec = spec
        self._attempt = attempt
        self._absent: dict[tuple[int, bytes | None], int] = {}

    def note_absent(self, unit: int, last_key: bytes | None, keys: int) -> None:
        """A page (named by its end) had so many keys less than were asked for. From the worker's threads."""
        self._absent[unit, last_key] = keys

    def take(self, message: object) -> Moved:
        """The `take` of the shift."""
        if not isinstance(message, PageDone):
            return Moved(0, 0, 0)
        before = self._attempt.book(message.segment)
        old = before.book
        letters = list(self._letters(message, old.pages))
        book = SegmentBook(
            segment=message.segment,
            pages=old.pages + 1,
            last_key=message.last_key.decode() if message.last_key else None,
            done=message.last_key is None,
            read=old.read + message.read,
            written=old.written + message.written,
            kept=old.kept + message.kept,
            rejected=old.rejected + len(letters),
            filtered=old.filtered + message.filtered,
            extra=old.extra + message.extra,
            bytes=old.bytes + message.size,
            digest=add_digest(old, message.digest),
        )
        absent = self._absent.pop((message.segment, message.last_key), 0)
        self._attempt.note(UnitBook(book, before.absent + absent, before.letters), letters)
        return Moved(message.read, len(letters), int(book.done))

    def _letters(self, page: PageDone, number: int) -> Iterator[DeadLetter]:
        for one in page.rejected:
            try:
                # An item that the transform failed on is still the source's.
                names = source_keys(self._spec) if one.code == FAILED else self._spec.key_names
                key = dict(key_in_words(one.item, names))
            except (KeyError, MalformedItem):
                key = None
            yield DeadLetter(page.segment, number, key, one.code, one.reason, bytes(one.item))
