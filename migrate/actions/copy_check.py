"""Whether both tables of a copy are still the ones that it began with: a name can be given to another table."""

from __future__ import annotations

from migrate.actions.base import Context, Step
from migrate.aws import dynamodb
from migrate.core.errors import NotFound, StepError
from migrate.data.books import saved_identity
from migrate.data.copy import CopyJob, identity_of


def source_identity(step: Step, context: Context) -> str:
    """ARN and id of the source table. Calls DescribeTable; raises `NotFound`."""
    name = step.params["source_table"]
    table = dynamodb.describe_table(context.source, name)
    if table is None:
        raise NotFound(
            f"the source table {name} in {context.source.id} is gone",
            code="ResourceNotFoundException",
            operation="DescribeTable",
            why="it was deleted after this migration began",
            hint="what was copied stays in the target; restore the source table, or take it out of the manifest",
        )
    return f"{step.params['source_arn']} {table['TableId']}"


def another_target(step: Step, context: Context) -> StepError | None:
    """Why nothing may be written into the target table: it is not the one that is meant. Raises `NotFound`."""
    name = step.params["target_table"]
    table = dynamodb.describe_table(context.target, name)
    if table is None:
        raise NotFound(
            f"the target table {name} in {context.target.id} is gone",
            code="ResourceNotFoundException",
            operation="DescribeTable",
            why="it was deleted after this migration began",
            hint=_NEXT[_is_ours(step)],
        )
    if table["TableId"] == step.params["table_id"]:
        return None
    return StepError(
        f"the target table {name} in {context.target.id} is another one than this copy was planned for",
        "somebody has deleted it and made one of the same name; its keys may be others",
        f"nothing was written into it; {_NEXT[_is_ours(step)]}",
    )


def another_source(step: Step, job: CopyJob, kept_in: str) -> StepError | None:
    """Why the checkpoints of this copy cannot be used: they are of another source table than `job` has."""
    saved = saved_identity(job.folder)
    return made_again(step, kept_in) if saved is not None and saved.source != job.source_id else None


def made_again(step: Step, kept_in: str) -> StepError:
    """The source table is not the one whose items were copied before. `kept_in`: where the checkpoints are."""
    return StepError(
        f"the source table {step.params['source_table']} was deleted and made again while it was being copied",
        "checkpoints of the old table mean nothing in the new one: items would be missed",
        begin_again(step, kept_in),
    )


def another_transform(step: Step, job: CopyJob, kept_in: str) -> StepError | None:
    """Why this copy cannot go on: a part of the items is in the target as another transform has made them."""
    saved = saved_identity(job.folder)
    if saved is None or saved.config == identity_of(job).config:
        return None
    return StepError(
        f"the copy into {step.params['target_table']} was begun with another transform",
        "what it has written is in the target, and would stay there beside what this one makes",
        f"put the transform back as it was; or {begin_again(step, kept_in)}",
    )


def begin_again(step: Step, kept_in: str) -> str:
    """How to copy all of the table anew, as a hint."""
    table = step.params["target_table"]
    way_out = f"delete the target table {table}" if _is_ours(step) else f"remove {kept_in} and what {table} got from it"
    return f"{way_out}, then run the same command: all is copied anew"


_NEXT = {
    True: "free the name, then run the same command: the table is made and filled anew",
    False: "migrate plan   shows what can be done with the table that is there now",
}


def _is_ours(step: Step) -> bool:
    return not step.params.get("is_existing")
