"""Manifests, inventories and states for tests of planning, without any AWS."""

from __future__ import annotations

from typing import Any

from migrate.core.table import Key, KeySchema, TableFacts, TableSpec
from migrate.manifest.load import load_text
from migrate.manifest.model import Manifest
from migrate.manifest.prices import Prices, shipped_prices
from migrate.manifest.tables import resolve_tables
from migrate.observe.inventory import AccountFacts, BackupFacts, BackupSide, Inventory
from migrate.plan.build import build
from migrate.plan.model import Plan
from migrate.state.model import MigrationFile, State
from migrate.strategies.registry import by_name

SOURCE, TARGET, REGION = "111111111111", "222222222222", "eu-west-1"
LINEAGE = "0123456789abcdef0123456789abcdef"
BUCKET = "transfer-222222222222"
MIB = 1024 * 1024
PRICES = shipped_prices()

HEAD = f"""\
version: 1
name: move
accounts:
  source: {{id: "{SOURCE}", region: {REGION}}}
  target: {{id: "{TARGET}", region: {REGION}}}
strategies:
  s3: {{bucket: {BUCKET}, create_bucket: true}}
  backup: {{create: true}}
"""
MINIMAL = HEAD + "tables:\n  - name: orders\n"

PLAIN = TableSpec(keys=KeySchema((Key("PK", "S"),), (Key("SK", "N"),)))


def facts(name: str, spec: TableSpec = PLAIN, side: str = SOURCE, **more: Any) -> TableFacts:
    """A table as it is observed; of 1,000 items and 1 MiB unless said otherwise."""
    given = {"table_id": f"id-of-{name}", "status": "ACTIVE", "item_count": 1000, "size_bytes": MIB, **more}
    return TableFacts(name=name, arn=f"arn:aws:dynamodb:{REGION}:{side}:table/{name}", spec=spec, **given)


READY = BackupSide("o-1234567890", is_opted_in=True, is_managed=True)
"""An account in which AWS Backup is turned on, and has nothing yet."""


def inventory(*tables: TableFacts, **more: Any) -> Inventory:
    """Both accounts, with `tables` in the source; the bucket is not there yet."""
    callers = [f"arn:aws:sts::{id}:assumed-role/Migrator/me" for id in (SOURCE, TARGET)]
    return Inventory(
        AccountFacts(SOURCE, REGION, callers[0]),
        AccountFacts(TARGET, REGION, callers[1]),
        source_tables={table.name: table for table in tables},
        **{"backup": BackupFacts(READY, READY, is_cross_account_on=True), **more},
    )


def state_of(manifest: Manifest) -> State:
    """A state in which nothing has happened."""
    return State(MigrationFile(manifest.name, LINEAGE, 0, SOURCE, TARGET))


def manifest_of(text: str, file: str = "manifest.yaml") -> Manifest:
    """The manifest in `text`, which must be free of errors."""
    manifest, found = load_text(text, file, {})
    assert manifest is not None, found
    return manifest


def plan_of(manifest: Manifest, seen: Inventory, state: State | None = None, prices: Prices | None = None) -> Plan:
    """What is planned for the manifest's tables, as far as they were observed."""
    mappings, problems = resolve_tables(manifest, seen.source_tables)
    assert not [one for one in problems if one.is_error], problems
    return build(manifest, mappings, seen, state or state_of(manifest), by_name(), prices=prices or PRICES)
