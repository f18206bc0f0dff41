"""What a valid manifest says. Frozen data; `None` in `TargetSettings` means carried over from the source table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from migrate.core.diagnostics import Location

Side = Literal["source", "target"]
VerifyMode = Literal["digest", "counts", "none"]
Prefer = Literal["simplicity", "cost", "time"]
Cleanup = Literal["after-verify", "keep"]
KeyAttribute = tuple[str, str]
"""Name and DynamoDB type ("S", "N" or "B") of a key attribute."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})

_SPARK_DEFAULTS: Mapping[str, Any] = {
    "prefix": "migrate",
    "create_bucket": False,
    "from": "scan",
    "source_pitr": "keep",
    "create": False,
    "segments": "auto",
    "indexes": "auto",
    "warm": False,
    "timeout_minutes": 2880,
}

STRATEGY_DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "s3": {"prefix": "migrate", "create_bucket": False, "source_pitr": "keep"},
        "backup": {
            "mode": "copy",
            "source_vault": "migration",
            "target_vault": "migration",
            "air_gapped_vault": "migration-air-gapped",
            "create": False,
            "role": "migrate-backup",
        },
        "glue": {
            **_SPARK_DEFAULTS,
            "role": "migrate-glue",
            "source_role": "migrate-glue-source",
            "worker_type": "G.1X",
            "workers": 10,
            "version": "5.1",
            "execution_class": "standard",
        },
        "emr": {
            **_SPARK_DEFAULTS,
            "source_role": "migrate-emr-source",
            "mode": "serverless",
            "release": "emr-7.14.0",
            "workers": 4,
            "architecture": "ARM64",
            "instance_type": "m6g.xlarge",
            "service_role": "EMR_DefaultRole",
        },
        "copy": {"segments": "auto", "indexes": "auto", "warm": False, "into": "empty", "transport": "lean"},
    }
)
"""The options that a strategy has when the manifest says nothing (the `default`s of the JSON Schema)."""

REWRITING_STRATEGIES = frozenset({"copy", "glue", "emr"})
"""Strategies that read and write every item, and can therefore transform them."""


class Positions(Protocol):
    """Where each value of a manifest is written."""

    def locate(self, address: str, *, key: bool = False) -> Location | None:
        """The place of the value at `address` (or of its key), or None when the manifest does not write it."""

    def nearest(self, address: str) -> Location | None:
        """The place of `address`, or else of the closest thing around it."""


@dataclass(frozen=True)
class AccountConfig:
    """One side: which account and Region, and how to get credentials for it (none named: the ambient ones).

    `profile` and `role` together mean: assume the role with the credentials of the profile.
    """

    side: Side
    id: str
    region: str
    profile: str | None = None
    role: str | None = None
    external_id: str | None = None
    session_name: str | None = None
    endpoint_url: str | None = None


@dataclass(frozen=True)
class KeyRef:
    """A customer managed KMS key under the name that the manifest gives it. `id`: alias/..., key id or ARN."""

    name: str
    side: Side
    id: str


@dataclass(frozen=True)
class KeyAssertion:
    """A table's primary key as the manifest states it."""

    partition: KeyAttribute
    sort: KeyAttribute | None = None

    @property
    def attributes(self) -> list[KeyAttribute]:
        """Partition key, then sort key, if any."""
        return [self.partition, *([self.sort] if self.sort else [])]


@dataclass(frozen=True)
class ProvisionedCapacity:
    """Provisioned billing, in read and write capacity units."""

    read: int
    write: int


@dataclass(frozen=True)
class TargetSettings:
    """What is asked of the target table. None: carried over from the source.

    - `name`: may contain `{name}`, the source's name; None is the same name.
    - `encryption`: "aws-owned", "aws-managed", or a name under the manifest's `keys`.
    - `tags`: added to the source's tags, and they win where both have a key; nothing is removed.
    - `point_in_time_recovery`: days that can be restored (1-35), or False for off.
    - `stream`: "new-image", "old-image", "new-and-old-images", "keys-only", or "off".
    - `resource_policy`: "rewrite" (the source's, with account ids and ARNs replaced) or "none".
    - `kinesis_stream`: ARN of the stream in the target account.
    - `ttl`: attribute name, or False for off.
    - `keys`: another primary key than the source's.
    """

    name: str | None = None
    billing: Literal["on-demand"] | ProvisionedCapacity | None = None
    encryption: str | None = None
    tags: Mapping[str, str] | None = None
    deletion_protection: bool | None = None
    table_class: Literal["standard", "standard-infrequent-access"] | None = None
    point_in_time_recovery: int | Literal[False] | None = None
    stream: str | None = None
    resource_policy: Literal["rewrite", "none"] | None = None
    kinesis_stream: str | None = None
    ttl: str | Literal[False] | None = None
    keys: KeyAssertion | None = None


