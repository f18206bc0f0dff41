"""The checkup of `migrate doctor`: what to look at for a plan, and what is to be said of what was found. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from migrate.core.diagnostics import Diagnostic, Severity
from migrate.core.table import CUSTOMER_MANAGED, TableFacts
from migrate.manifest.model import Manifest
from migrate.observe.checkup import Asked, SideCheckup, SideQuestions
from migrate.observe.inventory import AccountFacts, Inventory
from migrate.plan.check import Check, Patient, Result, counted
from migrate.plan.checkup_account import account_checks
from migrate.plan.checkup_quotas import quota_checks, services
from migrate.plan.checkup_tables import table_checks
from migrate.plan.model import Plan

SIDES = ("source", "target")
MIGRATION = "migration"
_NEW_TABLES = {"import", "restore-job", "table"}
_RESULTS = {Severity.ERROR: Result.FAIL, Severity.WARNING: Result.WARN, Severity.NOTE: Result.OK}


@dataclass(frozen=True)
class Checkup:
    """All checks of a migration, by account."""

    migration: str
    accounts: Mapping[str, AccountFacts]
    checks: tuple[Check, ...]

    def count(self, result: Result) -> int:
        """How many came out so."""
        return sum(check.result is result for check in self.checks)

    @property
    def causes(self) -> set[str | None]:
        """Why checks failed, as classes of errors: {"AccessDenied"} when nothing but permissions is missing."""
        return {check.cause for check in self.checks if check.result is Result.FAIL}


def questions(plan: Plan, inventory: Inventory, permissions: Mapping[str, Sequence[Asked]]) -> dict[str, SideQuestions]:
    """What to look at in each account for this plan. `permissions` are those that it needs, by side."""
    moved = [table for table in plan.tables if table.is_move]
    kinds = {action.kind for action in plan.actions}
    sources = [inventory.source_tables[table.source] for table in moved]
    targets = [inventory.target_tables[table.target] for table in moved if table.target in inventory.target_tables]
    return {
        "source": SideQuestions(
            has_streams=any(table.spec.stream for table in sources),
            keys=_table_keys(sources),
            written=tuple(sorted({table.source for table in moved})),
            permissions=tuple(permissions.get("source", ())),
        ),
        "target": SideQuestions(
            services=services(kinds),
            makes_tables=bool(kinds & _NEW_TABLES),
            has_streams=any(table.spec.stream for table in targets),
            keys=_table_keys(targets),
            permissions=tuple(permissions.get("target", ())),
        ),
    }


def account_of(
    side: str,
    manifest: Manifest,
    inventory: Inventory,
    plan: Plan,
    asked: SideQuestions,
    found: SideCheckup,
) -> list[Check]:
    """The checks of one account."""
    patient = Patient(side, inventory.account(side), asked, found, manifest, inventory, plan)
    return [*account_checks(patient), *quota_checks(patient), *table_checks(patient)]


def plan_checks(plan: Plan, inventory: Inventory) -> Iterator[Check]:
    """What the plan itself says, each error and warning in its own words; and the organization that it relies on."""
    told = [one for one in plan.diagnostics if one.severity is not Severity.NOTE]
    yield from (_diagnosed(one) for one in told)
    if not plan.is_errored:
        yield Check(MIGRATION, "plan", Result.OK, _plan_words(plan))
    facts = inventory.backup
    if facts is not None and facts.source.organization is not None:
        ours, theirs = facts.source.organization, facts.target.organization
        if ours and ours == theirs:
            cross = {True: "on", None: "not known"}.get(facts.is_cross_account_on, "off")
            result = Result.UNKNOWN if facts.is_cross_account_on is None else Result.OK
            what = f"both accounts are in the organization {ours}; cross-account backup is {cross}"
            if facts.is_cross_account_on is not False:  # the plan refuses that
                yield Check(MIGRATION, "organization", result, what)


def _plan_words(plan: Plan) -> str:
    if not plan.actions:
        return "there is nothing to do: the target matches the manifest"
    minutes = max((table.estimate.minutes for table in plan.tables), default=0.0)
    moved = sum(table.is_move for table in plan.tables)
    words = f"the plan can be carried out: {counted(len(plan.actions), 'action')}, {counted(moved, 'table')} to move"
    return f"{words}, the longest about {minutes:.0f} minutes" if moved else words


def _diagnosed(one: Diagnostic) -> Check:
    place = str(one.location or one.address)
    what = f"{place}: {one.summary}" if place else one.summary
    return Check(MIGRATION, "plan", _RESULTS[one.severity], what, why=one.why, fix=one.hint, cause=one.cause)


def _table_keys(tables: Sequence[TableFacts]) -> tuple[str, ...]:
    found = [table.spec.encryption for table in tables]
    return tuple(sorted({one.key for one in found if one.kind == CUSTOMER_MANAGED and one.key}))
