"""The transfer bucket and the grant on it.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.actions.base import Absent, Conflicting, Context, Done, Observation, Satisfied, Step, StepResult
from migrate.actions.ownership import ADDRESS_TAG, LINEAGE_TAG
from migrate.actions.places import Places
from migrate.aws import objects, s3
from migrate.aws.session import Account
from migrate.core import iam_policy
from migrate.core.access import Access, Permission, Place, allow
from migrate.core.errors import AccessDenied, Conflict, StepError
from migrate.plan.model import Action
from migrate.state.model import OwnedResource


class BucketHandler:
    """Kind `bucket`: params `bucket`, `encryption_key`. A bucket is ours when it carries our lineage as a tag.

    The tag is the last thing that is put: a bucket without it is unfinished and is finished by the next attempt.
    """

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, name = places.of(action.side), action.params["bucket"]
        yield from looking_at(place, name)
        settings = "PutBucketOwnershipControls PutBucketPublicAccessBlock PutEncryptionConfiguration"
        names = f"s3:CreateBucket GetBucketTagging PutBucketTagging PutLifecycleConfiguration {settings}"
        yield allow(place.side, names, place.bucket(name))

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The bucket."""
        return (_owned_bucket(step, context, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        account, name = context.account(step.side), step.params["bucket"]
        try:
            if s3.head_bucket(account, name) is None:
                return Absent()
        except AccessDenied as error:
            why = f"bucket names are global, and somebody else has this one ({error.why})"
            return Conflicting(StepError(f"the bucket {name} belongs to another account", why, "choose another name"))
        tags = s3.bucket_tags(account, name)
        if tags.get(LINEAGE_TAG) == context.lineage:
            return Satisfied()
        if not tags and any(True for _ in objects.list_objects(account, name, "")):
            return Conflicting(_exists_already(name))
        return Conflicting(_exists_already(name)) if tags else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        account, name = context.account(step.side), step.params["bucket"]
        s3.create_bucket(account, name)
        s3.put_ownership_enforced(account, name)
        s3.block_public_access(account, name)
        s3.put_encryption(account, name, step.params["encryption_key"])
        s3.put_lifecycle(account, name)
        s3.tag_bucket(account, name, {LINEAGE_TAG: context.lineage, ADDRESS_TAG: step.address})
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        return Done({"bucket": step.params["bucket"]}, owned=(_owned_bucket(step, context, is_confirmed=True),))

    def undo(self, step: Step, context: Context) -> None:
        """Delete the bucket when it is empty; with anything in it, it is left alone."""
        self.remove(context, _owned_bucket(step, context, is_confirmed=True))

    def remove(self, context: Context, resource: OwnedResource) -> None:
        """Delete the bucket if it carries our lineage and is empty. Idempotent."""
        account, name = context.target, resource.id.removeprefix("s3://").rstrip("/")
        if s3.head_bucket(account, name) is None or s3.bucket_tags(account, name).get(LINEAGE_TAG) != context.lineage:
            return
        try:
            s3.delete_bucket(account, name)
        except Conflict:
            return  # somebody else uses it by now: it is theirs to delete


class GrantHandler:
    """Kind `bucket-policy`: params `bucket`, `statement`. Our statement is merged into what is there, by its Sid."""

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        yield allow(place.side, "s3:GetBucketPolicy PutBucketPolicy", place.bucket(action.params["bucket"]))

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The statement."""
        return (_owned_statement(step, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        found = iam_policy.statements(s3.get_policy(context.account(step.side), step.params["bucket"]))
        return Satisfied() if step.params["statement"] in found else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        account, name, ours = context.account(step.side), step.params["bucket"], step.params["statement"]
        s3.put_policy(account, name, iam_policy.with_statement(s3.get_policy(account, name), ours))
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        return Done({"sid": step.params["statement"]["Sid"]}, owned=(_owned_statement(step, is_confirmed=True),))

    def undo(self, step: Step, context: Context) -> None:
        """Take our statement out; the policy goes with it when nothing else is in it."""
        remove_statement(context.account(step.side), step.params["bucket"], step.params["statement"]["Sid"])


def looking_at(place: Place, bucket: str) -> Iterator[Permission]:
    """What it takes to see whether a bucket is there, where it is, and what is in it."""
    yield allow(place.side, "s3:ListBucket", place.bucket(bucket))
    when = "the answer does not say in which Region the bucket is"
    yield allow(place.side, "s3:GetBucketLocation", place.bucket(bucket), when=when)


def remove_statement(account: Account, bucket: str, sid: str) -> None:
    """Remove the statement `sid` from the bucket's policy, and nothing else. Idempotent."""
    if not has_statement(account, bucket, sid):
        return
    rest = iam_policy.without_statement(s3.get_policy(account, bucket), sid)
    if rest:
        s3.put_policy(account, bucket, rest)
    else:
        s3.delete_policy(account, bucket)


def has_statement(account: Account, bucket: str, sid: str) -> bool:
    """True when the bucket is there and its policy has the statement `sid`."""
    return s3.head_bucket(account, bucket) is not None and iam_policy.has_statement(s3.get_policy(account, bucket), sid)


def _exists_already(name: str) -> StepError:
    return StepError(
        f"the bucket {name} exists, and this migration did not make it",
        "it appeared after the plan was made",
        "migrate plan   shows what would happen with the bucket as it is",
    )


def _owned_bucket(step: Step, context: Context, *, is_confirmed: bool) -> OwnedResource:
    name = step.params["bucket"]
    return OwnedResource(f"s3://{name}/", "bucket", "target", step.address, is_confirmed, {"lineage": context.lineage})


def _owned_statement(step: Step, *, is_confirmed: bool) -> OwnedResource:
    sid = step.params["statement"]["Sid"]
    id = f"s3://{step.params['bucket']}/?policy#{sid}"
    return OwnedResource(id, "bucket-policy", "target", step.address, is_confirmed)
