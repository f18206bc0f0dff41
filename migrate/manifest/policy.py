"""A policy file -> Policy: what an organization allows, whatever a manifest asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from migrate.core.diagnostics import Diagnostic, Location, has_errors
from migrate.manifest.conform import check_schema
from migrate.manifest.model import Positions, Side
from migrate.manifest.textfile import read_file
from migrate.manifest.yamltext import read_yaml


@dataclass(frozen=True)
class ApprovalRule:
    """Tables that move only when one of `by` has approved. `tables` are names or patterns of source or target."""

    tables: tuple[str, ...]
    by: tuple[str, ...]

    def covers(self, *names: str) -> bool:
        """True when one of the names is a table of this rule."""
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.tables)


@dataclass(frozen=True)
class Policy:
    """A policy without errors. None: that gate is not there. Dollars and units are held against the plan's estimates.

    `max_source_read_units` is for each source table by itself; `max_dollars` for the whole plan.
    """

    file: str
    accounts: Mapping[Side, tuple[str, ...]] = field(default_factory=dict)
    regions: Mapping[Side, tuple[str, ...]] = field(default_factory=dict)
    strategies: tuple[str, ...] | None = None
    never_delete: bool = False
    max_dollars: float | None = None
    max_source_read_units: int | None = None
    approvals: tuple[ApprovalRule, ...] = ()
    positions: Positions | None = field(default=None, compare=False, repr=False)

    def locate(self, address: str) -> Location | None:
        """Where the gate at `address` (such as `accounts.target`) is written."""
        return self.positions.locate(address, key=True) if self.positions else None


def load_policy(path: str | Path) -> tuple[Policy | None, list[Diagnostic]]:
    """Read and check the policy at `path`. Returns a Policy exactly when no diagnostic is an error. Never raises."""
    text, problems = read_file(path, "policy")
    if text is None:
        return None, problems
    document, problems = read_yaml(text, str(path), "policy")
    if document is None:
        return None, problems
    problems = [*problems, *check_schema(document, "policy")]
    return (None if has_errors(problems) else _build(document.value, str(path), document)), problems


def _build(value: Mapping[str, Any], file: str, positions: Positions) -> Policy:
    strategies = value.get("strategies")
    return Policy(
        file=file,
        accounts={side: tuple(ids) for side, ids in value.get("accounts", {}).items()},
        regions={side: tuple(names) for side, names in value.get("regions", {}).items()},
        strategies=None if strategies is None else tuple(strategies),
        never_delete=value.get("never_delete", False),
        max_dollars=value.get("max_dollars"),
        max_source_read_units=value.get("max_source_read_units"),
        approvals=tuple(ApprovalRule(tuple(one["tables"]), tuple(one["by"])) for one in value.get("approvals", ())),
        positions=positions,
    )
