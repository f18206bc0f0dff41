"""A run of the Spark job, whichever engine carries it out: what it is told, how far it is, and what it has left.

The job itself, its arguments and its work folder are described in `migrate.spark`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from migrate.actions.backup_base import job_look
from migrate.actions.base import Absent, Conflicting, Context, Done, Failed, Observation, Running, Step, seconds_since
from migrate.actions.copy_check import another_target, made_again, source_identity
from migrate.actions.export import delete_folder
from migrate.actions.places import UNKNOWN, Places
from migrate.aws import objects
from migrate.core.access import Access, allow
from migrate.core.codec import Undecodable, decode, digest
from migrate.core.errors import Refused, StepError
from migrate.core.events import Progress
from migrate.plan.model import Action
from migrate.spark.arguments import LOAD_EXPORT, REPAIR, JobSpec, parse
from migrate.spark.books import JOB, LETTERS, RESULT, RUNS, Result, RunBook
from migrate.state.model import OwnedResource

LOOK_AGAIN = "run the same command again: the job goes on where it stopped"


def job_spec(step: Step, context: Context) -> JobSpec:
    """What the job is told: the same for every attempt, but for the token.

    Items that an earlier attempt had refused are written again, and no others; from an export, all are.
    """
    params, source, target = step.params, context.source, context.target
    is_export = params["mode"] == LOAD_EXPORT
    spec = JobSpec(
        mode=params["mode"],
        work=work_of(step),
        work_region=target.region,
        work_owner=target.id,
        token=step.token,
        target_table=params["target_table"],
        target_region=target.region,
        target_id=params["table_id"],
        partition_key=params["keys"][0],
        sort_key=params["keys"][1] if len(params["keys"]) > 1 else None,
        source_table=None if is_export else params["source_table"],
        source_region=None if is_export else source.region,
        source_id=None if is_export else source_identity(step, context),
        source_role=None if is_export else params.get("source_role"),
        source_external_id=None if is_export else params.get("external_id"),
        export=f"s3://{params['bucket']}/{params['manifest_key']}" if is_export else None,
        segments=params.get("segments", 1),
        read_units=params.get("read_units"),
        write_units=params.get("write_units"),
    )
    before = _result(context, spec.work)
    if before is None or not before.rejected:
        return spec
    again = f"{spec.work}-again-{step.token[:12]}"
    if is_export:
        return dataclasses.replace(spec, work=again)
    return dataclasses.replace(spec, mode=REPAIR, work=again, keys_from=f"{spec.work}/{LETTERS.rstrip('/')}")


def work_of(step: Step) -> str:
    """`s3://bucket/prefix` of the job's books: one for each pair of tables and way of reading."""
    params = step.params
    parts = [params["source_arn"], params["table_id"], params.get("manifest_key"), params.get("segments")]
    identity = digest(parts)[:12]
    return f"{folder_of(step)}{params['mode']}-{identity}"


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


def startable(step: Step, context: Context) -> Observation:
    """Absent; or why nothing may be written into the table that has the target's name."""
    refused = another_target(step, context)
    return Conflicting(refused) if refused else Absent()


def is_of(step: Step, arguments: Sequence[str]) -> bool:
    """True for arguments of a run with this attempt's token."""
    spec = told(arguments)
    return spec is not None and spec.token == step.token


def is_same_work(step: Step, arguments: Sequence[str]) -> bool:
    """True for arguments of a run that does this step's work, whatever its attempt."""
    spec = told(arguments)
    return spec is not None and spec.work.startswith(work_of(step))


def told(arguments: Sequence[str]) -> JobSpec | None:
    """What a run was told; None when it is not a run of our job."""
    try:
        return parse(arguments)
    except Refused:
        return None


def going_on(step: Step, context: Context, arguments: Sequence[str], words: str) -> Running:
    """The run goes on: as far as its driver says."""
    spec = told(arguments)
    elapsed = seconds_since(step.started, context.clock)
    progress = _progress(context, spec, words) if spec else Progress(message=words)
    return Running(job_look(elapsed, context.target), progress, owned=(work_folder(step, is_confirmed=True),))


def succeeded(step: Step, context: Context, arguments: Sequence[str], cost: dict[str, Any]) -> Done | Failed:
    """The engine says that the run has succeeded: that is believed when its result is there and balances."""
    owned = (work_folder(step, is_confirmed=True),)
    spec = told(arguments)
    result = _result(context, spec.work) if spec else None
    if spec is None or result is None or result.token != spec.token:
        return Failed(_no_result(step, spec), owned)
    if spec.source_id and _made_of(context, spec) != source_identity(step, context):
        return Failed(made_again(step, spec.work), owned)
    base = _result(context, work_of(step)) if spec.mode == REPAIR else result
    if base is None or not _is_sound(step, spec, result):
        return Failed(_unbalanced(step, spec, result), owned)
    if result.rejected:
        return Failed(_rejected(context, spec, result), owned)
    outputs = {
        "table_id": step.params["table_id"],
        "items": base.written if base is result else base.written + result.written,
        "source_items": base.read,
        "source_digest": base.digest if base is result else None,
        "kept": base.kept,
        "bytes": base.bytes,
        "read_units": result.read_units,
        "write_units": result.write_units,
        "seconds": result.seconds,
    }
    return Done({**outputs, **cost}, owned=owned)


