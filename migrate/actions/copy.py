"""Copy the items of a table: see `data/copy.py` for how, and for what a crash leaves.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from migrate.actions.base import (
    Conflicting,
    Context,
    Done,
    Failed,
    Observation,
    ReadOnlyHandler,
    Step,
    StepResult,
)
from migrate.actions.copy_check import (
    another_source,
    another_target,
    another_transform,
    begin_again,
    made_again,
    source_identity,
)
from migrate.actions.places import Places
from migrate.actions.table import not_empty
from migrate.actions.transform import transform_of
from migrate.aws import dynamodb
from migrate.aws.items import endpoint
from migrate.core.access import Access, allow
from migrate.core.codec import Json, digest
from migrate.core.errors import NotFound, StepError
from migrate.data.books import DEAD_LETTERS, DeadLetter, read_dead_letters
from migrate.data.copy import CopyJob, CopyResult, copy_table, retry_dead_letters
from migrate.data.endpoints import EndpointSpec
from migrate.data.transform import FAILED, TransformSpec
from migrate.data.writing import OVERWRITE
from migrate.plan.model import Action

SMALL = 64 * 2**20
"""Bytes up to which starting worker processes takes longer than copying."""


class CopyHandler(ReadOnlyHandler):
    """Kind `copy`: params `source_table`, `source_arn`, `target_table`, `table_id`, `keys`, `segments`, `size_bytes`,
    `read_units`, `write_units`, `transport`; into a table that is not ours also `is_existing`, `write_mode` and
    `must_be_empty`.

    The copy is one turn of `poll`. Its progress is in the checkpoints of its folder, which is named after both tables:
    a later attempt goes on there, and writes again only what was refused.
    """

    slot: str | None = "copy"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        params, source, target = action.params, places.source, places.target
        yield allow(source.side, "dynamodb:DescribeTable Scan", source.table(params["source_table"]))
        yield from places.items_of(source.side, params["source_table"])
        write = "BatchWriteItem" if params.get("write_mode", OVERWRITE) == OVERWRITE else "PutItem"
        names = f"dynamodb:DescribeTable dynamodb:{write}"
        if params.get("must_be_empty"):
            names += " dynamodb:Scan"
        yield allow(target.side, names, target.table(params["target_table"]))
        yield from places.items_of(target.side, params["target_table"])

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`. Before the first attempt, nothing in the table can be ours."""
        is_first = step.attempt == 1 and not step.handle
        if is_first and step.params.get("must_be_empty"):
            name = step.params["target_table"]
            if dynamodb.has_items(context.target, name):
                return Conflicting(not_empty(name, context.target))
        return super().observe(step, context)

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        if context.work is None:
            raise ValueError("a copy needs a folder for its checkpoints")
        name = copy_name(step)
        with context.work.open(name) as folder:
            return self._copy(step, context, folder, context.work.where(name))

    def _copy(self, step: Step, context: Context, folder: Path, kept_in: str) -> StepResult:
        source, target, job = self._job(step, context, folder)
        refused = another_target(step, context) or another_source(step, job, kept_in)
        refused = refused or another_transform(step, job, kept_in)
        if refused is not None:
            return Failed(refused)
        result = copy_table(
            source,
            target,
            job,
            should_stop=context.should_stop,
            on_progress=lambda progress: context.on_progress(step.address, progress),
            clock=context.clock,
        )
        if self._has_another_source(step, context, job):
            return Failed(made_again(step, kept_in))
        if result.rejected:
            result = retry_dead_letters(target, job, should_stop=context.should_stop, clock=context.clock)
        if result.rejected:
            return Failed(_refused(result, job, step, kept_in))
        expected = result.read + result.extra - result.filtered
        if expected != result.written + result.kept:
            return Failed(StepError(f"{expected:,} items should be there and {result.written + result.kept:,} are"))
        return Done(
            {
                "table_id": step.params["table_id"],
                "items": result.written,
                "source_items": expected,
                "source_digest": result.digest,
                "kept": result.kept,
                **({"is_existing": True} if step.params.get("is_existing") else {}),
                **(_transformed(result, job.transform) if job.transform else {}),
                "bytes": result.bytes,
                "read_units": round(result.read_units, 1),
                "write_units": round(result.write_units, 1),
                "seconds": round(result.seconds, 1),
            }
        )

    @staticmethod
    def _has_another_source(step: Step, context: Context, job: CopyJob) -> bool:
        try:
            return source_identity(step, context) != job.source_id
        except NotFound:  # it was deleted when all of it had been read
            return False

    def _job(self, step: Step, context: Context, folder: Path) -> tuple[EndpointSpec, EndpointSpec, CopyJob]:
        params = step.params
        job = CopyJob(
            source_table=params["source_table"],
            target_table=params["target_table"],
            key_names=tuple(params["keys"]),
            folder=folder,
            segments=params["segments"],
            processes=0 if params["size_bytes"] < SMALL else os.cpu_count() or 1,
            read_units=params.get("read_units"),
            write_units=params.get("write_units"),
            source_id=source_identity(step, context),
            target_id=params["table_id"],
            write_mode=params.get("write_mode", OVERWRITE),
            transform=transform_of(step, context),
        )
        transport = context.transport or params.get("transport")
        return endpoint(context.source, transport), endpoint(context.target, transport), job


def copy_name(step: Step) -> str:
    """The name of this copy's folder: the same for every attempt that copies this table into that one, in one way."""
    mode = step.params.get("write_mode", OVERWRITE)
    identity = digest([step.params["source_arn"], step.params["table_id"], *([] if mode == OVERWRITE else [mode])])[:12]
    return f"{step.params['target_table']}-{identity}"


def _transformed(result: CopyResult, transform: TransformSpec) -> dict[str, Json]:
    """What the transform did, and which it was: a table filled with another one is not what the manifest says."""
    return {"transform": transform.digest, "read": result.read, "filtered": result.filtered, "extra": result.extra}


def _failed(failed: list[DeadLetter], result: CopyResult, step: Step, kept_in: str) -> StepError:
    others = f", and DynamoDB refused {result.rejected - len(failed):,}" if result.rejected > len(failed) else ""
    return StepError(
        f"the transform failed on {len(failed):,} of {result.read:,} items{others}, first: {failed[0].reason}",
        f"they are kept, with keys and reasons, in {kept_in}/{DEAD_LETTERS}; all others are written",
        f"mend the transform (or leave these items out with a `filter`); then {begin_again(step, kept_in)}",
        kind="ItemsRefused",
    )


def _refused(result: CopyResult, job: CopyJob, step: Step, kept_in: str) -> StepError:
    letters = read_dead_letters(job.folder)
    failed = [one for one in letters if one.code == FAILED]
    if failed:
        return _failed(failed, result, step, kept_in)
    first = f", first: {letters[0].reason}" if letters else ""
    return StepError(
        f"{result.rejected:,} of {result.read:,} items were refused by DynamoDB{first}",
        f"they are kept, with keys and reasons, in {kept_in}/{DEAD_LETTERS}; all others are written",
        "mend the cause (a key or index type, an item that is too large); the next apply writes just these again",
        kind="ItemsRefused",
    )
