"""Backup vaults: ordinary ones with a key, logically air-gapped ones, and the grant to copy into one.

https://docs.aws.amazon.com/aws-backup/latest/devguide/create-a-vault.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/logicallyairgappedvault.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate.actions.base import (
    Absent,
    Conflicting,
    Context,
    Done,
    Failed,
    Observation,
    Running,
    Satisfied,
    Step,
    StepResult,
)
from migrate.actions.ownership import LINEAGE_TAG, once_seen, ours, own_tags
from migrate.actions.places import LATER, Places
from migrate.aws import backup, backup_jobs, kms
from migrate.aws.session import Account
from migrate.core import iam_policy
from migrate.core.access import VAULT_POLICY, Access, Grant, allow, anywhere, linked_role
from migrate.core.codec import Json
from migrate.core.errors import Conflict, Invalid, NotFound, StepError
from migrate.plan.model import Action
from migrate.state.model import OwnedResource


class VaultHandler:
    """Kind `vault`: params `vault`, `key` (alias or ARN). Its tags come with its creation, and say whose it is."""

    slot: str | None = "control"
    kind = "vault"
    creation = "backup:CreateBackupVault"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, vault = places.of(action.side), action.params["vault"]
        yield anywhere(place.side, "backup:ListBackupVaults")
        yield allow(place.side, f"backup:ListTags TagResource {self.creation}", place.vault(vault))
        yield anywhere(place.side, "backup-storage:MountCapsule", when=f"{self.creation} asks for it")
        yield linked_role(place, "backup.amazonaws.com", "AWSServiceRoleForBackup")
        key = action.params.get("key")
        if key:
            condition = _by_alias(key)
            resource = place.key("*" if condition else key)
            wide = LATER if condition else ""
            yield allow(place.side, "kms:DescribeKey", resource, condition=condition, wide=wide)
            names = "kms:CreateGrant GenerateDataKey Decrypt RetireGrant"
            yield allow(
                place.side, names, resource, condition=condition, wide=wide, when=f"{self.creation} asks for it"
            )

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The vault."""
        return (self._owned(step, context, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`. A vault without our tags is a conflict."""
        account, name = context.account(step.side), step.params["vault"]
        vault = backup.find_vault(account, name)
        if vault is None:
            return Absent()
        if ours(backup_jobs.list_tags(account, vault["BackupVaultArn"]), step, context):
            return Satisfied()
        return Conflicting(
            StepError(
                f"the vault {name} exists in {account.id} {account.region}, and this migration did not make it",
                "it appeared after the plan was made",
                "migrate plan   shows what would happen with the vault as it is",
            )
        )

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        account = context.account(step.side)
        key = kms.describe_key(account, step.params["key"])
        if key is None:
            raise NotFound(f"the key {step.params['key']} is not there (yet) in {account.id} {account.region}")
        backup.create_vault(account, step.params["vault"], key["Arn"], own_tags(step, context), step.token)
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        owned = (self._owned(step, context, is_confirmed=True),)
        return once_seen(self, step, context, Done({"arn": self._arn(step, context)}, owned=owned))

    def undo(self, step: Step, context: Context) -> None:
        """Delete the vault when it is ours and empty."""
        remove_vault(context.account(step.side), step.params["vault"], context.lineage)

    def _arn(self, step: Step, context: Context) -> str:
        account = context.account(step.side)
        return f"arn:{account.partition}:backup:{account.region}:{account.id}:backup-vault:{step.params['vault']}"

    def _owned(self, step: Step, context: Context, *, is_confirmed: bool) -> OwnedResource:
        return OwnedResource(self._arn(step, context), self.kind, step.side.value, step.address, is_confirmed)


class AirGappedVaultHandler(VaultHandler):
    """Kind `air-gapped-vault`: params `vault`, `min_days`, `max_days`. AWS takes a while to make one."""

    kind = "air-gapped-vault"
    creation = "backup:CreateLogicallyAirGappedBackupVault"

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        days = (step.params["min_days"], step.params["max_days"])
        account, tags = context.account(step.side), own_tags(step, context)
        backup.create_air_gapped_vault(account, step.params["vault"], days, tags, step.token)
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        vault = backup.find_vault(context.account(step.side), step.params["vault"]) or {}
        owned = (self._owned(step, context, is_confirmed=True),)
        if vault.get("VaultState") == "FAILED":
            why = "AWS Backup could not make it, and gives no reason"
            return Failed(StepError(f"the air-gapped vault {step.params['vault']} failed", why), owned)
        if vault.get("VaultState", "AVAILABLE") == "CREATING" or not vault:
            return Running(2.0)
        return super().poll(step, context)


class VaultPolicyHandler:
    """Kind `vault-policy`: params `vault`, `statement`. It is merged into what is there, by its Sid."""

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        names = "backup:GetBackupVaultAccessPolicy PutBackupVaultAccessPolicy"
        vault = place.vault(action.params["vault"])
        yield allow(place.side, names, vault)
        yield Grant(VAULT_POLICY, place.side, vault, action.params["statement"], action.address)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The statement."""
        return (_statement(step, context, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        found = backup.vault_policy(context.account(step.side), step.params["vault"])
        return Satisfied() if iam_policy.contains(found, step.params["statement"]) else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        account, name = context.account(step.side), step.params["vault"]
        merged = iam_policy.with_statement(backup.vault_policy(account, name), step.params["statement"])
        backup.put_vault_policy(account, name, merged)
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        owned = (_statement(step, context, is_confirmed=True),)
        return once_seen(self, step, context, Done({"sid": step.params["statement"]["Sid"]}, owned=owned))

    def undo(self, step: Step, context: Context) -> None:
        """Take our statement out; the policy goes with it when nothing else is in it."""
        remove_statement(context.account(step.side), step.params["vault"], step.params["statement"]["Sid"])


def _by_alias(key: str) -> Json:
    """The condition by which a key is meant that is known by its alias only."""
    return {"ForAnyValue:StringEquals": {"kms:ResourceAliases": key}} if key.startswith("alias/") else None


def remove_vault(account: Account, name: str, lineage: str) -> None:
    """Delete the vault if it carries our lineage and nothing is in it. Idempotent."""
    if not is_owned(account, name, lineage) or not backup.is_empty(account, name):
        return
    try:
        backup.delete_vault(account, name)
    except (Invalid, Conflict):
        return  # something was put into it meanwhile: it is theirs to delete


def is_owned(account: Account, name: str, lineage: str) -> bool:
    """True when the vault is there and carries our lineage."""
    vault = backup.find_vault(account, name)
    return vault is not None and _lineage(account, vault) == lineage


def remove_statement(account: Account, vault: str, sid: str) -> None:
    """Remove the statement `sid` from the vault's policy, and nothing else. Idempotent."""
    if not has_statement(account, vault, sid):
        return
    rest = iam_policy.without_statement(backup.vault_policy(account, vault), sid)
    if rest:
        backup.put_vault_policy(account, vault, rest)
    else:
        backup.delete_vault_policy(account, vault)


def has_statement(account: Account, vault: str, sid: str) -> bool:
    """True when the vault is there and its policy has the statement `sid`."""
    return iam_policy.has_statement(backup.vault_policy(account, vault), sid)


def _lineage(account: Account, vault: dict[str, Any]) -> str | None:
    return backup_jobs.list_tags(account, vault["BackupVaultArn"]).get(LINEAGE_TAG)


def _statement(step: Step, context: Context, *, is_confirmed: bool) -> OwnedResource:
    account, name = context.account(step.side), step.params["vault"]
    arn = f"arn:{account.partition}:backup:{account.region}:{account.id}:backup-vault:{name}"
    id = f"{arn}?policy#{step.params['statement']['Sid']}"
    return OwnedResource(id, "vault-policy", step.side.value, step.address, is_confirmed)
