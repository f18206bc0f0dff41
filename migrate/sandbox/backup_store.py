"""What AWS Backup keeps in one account and Region: vaults with their recovery points, jobs, settings.

https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DescribeBackupVault.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DescribeRecoveryPoint.html

It hangs on moto's backends, so that a reset drops it and the state file keeps it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.backup.models import backup_backends

from migrate.sandbox import clock
from migrate.sandbox.jobs import Tokens
from migrate.sandbox.kms import managed_key
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rows import Rows

AIR_GAPPED = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
DEFAULT_VAULT = "Default"
USABLE = ("COMPLETED", "AVAILABLE")
_VAULT_ARN = re.compile(r"arn:aws:backup:(?P<region>[\w-]+):(?P<account>\d{12}):backup-vault:(?P<name>[\w-]+)")


@dataclass
class Snapshot:
    """A table as a backup keeps it: what CreateTable needs to make it again, and its items."""

    wish: dict[str, Any]
    rows: Rows
    key_arn: str | None
    taken: datetime

    @property
    def size(self) -> int:
        """Bytes of all items."""
        return self.rows.total_bytes


@dataclass(eq=False)
class RecoveryPoint:
    """One recovery point in one vault. `holders` counts the copies and restores that read it now."""

    arn: str
    vault: Vault
    resource_arn: str
    role_arn: str
    created: datetime
    lifecycle: dict[str, Any]
    snapshot: Snapshot | None = None
    tags: dict[str, str] = field(default_factory=dict)
    source_vault_arn: str = ""
    created_by: dict[str, str] | None = None
    status: str = "CREATING"
    status_message: str = ""
    completed: datetime | None = None
    restored: datetime | None = None
    holders: int = 0

    @property
    def is_managed_by_dynamodb(self) -> bool:
        """True for one that was made without advanced features."""
        return self.arn.startswith("arn:aws:dynamodb:")

    def calculated(self) -> dict[str, datetime]:
        """When it moves to cold storage and when it is deleted."""
        names = {"MoveToColdStorageAfterDays": "MoveToColdStorageAt", "DeleteAfterDays": "DeleteAt"}
        return {
            shown: self.created + timedelta(days=self.lifecycle[name])
            for name, shown in names.items()
            if self.lifecycle.get(name, 0) > 0
        }

    @property
    def is_cold(self) -> bool:
        """True once it was moved to cold storage."""
        cold_at = self.calculated().get("MoveToColdStorageAt")
        return cold_at is not None and clock.moment() >= cold_at


@dataclass(eq=False)
class Vault:
    """One vault. `key_arn` is None for the AWS owned key, which only air-gapped vaults can have."""

    name: str
    account: str
    region: str
    key_arn: str | None
    created: datetime
    creator_request_id: str = ""
    kind: str = "BACKUP_VAULT"
    min_days: int | None = None
    max_days: int | None = None
    available_at: float = 0.0
    policy: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    points: dict[str, RecoveryPoint] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The vault's ARN."""
        return f"arn:aws:backup:{self.region}:{self.account}:backup-vault:{self.name}"

    @property
    def state(self) -> str:
        """CREATING or AVAILABLE."""
        return "AVAILABLE" if clock.now() >= self.available_at else "CREATING"

    @property
    def is_air_gapped(self) -> bool:
        """True for a logically air-gapped vault."""
        return self.kind == AIR_GAPPED

    def new_point_arn(self) -> str:
        """The ARN of a recovery point that AWS Backup manages."""
        return f"arn:aws:backup:{self.region}:{self.account}:recovery-point:{str(uuid.uuid4()).upper()}"


@dataclass
class Shelf:
    """All of one account and Region."""

    account: str
    region: str
    vaults: dict[str, Vault] = field(default_factory=dict)
    jobs: dict[str, Any] = field(default_factory=dict)
    plans: dict[str, Any] = field(default_factory=dict)
    lanes: dict[str, list[Any]] = field(default_factory=dict)
    tokens: dict[str, Tokens] = field(default_factory=dict)
    opted_in: dict[str, bool] = field(default_factory=lambda: {"DynamoDB": True})
    managed: dict[str, bool] = field(default_factory=lambda: {"DynamoDB": True})

    def vault(self, name: str) -> Vault:
        """The vault of that name. Raises ResourceNotFoundException."""
        if name not in self.vaults:
            raise Refused("ResourceNotFoundException", f"Backup vault {name} does not exist in {self.region}.")
        return self.vaults[name]

    def points(self) -> Iterator[RecoveryPoint]:
        """The recovery points of all vaults."""
        for vault in list(self.vaults.values()):
            yield from list(vault.points.values())

    def jobs_of(self, kind: type) -> list[Any]:
        """The jobs of one kind, newest first, as the lists of AWS Backup show them."""
        return [job for job in reversed(list(self.jobs.values())) if isinstance(job, kind)]


def shelf(account: str, region: str) -> Shelf:
    """The shelf of an account and Region, with the vault `Default`, which every account has."""
    backend: Any = backup_backends[account][region]
    if not hasattr(backend, "sandbox_shelf"):
        backend.sandbox_shelf = new = Shelf(account, region)
        key = managed_key(account, region, "alias/aws/backup")
        new.vaults[DEFAULT_VAULT] = Vault(DEFAULT_VAULT, account, region, key, clock.moment())
    kept: Shelf = backend.sandbox_shelf
    return kept


def vault_of(arn: str) -> Vault | None:
    """The vault behind an ARN of any account; None if there is none. Raises for what is no vault's ARN."""
    match = _VAULT_ARN.fullmatch(arn)
    if match is None:
        raise Refused("InvalidParameterValueException", f"Invalid backup vault ARN: {arn}")
    return shelf(match["account"], match["region"]).vaults.get(match["name"])


def account_in(arn: str) -> str:
    """The account that an ARN names."""
    return arn.split(":")[4]
