"""What stands against strategy `backup` for a table: every reason at once, in which account, and what mends it.

https://docs.aws.amazon.com/aws-backup/latest/devguide/create-cross-account-backup.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/logicallyairgappedvault.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.diagnostics import Diagnostic, error
from migrate.plan.strategy import TableRequest, Verdict
from migrate.strategies import backup_point, backup_resources
from migrate.strategies.backup_setup import Setup
from migrate.strategies.source_reasons import unchanged_only, unfit_source

WHERE = "strategies.backup"
NO_AIR_GAP = ("ap-east-2", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1", "mx-central-1", "us-gov-")
"""Regions (or their beginnings) without logically air-gapped vaults, as of 2026-04."""


def judge(request: TableRequest) -> Verdict:
    """May `backup` move this table?"""
    setup = Setup(request)
    found = [*_table(request), *_places(setup)]
    if request.inventory.backup is None:
        found.append(error("AWS Backup was not looked at", address=WHERE, hint="name `strategies.backup`"))
    else:
        found += [*_unread(setup), *_settings(setup), *backup_resources.check(setup), *backup_point.check(setup)]
    return Verdict(
        reasons=tuple(one for one in found if one.is_error),
        warnings=tuple(one for one in found if not one.is_error),
        why=_why(setup),
    )


def _why(setup: Setup) -> str:
    if setup.options.is_air_gapped:
        return "AWS Backup through a logically air-gapped vault: needs no common organization, keeps local indexes"
    return "AWS Backup, in one organization: keeps local indexes, reads nothing from the table"


def _table(request: TableRequest) -> Iterator[Diagnostic]:
    yield from unchanged_only(request, "backup")
    yield from unfit_source(
        request,
        vectors="whether a restore brings them back is not confirmed, and nothing may be lost in silence",
        unreadable="a table can be backed up only while DynamoDB can read it",
    )


def _places(setup: Setup) -> Iterator[Diagnostic]:
    """Accounts and Regions that AWS Backup cannot join."""
    source, target = setup.account("source"), setup.account("target")
    if source.id == target.id:
        yield error(
            f"source and target are one account ({source.id})", address=WHERE, hint="use the strategy s3 or copy"
        )
    if source.partition != target.partition or "aws-cn" in (source.partition, target.partition):
        yield error(
            f"AWS Backup copies nothing between accounts from {source.region} to {target.region}",
            address=WHERE,
            why="China has no copies between accounts, and no copy leaves its partition",
            hint="use the strategy s3 or copy",
        )
    if not setup.options.is_air_gapped:
        return
    if source.region != target.region:
        yield error(
            f"an air-gapped vault of {source.region} cannot be restored in {target.region}",
            address=f"{WHERE}.mode",
            why="a shared vault is restored in its own Region, and cannot be copied on",
            hint="use mode: copy (in one organization), or the strategy s3 or copy",
        )
    if source.region.startswith(NO_AIR_GAP):
        yield error(
            f"{source.region} has no logically air-gapped vaults",
            address=f"{WHERE}.mode",
            hint="use mode: copy (in one organization), or the strategy s3 or copy",
        )


def _unread(setup: Setup) -> Iterator[Diagnostic]:
    """Reads that failed, as far as this table needs their answers."""
    options = setup.options
    needed = {f"{side} {what}" for side in ("source", "target") for what in ("vaults", "settings")}
    needed |= {f"{side} role {options.role(side)}" for side in setup.sides_of_roles}
    needed |= {f"{side} vault {name}" for side, name in setup.vaults}
    needed |= {f"{side} key {setup.key(side, name).name}" for side, name in setup.vaults}
    if options.point:
        needed.add(f"recovery points of {setup.request.source.name}")
    if not options.is_air_gapped:
        needed |= {"global settings", "source organization", "target organization"}
    yield from (problem for what, problem in setup.facts.problems.items() if what in needed)


def _settings(setup: Setup) -> Iterator[Diagnostic]:
    if not setup.options.is_air_gapped and not setup.is_copied_already:
        yield from _organization(setup)
    for side in ("source", "target"):
        facts, account = setup.facts.side(side), setup.account(side)
        command = f"aws backup update-region-settings --region {account.region}"
        if facts.is_opted_in is False:
            yield error(
                f"AWS Backup is not turned on for DynamoDB in {account.id} {account.region}",
                address=WHERE,
                hint=f"in {account.id}: {command} --resource-type-opt-in-preference DynamoDB=true",
            )
        if facts.is_managed is False:
            yield error(
                f"advanced features of AWS Backup for DynamoDB are off in {account.id} {account.region}",
                address=WHERE,
                why="only backups that AWS Backup manages fully can leave the account; older ones stay as they are",
                hint=f"in {account.id}: {command} --resource-type-management-preference DynamoDB=true",
            )


def _organization(setup: Setup) -> Iterator[Diagnostic]:
    source, target = setup.account("source").id, setup.account("target").id
    there, here = setup.facts.source.organization, setup.facts.target.organization
    outside = "use mode: air-gapped, which needs no common organization, or the strategy s3 or copy"
    if there is None or here is None:
        return  # it could not be read, which is told
    if not there or not here:
        alone = " and ".join(id for id, of in ((source, there), (target, here)) if not of)
        yield error(
            f"{alone} {'are' if ' and ' in alone else 'is'} in no organization",
            address=WHERE,
            why="AWS Backup copies between accounts of one organization only",
            hint=outside,
        )
    elif there != here:
        yield error(
            f"{source} and {target} are in different organizations ({there} and {here})",
            address=WHERE,
            why="AWS Backup copies between accounts of one organization only",
            hint=outside,
        )
    elif setup.facts.is_cross_account_on is False:
        yield error(
            f"the organization {there} does not allow backups between accounts",
            address=WHERE,
            hint="in its management account (no other can): aws backup update-global-settings "
            "--global-settings isCrossAccountBackupEnabled=true",
        )
