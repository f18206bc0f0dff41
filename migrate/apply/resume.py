"""Which plan to carry out: the one that was begun, or a new one; and whether a saved plan is stale."""

from __future__ import annotations

from collections.abc import Iterable

from migrate.apply.transitions import is_done
from migrate.core.codec import canonical, digest
from migrate.core.errors import PlanIsStale
from migrate.plan.model import Action, Plan
from migrate.plan.planfile import read_plan
from migrate.state.model import State, Status
from migrate.state.store import Store


def plan_to_resume(store: Store, state: State | None, manifest_digest: str, targets: Iterable[str] = ()) -> Plan | None:
    """The plan that was begun and is to be finished, or None when a new one is to be made.

    A new one is made when the manifest has changed, when a step has failed (its table needs another look), or when
    `targets` (empty: all) are not the tables of the one begun.
    """
    active = state.migration.active if state else None
    if state is None or active is None or active.is_finished or active.manifest_digest != manifest_digest:
        return None
    stored = store.read_plan(state.migration.migration)
    if stored is None:
        return None
    plan = read_plan(stored, f"plan of {state.migration.migration}")
    if plan.plan_id != active.plan_id:
        return None  # the run died between keeping the plan and saying so: nothing of it was begun
    wanted = set(targets)
    if wanted and wanted != {table.target for table in plan.tables}:
        return None
    return None if any(_has_failed(state, action, plan) for action in plan.actions) else plan


def remaining(plan: Plan, state: State) -> list[Action]:
    """The actions of `plan` that are not done."""
    return [action for action in plan.actions if not is_done(state.record(action.address), action, plan.plan_id)]


def check_fresh(saved: Plan, now: Plan, state: State | None) -> None:
    """Raise `PlanIsStale` when the saved plan is not what would be planned now, with every reason at once."""
    reasons = [*_moved_state(saved, state), *_moved_accounts(saved, now), *_moved_actions(saved, now)]
    if reasons:
        raise PlanIsStale(
            "the saved plan no longer fits; nothing was changed",
            why="\n".join(reasons),
            hint=f"migrate plan {saved.manifest_file or 'manifest.yaml'} --out FILE   makes a new one to review",
        )


def _moved_state(saved: Plan, state: State | None) -> list[str]:
    if state is None:
        return [] if not saved.serials.get("migration") else ["the state that the plan was made with is gone"]
    if state.lineage != saved.lineage and (state.files or saved.serials.get("migration")):
        return [f"the state has lineage {state.lineage[:8]}, the plan was made for {saved.lineage[:8]}"]
    moved = [name for name, file in sorted(state.files.items()) if saved.serials.get(name, 0) != file.serial]
    return [f"the state of {name} has moved on since the plan was made" for name in moved]


def _moved_accounts(saved: Plan, now: Plan) -> list[str]:
    pairs = (("source", saved.source, now.source), ("target", saved.target, now.target))
    return [
        f"the {side} is {here.id} {here.region} now, and was {there.id} {there.region}"
        for side, there, here in pairs
        if (there.id, there.region) != (here.id, here.region)
    ] + (["the manifest has changed"] if saved.manifest_digest != now.manifest_digest else [])


def _moved_actions(saved: Plan, now: Plan) -> list[str]:
    before, after = ({action.address: _identity(action, plan) for action in plan.actions} for plan in (saved, now))
    reasons = [f"{address} is no longer needed" for address in before if address not in after]
    reasons += [f"{address} is needed by now" for address in after if address not in before]
    changed = [address for address in before if after.get(address, before[address]) != before[address]]
    return reasons + [f"{address} would be different now: its table or bucket has changed" for address in changed]


def _identity(action: Action, plan: Plan) -> str:
    """The action's digest without the lineage, which a plan made before the first apply invents."""
    params = canonical(dict(action.params)).replace(plan.lineage, "lineage")
    return digest([action.kind, action.side.value, params])


def _has_failed(state: State, action: Action, plan: Plan) -> bool:
    record = state.record(action.address)
    return record is not None and record.status is Status.FAILED and record.plan_id == plan.plan_id
