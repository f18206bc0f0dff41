"""The newest copied recovery point of each protected table, as the target account sees it. Read-only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from migrate.aws import backup
from migrate.aws.session import Account
from migrate.core.access import Permission, Place, allow
from migrate.core.clock import timestamp

USABLE = ("COMPLETED", "AVAILABLE")


@dataclass(frozen=True)
class NewestCopy:
    """What a protected table could be restored from in the target account; nothing is known of what is not copied."""

    table: str
    recovery_point: str | None = None
    created: str | None = None
    """When its backup was taken: a timestamp (UTC, ISO 8601)."""

    age_seconds: int | None = None


def copies_access(target: Place, vault: str) -> Permission:
    """What `newest_copies` reads."""
    when = "`migrate status` shows the newest copies"
    return allow(target.side, "backup:ListRecoveryPointsByBackupVault", target.vault(vault), when=when)


def newest_copies(account: Account, vault: str, tables: Collection[str], now: dt.datetime) -> list[NewestCopy]:
    """One for each table (ARNs), sorted by name. One listing of the vault, whatever the number of tables.

    Raises what reading may raise (`AwsError`, credentials).
    """
    newest: dict[str, tuple[dt.datetime, str]] = {}
    for point in backup.recovery_points(account, vault):
        table, created = str(point.get("ResourceArn") or ""), point.get("CreationDate")
        if table in tables and point.get("Status") in USABLE and isinstance(created, dt.datetime):
            newest[table] = max(newest.get(table, (created, "")), (created, str(point["RecoveryPointArn"])))
    return [_copy(table, newest.get(table), now) for table in sorted(tables)]


def _copy(table: str, found: tuple[dt.datetime, str] | None, now: dt.datetime) -> NewestCopy:
    name = table.rpartition("/")[2]
    if found is None:
        return NewestCopy(name)
    created, arn = found
    return NewestCopy(name, arn, timestamp(created), max(0, int((now - created).total_seconds())))
