"""What runs of the Spark job are told and leave in their work folder, as the applier reads it. See `migrate.spark`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from migrate.actions.base import Context, Step
from migrate.actions.export import delete_folder
from migrate.aws import objects
from migrate.core.codec import Undecodable, decode
from migrate.core.errors import Refused
from migrate.core.events import Progress
from migrate.spark.arguments import JobSpec, parse
from migrate.spark.books import JOB, RESULT, RUNS, Result, RunBook
from migrate.state.model import OwnedResource

LOOK_AGAIN = "run the same command again: the job goes on where it stopped"
_READERS = 16


def folder_of(step: Step) -> str:
    """`s3://bucket/folder/`: everything that the runs of this step leave, logs included."""
    return f"s3://{step.params['bucket']}/{step.params['folder']}/"


def logs_of(step: Step) -> str:
    """`s3://bucket/folder/logs/`, for engines that keep their logs in S3."""
    return f"{folder_of(step)}logs/"


def work_folder(step: Step, *, is_confirmed: bool) -> OwnedResource:
    """What the step owns: its folder."""
    return OwnedResource(folder_of(step), "job-work", "target", step.address, is_confirmed)


def remove_work(step: Step, context: Context) -> None:
    """Delete everything that the runs of this step have left."""
    delete_folder(context, folder_of(step))


def told(arguments: Sequence[str]) -> JobSpec | None:
    """What a run was told; None when it is not a run of our job."""
    try:
        return parse(arguments)
    except Refused:
        return None


def result_in(context: Context, work: str) -> Result | None:
    """The result in this folder (`s3://bucket/prefix`); None when there is none, or none that can be read."""
    content = _object(context, work, RESULT)
    try:
        return decode(Result, json.loads(content)) if content is not None else None
    except (ValueError, Undecodable):
        return None


def begun_with(context: Context, work: str) -> Mapping[str, Any] | None:
    """The arguments (fields of `JobSpec`) that the work in this folder was begun with; None before it was."""
    content = _object(context, work, JOB)
    found: dict[str, Any] | None = json.loads(content).get("job", {}) if content else None
    return found


def letters_of(context: Context, work: str, result: Result) -> Iterator[dict[str, Any]]:
    """The refused items that a result counts: `key`, `code`, `reason`, `item` of each."""
    with ThreadPoolExecutor(_READERS) as pool:
        for content in pool.map(lambda name: _object(context, work, name), result.dead_letters):
            yield from map(json.loads, (content or b"").splitlines())


def progress_of(context: Context, spec: JobSpec, words: str) -> Progress:
    """How far the newest run is, as its driver says."""
    bucket, prefix = _place(spec.work)
    names = [one["Key"] for one in objects.list_objects(context.target, bucket, f"{prefix}/{RUNS}")]
    content = objects.read(context.target, bucket, names[-1]) if names else None
    try:
        book = decode(RunBook, json.loads(content)) if content else RunBook("")
    except (ValueError, Undecodable):
        book = RunBook("")
    said = f"{words}; {book.units_done} of {book.units} units" if book.units else words
    return Progress(items=book.items or None, message="; ".join(text for text in (said, book.reaction) if text))


def _object(context: Context, work: str, name: str) -> bytes | None:
    bucket, prefix = _place(work)
    return objects.read(context.target, bucket, f"{prefix}/{name}")


def _place(work: str) -> tuple[str, str]:
    bucket, prefix = work.removeprefix("s3://").split("/", 1)
    return bucket, prefix
