"""What the world and the state will be once actions of a plan are done. Pure: nothing is asked, nothing is done.

For proofs about the planner (a plan that is carried out leaves nothing to plan; a plan that stopped anywhere, planned
again, ends the same), and to tell drift from progress: what a plan under way has changed itself is no surprise.
"""

from __future__ import annotations

from collections.abc import Collection

from migrate.observe.inventory import Inventory
from migrate.plan import effects, effects_backup, effects_protect, effects_shared, effects_sharing, effects_spark
from migrate.plan.model import Plan
from migrate.plan.world import World
from migrate.state.model import State

_EFFECTS = {
    **effects.EFFECTS,
    **effects_backup.EFFECTS,
    **effects_shared.EFFECTS,
    **effects_sharing.EFFECTS,
    **effects_protect.EFFECTS,
    **effects_spark.EFFECTS,
}


def simulate(
    plan: Plan, inventory: Inventory, state: State, done: Collection[str] | None = None
) -> tuple[Inventory, State]:
    """The inventory and the state after the actions of `plan` at the addresses `done` (None: all of them).

    `inventory` and `state` are those that the plan was made from. Every action is taken to succeed. Raises
    `LookupError` when an action in `done` needs the output of one that has never run.
    """
    world = World(plan, inventory, state)
    for action in plan.actions:
        if done is None or action.address in done:
            effect = _EFFECTS.get(action.kind, effects.setting if action.kind.startswith("setting.") else None)
            if effect is None:
                raise LookupError(f"what {action.kind} does is not known")
            turn = world.turn(action)
            world.note(turn, effect(turn))
    return world.inventory(), world.state()
