"""Vaults, keys and roles: are they there and fit for copies between accounts, or may they be made?"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.diagnostics import Diagnostic, error, warning
from migrate.core.iam_policy import allows, denies
from migrate.observe.inventory import AccountFacts, KeyFacts, VaultFacts
from migrate.strategies import backup_policies as policies
from migrate.strategies.backup_setup import Setup

WHERE = "strategies.backup"
ORDINARY = "BACKUP_VAULT"
AIR_GAPPED = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
CREATE = "set strategies.backup.create: true to have it made"


def check(setup: Setup) -> Iterator[Diagnostic]:
    """Every reason against it."""
    for side, name in setup.vaults:
        yield from _vault(setup, side, name)
    if setup.options.is_air_gapped:
        yield from _air_gapped(setup)
    for side in setup.sides_of_roles:
        yield from _role(setup, side)


def _vault(setup: Setup, side: str, name: str) -> Iterator[Diagnostic]:
    vault, account, at = setup.vault(side, name), setup.account(side), f"{WHERE}.{side}_vault"
    if f"{side} vaults" in setup.facts.problems:
        return  # whether it exists is not known, which is told
    if not vault.arn:
        if setup.options.create:
            yield from _new_key(setup, side, name)
            return
        yield error(
            f"the backup vault {name} does not exist in {account.id} {account.region}",
            address=at,
            hint=f"{CREATE}, or in {account.id}: aws backup create-backup-vault --region {account.region} "
            f"--backup-vault-name {name} --encryption-key-arn KEY",
        )
        return
    if vault.type != ORDINARY:
        hint = "name an ordinary vault; an air-gapped one is named by air_gapped_vault, with mode: air-gapped"
        yield error(f"the vault {name} in {account.id} is a {vault.type}", address=at, hint=hint)
        return
    if not setup.options.is_air_gapped:
        yield from _key(setup, side, setup.key(side, name), at, f"the key of the vault {name}")
        if side == "target":
            yield from _access(setup, vault, at)


def _new_key(setup: Setup, side: str, vault: str) -> Iterator[Diagnostic]:
    """The key of a vault that is to be made."""
    key, account, named = setup.key(side, vault), setup.account(side), setup.options.key(side)
    at = f"{WHERE}.{side}_key" if named else WHERE
    if key.arn:
        if not setup.options.is_air_gapped:
            yield from _key(setup, side, key, at, f"the key {named or key.id}")
    elif not (key.id or "").startswith("alias/"):
        yield error(
            f"the key {key.id or key.name} does not exist in {account.id} {account.region}, and cannot be made",
            address=f"keys.{named}" if named else at,
            why="KMS chooses the id of a new key; only an alias can be asked for",
            hint="name an alias, or leave it out to have a key made",
        )


def _key(setup: Setup, side: str, key: KeyFacts, at: str, what: str) -> Iterator[Diagnostic]:
    """A key that encrypts what is copied between accounts."""
    account, other = setup.account(side), setup.account("target" if side == "source" else "source")
    if f"{side} key {key.name}" in setup.facts.problems:
        return
    if key.manager == "AWS":
        yield error(
            f"{what} in {account.id} belongs to AWS ({key.arn or 'aws/backup'})",
            address=at,
            why="it cannot be shared with another account, and the key of a vault cannot be changed",
            hint="name another vault with a customer managed key; `create: true` makes both",
        )
        return
    if key.state != "Enabled":
        yield error(f"{what} ({key.arn}) is {key.state}", address=at, hint="enable it in AWS KMS")
    if key.policy is None:
        yield warning(
            f"the policy of {key.arn} could not be read",
            address=at,
            why=f"whether {other.id} may use it shows only when the copy runs",
            hint=f"allow kms:GetKeyPolicy to {account.caller}",
        )
    else:
        missing = [one for one in (account, other) if not _may_use(key.policy, one.id)]
        if missing:
            yield _unusable(key, missing, at, what)


def _may_use(policy: str, account: str) -> bool:
    actions = ("kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant")
    return all(allows(policy, account, action) and not denies(policy, account, action) for action in actions)


def _unusable(key: KeyFacts, missing: list[AccountFacts], at: str, what: str) -> Diagnostic:
    roots = ", ".join(f"arn:{one.partition}:iam::{one.id}:root" for one in missing)
    return error(
        f"the policy of {what} ({key.arn}) does not let {' and '.join(one.id for one in missing)} use it",
        address=at,
        why="AWS Backup copies with the role of the source account and with AWSServiceRoleForBackup of the target "
        "account, and both need both keys",
        hint=f"add statements with Principal {roots} and the actions {', '.join(policies.KEY_ACTIONS)}; and "
        "kms:CreateGrant with the condition Bool kms:GrantIsForAWSResource true",
    )


def _access(setup: Setup, vault: VaultFacts, at: str) -> Iterator[Diagnostic]:
    """The target vault's access policy."""
    source, target = setup.account("source"), setup.account("target")
    if setup.is_copied_already or f"target vault {vault.name}" in setup.facts.problems:
        return
    if denies(vault.policy, source.id, policies.COPY_INTO):
        yield error(
            f"the access policy of vault {vault.name} in {target.id} denies {policies.COPY_INTO} to {source.id}",
            address=at,
            why="a Deny wins over every Allow, and a statement of somebody else is not ours to change",
            hint="take the statement out, or name another vault",
        )
    elif not setup.options.create and not allows(vault.policy, source.id, policies.COPY_INTO):
        yield error(
            f"the access policy of vault {vault.name} in {target.id} does not let {source.id} copy into it",
            address=at,
            hint="set strategies.backup.create: true to have the statement added (the others stay), or add: Effect "
            f"Allow, Principal arn:{source.partition}:iam::{source.id}:root, Action {policies.COPY_INTO}, Resource *",
        )


def _air_gapped(setup: Setup) -> Iterator[Diagnostic]:
    vault, account, target = setup.air_gapped_vault, setup.account("source"), setup.account("target")
    at = f"{WHERE}.air_gapped_vault"
    if "source vaults" in setup.facts.problems:
        return
    if not vault.arn:
        if not setup.options.create:
            yield error(
                f"the air-gapped vault {vault.name} does not exist in {account.id} {account.region}",
                address=at,
                hint=CREATE,
            )
    elif vault.type != AIR_GAPPED:
        yield error(f"the vault {vault.name} in {account.id} is not air-gapped", address=at, hint="name another one")
    elif not vault.is_shared and not setup.options.create:
        yield error(
            f"{target.id} does not see the vault {vault.name} of {account.id}",
            address=at,
            hint=f"set strategies.backup.create: true to have it shared, or share {vault.arn} with {target.id} in AWS "
            "RAM and accept the invitation there (it expires after 12 hours)",
        )


def _role(setup: Setup, side: str) -> Iterator[Diagnostic]:
    role, account, at = setup.role(side), setup.account(side), f"{WHERE}.role"
    if f"{side} role {role.name}" in setup.facts.problems:
        return
    if not role.arn:
        if not setup.options.create:
            managed = "Backup" if side == "source" else "Restores"
            yield error(
                f"the role {role.name} does not exist in {account.id}",
                address=at,
                hint=f"{CREATE}, or make one that {policies.SERVICE} may assume, with the policy "
                f"service-role/AWSBackupServiceRolePolicyFor{managed}",
            )
    elif not allows(role.trust, policies.SERVICE, "sts:AssumeRole"):
        yield error(
            f"AWS Backup may not assume the role {role.arn}",
            address=at,
            hint=f"add to its trust policy: Effect Allow, Principal Service {policies.SERVICE}, Action sts:AssumeRole",
        )
