"""Show a logically air-gapped vault to the target account: a resource share, and its acceptance there.

https://docs.aws.amazon.com/ram/latest/userguide/working-with-shared-invitations.html
"""

from __future__ import annotations

from typing import Any

from migrate.actions.base import (
    Absent,
    Again,
    Conflicting,
    Context,
    Done,
    Observation,
    Running,
    Satisfied,
    Step,
    StepResult,
)
from migrate.actions.ownership import LINEAGE_TAG, ours, own_tags
from migrate.aws import backup, ram
from migrate.aws.session import Account
from migrate.core.errors import StepError
from migrate.state.model import OwnedResource


class ShareHandler:
    """Kind `share`: params `share` (its name), `vault`, `vault_arn`, `principal`.

    Done when the target account sees the vault. An invitation comes a while after the share, and only where the
    organization does not share by itself.
    """

    slot: str | None = "control"

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The share."""
        return (_owned(step, context, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`. A share of the name without our tags is a conflict."""
        share = ram.find_share(context.source, step.params["share"])
        if share is None:
            return Absent()
        if not ours(tags_of(share), step, context):
            what = f"the resource share {step.params['share']} exists in {context.source.id}"
            return Conflicting(StepError(what, "this migration did not make it", "rename or delete it in AWS RAM"))
        return Satisfied() if _is_seen(step, context) else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`: make the share, and accept it as soon as there is an invitation."""
        share = ram.find_share(context.source, step.params["share"])
        if share is None:
            params = (step.params["share"], step.params["vault_arn"], step.params["principal"])
            arn = ram.create_share(context.source, *params, own_tags(step, context), step.token)
        else:
            arn = str(share["resourceShareArn"])
        invitation = ram.pending_invitation(context.target, arn)
        if invitation:
            ram.accept_invitation(context.target, invitation)
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        if _is_seen(step, context):
            return Done({"vault_arn": step.params["vault_arn"]}, owned=(_owned(step, context, is_confirmed=True),))
        share = ram.find_share(context.source, step.params["share"])
        if share is not None and ram.pending_invitation(context.target, str(share["resourceShareArn"])):
            return Again()
        return Running(1.0)

    def undo(self, step: Step, context: Context) -> None:
        """Delete the share, if it is ours."""
        remove_share(context.source, step.params["share"], context.lineage)


def remove_share(account: Account, name: str, lineage: str) -> None:
    """Delete the share, if it carries our lineage. Idempotent."""
    share = owned_share(account, name, lineage)
    if share is not None:
        ram.delete_share(account, str(share["resourceShareArn"]))


def owned_share(account: Account, name: str, lineage: str) -> dict[str, Any] | None:
    """The share, when it is there and carries our lineage."""
    share = ram.find_share(account, name)
    return share if share is not None and tags_of(share).get(LINEAGE_TAG) == lineage else None


def tags_of(share: dict[str, Any]) -> dict[str, str]:
    """Tags of a share."""
    return {tag["key"]: tag["value"] for tag in share.get("tags") or []}


def _is_seen(step: Step, context: Context) -> bool:
    return backup.is_shared_vault(context.target, step.params["vault"], context.source.id)


def _owned(step: Step, context: Context, *, is_confirmed: bool) -> OwnedResource:
    id = f"ram://{context.source.id}/{step.params['share']}"
    return OwnedResource(id, "share", "source", step.address, is_confirmed)
