"""Build the plan. Pure: the same manifest, inventory and state give the same plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from migrate.core.diagnostics import Diagnostic, error
from migrate.core.table import TableFacts, TableSpec
from migrate.manifest.model import Manifest, TableMapping
from migrate.observe.inventory import Inventory
from migrate.plan.desired import desired_spec
from migrate.plan.gates import broken_gates
from migrate.plan.model import Action, Estimate, Plan, PlannedAccount, PlannedTable
from migrate.plan.prices import PRICES
from migrate.plan.recovery import as_it_was
from migrate.plan.strategy import Strategy, TableRequest, Verdict
from migrate.plan.tables import TableActions, by_address, plan_table
from migrate.state.model import State

Strategies = Mapping[str, Strategy]


def build(
    manifest: Manifest, mappings: Sequence[TableMapping], inventory: Inventory, state: State, strategies: Strategies
) -> Plan:
    """The plan that brings the target to what the manifest says.

    `mappings` are the tables that the manifest names or matches (a part of them when the user asked for less).
    Problems are diagnostics of the plan; the plan is applyable when none of them is an error.
    """
    tables: list[PlannedTable] = []
    parts: list[TableActions] = []
    diagnostics: list[Diagnostic] = [*inventory.diagnostics, *_missing_keys(manifest, inventory)]
    for mapping in mappings:
        source = inventory.source_tables.get(mapping.source_name)
        if source is None:
            continue  # observing it has left a diagnostic
        table, part = _plan_mapping(manifest, mapping, source, inventory, state, strategies)
        tables.append(table)
        parts.append(part)
        diagnostics += part.diagnostics
    actions = _ordered(parts)
    plan = Plan(
        migration=manifest.name,
        lineage=state.lineage,
        source=PlannedAccount(inventory.source.id, inventory.source.region, manifest.source.profile or ""),
        target=PlannedAccount(inventory.target.id, inventory.target.region, manifest.target.profile or ""),
        manifest_digest=manifest.digest,
        inventory_digest=inventory.digest,
        manifest_file=manifest.file,
        serials={"migration": state.migration.serial, **{n: f.serial for n, f in sorted(state.files.items())}},
        tables=tuple(tables),
        actions=actions,
        diagnostics=tuple(diagnostics),
        prices_of=str(PRICES),
    )
    broken = broken_gates(plan, state)
    return dataclasses.replace(plan, diagnostics=(*plan.diagnostics, *broken)) if broken else plan


def _plan_mapping(
    manifest: Manifest,
    mapping: TableMapping,
    source: TableFacts,
    inventory: Inventory,
    state: State,
    strategies: Strategies,
) -> tuple[PlannedTable, TableActions]:
    desired = desired_spec(mapping, as_it_was(source, state, mapping.target_name), inventory)
    request = TableRequest(
        migration=manifest.name,
        source=source,
        target_name=mapping.target_name,
        desired=desired.spec,
        options={},
        inventory=inventory,
        state=state,
        verify=mapping.verify,
        cleanup=mapping.cleanup,
    )
    strategy, request, verdict = _choose(manifest, mapping, request, strategies)
    empty = PlannedTable(source.name, mapping.target_name, mapping.strategy, "", source.item_count, source.size_bytes)
    problems = (*desired.diagnostics, *_located(verdict.reasons, mapping), *verdict.warnings)
    if strategy is None:
        return empty, TableActions(diagnostics=problems)
    part = plan_table(request, strategy, inventory.target_tables.get(mapping.target_name))
    if not part.is_move:
        problems = desired.diagnostics  # the load is behind us: whether the strategy could do it again is no matter
    table = dataclasses.replace(
        empty,
        strategy=strategy.name,
        reason=verdict.why,
        is_move=part.is_move,
        estimate=strategy.estimate(request) if part.is_move else Estimate(),
        carried=carried_settings(desired.spec) if part.is_move else (),
        needs_user=(*desired.needs_user, *part.needs_user) if part.own else (),
    )
    return table, dataclasses.replace(part, diagnostics=(*problems, *part.diagnostics))


def _choose(
    manifest: Manifest, mapping: TableMapping, request: TableRequest, strategies: Strategies
) -> tuple[Strategy | None, TableRequest, Verdict]:
    """The strategy that the manifest names, or with `auto` the first usable one."""
    names = list(strategies) if mapping.strategy == "auto" else [mapping.strategy]
    reasons: list[Diagnostic] = []
    for name in names:
        strategy = strategies.get(name)
        if strategy is None:
            reasons.append(_unknown(name, strategies))
            continue
        asked = dataclasses.replace(request, options=manifest.strategy_options(name, mapping.options))
        verdict = strategy.verdict(asked)
        if verdict.is_usable:
            return strategy, asked, verdict
        if asked.target_name in request.inventory.target_tables:
            return strategy, asked, verdict  # perhaps it was loaded earlier: the caller sees
        reasons += verdict.reasons
    return None, request, Verdict(tuple(reasons))


def _missing_keys(manifest: Manifest, inventory: Inventory) -> list[Diagnostic]:
    """The KMS keys that the manifest names and that do not exist; those that could not be read are told already."""
    told = {problem.address for problem in inventory.diagnostics}
    found = []
    for name, key in manifest.keys.items():
        address, facts = f"keys.{name}", inventory.keys.get(name)
        if facts is not None and not facts.arn and address not in told:
            account = manifest.account(key.side)
            found.append(
                error(
                    f"the KMS key {key.id} does not exist in {account.id} {account.region}",
                    address=address,
                    hint=f"make it, or correct {address}: its id and its account (a key belongs to one Region)",
                    location=manifest.locate(address),
                )
            )
    return found


def _unknown(name: str, strategies: Strategies) -> Diagnostic:
    return error(
        f"strategy {name} is not available in this version", hint=f"available: {', '.join(sorted(strategies))}"
    )


def _located(reasons: Iterable[Diagnostic], mapping: TableMapping) -> tuple[Diagnostic, ...]:
    return tuple(d if d.location else dataclasses.replace(d, location=mapping.location) for d in reasons)


def _ordered(parts: Sequence[TableActions]) -> tuple[Action, ...]:
    """Shared actions first, then each table's, then the shared clean-up; needs of what is not planned dropped."""
    shared = by_address(action for part in parts for action in part.shared)
    own = [action for part in parts for action in part.own]
    cleanup = by_address(action for part in parts for action in part.shared_cleanup)
    everything = [*shared.values(), *own, *cleanup.values()]
    planned = {action.address for action in everything}
    return tuple(
        dataclasses.replace(action, needs=tuple(need for need in action.needs if need in planned))
        for action in everything
    )


def carried_settings(spec: TableSpec) -> tuple[str, ...]:
    """Names of the settings of `spec` that are not at AWS's default: what a reader of the plan wants to know."""
    plain = TableSpec(keys=spec.keys)
    found = [
        field.name for field in dataclasses.fields(spec) if getattr(spec, field.name) != getattr(plain, field.name)
    ]
    return ("keys", *found)
