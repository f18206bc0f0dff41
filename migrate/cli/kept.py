"""States that must be there already."""

from __future__ import annotations

from migrate.cli.console import console
from migrate.core.errors import StateUnusable
from migrate.state.model import State
from migrate.state.store import Store


def existing(states: Store, name: str) -> State:
    """The state of the migration `name`. Raises `StateUnusable`, naming those that there are, when it has none."""
    state = states.read(name)
    if state is None:
        raise no_such_migration(states, name)
    return state


def no_such_migration(states: Store, name: str) -> StateUnusable:
    """The error for a migration that has no state."""
    names = states.migrations()
    return StateUnusable(
        f"no migration called {name} has a state in {console.state_url}",
        why=f"there {'are' if len(names) > 1 else 'is'} {', '.join(names)}"
        if names
        else "nothing was applied here yet",
        hint="migrate state list   shows them; --state names another place",
    )
