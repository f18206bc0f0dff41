"""Clean-up: remove what another action of this migration made, and only if it is still the very same thing."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.actions.base import Absent, Conflicting, Context, Done, Observation, Running, Satisfied, Step, StepResult
from migrate.actions.bucket import BucketHandler, has_statement, looking_at, remove_statement
from migrate.actions.export import delete_folder, is_empty
from migrate.actions.load import remove_table
from migrate.actions.places import LATER, UNKNOWN, Places
from migrate.aws import backup_jobs, dynamodb, s3
from migrate.aws.session import Account
from migrate.core.access import Access, allow
from migrate.core.errors import StepError
from migrate.plan.model import Action
from migrate.state.model import OwnedResource

ALONE = "nobody else has a statement in the policy"
SHARED = "somebody else has statements in the policy"


class Removal:
    """Shared part of removals: `step.owned` is what the action `of` made; nothing else is ever touched."""

    slot: str | None = "control"
    kind = ""

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        raise NotImplementedError

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """A removal makes nothing."""
        return ()

    def observe(self, step: Step, context: Context) -> Observation:
        """Satisfied once everything is gone."""
        return Satisfied() if all(self.is_gone(one, context) for one in self.ours(step)) else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """Remove it. Idempotent."""
        for resource in self.ours(step):
            self.remove(resource, step, context)
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """Done once everything is gone; then it is no longer ours."""
        ours = self.ours(step)
        if not all(self.is_gone(one, context) for one in ours):
            return Running(0.5)
        return Done(released=tuple(one.id for one in ours))

    def undo(self, step: Step, context: Context) -> None:
        """A removal is taken back by making the thing again."""
        raise NotImplementedError

    def ours(self, step: Step) -> list[OwnedResource]:
        """The owned resources of this kind."""
        return [one for one in step.owned if one.kind == self.kind]

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """True when it does not exist (any more)."""
        raise NotImplementedError

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """Begin to remove it."""
        raise NotImplementedError


class ExportRemoval(Removal):
    """Kind `export-removal`: the files of exports, by the folder that AWS named them."""

    kind = "export"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.target
        bucket, folder = self.folder(action, places)
        yield from looking_at(place, bucket)
        wide = "the state alone knows the folder" if bucket == UNKNOWN else ""
        yield allow(place.side, "s3:DeleteObject", place.objects(bucket, folder), wide=wide)

    def folder(self, action: Action, places: Places) -> tuple[str, str]:
        """Bucket and prefix of what is deleted."""
        return places.made(action, "bucket"), places.made(action, "prefix")

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`. What was only announced and never confirmed has no folder."""
        return not resource.is_confirmed or _bucket_is_gone(resource, context) or is_empty(context, resource.id)

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        if resource.is_confirmed and not _bucket_is_gone(resource, context):
            delete_folder(context, resource.id)


class TableRemoval(Removal):
    """Kind `table-removal`: the partly filled table of a failed import. Its id must be the one that the import made."""

    kind = "table"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.target
        table = place.table(action.params["table"])
        yield allow(place.side, "dynamodb:DescribeTable DeleteTable", table)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `Removal`; a table with another id is a conflict."""
        for resource in self.ours(step):
            table = dynamodb.describe_table(context.target, _name(resource))
            if table is not None and table.get("TableId") != resource.proof.get("table_id"):
                return Conflicting(
                    StepError(
                        f"the table {_name(resource)} is not the one that the failed import left",
                        "its id differs: somebody has deleted that one and made another",
                        "give the target another name, or remove the table yourself",
                    )
                )
        return super().observe(step, context)

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`."""
        return dynamodb.describe_table(context.target, _name(resource)) is None

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        remove_table(context.target, _name(resource), resource.proof.get("table_id", ""))


class RecoveryPointRemoval(Removal):
    """Kind `recovery-point-removal`: a recovery point that a job of ours made, in the vault where it made it."""

    kind = "recovery-point"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        names = "backup:DescribeRecoveryPoint DeleteRecoveryPoint"
        yield allow(place.side, names, place.arn("backup", "recovery-point:*"), wide=LATER)

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`. What was only announced and never confirmed has no name."""
        if not resource.is_confirmed:
            return True
        account = _account_of(resource, context)
        return backup_jobs.describe_recovery_point(account, resource.proof["vault"], resource.id) is None

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        if resource.is_confirmed:
            backup_jobs.delete_recovery_point(_account_of(resource, context), resource.proof["vault"], resource.id)


class GrantRemoval(Removal):
    """Kind `bucket-policy-removal`: our statement in a bucket's policy."""

    kind = "bucket-policy"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, bucket = places.target, places.made(action, "bucket")
        yield from looking_at(place, bucket)
        yield allow(place.side, "s3:GetBucketPolicy", place.bucket(bucket))
        yield allow(place.side, "s3:DeleteBucketPolicy", place.bucket(bucket), when=ALONE)
        yield allow(place.side, "s3:PutBucketPolicy", place.bucket(bucket), when=SHARED)

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`."""
        return not has_statement(context.target, *_statement(resource))

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        remove_statement(context.target, *_statement(resource))


class BucketRemoval(Removal):
    """Kind `bucket-removal`: a bucket that we made, if nothing is in it; otherwise it stays and is no longer ours."""

    kind = "bucket"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, bucket = places.target, places.made(action, "bucket")
        yield from looking_at(place, bucket)
        yield allow(place.side, "s3:GetBucketTagging DeleteBucket", place.bucket(bucket))

    def observe(self, step: Step, context: Context) -> Observation:
        """See `Removal`. A bucket that somebody uses counts as settled."""
        settled = all(self.is_gone(one, context) or not is_empty(context, one.id) for one in self.ours(step))
        return Satisfied() if settled else Absent()

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `Removal`."""
        if isinstance(self.observe(step, context), Satisfied):
            return Done(released=tuple(one.id for one in self.ours(step)))
        return Running(0.5)

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`."""
        return _bucket_is_gone(resource, context)

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        BucketHandler().remove(context, resource)


def _account_of(resource: OwnedResource, context: Context) -> Account:
    return context.source if resource.side == "source" else context.target


def _name(resource: OwnedResource) -> str:
    return resource.id.rsplit("/", 1)[-1]


def _statement(resource: OwnedResource) -> tuple[str, str]:
    bucket, sid = resource.id.removeprefix("s3://").split("/?policy#")
    return bucket, sid


def _bucket_is_gone(resource: OwnedResource, context: Context) -> bool:
    return s3.head_bucket(context.target, resource.id.removeprefix("s3://").split("/", 1)[0]) is None
