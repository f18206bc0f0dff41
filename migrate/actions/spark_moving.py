"""A run of the Spark job that moves the items of a table: what it is told, and what its result means."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from migrate.actions.base import Context, Done, Failed, Step
from migrate.actions.copy_check import begin_again, source_identity
from migrate.actions.spark_work import LOOK_AGAIN, begun_with, folder_of, letters_of, result_in, work_folder
from migrate.actions.transform import transform_of
from migrate.core.codec import Json, digest
from migrate.core.errors import StepError
from migrate.data.transform import FAILED, TransformSpec
from migrate.spark.arguments import LOAD_EXPORT, REPAIR, JobSpec
from migrate.spark.books import LETTERS, RESULT, Result


def job_spec(step: Step, context: Context) -> JobSpec:
    """What the job is told: the same for every attempt, but for the token.

    Items that an earlier attempt had refused are written again, and no others. All are where they are no keys of the
    source's: from an export, and when DynamoDB refused what a transform has given another key.
    """
    params, source, target, transform = step.params, context.source, context.target, transform_of(step, context)
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
        transform=params["transform_place"] if transform else None,
        transform_digest=transform.digest if transform else None,
    )
    before = result_in(context, spec.work)
    if before is None or not before.rejected:
        return spec
    again = f"{spec.work}-again-{step.token[:12]}"
    if is_export or (transform and transform.may_join and _refused(context, spec.work, before)):
        return dataclasses.replace(spec, work=again)
    return dataclasses.replace(spec, mode=REPAIR, work=again, keys_from=f"{spec.work}/{LETTERS.rstrip('/')}")


def work_of(step: Step) -> str:
    """`s3://bucket/prefix` of the job's books: one for each pair of tables and way of reading."""
    params = step.params
    parts = [params["source_arn"], params["table_id"], params.get("manifest_key"), params.get("segments")]
    identity = digest(parts)[:12]
    return f"{folder_of(step)}{params['mode']}-{identity}"


def judged(step: Step, context: Context, spec: JobSpec, result: Result, cost: dict[str, Any]) -> Done | Failed:
    """What the result of a run that succeeded means for the step. `cost` are more outputs."""
    owned = (work_folder(step, is_confirmed=True),)
    base = result_in(context, work_of(step)) if spec.mode == REPAIR else result
    if base is None or not _is_sound(step, spec, result):
        return Failed(_unbalanced(step, spec, result), owned)
    if result.rejected:
        return Failed(_rejected(step, context, spec, result), owned)
    again = result if base is not result else None
    filtered, extra = (getattr(base, name) + (getattr(again, name) if again else 0) for name in ("filtered", "extra"))
    transform = transform_of(step, context)
    outputs = {
        "table_id": step.params["table_id"],
        "items": base.written + (again.written if again else 0),
        "source_items": base.read + extra - filtered,
        "source_digest": base.digest if base is result else None,
        "kept": base.kept,
        "bytes": base.bytes,
        "read_units": result.read_units,
        "write_units": result.write_units,
        "seconds": result.seconds,
        **(_transformed(base, transform, filtered, extra) if transform else {}),
    }
    return Done({**outputs, **cost}, owned=owned)


def _is_sound(step: Step, spec: JobSpec, result: Result) -> bool:
    """Every unit is done, and every item that was read is accounted for."""
    is_whole = result.balanced and result.units_done == result.units
    is_balanced = result.read + result.extra == result.written + result.kept + result.rejected + result.filtered
    expected = step.params.get("item_count") if spec.mode == LOAD_EXPORT else None
    return is_whole and is_balanced and expected in (None, result.read)


def _transformed(base: Result, transform: TransformSpec, filtered: int, extra: int) -> dict[str, Json]:
    """What the transform did, and which it was, as a copy says it."""
    return {"transform": transform.digest, "read": base.read, "filtered": filtered, "extra": extra}


def another_transform(step: Step, context: Context) -> StepError | None:
    """Why this load cannot go on: a part of the items is in the target as another transform has made them.

    Once all others are written, another transform may go on with the items that were refused, if every item is compared
    afterwards: that shows whether it would have made the others just so.
    """
    work, transform = work_of(step), transform_of(step, context)
    begun = begun_with(context, work)
    if begun is None or begun.get("transform_digest") == (transform.digest if transform else None):
        return None
    before = result_in(context, work)
    if before is not None and before.rejected and step.params.get("is_proven"):
        return None
    return StepError(
        f"the load of {step.params['target_table']} was begun with another transform",
        "what it has written is in the target, and would stay there beside what this one makes",
        f"put the transform back as it was; or {begin_again(step, work)}",
        kind="AnotherTransform",
    )


def _refused(context: Context, work: str, result: Result) -> bool:
    """True when DynamoDB has refused an item, and not only the transform has failed."""
    return any(letter.get("code") != FAILED for letter in letters_of(context, work, result))


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


def _rejected(step: Step, context: Context, spec: JobSpec, result: Result) -> StepError:
    letters = list(letters_of(context, spec.work, result))
    failed = Counter(str(one.get("reason")) for one in letters if one.get("code") == FAILED)
    kept = f"they are kept, with keys and reasons, in {spec.work}/{LETTERS}; all others are written"
    if failed:
        count = failed.total()
        others = f", and DynamoDB refused {result.rejected - count:,}" if result.rejected > count else ""
        is_proven = step.params.get("is_proven")
        then = "the next apply writes just these again" if is_proven else begin_again(step, work_of(step))
        return StepError(
            f"the transform failed on {count:,} of {result.read:,} items{others}, first: {next(iter(failed))}",
            kept,
            f"mend the items, and the next apply writes just these again; or mend the transform: {then}",
            kind="ItemsRefused",
        )
    first = f", first: {letters[0].get('reason') or letters[0].get('code')}" if letters else ""
    return StepError(
        f"{result.rejected:,} of {result.read:,} items were refused by DynamoDB{first}",
        kept,
        "mend the cause (a key or index type, an item that is too large); the next apply writes just these again",
        kind="ItemsRefused",
    )
