"""Which plan to carry out: the one that was begun, or a new one; and whether a saved plan is stale."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from migrate.apply.transitions import is_done
from migrate.core.codec import canonical, digest
from migrate.core.errors import PlanIsStale
from migrate.plan.model import Action, Change, Plan
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


def is_begun(plan: Plan, state: State | None) -> bool:
    """True when `plan` is the one being carried out, and not finished."""
    active = state.migration.active if state else None
    return active is not None and active.plan_id == plan.plan_id and not active.is_finished


def is_finished(plan: Plan, state: State | None) -> bool:
    """True when every step of `plan` was carried out, and nothing later has overtaken what is recorded of it."""
    if state is None or not plan.actions:
        return False
    active = state.migration.active
    return (active is not None and active.plan_id == plan.plan_id and active.is_finished) or not remaining(plan, state)


def check_fresh(saved: Plan, now: Plan, state: State | None) -> None:
    """Raise `PlanIsStale` when what is left of the saved plan is not what would be planned now, with every reason.

    `now` is a plan for the tables of the saved one. What the saved plan itself has done so far is no reason. Neither is
    anything that none of its actions touches, or how many items and bytes a table has: a live table grows.
    """
    left = remaining(saved, state) if state else list(saved.actions)
    touched = {action.owner for action in left}
    reasons = [*_moved_accounts(saved, now), *_moved_state(saved, state, touched)]
    reasons += [one.summary for one in now.diagnostics if one.is_error]
    done = {action.address for action in saved.actions} - {action.address for action in left}
    looked = {action.address for action in now.actions if action.change is Change.READ} & done
    after = [action for action in now.actions if action.address not in looked]  # looking twice is no difference
    reasons += [*_moved_sources(saved, now, touched), *_moved_actions(saved, left, now, after)]
    if reasons and saved.prices_of and now.prices_of != saved.prices_of:  # by themselves they change no action
        reasons.append(f"it was made with {saved.prices_of}, and this run has {now.prices_of}: a choice may differ")
    if reasons:
        raise stale(saved, reasons)


def stale(saved: Plan, reasons: Iterable[str]) -> PlanIsStale:
    """The error for a saved plan that no longer fits."""
    return PlanIsStale(
        "the saved plan no longer fits; nothing was changed",
        why="\n".join(dict.fromkeys(reasons)),
        hint=f"migrate plan {saved.manifest_file or 'manifest.yaml'} --out FILE   makes a new one to review",
    )


def _moved_state(saved: Plan, state: State | None, touched: Collection[str]) -> list[str]:
    if state is None:
        return ["the state that the plan was made with is gone"] if saved.serials.get("migration") else []
    if state.lineage != saved.lineage:
        return [f"the state has lineage {state.lineage[:8]}, the plan was made for {saved.lineage[:8]}"]
    if is_begun(saved, state):
        return []
    files = (file for name, file in sorted(state.files.items()) if name in touched)
    moved = [file.name for file in files if saved.serials.get(file.name, 0) != file.serial]
    return [f"the state of {name} has moved on since the plan was made" for name in moved]


def _moved_accounts(saved: Plan, now: Plan) -> list[str]:
    pairs = (("source", saved.source, now.source), ("target", saved.target, now.target))
    return [
        f"the {side} is {here.id} {here.region} now, and was {there.id} {there.region}"
        for side, there, here in pairs
        if (there.id, there.region) != (here.id, here.region)
    ] + ([_CHANGED[_has_code(saved)]] if saved.manifest_digest != now.manifest_digest else [])


_CHANGED = {False: "the manifest has changed", True: "the manifest has changed, or a Python file of its transforms"}


def _has_code(plan: Plan) -> bool:
    return any((action.params.get("transform") or {}).get("code") for action in plan.actions)


def _moved_sources(saved: Plan, now: Plan, touched: Collection[str]) -> Iterator[str]:
    found = {table.target: table for table in now.tables}
    for table in saved.tables:
        here = found.get(table.target)
        if table.target not in touched or (here is None and now.is_errored):
            continue  # what cannot be planned now is explained by its own error
        if here is None or here.source != table.source:
            yield f"{table.source} -> {table.target} is no table of the manifest, or of the source account, any more"
        elif table.source_id and here.source_id != table.source_id:
            yield f"the source table {table.source} is not the one that was planned: it was deleted and made again"


def _moved_actions(saved: Plan, left: Sequence[Action], now: Plan, needed: Sequence[Action]) -> list[str]:
    """Nothing is said of a table that cannot be planned now: its own error says why."""
    shared = {action.address for action in left} & {action.address for action in needed}
    before = {action.address: _identity(action, saved, shared) for action in left}
    after = {action.address: _identity(action, now, shared) for action in needed}
    if now.is_errored:
        planned = {action.owner for action in now.actions}
        before = {address: one for address, one in before.items() if address.split("/", 1)[0] in planned}
    reasons = [f"{address} is no longer needed" for address in before if address not in after]
    reasons += [f"{address} is needed by now" for address in after if address not in before]
    changed = [address for address in before if after.get(address, before[address]) != before[address]]
    return reasons + [f"{address} would be different now: its table or bucket has changed" for address in changed]


_SIZES = frozenset({"size_bytes", "segments"})
"""Parameters that follow from the size of the source, which DynamoDB tells up to six hours late."""


def _identity(action: Action, plan: Plan, others: Collection[str]) -> str:
    """What the action does and when, without the lineage, which a plan made before the first apply invents.

    Nor do sizes count, or needs that are not among `others`: what is done already is needed no more.
    """
    params = {name: value for name, value in action.params.items() if name not in _SIZES}
    needs = sorted(need for need in action.needs if need in others)
    what = [action.kind, action.side.value, action.change.value, action.risk.value, needs]
    return digest([*what, canonical(params).replace(plan.lineage, "lineage")])


def _has_failed(state: State, action: Action, plan: Plan) -> bool:
    record = state.record(action.address)
    return record is not None and record.status is Status.FAILED and record.plan_id == plan.plan_id
