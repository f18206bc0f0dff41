"""All strategies, in the order in which `auto` prefers them."""

from __future__ import annotations

from migrate.plan.strategy import Strategy
from migrate.strategies.backup import BackupRestore
from migrate.strategies.copy import Copy
from migrate.strategies.emr import Emr
from migrate.strategies.glue import Glue
from migrate.strategies.s3 import ExportImport

STRATEGIES: tuple[Strategy, ...] = (ExportImport(), BackupRestore(), Copy(), Glue(), Emr())
"""s3 first: it needs one bucket, where backup needs an organization, vaults, keys and roles in both accounts. Backup
before copy: it does not read the live table, and takes one moment of it. But `auto` takes backup only where the
manifest names `strategies.backup` (`plan.build.ASKED_FOR`): nobody's accounts get vaults and roles unasked. Glue and
EMR last, and asked for in the same way: they do what copy does, with more machines, roles in both accounts and a
bill of their own."""


def by_name() -> dict[str, Strategy]:
    """The strategies by their manifest name."""
    return {strategy.name: strategy for strategy in STRATEGIES}
