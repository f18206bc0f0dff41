"""`migrate throttle`: change the rate of copies that are running."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from migrate.cli.console import console

if TYPE_CHECKING:
    from migrate.state.model import State


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("throttle")
    def throttle(
        migration: str = typer.Argument(..., metavar="MIGRATION", help="The name in the manifest."),
        read_units: float = typer.Option(None, "--read-units", min=0, help="Capacity units a second; 0 pauses."),
        write_units: float = typer.Option(None, "--write-units", min=0, help="Capacity units a second; 0 pauses."),
        only: list[str] = typer.Option([], "--only", metavar="TABLE", help="Only this target table."),
    ) -> int:
        """Change how fast running copies may read and write. Takes effect within a few seconds."""
        wish = {"read_units": read_units, "write_units": write_units}
        return run(migration, {name: units for name, units in wish.items() if units is not None}, only)


def run(migration: str, wish: dict[str, float], only: list[str]) -> int:
    """See the command."""
    from migrate.cli.world import store
    from migrate.core.errors import Refused

    if not wish:
        raise typer.BadParameter("say --read-units N or --write-units N")
    states = store()
    state = states.read(migration)
    running = _running(state, only) if state else []
    work = states.work(migration)
    # The name of a copy is that of its table, with a digest behind it.
    copies = [name for name in work.names() if name.rpartition("-")[0] in running] if running else []
    if not copies:
        where = f"no copy of {migration} is running" + (f" for {', '.join(only)}" if only else "")
        raise Refused(where, hint=f"migrate status {migration}")
    for name in copies:
        work.control(name, wish)
        rates = ", ".join(f"{units:g} {name.replace('_', ' ')}/s" for name, units in wish.items())
        console.result(f"{name.rpartition('-')[0]}: at most {rates} from now on")
    return 0


def _running(state: State, only: list[str]) -> list[str]:
    """Target tables whose copy is under way."""
    from migrate.state.model import Status

    return [
        name
        for name, file in sorted(state.files.items())
        if (not only or name in only)
        and any(one.kind == "copy" and one.status in (Status.STARTING, Status.RUNNING) for one in file.steps.values())
    ]
