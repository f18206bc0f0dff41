"""A run of the Spark job, whichever engine carries it out: what it is told, how far it is, and what it has left.

The job itself, its arguments and its work folder are described in `migrate.spark`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from migrate.actions import spark_moving, spark_proving
from migrate.actions.backup_base import job_look
from migrate.actions.base import Absent, Conflicting, Context, Done, Failed, Observation, Running, Step, seconds_since
from migrate.actions.copy_check import another_target, made_again, source_identity
from migrate.actions.spark_work import LOOK_AGAIN, begun_with, progress_of, result_in, told, work_folder
from migrate.core.errors import StepError
from migrate.core.events import Progress
from migrate.spark.arguments import VERIFY, JobSpec
from migrate.spark.books import RESULT


def job_spec(step: Step, context: Context) -> JobSpec:
    """What the job is told in this attempt."""
    return spark_proving.job_spec(step, context) if _verifies(step) else spark_moving.job_spec(step, context)


def work_of(step: Step) -> str:
    """`s3://bucket/prefix` of the job's books."""
    return spark_proving.work_of(step) if _verifies(step) else spark_moving.work_of(step)


def startable(step: Step, context: Context) -> Observation:
    """Absent; or why the table that has the target's name may be neither written nor compared."""
    refused = another_target(step, context)
    if refused is None and not _verifies(step):
        refused = spark_moving.another_transform(step, context)
    return Conflicting(refused) if refused else Absent()


def is_of(step: Step, arguments: Sequence[str]) -> bool:
    """True for arguments of a run with this attempt's token."""
    spec = told(arguments)
    return spec is not None and spec.token == step.token


def is_same_work(step: Step, arguments: Sequence[str]) -> bool:
    """True for arguments of a run that does this step's work, whatever its attempt."""
    spec = told(arguments)
    is_here = spec is not None and spec.work.startswith(work_of(step))
    return is_here and spec is not None and (spec.transform is None or spec.transform == step.params["transform_place"])


def going_on(step: Step, context: Context, arguments: Sequence[str], words: str) -> Running:
    """The run goes on: as far as its driver says."""
    spec = told(arguments)
    elapsed = seconds_since(step.started, context.clock)
    progress = progress_of(context, spec, words) if spec else Progress(message=words)
    return Running(job_look(elapsed, context.target), progress, owned=(work_folder(step, is_confirmed=True),))


def succeeded(step: Step, context: Context, arguments: Sequence[str], cost: dict[str, Any]) -> Done | Failed:
    """The engine says that the run has succeeded: that is believed when its result is there and balances."""
    owned = (work_folder(step, is_confirmed=True),)
    spec = told(arguments)
    result = result_in(context, spec.work) if spec else None
    if spec is None or result is None or result.token != spec.token:
        return Failed(_no_result(step, spec), owned)
    if spec.source_id and _made_of(context, spec) != source_identity(step, context):
        error = spark_proving.made_again(step) if _verifies(step) else made_again(step, spec.work)
        return Failed(error, owned)
    if _verifies(step):
        return spark_proving.judged(step, spec, result, cost)
    return spark_moving.judged(step, context, spec, result, cost)


def _verifies(step: Step) -> bool:
    return bool(step.params["mode"] == VERIFY)


def _made_of(context: Context, spec: JobSpec) -> str | None:
    """The source table that the work in this folder was begun with."""
    known: str | None = (begun_with(context, spec.work) or {}).get("source_id", spec.source_id)
    return known


def _no_result(step: Step, spec: JobSpec | None) -> StepError:
    where = f"{spec.work}/{RESULT}" if spec else f"{work_of(step)}/{RESULT}"
    return StepError(
        f"the engine says that the job for {step.params['target_table']} succeeded, and it has left no result",
        f"{where} is missing, cannot be read or is of another run: nothing says that its work is done",
        f"look at the job's log, then {LOOK_AGAIN}",
        kind="NoResult",
    )
