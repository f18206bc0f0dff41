"""Clean-up of what AWS Backup needed: vaults, keys, roles, grants, shares. Only what carries this migration's lineage.

A vault in which somebody else keeps something stays, and so does its key: they are theirs from then on.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.actions import key, role, share, vault
from migrate.actions.base import Absent, Context, Done, Observation, Running, Satisfied, Step, StepResult
from migrate.actions.ownership import account_of
from migrate.actions.places import LATER, Places
from migrate.actions.removal import ALONE, SHARED, Removal
from migrate.aws import backup, kms
from migrate.core.access import Access, allow, anywhere
from migrate.plan.model import Action
from migrate.state.model import OwnedResource


class RoleRemoval(Removal):
    """Kind `role-removal`."""

    kind = "role"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        names = "iam:GetRole DeleteRolePolicy DeleteRole"
        yield allow(place.side, names, place.role(places.made(action, "role")))

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`."""
        return not role.is_owned(account_of(resource, context), _name(resource), context.lineage)

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        role.remove_role(account_of(resource, context), _name(resource), context.lineage)


class VaultPolicyRemoval(Removal):
    """Kind `vault-policy-removal`: our statement in a vault's access policy."""

    kind = "vault-policy"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        vault = place.vault(places.made(action, "vault"))
        yield allow(place.side, "backup:GetBackupVaultAccessPolicy", vault)
        yield allow(place.side, "backup:DeleteBackupVaultAccessPolicy", vault, when=ALONE)
        yield allow(place.side, "backup:PutBackupVaultAccessPolicy", vault, when=SHARED)

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`."""
        return not vault.has_statement(account_of(resource, context), *_statement(resource))

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        vault.remove_statement(account_of(resource, context), *_statement(resource))


class ShareRemoval(Removal):
    """Kind `share-removal`: the other account no longer sees the vault."""

    kind = "share"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.source
        yield anywhere(place.side, "ram:GetResourceShares")
        ours = {"StringEquals": {"aws:ResourceTag/migrate:address": action.params["of"]}}
        shares = place.arn("ram", "resource-share/*")
        yield allow(place.side, "ram:DeleteResourceShare", shares, condition=ours, wide=LATER)

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`."""
        name = resource.id.rpartition("/")[2]
        return share.owned_share(account_of(resource, context), name, context.lineage) is None

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        share.remove_share(account_of(resource, context), resource.id.rpartition("/")[2], context.lineage)


class KeptRemoval(Removal):
    """Shared part of removals of what may be in use by others: then it is left, and the step is done all the same."""

    def observe(self, step: Step, context: Context) -> Observation:
        """See `Removal`. What is in use counts as settled."""
        settled = all(self.is_gone(one, context) or self.is_used(one, context) for one in self.ours(step))
        return Satisfied() if settled else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `Removal`."""
        for resource in self.ours(step):
            if not self.is_used(resource, context):
                self.remove(resource, step, context)
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `Removal`."""
        if isinstance(self.observe(step, context), Satisfied):
            return Done(released=tuple(one.id for one in self.ours(step)))
        return Running(0.5)

    def is_used(self, resource: OwnedResource, context: Context) -> bool:
        """True when somebody else uses it."""
        raise NotImplementedError


class VaultRemoval(KeptRemoval):
    """Kind `vault-removal`: a vault in which nothing is left."""

    kind = "vault"
    case = ""
    """When it can be removed at all."""

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        yield anywhere(place.side, "backup:ListBackupVaults")
        names = "backup:ListTags ListRecoveryPointsByBackupVault DeleteBackupVault"
        yield allow(place.side, names, place.vault(places.made(action, "vault")), when=self.case)

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`."""
        return not vault.is_owned(account_of(resource, context), _vault(resource), context.lineage)

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        vault.remove_vault(account_of(resource, context), _vault(resource), context.lineage)

    def is_used(self, resource: OwnedResource, context: Context) -> bool:
        """True when a recovery point is in it."""
        return not backup.is_empty(account_of(resource, context), _vault(resource))


class AirGappedVaultRemoval(VaultRemoval):
    """Kind `air-gapped-vault-removal`: it stays ours until its last recovery point has expired."""

    kind = "air-gapped-vault"
    case = "the last recovery point in it has expired"

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `Removal`."""
        if not isinstance(self.observe(step, context), Satisfied):
            return Running(0.5)
        return Done(released=tuple(one.id for one in self.ours(step) if self.is_gone(one, context)))


class KeyRemoval(KeptRemoval):
    """Kind `key-removal`: a key of ours whose vault is gone. It can be saved for 30 days."""

    kind = "key"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        yield from key.removal_access(place, str(action.params["of"]), places.made(action, "alias"))
        yield anywhere(place.side, "backup:ListBackupVaults")

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`."""
        account = account_of(resource, context)
        found = key.find_owned(account, resource, context.lineage)
        if found is None:
            return True
        behind = kms.describe_key(account, key.alias_of(resource))
        return found["KeyState"] == "PendingDeletion" and (behind is None or behind["Arn"] != found["Arn"])

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        key.remove_key(account_of(resource, context), resource, context.lineage)

    def is_used(self, resource: OwnedResource, context: Context) -> bool:
        """True when the vault that it was made for is still there."""
        return backup.find_vault(account_of(resource, context), resource.proof["vault"]) is not None


def _name(resource: OwnedResource) -> str:
    return resource.id.rpartition("/")[2]


def _vault(resource: OwnedResource) -> str:
    return resource.id.rpartition(":")[2]


def _statement(resource: OwnedResource) -> tuple[str, str]:
    arn, sid = resource.id.split("?policy#")
    return arn.rpartition(":")[2], sid
