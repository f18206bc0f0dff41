"""What standing protection changes in a simulated world: backup plans and their selections."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from migrate.core.frozen import replace
from migrate.observe.inventory import BackupFacts, BackupPlanFacts, SelectionFacts
from migrate.plan.world import Result, Turn, owned_ids
from migrate.state.model import OwnedResource


def _plan(turn: Turn) -> Result:
    name, rules = turn.params["plan"], tuple(turn.params["rules"])
    there = _find(turn, name)
    where = turn.world.before.source
    arn = f"arn:{where.partition}:backup:{where.region}:{where.id}:backup-plan:{turn.record.token[:16]}"
    made = there or BackupPlanFacts(name, arn, turn.world.migration.lineage)
    _replace(turn, name, replace(made, rules=rules))
    return {"plan": name}, (_owned(turn, "backup-plan", name),), ()


def _selection(turn: Turn) -> Result:
    params, id = turn.params, turn.record.token[:16]
    before = owned_ids(turn.world, {"of": turn.action.address})
    gone = {one.rpartition("/")[2] for one in before}
    plan = _find(turn, params["plan"]) or BackupPlanFacts(params["plan"], "")
    made = SelectionFacts(id, f"migrate-{id}", params["role_arn"], tuple(params["tables"]))
    kept = tuple(one for one in plan.selections if one.id not in gone)
    _replace(turn, plan.name, replace(plan, selections=(*kept, made)))
    outputs = {"selection_id": id, "tables": list(params["tables"]), "copies_to": params["copies_to"]}
    return outputs, (_owned(turn, "backup-selection", f"{plan.name}/{id}"),), before


def _selection_removal(turn: Turn) -> Result:
    ids = owned_ids(turn.world, turn.params)
    for one in ids:
        name, _, id = one.partition("://")[2].rpartition("/")
        plan = _find(turn, name)
        if plan is not None:
            kept = tuple(selection for selection in plan.selections if selection.id != id)
            _replace(turn, name, replace(plan, selections=kept))
    return {}, (), ids


def _plan_removal(turn: Turn) -> Result:
    ids = owned_ids(turn.world, turn.params)
    for one in ids:
        plan = _find(turn, one.partition("://")[2])
        if plan is not None and not plan.selections:
            _replace(turn, plan.name, None)
    return {}, (), ids


EFFECTS: Mapping[str, Callable[[Turn], Result]] = {
    "backup-plan": _plan,
    "backup-selection": _selection,
    "backup-selection-removal": _selection_removal,
    "backup-plan-removal": _plan_removal,
}


def _find(turn: Turn, name: str) -> BackupPlanFacts | None:
    lineage = turn.world.migration.lineage
    plans = (turn.world.backup or BackupFacts()).source.plans
    return next((one for one in plans if one.name == name and one.lineage == lineage), None)


def _replace(turn: Turn, name: str, plan: BackupPlanFacts | None) -> None:
    """`plan` in place of ours of that name."""
    facts, old = turn.world.backup or BackupFacts(), _find(turn, name)
    plans = tuple(one for one in facts.source.plans if one is not old)
    more = (*plans, plan) if plan else plans
    turn.world.backup = replace(facts, source=replace(facts.source, plans=more))


def _owned(turn: Turn, kind: str, name: str) -> OwnedResource:
    return OwnedResource(f"{kind}://{name}", kind, "source", turn.action.address, is_confirmed=True)
