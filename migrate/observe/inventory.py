"""The inventory: what was observed in both accounts at plan time. Plain data, with a digest."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from migrate.core.codec import digest, encode
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

    `policy` is the key policy's JSON text, None when it may not be read.
    """

    name: str
    arn: str
    manager: str = "CUSTOMER"
    state: str = "Enabled"
    spec: str = "SYMMETRIC_DEFAULT"
    policy: str | None = None


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
    diagnostics: tuple[Diagnostic, ...] = ()

    @functools.cached_property
    def digest(self) -> str:
        """Digest of all facts; equal inventories give equal plans."""
        return digest(encode(self))
