"""The composition root: from a manifest to accounts, inventory, state and plan."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from migrate.aws.session import Account, AccountAccess, connect
from migrate.cli.console import console
from migrate.cli.looking import LookingDisplay
from migrate.cli.price_option import read_prices
from migrate.core.clock import SystemClock, new_lineage
from migrate.core.diagnostics import Diagnostic, error, has_errors
from migrate.core.errors import ManifestInvalid, PermissionMissing, Refused, StateUnusable
from migrate.manifest.load import load_manifest
from migrate.manifest.model import AccountConfig, Manifest, TableMapping
from migrate.manifest.prices import Prices
from migrate.manifest.tables import is_enough_without_listing, resolve_tables
from migrate.observe.collect import collect, list_source_tables
from migrate.observe.identity import verify_accounts
from migrate.observe.inventory import AccountFacts, Inventory
from migrate.plan.build import build
from migrate.plan.model import Plan
from migrate.state.lock import LEASE
from migrate.state.model import MigrationFile, State
from migrate.state.objectstore import ObjectStore
from migrate.state.store import open_store
from migrate.strategies.questions import questions
from migrate.strategies.registry import by_name

SHORTEST_LEASE = 3


@dataclass(frozen=True)
class World:
    """A manifest and connections to its two accounts."""

    manifest: Manifest
    source: Account
    target: Account
    clock: SystemClock
    accounts: tuple[AccountFacts, AccountFacts]
    """Who we are in source and target."""

    prices: Prices


@dataclass(frozen=True)
class Observed:
    """What the manifest means for the tables that are really there."""

    mappings: tuple[TableMapping, ...]
    inventory: Inventory
    diagnostics: tuple[Diagnostic, ...]
    seconds: float
    is_partial: bool = False
    """True when these are not all tables of the manifest."""


def read_manifest(path: str) -> Manifest:
    """The manifest; prints its warnings. Raises `ManifestInvalid` with every problem."""
    manifest, found = load_manifest(path, os.environ)
    if manifest is None or has_errors(found):
        raise ManifestInvalid(found)
    console.diagnostics(found)
    return manifest


def open_world(manifest: Manifest, *, read_only: bool, prices: str = "") -> World:
    """Connections to both accounts, whose identity is verified before anything else is asked of them.

    `prices` is the price file that the user has named. Raises `ManifestInvalid` when there is anything wrong with it.
    """
    table = read_prices(prices)
    clock = SystemClock()
    source, target = (
        connect(access(config), read_only=read_only, clock=clock) for config in (manifest.source, manifest.target)
    )
    return World(manifest, source, target, clock, verify_accounts(source, target), table)


def observe(world: World, only: Sequence[str] = ()) -> Observed:
    """Look at both accounts. `only` are names of tables (source or target) to look at; empty: all of the manifest."""
    return look(world, *mapped_tables(world, only), is_partial=bool(only))


def look(
    world: World,
    mappings: Sequence[TableMapping],
    problems: Sequence[Diagnostic],
    *,
    is_partial: bool = False,
    is_sampled: bool = True,
) -> Observed:
    """Look at the tables of `mappings` in both accounts. `problems` were found while mapping, and are passed on.

    `is_partial` says that they are not all tables of the manifest. `is_sampled`: a few items are read of tables whose
    items shall be changed.
    """
    began = world.clock.monotonic()
    asked = questions(world.manifest, mappings)
    if not is_sampled:
        asked["samples"] = set()
    display = LookingDisplay(len(mappings), world.clock, is_paced=world.source.pacer is not None)
    inventory = collect(world.source, world.target, clock=world.clock, on_read=display.read, **asked)
    seconds = world.clock.monotonic() - began
    return Observed(tuple(mappings), inventory, tuple(problems), seconds, is_partial)


def mapped_tables(world: World, only: Sequence[str] = ()) -> tuple[list[TableMapping], list[Diagnostic]]:
    """The tables that the manifest names or matches, and what is wrong with its rules."""
    manifest = world.manifest
    names: list[str] = []
    found: list[Diagnostic] = []
    if is_enough_without_listing(manifest):
        names = [rule.name for rule in manifest.tables if rule.name]
    else:
        names, found = list_source_tables(world.source)
    mappings, problems = resolve_tables(manifest, names)
    return _chosen(mappings, only), [*found, *problems]


def make_plan(world: World, seen: Observed, state: State, *, show_values: bool = False) -> Plan:
    """The plan, with the diagnostics of looking included. `show_values` as in `build`."""
    import dataclasses

    plan = build(
        world.manifest,
        seen.mappings,
        seen.inventory,
        state,
        by_name(),
        prices=world.prices,
        show_values=show_values,
        is_partial=seen.is_partial,
    )
    return dataclasses.replace(plan, diagnostics=(*seen.diagnostics, *plan.diagnostics))


def store(url: str = "") -> ObjectStore:
    """The store at `url`, or the one that the user named. Raises `StateUnusable` for a bad address or MIGRATE_LEASE."""
    return open_store(url or console.state_url, lease=_lease(os.environ.get("MIGRATE_LEASE", "")))


def _lease(text: str) -> float:
    if not text:
        return LEASE
    if not text.isdecimal() or int(text) < SHORTEST_LEASE:
        why = f"it is the time after which a silent run loses its lock, at least {SHORTEST_LEASE}"
        raise StateUnusable(f"MIGRATE_LEASE is not a number of seconds: {text}", why=why)
    return float(text)


def state_or_new(kept: State | None, manifest: Manifest) -> State:
    """The state, or an empty one with a new lineage that nobody has written down yet.

    Raises `StateUnusable` when the state is of a migration between other accounts.
    """
    if kept is None:
        accounts = (manifest.source.id, manifest.target.id)
        return State(MigrationFile(manifest.name, new_lineage(), 0, *accounts))
    file = kept.migration
    then, now = (file.source_account, file.target_account), (manifest.source.id, manifest.target.id)
    if all(then) and then != now:
        raise StateUnusable(
            f"the state of {manifest.name} is of another migration",
            why=f"it moves tables from {then[0]} to {then[1]}, and the manifest says {now[0]} to {now[1]}",
            hint="give the manifest another name, or name another place with --state",
        )
    return kept


def refusal(plan: Plan) -> type[Refused]:
    """The class of error that a plan with errors ends in: `PermissionMissing` when nothing but permissions is wrong."""
    causes = {one.cause for one in plan.diagnostics if one.is_error}
    return PermissionMissing if causes == {"AccessDenied"} else Refused


def refuse(plan: Plan) -> None:
    """Print the plan's diagnostics; raise `Refused` when one of them is an error."""
    console.diagnostics(plan.diagnostics)
    if plan.is_errored:
        refused = refusal(plan)(
            f"{plan.migration} cannot be carried out; nothing was changed",
            hint=f"mend what is marked as an error above, then: migrate plan {plan.manifest_file}",
        )
        refused.diagnostics = list(plan.diagnostics)
        raise refused


def access(config: AccountConfig) -> AccountAccess:
    """How to reach an account of the manifest."""
    return AccountAccess(
        side=config.side,
        id=config.id,
        region=config.region,
        profile=config.profile,
        role=config.role,
        external_id=config.external_id,
        session_name=config.session_name,
        endpoint_url=config.endpoint_url,
    )


def _chosen(mappings: Sequence[TableMapping], only: Sequence[str]) -> list[TableMapping]:
    chosen = [m for m in mappings if not only or m.source_name in only or m.target_name in only]
    known = {name for m in mappings for name in (m.source_name, m.target_name)}
    unknown = [name for name in only if name not in known]
    if unknown:
        hint = f"tables of the manifest: {', '.join(sorted({m.source_name for m in mappings}))}"
        raise ManifestInvalid([error(f"--only {name} names no table of the manifest", hint=hint) for name in unknown])
    return chosen
