"""The recovery point that `from` names: which one it is, and whether it can be copied and restored."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.diagnostics import Diagnostic, error
from migrate.observe.inventory import RecoveryPointFacts
from migrate.strategies.backup_options import LATEST
from migrate.strategies.backup_setup import USABLE, Setup


def check(setup: Setup) -> Iterator[Diagnostic]:
    """Every reason against the recovery point; none when a new backup is made."""
    options, name = setup.options, setup.request.source.name
    if not options.point or f"recovery points of {name}" in setup.facts.problems:
        return
    if not setup.points:
        yield _missing(setup)
    elif options.point != LATEST:
        yield from _point(setup, setup.points[0])


def _missing(setup: Setup) -> Diagnostic:
    options, name = setup.options, setup.request.source.name
    is_there = options.is_point_in(setup.account("target").id)
    account, vault = setup.account("target" if is_there else "source").id, options.source_vault
    where = options.target_vault if is_there else vault
    if options.point == LATEST:
        found = setup.facts.recovery_points.get(name, ())
        why = f"{len(found)} are there, but cold, expired or not of AWS Backup" if found else ""
        return error(
            f"the vault {vault} of {account} has no recovery point of `{name}` that can be copied",
            address=_where(setup),
            why=why,
            hint="leave `from` out to take a backup now, or name the vault that has one",
        )
    return error(
        f"the recovery point {options.point} is not in the vault {where} of {account}",
        address=_where(setup),
        hint=f"aws backup list-recovery-points-by-backup-vault --backup-vault-name {where}   shows those that are",
    )


def _point(setup: Setup, point: RecoveryPointFacts) -> Iterator[Diagnostic]:
    source, at = setup.request.source, _where(setup)
    if point.table_arn and point.table_arn != source.arn:
        yield error(
            f"the recovery point {point.arn} is of {point.table_arn.rpartition('/')[2]}, not of `{source.name}`",
            address=at,
            hint="name a recovery point of this table; `from` can be set for one table under tables[].options",
        )
    if point.storage_class == "COLD" and not setup.is_copied_already:
        yield error(
            f"the recovery point {point.arn} is in cold storage",
            address=at,
            why="cold recovery points cannot be copied",
            hint="name a warm one, or leave `from` out to take a backup now",
        )
    if point.status not in USABLE or point.storage_class == "DELETED":
        yield error(
            f"the recovery point {point.arn} is {point.status}",
            address=at,
            why=f"only one that is {' or '.join(USABLE)} can be restored",
            hint="name another one, or leave `from` out to take a backup now",
        )
    if ":dynamodb:" in point.arn:
        yield error(
            f"the recovery point {point.arn} belongs to DynamoDB, and cannot leave its account",
            address=at,
            why="advanced features (full management) of AWS Backup were off when it was taken",
            hint="leave `from` out to take a backup now",
        )


def _where(setup: Setup) -> str:
    """The table: recovery points are of one."""
    return setup.request.target_name
