"""Show a logically air-gapped vault to the target account: a resource share, and its acceptance there.

https://docs.aws.amazon.com/ram/latest/userguide/working-with-shared-invitations.html
"""

from __future__ import annotations

from collections.abc import Iterator
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
from migrate.actions.places import LATER, Places
from migrate.aws import backup, ram
from migrate.aws.session import Account
from migrate.core.access import Access, allow, anywhere
from migrate.core.errors import StepError
from migrate.plan.model import Action
from migrate.state.model import OwnedResource

_SHARED = (
    "backup:DescribeBackupVault DescribeRecoveryPoint GetRecoveryPointRestoreMetadata "
    "ListProtectedResourcesByBackupVault ListRecoveryPointsByBackupVault ListTags StartRestoreJob"
)
"""What AWS RAM wants whoever shares a vault to have on it.
https://docs.aws.amazon.com/aws-backup/latest/devguide/logicallyairgappedvault.html"""

_INVITED = "the organization does not share by itself"


class ShareHandler:
    """Kind `share`: params `share` (its name), `vault`, `vault_arn`, `principal`.

    Done when the target account sees the vault. An invitation comes a while after the share, and only where the
    organization does not share by itself.
    """

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        source, target = places.source, places.target
        yield anywhere(source.side, "ram:GetResourceShares")
        tags = {"StringEquals": {"aws:RequestTag/migrate:address": action.address}}
        yield anywhere(source.side, "ram:CreateResourceShare", condition=tags)
        shares = source.arn("ram", "resource-share/*")
        yield allow(
            source.side, "ram:TagResource", shares, condition=tags, wide=LATER, when="the share is made with tags"
        )
        vault = action.params["vault_arn"]
        yield allow(source.side, _SHARED, vault, when="AWS RAM asks for what it shares")
        yield allow(target.side, "backup:DescribeBackupVault", vault)
        yield anywhere(target.side, "ram:GetResourceShareInvitations")
        invitations = source.arn("ram", "resource-share-invitation/*")
        yield allow(target.side, "ram:AcceptResourceShareInvitation", invitations, wide=LATER, when=_INVITED)

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