@dataclass(frozen=True)
class Verify:
    """How the result is proven.

    `read_units` are the most a second for each table, None is no limit of the manifest's. `source` is `read` (both
    tables are read), or `as-copied`: the target is compared with what strategy `copy` has read from the source. `by` is
    who compares: a run of the Spark job, this machine, or what suits the strategy (None).
    """

    mode: VerifyMode = "digest"
    read_units: float | None = None
    source: Literal["read", "as-copied"] = "read"
    by: Literal["job", "local"] | None = None


SCHEDULES: Mapping[str, str] = MappingProxyType(
    {"hourly": "cron(0 * * * ? *)", "daily": "cron(0 3 * * ? *)", "weekly": "cron(0 3 ? * SUN *)"}
)
"""What the words for a schedule mean (UTC)."""


@dataclass(frozen=True)
class Protection:
    """Standing protection: `schedule` is AWS's cron expression (UTC); days until backup and copy are deleted."""

    schedule: str
    delete_after_days: int = 35
    copy_delete_after_days: int = 35
    start_within_minutes: int = 480


AccessKind = Literal["read", "write", "stream"]


@dataclass(frozen=True)
class Share:
    """Access that a principal of another account gets to a target table: the ARN of a role, user or account, or an
    account id."""

    principal: str
    access: tuple[AccessKind, ...]

    @property
    def account(self) -> str:
        """Account id of the principal."""
        return self.principal.split(":")[4] if self.principal.startswith("arn:") else self.principal


@dataclass(frozen=True)
class Defaults:
    """What a table rule means when it does not say."""

    strategy: str = "auto"
    prefer: Prefer = "simplicity"
    verify: Verify = Verify()
    cleanup: Cleanup = "after-verify"
    protect: Protection | None = None


@dataclass(frozen=True)
class TableRule:
    """One entry of `tables`, with the defaults filled in. Exactly one of `name` and `match` is set.

    `options` holds only what this entry overrides; see `Manifest.strategy_options`.
    """

    name: str | None
    match: str | None = None
    exclude: tuple[str, ...] = ()
    strategy: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    keys: KeyAssertion | None = None
    transform: Sequence[Mapping[str, Any]] | None = None
    target: TargetSettings = TargetSettings()
    verify: Verify = Verify()
    cleanup: Cleanup = "after-verify"
    protect: Protection | None = None
    prefer: Prefer = "simplicity"
    """What strategy `auto` goes by."""

    share: tuple[Share, ...] = ()
    is_moved: bool = True
    """False for a table that is protected and whose entry names no strategy."""

    location: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class TableMapping:
    """One source table and the target table that it becomes, with the options of the rule that named it."""

    source_name: str
    target_name: str
    strategy: str
    options: Mapping[str, Any]
    keys: KeyAssertion | None
    transform: Sequence[Mapping[str, Any]] | None
    target: TargetSettings
    verify: Verify
    cleanup: Cleanup
    rule_index: int
    protect: Protection | None = None
    prefer: Prefer = "simplicity"
    share: tuple[Share, ...] = ()
    is_moved: bool = True
    location: Location | None = field(default=None, compare=False, repr=False)

    @property
    def address(self) -> str:
        """Where in the manifest it comes from, such as `tables[2]`."""
        return f"tables[{self.rule_index}]"


@dataclass(frozen=True)
class Manifest:
    """A manifest without errors.

    `digest` is of the meaning: comments, order and formatting do not change it; a change of `code` does.
    """

    version: int
    name: str
    source: AccountConfig
    target: AccountConfig
    keys: Mapping[str, KeyRef]
    strategies: Mapping[str, Mapping[str, Any]]
    defaults: Defaults
    tables: tuple[TableRule, ...]
    file: str = field(compare=False)
    digest: str
    policy: str | None = None
    """Path of the policy file as it is written: relative to the manifest."""

    positions: Positions | None = field(default=None, compare=False, repr=False)
    code: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Content of the Python files that transforms name, by the path that the manifest writes."""

    def account(self, side: Side) -> AccountConfig:
        """The account of that side."""
        return self.source if side == "source" else self.target

    def locate(self, address: str, *, key: bool = False) -> Location | None:
        """Where `address` (such as `tables[2].strategy`) is written, or None; with `key`, where its key is."""
        return self.positions.locate(address, key=key) if self.positions else None

    def nearest(self, address: str) -> Location | None:
        """Where `address` is written, or else the closest thing around it (`tables[2]`): never None for a file."""
        return self.positions.nearest(address) if self.positions else None

    def strategy_options(self, strategy: str, own: Mapping[str, Any] = _NOTHING) -> dict[str, Any]:
        """All options of `strategy`: the built-in defaults, then `strategies`, then a table's `own`, which win."""
        return {**STRATEGY_DEFAULTS.get(strategy, {}), **self.strategies.get(strategy, {}), **own}

    def protection_options(self) -> dict[str, Any]:
        """Vaults, keys and roles of standing protection: those of strategy `backup`, always from vault to vault."""
        return {**self.strategy_options("backup"), "mode": "copy", "from": None}
