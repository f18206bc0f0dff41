"""The policies that a plan must obey: the manifest's, and the one that the user or the pipeline names."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from migrate.cli.console import console

if TYPE_CHECKING:
    from migrate.core.clock import Clock
    from migrate.core.diagnostics import Diagnostic
    from migrate.manifest.model import Manifest
    from migrate.manifest.policy import Policy
    from migrate.plan.model import Plan
    from migrate.state.store import Store

POLICY = typer.Option(
    "", "--policy", metavar="FILE", envvar="MIGRATE_POLICY", help="Gates to pass, beside the manifest's `policy`."
)
APPROVE = typer.Option([], "--approve", metavar="NAME", help="Who has approved, where a policy asks for it.")


@dataclass(frozen=True)
class Rules:
    """Policies, and the names of those who approved; None while a plan is only shown."""

    policies: tuple[Policy, ...] = ()
    approved: tuple[str, ...] | None = None

    def applied_to(self, plan: Plan) -> Plan:
        """The plan with every gate that it breaks among its diagnostics."""
        from migrate.plan.policy import broken_policy

        found = broken_policy(plan, self.policies, self.approved)
        return dataclasses.replace(plan, diagnostics=(*plan.diagnostics, *found)) if found else plan

    def note_approvals(self, plan: Plan, states: Store, clock: Clock) -> list[str]:
        """Say who has approved of which table, and write it into the journal. The same for the run's own record."""
        from migrate.core.clock import timestamp
        from migrate.plan.planfile import plan_digest
        from migrate.plan.policy import given_approvals

        found = []
        for one in given_approvals(plan, self.policies, self.approved or ()):
            message = f"by {one.by}, as {one.rule} asks, of {plan_digest(plan)}"
            console.say(f"{one.table}: approved {message}")
            line = {
                "time": timestamp(clock.now()),
                "address": one.table,
                "change": "approved",
                "message": message,
                "attempt": 1,
            }
            states.append_journal(plan.migration, line)
            found.append(f"{one.table}: by {one.by}, as {one.rule} asks")
        return found


def read_rules(manifest: Manifest, named: str, approved: Sequence[str] | None) -> Rules:
    """The policies in force for a manifest; `named` is the one of --policy. Raises `ManifestInvalid`."""
    from migrate.core.diagnostics import has_errors
    from migrate.core.errors import ManifestInvalid

    policies, problems = load_policies(manifest, named)
    if has_errors(problems):
        raise ManifestInvalid(problems)
    console.diagnostics(problems)
    return Rules(policies, None if approved is None else tuple(approved))


def load_policies(manifest: Manifest, named: str) -> tuple[tuple[Policy, ...], list[Diagnostic]]:
    """The manifest's policy and the one called `named`, as far as they are without errors; and what is wrong."""
    from migrate.manifest.policy import load_policy

    own = [str(Path(manifest.file).parent / manifest.policy)] if manifest.policy else []
    loaded = [load_policy(path) for path in dict.fromkeys([*own, *([named] if named else [])])]
    problems = [problem for _, found in loaded for problem in found]
    return tuple(policy for policy, _ in loaded if policy is not None), problems
