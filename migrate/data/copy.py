"""A table, copied item by item: parallel Scan here, BatchWriteItem there, resumable to the page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.core.clock import Clock, SystemClock
from migrate.core.codec import encode
from migrate.core.events import Progress
from migrate.data.books import CONTROL, Books, DeadLetter, Identity, note_delivered, read_dead_letters
from migrate.data.budget import Budget
from migrate.data.coordinator import Coordinator
from migrate.data.endpoints import EndpointSpec
from migrate.data.rates import READ, WRITE, ControlFile
from migrate.data.rawitems import BATCH_ITEMS, RawItem
from migrate.data.retry import PATIENCE_SECONDS
from migrate.data.rewriting import Rewriter
from migrate.data.transform import FAILED, TransformSpec
from migrate.data.transport import never
from migrate.data.worker import WorkerJob
from migrate.data.writing import OVERWRITE, BatchWriter


@dataclass(frozen=True)
class CopyJob:
    """What to copy, and how. `folder` (of this copy alone) gets checkpoints, dead letters and the control file.

    `source_id` and `target_id` are the tables' ids or ARNs, `config` a digest of whatever else decides what is written:
    checkpoints are only used with the same ones. Rates are capacity units a second; None is no limit.
    """

    source_table: str
    target_table: str
    key_names: tuple[str, ...]
    """Partition key, then sort key, if any."""

    folder: Path
    segments: int = 8
    processes: int = 1
    """Worker processes; 0 for threads of this process (small tables: no process is started)."""

    write_mode: str = OVERWRITE
    """What becomes of an item of the target with the same key: `overwrite`, or `keep` (a conditional put per item)."""

    read_units: float | None = None
    write_units: float | None = None
    source_id: str = ""
    target_id: str = ""
    config: str = ""
    segments_at_once: int = 4
    """Segments that one worker reads at the same time, and mixes."""

    writes_in_flight: int = 16
    """Of one worker."""

    consistent: bool = False
    patience: float = PATIENCE_SECONDS
    """Seconds without any progress after which the copy gives up (resumable)."""

    max_rejected: int = 10_000
    """With more refused items, or with the first 1,000 all refused, the copy ends: the target cannot be right."""

    save_seconds: float = 1.0
    """Between two savings of the checkpoints: what a crash may make the next run do again."""

    transform: TransformSpec | None = None
    """What becomes of every item on its way. An item that it fails on is refused, like those that the service refuses.
    """


@dataclass(frozen=True)
class CopyResult:
    """The books at the end, over all runs of this copy: read + extra = written + kept + filtered + rejected.

    `filtered` and `extra` are what a transform left out, and made beyond one of each. `kept` counts items whose key the
    target had, those that an interrupted run had put there included. `status` says what was throttled and done about
    it, and how often a worker died. `digest` is that of the source, as it was read and transformed
    (`books.digest_text`), None when a part was copied by a version that took none.
    """

    read: int
    written: int
    rejected: int
    kept: int
    bytes: int
    read_units: float
    write_units: float
    seconds: float
    filtered: int = 0
    extra: int = 0
    status: dict[str, Any] = field(default_factory=dict)
    digest: str | None = None


def copy_table(
    source: EndpointSpec,
    target: EndpointSpec,
    job: CopyJob,
    *,
    should_stop: Callable[[], bool] = never,
    on_progress: Callable[[Progress], None] = lambda _: None,
    clock: Clock | None = None,
) -> CopyResult:
    """Every item of the source table put into the target table; goes on where the books in `job.folder` stand.

    An item that the service refuses for itself goes to `dead-letters.jsonl`: the result counts it, and
    `retry_dead_letters` tries it again. A table that is copied already is not read again. Idempotent: a page that was
    not checkpointed is written again. The file `control.json` in the folder changes the rates of the running copy
    (`migrate.data.rates.ControlFile`). `on_progress` is called in this thread.

    Raises `Interrupted` about a second after `should_stop()` becomes true, `Refused` when the folder has another copy's
    checkpoints, `StateWriteFailed` when they cannot be saved, `Throttled` or `Transient` after `job.patience` seconds
    without progress, or what the service answers. After each of them the same call goes on.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
    """
    clock = clock or SystemClock()
    if job.transform:
        Rewriter(job.transform)  # says what is wrong with it before any worker stumbles over it
    books = Books.open(job.folder, identity_of(job))
    control = ControlFile(job.folder / CONTROL, {READ: job.read_units, WRITE: job.write_units})
    status: dict[str, Any] = {"resumed": bool(books.segments), "worker_deaths": 0}
    if not books.is_complete:
        coordinator = Coordinator(
            {READ: source, WRITE: target}, _worker_job(source, target, job), books, control, job, clock
        )
        coordinator.run(should_stop, on_progress)
        status |= encode(coordinator.status())
    return _result(books, status)


def retry_dead_letters(
    target: EndpointSpec,
    job: CopyJob,
    *,
    should_stop: Callable[[], bool] = never,
    clock: Clock | None = None,
) -> CopyResult:
    """Put the refused items of a finished copy again, each once; those that are refused again stay in the file.

    So do those that the transform failed on: it would fail again. The result is the whole copy's. Idempotent; after an
    interruption the file is as it was.
    """
    clock = clock or SystemClock()
    books = Books.open(job.folder, identity_of(job))
    credentials = target.credentials
    if credentials is None:
        raise ValueError("no credentials for the target")
    refused = [one for one in read_dead_letters(job.folder) if one.code != FAILED]
    letters = {(one.segment, one.page, one.item): one for one in refused}
    transport = target.opened(1, job.patience, credentials)
    try:
        writer = BatchWriter(
            transport,
            job.target_table,
            job.key_names,
            Budget(lambda _units: None),
            clock=clock,
            mode=job.write_mode,
            patience=job.patience,
        )
        left = _put_again(writer, list(letters.values()), should_stop)
    finally:
        transport.close()
    if letters:
        note_delivered(job.folder, [one for one in letters.values() if id(one) not in set(map(id, left))])
    return _result(books, {"retried": len(letters), "refused_again": len(left)})


def identity_of(job: CopyJob) -> Identity:
    """What the checkpoints of this job carry."""
    facts = (job.write_mode, *job.key_names, job.config, *([job.transform.digest] if job.transform else []))
    return Identity(
        job.segments,
        job.source_id or job.source_table,
        job.target_id or job.target_table,
        hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16],
    )


def _put_again(writer: BatchWriter, letters: Sequence[DeadLetter], should_stop: Callable[[], bool]) -> list[DeadLetter]:
    left: list[DeadLetter] = []
    for start in range(0, len(letters), BATCH_ITEMS):
        batch = letters[start : start + BATCH_ITEMS]
        items: list[RawItem] = [one.item for one in batch]
        refused = {id(one.item): one for one in writer.write(items, should_stop).rejected}
        for letter, item in zip(batch, items, strict=True):
            if id(item) in refused:
                left.append(letter)
    return left


def _worker_job(source: EndpointSpec, target: EndpointSpec, job: CopyJob) -> WorkerJob:
    return WorkerJob(
        source.portable(),
        target.portable(),
        job.source_table,
        job.target_table,
        job.key_names,
        job.segments,
        job.segments_at_once,
        job.writes_in_flight,
        job.write_mode,
        job.consistent,
        job.patience,
        job.transform,
    )


def _result(books: Books, status: dict[str, Any]) -> CopyResult:
    totals = books.totals()
    # A letter that was delivered later is gone from the file, and counts as written.
    rejected = len(read_dead_letters(books.folder))
    return CopyResult(
        totals.read,
        totals.written + totals.rejected - rejected,
        rejected,
        totals.kept,
        totals.bytes,
        books.usage.read_units,
        books.usage.write_units,
        books.usage.seconds,
        totals.filtered,
        totals.extra,
        status,
        books.digest(),
    )
