"""Named access of other accounts, in the resource policies of a table and of its stream; and its end.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutResourcePolicy.html: an update names the revision
that it was made from, so that a change of somebody else in between is never written over.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.actions.base import Absent, Context, Done, Observation, Satisfied, Step, StepResult
from migrate.actions.load import table_arn
from migrate.actions.ownership import once_seen
from migrate.actions.places import Places
from migrate.actions.removal import Removal
from migrate.aws import dynamodb
from migrate.aws.session import Account
from migrate.core.access import TABLE_POLICY, Access, Grant, Place, allow
from migrate.core.codec import Json
from migrate.core.errors import NotFound
from migrate.core.iam_policy import marked, same, share_mark, with_marked
from migrate.plan.model import Action
from migrate.plan.sharing import STREAM_SHARE
from migrate.state.model import OwnedResource

_NO_POLICY = "NO_POLICY"
"""Instead of a revision: only if there is no policy."""

_WIDE = "AWS names a stream by the time of its making"


class ShareOfTable:
    """Kinds `table-share` and `stream-share`: params `table`, `statements` (those of a stream without Resource).

    They take the place of all statements of this migration's mark; every other statement stays as it is.
    """

    slot: str | None = "control"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, name = places.of(action.side), str(action.params["table"])
        if self.kind == STREAM_SHARE:
            yield allow(place.side, "dynamodb:DescribeTable", place.table(name))
        yield from _policy_access(place, self.kind, name, "GetResourcePolicy PutResourcePolicy")
        yield from _policy_access(place, self.kind, name, "DeleteResourcePolicy", when="the share is taken back")
        for one in action.params["statements"]:
            resource = f"{place.table(name)}/stream/*" if self.kind == STREAM_SHARE else place.table(name)
            said = {name: value for name, value in {"Resource": resource, **one}.items() if name != "Sid"}
            yield Grant(TABLE_POLICY, place.side, resource, said, made_by=action.address)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The statements, by their mark."""
        return (self._owned(step, context, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        arn = self._arn(step, context)
        now = dynamodb.get_resource_policy(context.account(step.side), arn)
        there = marked(now[0] if now else None, share_mark(context.lineage))
        return Satisfied() if same(there, self._statements(step, arn)) else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`. A policy that somebody has changed since it was read is read again."""
        arn = self._arn(step, context)
        put_marked(context.account(step.side), arn, share_mark(context.lineage), self._statements(step, arn))
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`. What a stream that is gone said is no longer ours."""
        ours = self._owned(step, context, is_confirmed=True)
        released = tuple(one.id for one in step.owned if one.kind == self.kind and one.id != ours.id)
        return once_seen(self, step, context, Done(owned=(ours,), released=released))

    def undo(self, step: Step, context: Context) -> None:
        """Take our statements out; the policy goes with them when nothing else is in it."""
        put_marked(context.account(step.side), self._arn(step, context), share_mark(context.lineage), [])

    def _arn(self, step: Step, context: Context) -> str:
        account, name = context.account(step.side), str(step.params["table"])
        if self.kind != STREAM_SHARE:
            return table_arn(account, name)
        table = dynamodb.describe_table(account, name) or {}
        if not (table.get("StreamSpecification") or {}).get("StreamEnabled"):
            raise NotFound(f"the table {name} in {account.id} {account.region} has no stream")
        return str(table["LatestStreamArn"])

    def _statements(self, step: Step, arn: str) -> list[Json]:
        return [{**one, "Resource": one.get("Resource", arn)} for one in step.params["statements"]]

    def _owned(self, step: Step, context: Context, *, is_confirmed: bool) -> OwnedResource:
        id = f"{self._arn(step, context)}?policy#{share_mark(context.lineage)}"
        return OwnedResource(id, self.kind, "target", step.address, is_confirmed)


class ShareOfTableRemoval(Removal):
    """Kinds `table-share-removal` and `stream-share-removal`: our statements, wherever the state says they are."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        names = "GetResourcePolicy PutResourcePolicy DeleteResourcePolicy"
        yield from _policy_access(places.of(action.side), self.kind, action.owner, names)

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`."""
        arn, mark = resource.id.split("?policy#")
        return not marked(_policy(context.target, arn), mark)

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        arn, mark = resource.id.split("?policy#")
        put_marked(context.target, arn, mark, [])


def put_marked(account: Account, arn: str, mark: str, statements: list[Json]) -> None:
    """Have `statements`, and no others, as those with the mark in the policy of a table or stream.

    Raises `Conflict` when the policy was changed since it was read; nothing is written then. Nothing is sent when there
    is nothing to take out.
    """
    now = dynamodb.get_resource_policy(account, arn)
    policy, revision = now or (None, _NO_POLICY)
    if not statements and not marked(policy, mark):
        return
    rest = with_marked(policy, mark, statements)
    if rest is None:
        dynamodb.delete_resource_policy(account, arn, revision)
    else:
        dynamodb.put_resource_policy(account, arn, rest, revision)


def _policy(account: Account, arn: str) -> str | None:
    """The policy; None also for what is gone."""
    try:
        now = dynamodb.get_resource_policy(account, arn)
    except NotFound:
        return None
    return now[0] if now else None


def _policy_access(place: Place, kind: str, table: str, names: str, when: str = "") -> Iterator[Access]:
    arn, wide = place.table(table), ""
    if kind == STREAM_SHARE:
        arn, wide = f"{arn}/stream/*", _WIDE
    yield allow(place.side, f"dynamodb:{names}", arn, wide=wide, when=when)
