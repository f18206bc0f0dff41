"""The inventory: what was observed in both accounts at plan time. Plain data, with a digest."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.core.codec import Json, digest, encode
from migrate.core.diagnostics import Diagnostic
from migrate.core.table import TableFacts


@dataclass(frozen=True)
class AccountFacts:
    """A verified account: `caller` is the ARN of the principal that we are there (sts GetCallerIdentity)."""

    id: str
    region: str
    caller: str
    partition: str = "aws"


@dataclass(frozen=True)
class BucketFacts:
    """A bucket that the manifest names, as the target account sees it.

    `reachable` is False when it exists but belongs to somebody else or may not be read. `policy` is the JSON text, None
    when there is none. `encryption` is AES256 or aws:kms, `encryption_key` the key's ARN. `own_tags` are this tool's.
    """

    name: str
    exists: bool
    reachable: bool = True
    region: str = ""
    ownership: str = ""
    is_private: bool = False
    encryption: str = ""
    encryption_key: str | None = None
    is_versioned: bool = False
    requester_pays: bool = False
    policy: str | None = None
    own_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KeyFacts:
    """A KMS key that the manifest names. `arn` is '' when it does not exist; `manager` is AWS or CUSTOMER.

    `policy` is the key policy's JSON text, None when it may not be read. `id` is how it was asked for (alias, id, ARN).
    """

    name: str
    arn: str
    manager: str = "CUSTOMER"
    state: str = "Enabled"
    spec: str = "SYMMETRIC_DEFAULT"
    policy: str | None = None
    id: str | None = None


@dataclass(frozen=True)
class VaultFacts:
    """A backup vault of an account. `arn` is '' when it does not exist; `key` is the ARN of its KMS key.

    `policy` is its access policy's JSON text. `is_shared` is True when the target account sees it (air-gapped vaults).
    """

    name: str
    arn: str = ""
    type: str = "BACKUP_VAULT"
    key: str | None = None
    policy: str | None = None
    is_shared: bool = False


@dataclass(frozen=True)
class RoleFacts:
    """An IAM role. `arn` is '' when it does not exist; `trust` is the trust policy's JSON text.

    `is_hidden` is True when it may not be read, and nothing is known of it; else None.
    """

    name: str
    arn: str = ""
    trust: str | None = None
    is_hidden: bool | None = None


@dataclass(frozen=True)
class ClusterFacts:
    """A cluster of EMR on EC2. `state` is '' when it does not exist; `role` is the ARN of its instances' role, '' when
    that may not be read. `is_hidden` is True when the cluster may not be read; else None.
    """

    id: str
    state: str = ""
    release: str = ""
    has_spark: bool = True
    role: str = ""
    is_hidden: bool | None = None


@dataclass(frozen=True)
class RecoveryPointFacts:
    """A recovery point of AWS Backup, in the vault where it was found. `created` is a timestamp (UTC, ISO 8601)."""

    arn: str
    vault: str
    table_arn: str
    status: str = "COMPLETED"
    storage_class: str = "WARM"
    created: str = ""
    size_bytes: int = 0


@dataclass(frozen=True)
class SelectionFacts:
    """One selection of a backup plan. `tables` are ARNs; `is_plain` is False when tags or exceptions select as well."""

    id: str
    name: str
    role: str
    tables: tuple[str, ...] = ()
    is_plain: bool = True


@dataclass(frozen=True)
class BackupPlanFacts:
    """A backup plan: its rules as `aws/backup_plans.py` writes them, and the lineage that its tags say ('': none)."""

    name: str
    arn: str
    lineage: str = ""
    rules: tuple[Json, ...] = ()
    selections: tuple[SelectionFacts, ...] = ()


@dataclass(frozen=True)
class BackupSide:
    """AWS Backup in one account and Region, as far as it was asked about; None where nobody knows.

    `organization` is '' for an account in none. `is_opted_in` and `is_managed` are the Region's settings for DynamoDB
    (managed: full management, which the console calls advanced features). `keys` are by alias or ARN.
    """

    organization: str | None = None
    is_opted_in: bool | None = None
    is_managed: bool | None = None
    vaults: Mapping[str, VaultFacts] = field(default_factory=dict)
    roles: Mapping[str, RoleFacts] = field(default_factory=dict)
    keys: Mapping[str, KeyFacts] = field(default_factory=dict)
    plans: tuple[BackupPlanFacts, ...] = ()
    """Those with a name of this migration's."""


@dataclass(frozen=True)
class BackupFacts:
    """What strategy `backup` depends on in both accounts.

    `recovery_points` are those of each source table that `from` may mean, newest first. `problems` are reads that
    failed, by what they were about (`source vaults`): only a table that needs the answer is refused for it.
    """

    source: BackupSide = BackupSide()
    target: BackupSide = BackupSide()
    is_cross_account_on: bool | None = None
    recovery_points: Mapping[str, tuple[RecoveryPointFacts, ...]] = field(default_factory=dict)
    problems: Mapping[str, Diagnostic] = field(default_factory=dict)

    def side(self, name: str) -> BackupSide:
        """`source` or `target`."""
        return self.source if name == "source" else self.target


@dataclass(frozen=True)
class ItemSample:
    """The first items of a table, in wire form, and the read units that they have cost. Values may be secret."""

    items: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    units: float = 0.0


@dataclass(frozen=True)
class Inventory:
    """Both accounts, the tables that the manifest asks for and the resources that it names.

    `source_tables` has every table that a mapping takes its items from. `target_tables` has every target table that
    exists. `diagnostics` are problems met while looking (a missing table, a missing permission); a table with one of
    them may be absent from the mappings.
    """

    source: AccountFacts
    target: AccountFacts
    source_tables: Mapping[str, TableFacts] = field(default_factory=dict)
    target_tables: Mapping[str, TableFacts] = field(default_factory=dict)
    buckets: Mapping[str, BucketFacts] = field(default_factory=dict)
    keys: Mapping[str, KeyFacts] = field(default_factory=dict)
    samples: Mapping[str, ItemSample] | None = None
    """Of source tables whose items shall be changed on their way; None when there are none."""

    diagnostics: tuple[Diagnostic, ...] = ()
    backup: BackupFacts | None = None
    """None unless some table may use strategy `backup`."""

    roles: Mapping[str, RoleFacts] | None = None
    """Roles that the Spark job works with, by side and name (`target migrate-glue`); None unless some table may be
    moved by it."""

    clusters: Mapping[str, ClusterFacts] | None = None
    """Clusters of EMR that the manifest names, by id; None when it names none."""

    def account(self, side: str) -> AccountFacts:
        """`source` or `target`."""
        return self.source if side == "source" else self.target

    @functools.cached_property
    def digest(self) -> str:
        """Digest of all facts; equal inventories give equal plans."""
        return digest(encode(self))