def run_access(action: Action, places: Places, service: str) -> Iterator[Access]:
    """What the caller looks at while the job runs, and what the job does with its roles."""
    params, target, role = action.params, places.target, action.params["role_arn"]
    bucket, folder = params["bucket"], target.objects(params["bucket"], params["folder"])
    yield allow(target.side, "dynamodb:DescribeTable", target.table(params["target_table"]))
    yield allow(target.side, "s3:ListBucket", target.bucket(bucket))
    yield allow(target.side, "s3:GetObject", folder)
    yield from places.objects_of(bucket, "Decrypt")
    job = places.origin(params.get("job"))
    script = places.text((job.params if job else params).get("script", UNKNOWN), "prefix")
    files = target.objects(bucket, "" if script == UNKNOWN else script)
    yield allow(role, "s3:GetObject", files, when="the engine fetches the script and its archive")
    yield allow(role, "s3:GetObject PutObject", folder)
    yield allow(role, "s3:ListBucket", target.bucket(bucket))
    yield allow(role, "s3:GetBucketLocation", target.bucket(bucket), when="an engine looks where the bucket is")
    yield from places.objects_of(bucket, "GenerateDataKey Decrypt", role)
    yield allow(role, "dynamodb:BatchWriteItem", target.table(params["target_table"]))
    yield from places.items_of(target.side, params["target_table"], role)
    yield places.trusted_by(role, {"Service": service})
    if params["mode"] == LOAD_EXPORT:
        yield allow(role, "s3:GetObject", target.objects(bucket, places.export_prefix(params["manifest_key"])))
    else:
        yield from _source_access(params, places)


def _source_access(params: Mapping[str, Any], places: Places) -> Iterator[Access]:
    source, table, role = places.source, params["source_table"], params["role_arn"]
    yield allow(source.side, "dynamodb:DescribeTable", source.table(table))
    reader = params.get("source_role")
    if reader:
        yield allow(role, "sts:AssumeRole", reader)
        told = {"StringEquals": {"sts:ExternalId": params["external_id"]}} if params.get("external_id") else None
        yield places.trusted_by(reader, {"AWS": role}, told)
    who = reader or role
    yield allow(who, "dynamodb:Scan", source.table(table))
    yield allow(who, "dynamodb:BatchGetItem", source.table(table), when="items were refused, and are written again")
    yield from places.items_of(source.side, table, who)


def _is_sound(step: Step, spec: JobSpec, result: Result) -> bool:
    """Every unit is done, and every item that was read is accounted for."""
    is_whole = result.balanced and result.units_done == result.units
    is_balanced = result.read + result.extra == result.written + result.kept + result.rejected + result.filtered
    expected = step.params.get("item_count") if spec.mode == LOAD_EXPORT else None
    return is_whole and is_balanced and expected in (None, result.read)


def _result(context: Context, work: str) -> Result | None:
    content = _object(context, work, RESULT)
    try:
        return decode(Result, json.loads(content)) if content is not None else None
    except (ValueError, Undecodable):
        return None


def _made_of(context: Context, spec: JobSpec) -> str | None:
    """The source table that the work in this folder was begun with."""
    content = _object(context, spec.work, JOB)
    found = json.loads(content).get("job", {}) if content else {}
    known: str | None = found.get("source_id", spec.source_id)
    return known


def _progress(context: Context, spec: JobSpec, words: str) -> Progress:
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


def _no_result(step: Step, spec: JobSpec | None) -> StepError:
    where = f"{spec.work}/{RESULT}" if spec else f"{work_of(step)}/{RESULT}"
    return StepError(
        f"the engine says that the job for {step.params['target_table']} succeeded, and it has left no result",
        f"{where} is missing, cannot be read or is of another run: nothing says that every item was written",
        f"look at the job's log, then {LOOK_AGAIN}",
        kind="NoResult",
    )


def _unbalanced(step: Step, spec: JobSpec, result: Result) -> StepError:
    counts = f"{result.units_done} of {result.units} units done, {result.read:,} items read, {result.written:,} written"
    more = f", {result.kept:,} kept, {result.rejected:,} refused"
    expected = step.params.get("item_count") if spec.mode == LOAD_EXPORT else None
    exported = f", {expected:,} exported" if expected is not None else ""
    return StepError(
        f"the job for {step.params['target_table']} ended with books that do not balance",
        f"{counts}{more}{exported} ({spec.work}/{RESULT})",
        f"{LOOK_AGAIN}; if it stays so, report it",
        kind="Unbalanced",
    )


def _rejected(context: Context, spec: JobSpec, result: Result) -> StepError:
    first = ""
    if result.dead_letters:
        content = _object(context, spec.work, result.dead_letters[0]) or b"{}"
        letter = json.loads(content.splitlines()[0])
        first = f", first: {letter.get('reason') or letter.get('code')}"
    return StepError(
        f"{result.rejected:,} of {result.read:,} items were refused by DynamoDB{first}",
        f"they are kept, with keys and reasons, in {spec.work}/{LETTERS}; all others are written",
        "mend the cause (a key or index type, an item that is too large); the next apply writes just these again",
        kind="ItemsRefused",
    )
