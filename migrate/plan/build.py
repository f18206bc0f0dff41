"""Build the plan. Pure: the same manifest, inventory and state give the same plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from migrate.core.diagnostics import Diagnostic, Location, error
from migrate.core.frozen import replace
from migrate.core.table import TableFacts, TableSpec
from migrate.manifest.model import Manifest, TableMapping
from migrate.manifest.prices import Prices
from migrate.observe.inventory import Inventory
from migrate.plan import costs
from migrate.plan.choice import Candidate, Strategies, choose
from migrate.plan.desired import Desired, as_it_was, desired_spec, kept_spec
from migrate.plan.gates import broken_gates
from migrate.plan.model import Action, Change, Estimate, Plan, PlannedAccount, PlannedTable, Range
from migrate.plan.protection import left_alone, plan_protection, standing_resources
from migrate.plan.provenance import with_origins
from migrate.plan.sharing import share_problems
from migrate.plan.strategy import Standing, TableRequest, Verdict, is_locked, was_filled
from migrate.plan.tables import Stage, TableActions, by_address, plan_table, stage_of
from migrate.plan.transforms import lost_attributes, transform_of
from migrate.plan.trial import Trial, try_out
from migrate.state.model import State, Status


def build(
    manifest: Manifest,
    mappings: Sequence[TableMapping],
    inventory: Inventory,
    state: State,
    strategies: Strategies,
    *,
    prices: Prices,
    show_values: bool = False,
    is_partial: bool = False,
) -> Plan:
    """The plan that brings the target to what the manifest says.

    `mappings` are the tables that the manifest names or matches (`is_partial`: a part of them, for the user asked for
    less; standing protection, which is of all of them, is then left as it is). `prices` make the estimates, and count
    where something is chosen by them. With `show_values` the plan has values
    of sampled items: it is for the eyes of whoever asked, not to be kept.
    Problems are diagnostics of the plan; the plan is applyable when none of them is an error.
    """
    tables: list[PlannedTable] = []
    parts: list[TableActions] = []
    diagnostics: list[Diagnostic] = [*inventory.diagnostics, *_missing_keys(manifest, inventory)]
    for mapping in mappings:
        source = inventory.source_tables.get(mapping.source_name)
        if source is None:
            continue  # observing it has left a diagnostic
        if not mapping.is_moved:
            tables.append(_protected(mapping, source))
            continue
        table, part = _plan_mapping(manifest, mapping, source, inventory, state, strategies, prices, show_values)
        tables.append(table)
        parts.append(part)
        diagnostics += part.diagnostics
    standing = Standing() if is_partial else plan_protection(manifest, mappings, inventory, state, strategies, prices)
    diagnostics += left_alone(mappings) if is_partial else _at_protection(standing.reasons, manifest)
    is_kept = _is_still_needed(mappings, state) or (is_partial and bool(standing_resources(state)))
    ordered = _ordered(parts, standing, keeps_shared=is_kept)
    actions = tuple(_under_way(action, state) for action in ordered)
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
        diagnostics=tuple(dict.fromkeys(diagnostics)),  # tables share buckets and keys, and what is wrong with them
        prices_of=prices.words(inventory.source.region, inventory.target.region),
    )
    broken = broken_gates(plan, state)
    return replace(plan, diagnostics=(*plan.diagnostics, *broken)) if broken else plan


def _plan_mapping(
    manifest: Manifest,
    mapping: TableMapping,
    source: TableFacts,
    inventory: Inventory,
    state: State,
    strategies: Strategies,
    prices: Prices,
    show_values: bool,
) -> tuple[PlannedTable, TableActions]:
    desired = desired_spec(mapping, before := as_it_was(source, mapping.target_name, state), inventory)
    request = table_request(manifest, mapping, source, desired.spec, inventory, state, prices)
    choice = choose(manifest, mapping, request, strategies)
    chosen = choice.chosen
    verdict = chosen.verdict if chosen else Verdict(choice.reasons)
    request = chosen.request if chosen else request
    empty = PlannedTable(
        source=source.name,
        target=mapping.target_name,
        strategy=mapping.strategy,
        items=source.item_count,
        bytes=source.size_bytes,
        source_id=source.table_id or None,
    )
    target = inventory.target_tables.get(mapping.target_name)
    stage = stage_of(target, mapping.target_name, state)
    if target and (was_filled(target, state) or _shall_be_filled(stage, mapping, verdict)):
        desired = kept_spec(mapping, source, target, inventory)
        request = replace(request, existing=target)
    elif stage is Stage.LOADED and target:
        desired = _with_their_policy(desired, mapping, target)
    if desired.spec is not request.desired:
        request = replace(request, desired=desired.spec)
    unshareable = tuple(share_problems(mapping, desired.spec, target, inventory, state.lineage))
    desired = replace(desired, diagnostics=(*desired.diagnostics, *unshareable))
    problems = (*desired.diagnostics, *verdict.reasons, *verdict.warnings)
    against = (stage is Stage.FOREIGN and request.existing and verdict.against_existing) or ()
    if chosen is None or against or not (verdict.is_usable or stage in (Stage.LOADED, Stage.FOREIGN)):
        return empty, TableActions(diagnostics=_located((*problems, *against), manifest, mapping))
    part = plan_table(request, chosen.strategy, target)
    if not part.is_move:
        problems = desired.diagnostics  # the load is behind us: whether the strategy could do it again is no matter
    else:
        # With what is known of the target by now, which may be a table that is filled as it is.
        now = chosen if request is chosen.request else Candidate(chosen.strategy, request)
        part = _with_estimates(part, now.parts)
    trial = _trial(request, mapping, show_values) if part.is_move else Trial()
    problems = (*problems, *trial.diagnostics)
    table = replace(
        empty,
        strategy=chosen.name,
        reason=choice.why if part.is_move else verdict.why,
        is_move=part.is_move,
        estimate=_total(part, request) if part.is_move else Estimate(),
        transform=trial.lines or None,
        needs_user=(*desired.needs_user, *part.needs_user) if part.own else (),
    )
    if part.is_move and not request.existing:
        table = with_origins(table, mapping, desired.spec, before)
    return table, replace(part, diagnostics=_located((*problems, *part.diagnostics), manifest, mapping))


def table_request(
    manifest: Manifest,
    mapping: TableMapping,
    source: TableFacts,
    desired: TableSpec,
    inventory: Inventory,
    state: State,
    prices: Prices,
) -> TableRequest:
    """What strategies are asked about one table, but for their options."""
    return TableRequest(
        migration=manifest.name,
        source=source,
        target_name=mapping.target_name,
        desired=desired,
        options={},
        inventory=inventory,
        state=state,
        prices=prices,
        verify=mapping.verify.mode,
        verify_read_units=mapping.verify.read_units,
        verify_as_copied=mapping.verify.source == "as-copied",
        verify_by=mapping.verify.by,
        cleanup=mapping.cleanup,
        transform=transform_of(mapping, source.spec.keys, manifest.code),
        shares=mapping.share,
    )


def _with_their_policy(desired: Desired, mapping: TableMapping, target: TableFacts) -> Desired:
    """The resource policy that somebody gave the finished table stays, as long as the manifest says nothing of it."""
    if mapping.target.resource_policy is not None:
        return desired
    spec = replace(desired.spec, resource_policy=target.spec.resource_policy)
    return replace(desired, spec=spec)


def _trial(request: TableRequest, mapping: TableMapping, show_values: bool) -> Trial:
    """What the transform does to a few items of the source."""
    if request.transform is None:
        return Trial()
    lost = tuple(lost_attributes(mapping, request.transform, request.desired))
    sample = (request.inventory.samples or {}).get(request.source.name)
    trial = try_out(request.transform, sample, mapping, show_values=show_values)
    # What is certain without any item is said once, and better.
    found = () if any(one.is_error for one in lost) else trial.diagnostics
    return Trial(trial.lines, (*lost, *found))


def _with_estimates(part: TableActions, parts: Mapping[str, Estimate]) -> TableActions:
    """The actions with what each of them takes."""
    found = ((one, parts.get(one.address.partition("/")[2])) for one in part.own)
    own = (replace(one, estimate=takes.rounded) if takes else one for one, takes in found)
    return replace(part, own=tuple(own))


def _total(part: TableActions, request: TableRequest) -> Estimate:
    """What is left to do, and what the sample has cost."""
    found = [one.estimate for one in part.own if one.estimate]
    sample = (request.inventory.samples or {}).get(request.source.name)
    if sample:
        price = request.source_prices.read_unit
        dollars = costs.unit_dollars(sample.units, request.source.spec.billing, price)
        found.append(Estimate.of(dollars=Range.exactly(dollars), source_read_units=sample.units))
    return Estimate.together(found).rounded


def _shall_be_filled(stage: Stage, mapping: TableMapping, verdict: Verdict) -> bool:
    """A table that is not ours is filled only by a strategy that somebody has named."""
    return stage is Stage.FOREIGN and mapping.strategy != "auto" and verdict.against_existing is not None


def _missing_keys(manifest: Manifest, inventory: Inventory) -> list[Diagnostic]:
    """The KMS keys that the manifest names and that do not exist; those that could not be read are told already."""
    told = {problem.address for problem in inventory.diagnostics}
    found = []
    for name, key in manifest.keys.items():
        address, facts = f"keys.{name}", inventory.keys.get(name)
        if facts is not None and not facts.arn and address not in told and name not in _made_with_vaults(manifest):
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


def _made_with_vaults(manifest: Manifest) -> set[str]:
    """Keys that strategy `backup` makes with its vaults, and that nothing else needs before."""
    options = [manifest.strategy_options("backup", rule.options) for rule in manifest.tables]
    made = {one[key] for one in options if one["create"] for key in ("source_key", "target_key") if one.get(key)}
    used = {rule.target.encryption for rule in manifest.tables}
    used |= {manifest.strategies.get(name, {}).get("encryption_key") for name in ("s3", "glue", "emr")}
    return made - used


def _located(found: Iterable[Diagnostic], manifest: Manifest, mapping: TableMapping) -> tuple[Diagnostic, ...]:
    """Each with a place in the manifest: that of its address, or else of the table's entry.

    What is wrong with what tables share is told once: at its place, or the closest one, never at every table.
    """

    def place(one: Diagnostic) -> Location | None:
        is_shared = one.address.startswith("strategies.")
        near = manifest.nearest(one.address) if is_shared else manifest.locate(one.address)
        return one.location or near or mapping.location

    return tuple(replace(one, location=place(one)) for one in found)


def _is_still_needed(mappings: Sequence[TableMapping], state: State) -> bool:
    """True when what tables share must stay: the way they move is kept, or tables outside this plan still need it."""
    planned = {mapping.target_name for mapping in mappings}
    others = (file for name, file in state.files.items() if name not in planned)
    return any(mapping.cleanup == "keep" for mapping in mappings) or any(
        resource.kind in ("export", "recovery-point", "job-work") and not is_locked(resource)
        for file in others
        for resource in file.owned.values()
    )


def _protected(mapping: TableMapping, source: TableFacts) -> PlannedTable:
    """A table that stays where it is."""
    return PlannedTable(source.name, mapping.target_name, "protect", items=source.item_count, bytes=source.size_bytes)


def _at_protection(found: Iterable[Diagnostic], manifest: Manifest) -> list[Diagnostic]:
    return [replace(one, location=one.location or manifest.nearest(one.address)) for one in found]


def _ordered(parts: Sequence[TableActions], standing: Standing, *, keeps_shared: bool) -> tuple[Action, ...]:
    """Shared actions first, then each table's, then the shared clean-up; needs of what is not planned dropped."""
    made = [action for action in standing.actions if action.change is not Change.DELETE]
    removed = [action for action in standing.actions if action.change is Change.DELETE]
    shared = by_address([*(action for part in parts for action in part.shared), *made])
    own = [action for part in parts for action in part.own]
    cleanup = {} if keeps_shared else by_address(action for part in parts for action in part.shared_cleanup)
    due = [action for action in cleanup.values() if action.params.get("of") not in standing.kept]
    everything = [*shared.values(), *own, *removed, *due]
    planned = {action.address for action in everything}
    return tuple(
        action
        if planned.issuperset(action.needs)
        else replace(action, needs=tuple(need for need in action.needs if need in planned))
        for action in everything
    )


def _under_way(action: Action, state: State) -> Action:
    """Say so when AWS is working on this very action: it is waited for, not started again."""
    record = state.record(action.address)
    if record is None or record.status is not Status.RUNNING or record.action_digest != action.digest:
        return action
    return replace(action, title=f"{action.title}: already running")
