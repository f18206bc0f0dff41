"""`migrate doctor`: what could go wrong in the night of the migration, looked at before. Read-only, held to it by the
guard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from migrate.cli import exit_codes
from migrate.cli.console import console
from migrate.cli.rules import POLICY, read_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migrate.aws.session import Account
    from migrate.cli.rules import Rules
    from migrate.cli.world import World
    from migrate.core.errors import MigrateError
    from migrate.manifest.model import Manifest
    from migrate.observe.checkup import Asked
    from migrate.observe.inventory import AccountFacts, Inventory
    from migrate.plan.check import Check
    from migrate.plan.checkup import Checkup
    from migrate.plan.model import Plan
    from migrate.state.model import State


SIMULATED_RESOURCES = 25
"""Of each permission: tables of one migration are called alike, and IAM simulates a few calls a second."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("doctor")
    def doctor(
        manifest: str = typer.Argument(..., metavar="MANIFEST", help="The manifest, a YAML file."),
        as_json: bool = typer.Option(False, "--json", help="Print the checks as JSON."),
        only: list[str] = typer.Option([], "--only", metavar="TABLE", help="Only this table (may be repeated)."),
        policy: str = POLICY,
    ) -> int:
        """Check beforehand what a night can fail of: permissions, keys, quotas, triggers, writers. Changes nothing."""
        return run(manifest, as_json=as_json, only=only, policy=policy)


def run(manifest: str, *, as_json: bool, only: list[str], policy: str) -> int:
    """See the command."""
    from migrate.cli.world import read_manifest
    from migrate.plan.checkup import Checkup
    from migrate.render.checkup_text import checkup_document, checkup_text

    read = read_manifest(manifest)
    rules = read_rules(read, policy, None)
    accounts, checks = _checks(read, rules, only)
    checkup = Checkup(read.name, accounts, tuple(checks))
    code = _exit_code(checkup)
    if as_json:
        console.json(checkup_document(checkup, code))
    else:
        console.result(checkup_text(checkup, _next(checkup, manifest), console.style))
    return code


def _checks(manifest: Manifest, rules: Rules, only: list[str]) -> tuple[dict[str, AccountFacts], list[Check]]:
    """Everything that can be checked; nothing of AWS when an account cannot be entered."""
    from migrate.aws.session import connect
    from migrate.cli.price_option import read_prices
    from migrate.cli.world import World, access
    from migrate.core.clock import SystemClock
    from migrate.core.errors import MigrateError
    from migrate.observe.identity import ask_identities

    clock = SystemClock()
    state, of_state = _state(manifest)
    source, target = (connect(access(one), read_only=True, clock=clock) for one in (manifest.source, manifest.target))
    found = dict(zip(("source", "target"), ask_identities(source, target), strict=True))
    accounts = {side: one for side, one in found.items() if not isinstance(one, MigrateError)}
    if len(accounts) < len(found):
        return accounts, [*_not_entered(found), *of_state]
    world = World(manifest, source, target, clock, (accounts["source"], accounts["target"]), read_prices())
    return accounts, [*_examine(world, rules, state, only), *of_state]


def _not_entered(found: Mapping[str, AccountFacts | MigrateError]) -> list[Check]:
    from migrate.core.errors import AccessDenied, CredentialsExpired, MigrateError
    from migrate.plan.check import ACCESS_DENIED, Check, Result

    checks = []
    for side, one in found.items():
        if isinstance(one, MigrateError):
            cause = ACCESS_DENIED if isinstance(one, (AccessDenied, CredentialsExpired)) else None
            checks.append(Check(side, "identity", Result.FAIL, one.summary, (), one.why, one.hint, cause))
        else:
            checks.append(Check(side, "identity", Result.OK, f"we are {one.caller}"))
    what = "nothing else of AWS could be checked: an account cannot be entered"
    return [*checks, Check("migration", "plan", Result.UNKNOWN, what, fix="mend the identities, then ask again")]


