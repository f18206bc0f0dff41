"""Safety gates: rules that can refuse a whole plan before its first write."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.diagnostics import Diagnostic, error
from migrate.plan.model import Action, Change, Plan, Risk
from migrate.state.model import State


def broken_gates(plan: Plan, state: State) -> list[Diagnostic]:
    """Every rule that the plan breaks. None can break unless the planner has a fault, or a plan file was forged."""
    return [*_deletes_only_what_is_ours(plan, state), *_is_well_formed(plan)]


def _deletes_only_what_is_ours(plan: Plan, state: State) -> Iterator[Diagnostic]:
    """Each deleting action names (`of`) the action that made the thing: planned before it, or owned by the state."""
    owned = {resource.address for resource in state.owned().values()}
    seen: set[str] = set()
    for action in plan.actions:
        if action.change is Change.DELETE or action.risk is Risk.DESTRUCTIVE:
            maker = str(action.params.get("of", ""))
            if maker not in owned and maker not in seen:
                yield error(
                    f"{action.address} would delete something that this migration did not make",
                    address=action.address,
                    why="nothing is ever deleted that does not stand in the state as ours",
                )
        seen.add(action.address)


def _is_well_formed(plan: Plan) -> Iterator[Diagnostic]:
    seen: dict[str, Action] = {}
    for action in plan.actions:
        if action.address in seen:
            yield error(f"two actions have the address {action.address}", address=action.address)
        for need in action.needs:
            if need not in seen:
                yield error(f"{action.address} needs {need}, which comes later", address=action.address)
        seen[action.address] = action
