"""All strategies, in the order in which `auto` prefers them."""

from __future__ import annotations

from migrate.plan.strategy import Strategy
from migrate.strategies.copy import Copy
from migrate.strategies.s3 import ExportImport

STRATEGIES: tuple[Strategy, ...] = (ExportImport(), Copy())


def by_name() -> dict[str, Strategy]:
    """The strategies by their manifest name."""
    return {strategy.name: strategy for strategy in STRATEGIES}