def _examine(world: World, rules: Rules, state: State | None, only: list[str]) -> list[Check]:
    """Plan, look at what the plan does not depend on, and judge both.

    Without a state the plan is one of a migration in which nothing has happened, and nothing is said of it itself.
    """
    from migrate.cli.world import make_plan, observe, state_or_new
    from migrate.observe.checkup import look_at
    from migrate.observe.reader import Reader
    from migrate.plan.check import Check, Result
    from migrate.plan.checkup import SIDES, account_of, plan_checks, questions

    seen = observe(world, only)
    plan = rules.applied_to(make_plan(world, seen, state or state_or_new(None, world.manifest)))
    asked = questions(plan, seen.inventory, _permissions(plan, world.manifest, seen.inventory))
    sides: dict[str, Account] = {"source": world.source, "target": world.target}
    with Reader(world.clock) as reader:
        waiting = {side: look_at(sides[side], asked[side], reader, world.clock) for side in SIDES}
        found = {side: answers() for side, answers in waiting.items()}
    checks: list[Check] = []
    for side in SIDES:
        checks += account_of(side, world.manifest, seen.inventory, plan, asked[side], found[side])
    if state is None:
        what = "whether the plan can be carried out is not known: its state cannot be read"
        return [*checks, Check("migration", "plan", Result.UNKNOWN, what, fix="mend the state, then ask again")]
    return [*checks, *plan_checks(plan, seen.inventory)]


def _permissions(plan: Plan, manifest: Manifest, inventory: Inventory) -> dict[str, list[Asked]]:
    """What we, and roles that are there already, must be allowed to carry out the plan; by the account that knows."""
    from migrate.actions.needs import Use, needed
    from migrate.observe.checkup import Asked
    from migrate.plan.checkup import SIDES

    found: dict[str, list[Asked]] = {side: [] for side in SIDES}
    for one in needed(plan, manifest, inventory, state=console.state_url, uses={Use.APPLY}):
        if one.who not in SIDES and (one.made_by or not one.who.startswith("arn:")):
            continue  # a role that the plan makes gets its policy from the plan
        side = one.who if one.who in SIDES else "source" if one.account == inventory.source.id else "target"
        for need in one.permissions:
            context = tuple(
                (key, str(value)) for pairs in (need.condition or {}).values() for key, value in pairs.items()
            )
            some = need.resources[:SIMULATED_RESOURCES]
            who = "" if one.who in SIDES else one.principal
            found[side].append(Asked(need.actions, some, who, context, need.when))
    return found


def _state(manifest: Manifest) -> tuple[State | None, list[Check]]:
    """The state (None: it cannot be read), and whether it can be worked with."""
    from migrate.cli.world import state_or_new, store
    from migrate.core.errors import MigrateError, StateAccessDenied
    from migrate.plan.check import ACCESS_DENIED, Check, Result

    state = None
    try:
        states = store()
        kept = states.read(manifest.name)
        state = state_or_new(kept, manifest)
        states.refuse_if_locked(manifest.name)
    except MigrateError as error:
        cause = ACCESS_DENIED if isinstance(error, StateAccessDenied) else None
        return state, [Check("migration", "state", Result.FAIL, error.summary, (), error.why, error.hint, cause)]
    steps = sum(len(file.steps) for file in kept.files.values()) if kept else 0
    what = f"{console.state_url} is reachable, and nobody holds the lock"
    more = f"; it knows {steps:,} steps of this migration" if kept else "; nothing of this migration is in it yet"
    return state, [Check("migration", "state", Result.OK, what + more)]


def _exit_code(checkup: Checkup) -> int:
    from migrate.plan.check import ACCESS_DENIED, Result

    if not checkup.count(Result.FAIL):
        return exit_codes.OK
    return exit_codes.CREDENTIALS if checkup.causes == {ACCESS_DENIED} else exit_codes.REFUSED


def _next(checkup: Checkup, manifest: str) -> str:
    from migrate.plan.check import Result

    if checkup.count(Result.FAIL):
        return f"Mend what failed, then: migrate doctor {manifest}"
    return f"To see what would be done: migrate plan {manifest}"
