"""What one table's move by `backup` needs in both accounts, and what of it was observed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from migrate.observe.inventory import AccountFacts, BackupFacts, KeyFacts, RecoveryPointFacts, RoleFacts, VaultFacts
from migrate.plan.strategy import TableRequest
from migrate.strategies.backup_options import LATEST, BackupOptions, default_alias, read_options

USABLE = ("COMPLETED", "AVAILABLE")
"""States of a recovery point that can be copied and restored."""


@dataclass(frozen=True)
class Setup:
    """A request, seen as what it needs of AWS Backup."""

    request: TableRequest

    @cached_property
    def options(self) -> BackupOptions:
        """The options of this table."""
        return read_options(self.request.options)

    @cached_property
    def facts(self) -> BackupFacts:
        """What was observed; nothing when nobody looked."""
        return self.request.inventory.backup or BackupFacts()

    def account(self, side: str) -> AccountFacts:
        """The account of that side."""
        return self.request.inventory.account(side)

    @cached_property
    def points(self) -> tuple[RecoveryPointFacts, ...]:
        """The recovery points that `from` may mean, newest first; with `latest` only those that can be used."""
        found = self.facts.recovery_points.get(self.request.source.name, ())
        if self.options.point != LATEST:
            return found
        return tuple(p for p in found if p.status in USABLE and p.storage_class == "WARM" and ":backup:" in p.arn)

    @cached_property
    def is_copied_already(self) -> bool:
        """True when `from` names a recovery point that is in the vault from which it is restored."""
        if self.options.is_air_gapped:
            return any(p.vault == self.options.air_gapped_vault for p in self.points)
        return self.options.is_point_in(self.account("target").id)

    @cached_property
    def vaults(self) -> tuple[tuple[str, str], ...]:
        """(side, name) of the ordinary vaults that are used."""
        first = () if self.is_copied_already else (("source", self.options.source_vault),)
        return first if self.options.is_air_gapped else (*first, ("target", self.options.target_vault))

    @cached_property
    def sides_of_roles(self) -> tuple[str, ...]:
        """The sides in which AWS Backup works with a role."""
        return ("target",) if self.is_copied_already else ("source", "target")

    def vault(self, side: str, name: str) -> VaultFacts:
        """What was observed of a vault."""
        return self.facts.side(side).vaults.get(name) or VaultFacts(name)

    @property
    def air_gapped_vault(self) -> VaultFacts:
        """What was observed of the logically air-gapped vault."""
        return self.vault("source", self.options.air_gapped_vault)

    def role(self, side: str) -> RoleFacts:
        """What was observed of the role of that side."""
        name = self.options.role(side)
        return self.facts.side(side).roles.get(name) or RoleFacts(name)

    def key(self, side: str, vault: str) -> KeyFacts:
        """The key of a vault: its own, or the one with which it is to be made (`arn` is '' when that is not there)."""
        keys, found = self.facts.side(side).keys, self.vault(side, vault)
        if found.arn:
            return keys.get(found.key or "") or KeyFacts(found.key or "", arn="", manager="AWS")
        return self.chosen_key(side, vault)

    def chosen_key(self, side: str, vault: str) -> KeyFacts:
        """The key that the manifest names for a vault, or the one that is made for it."""
        named, alias = self.options.key(side), default_alias(vault)
        if named:
            return self.request.inventory.keys.get(named) or KeyFacts(named, arn="")
        return self.facts.side(side).keys.get(alias) or KeyFacts(alias, arn="", id=alias)

    def role_arn(self, side: str) -> str:
        """ARN of the role, also before it is made: the actions of a table do not change when it is."""
        account = self.account(side)
        return self.role(side).arn or f"arn:{account.partition}:iam::{account.id}:role/{self.options.role(side)}"

    def vault_arn(self, side: str, name: str) -> str:
        """ARN of the vault, also before it is made."""
        account = self.account(side)
        return f"arn:{account.partition}:backup:{account.region}:{account.id}:backup-vault:{name}"
