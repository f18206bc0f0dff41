"""Standing protection: what the backup plans of a migration need, and the removal of those that the manifest has left.

A backup plan is of all tables with its setting, so a plan for some of the tables only leaves protection as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from migrate.core.diagnostics import Diagnostic, error, warning
from migrate.core.table import TableFacts
from migrate.manifest.model import Manifest, Protection, TableMapping
from migrate.manifest.prices import Prices
from migrate.observe.inventory import Inventory
from migrate.plan.model import Action, Change, Risk, Side
from migrate.plan.strategy import Protector, ProtectRequest, Standing, Strategy
from migrate.state.model import SHARED, OwnedResource, State

PLAN, SELECTION = "backup-plan", "backup-selection"
WHERE = "strategies.backup"


def plan_protection(
    manifest: Manifest,
    mappings: Sequence[TableMapping],
    inventory: Inventory,
    state: State,
    strategies: Mapping[str, Strategy],
    prices: Prices,
) -> Standing:
    """What protection still needs, with the removals of what it needs no more behind it. Pure."""
    settings: dict[Protection, list[TableFacts]] = {}
    for mapping in sorted(mappings, key=lambda one: one.source_name):
        source = inventory.source_tables.get(mapping.source_name)
        if mapping.protect is not None and source is not None:
            settings.setdefault(mapping.protect, []).append(source)
    found = Standing()
    if settings:
        protector = next((one for one in strategies.values() if isinstance(one, Protector)), None)
        if protector is None:
            return Standing(reasons=(error("no strategy of this version can protect tables", address=WHERE),))
        request = ProtectRequest(manifest.name, settings, manifest.protection_options(), inventory, state, prices)
        found = protector.protect(request)
    wanted = {action.address for action in found.actions} | found.kept
    return Standing((*found.actions, *_removals(state, wanted, found.actions)), found.reasons, found.kept)


def left_alone(mappings: Sequence[TableMapping]) -> list[Diagnostic]:
    """What to say when a plan for some tables passes over their protection."""
    names = ", ".join(mapping.source_name for mapping in mappings if mapping.protect is not None)
    if not names:
        return []
    why = "a backup plan is of all tables with its setting"
    return [warning(f"the protection of {names} was left as it is", why=why, hint="leave out --only to see to it")]


def standing_resources(state: State) -> list[OwnedResource]:
    """The backup plans and selections of this migration: selections first, for a plan goes when it selects nothing."""
    file = state.files.get(SHARED)
    found = [one for one in (file.owned.values() if file else ()) if one.kind in (PLAN, SELECTION)]
    return sorted(found, key=lambda one: (one.kind == PLAN, one.address))


def _removals(state: State, wanted: set[str], before: Sequence[Action]) -> Iterator[Action]:
    needs = tuple(action.address for action in before)
    for address, resource in {one.address: one for one in standing_resources(state)}.items():
        if address not in wanted:
            action = removal(resource, needs)
            needs = (*needs, action.address)
            yield action


def removal(resource: OwnedResource, needs: tuple[str, ...] = ()) -> Action:
    """The removal of a backup plan or of a selection of ours."""
    name = resource.id.partition("://")[2].partition("/")[0]
    is_plan = resource.kind == PLAN
    title = f"delete backup plan {name}" if is_plan else f"take the tables out of backup plan {name}"
    kept = "recovery points that are there stay in their vaults until their days are over"
    return Action(
        address=f"{SHARED}/{resource.kind}-removal.{resource.address.partition('.')[2]}",
        kind=f"{resource.kind}-removal",
        side=Side(resource.side),
        change=Change.DELETE,
        title=title,
        params={"of": resource.address},
        needs=needs,
        risk=Risk.DESTRUCTIVE,
        undo="none: what the manifest protects is protected again by the next plan",
        why="made by this migration; kept when somebody else has put tables into it" if is_plan else kept,
    )
