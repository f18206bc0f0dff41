"""`migrate status`: where migrations stand, read from the state. Calls no AWS, takes no lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from migrate.cli.console import console

if TYPE_CHECKING:
    from migrate.data.live import LiveStatus
    from migrate.render.status import MigrationStatus
    from migrate.state.store import Store
    from migrate.state.work import Work


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("status")
    def status(
        migration: str = typer.Argument("", metavar="[MIGRATION]", help="Default: all in the state."),
        as_json: bool = typer.Option(False, "--json", help="Print it as JSON."),
    ) -> int:
        """Show what is done, running and failed, and what comes next. Needs no AWS."""
        return run(migration, as_json=as_json)


def run(migration: str, *, as_json: bool) -> int:
    """See the command."""
    from migrate.cli.world import store
    from migrate.render.status import status_document
    from migrate.render.status_text import list_text, status_text

    states = store()
    names = [migration] if migration else states.migrations()
    found = [read(states, name) for name in names]
    if as_json:
        console.json(status_document(found))
    elif not found:
        console.result(f"No migration has a state in {console.state_url}; migrate apply MANIFEST begins one.")
    elif len(found) == 1:
        console.result(status_text(found[0], console.style))
    else:
        console.result(list_text(found, console.style))
    return 0


def read(states: Store, name: str) -> MigrationStatus:
    """The status of one migration. Raises `StateUnusable` when there is none of that name."""
    from migrate.cli.kept import existing
    from migrate.plan.planfile import read_plan
    from migrate.render.status import build_status, running_copies

    state = existing(states, name)
    stored = states.read_plan(name)
    plan = read_plan(stored, f"the plan of {name}") if stored is not None else None
    said = {address: _live(states.work(name), table) for address, table in running_copies(state).items()}
    live = {address: one for address, one in said.items() if one is not None}
    return build_status(state, plan, states.locked_by(name), live)


def _live(work: Work, table: str) -> LiveStatus | None:
    """What the copy into `table` said last. Its folder has the table's name, with a digest behind it."""
    from migrate.data.live import LIVE, parse_live

    copies = [name for name in work.names() if name.rpartition("-")[0] == table]
    said = [one for name in copies if (text := work.read(name, LIVE)) and (one := parse_live(text)) is not None]
    return max(said, key=lambda one: one.written, default=None)
