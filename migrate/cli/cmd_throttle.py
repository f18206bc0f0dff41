"""`migrate throttle`: change the rate of copies that are running."""

from __future__ import annotations

import json
from pathlib import Path
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
        """Change how fast running copies may read and write. Takes effect within a second or two."""
        wish = {"read_units": read_units, "write_units": write_units}
        return run(migration, {name: units for name, units in wish.items() if units is not None}, only)


def run(migration: str, wish: dict[str, float], only: list[str]) -> int:
    """See the command."""
    from migrate.cli.cmd_plan import write_file
    from migrate.cli.world import store
    from migrate.core.errors import Refused
    from migrate.data.books import CONTROL

    if not wish:
        raise typer.BadParameter("say --read-units N or --write-units N")
    state = store().read(migration)
    running = _running(state, only) if state else []
    work = store().work_folder(migration)
    folders = [folder for table in running for folder in work.glob(f"{table}-*") if folder.is_dir()]
    if not folders:
        where = f"no copy of {migration} is running" + (f" for {', '.join(only)}" if only else "")
        raise Refused(where, hint=f"migrate status {migration}")
    for folder in folders:
        control = folder / CONTROL
        write_file(str(control), {**_before(control), **wish})
        rates = ", ".join(f"{units:g} {name.replace('_', ' ')}/s" for name, units in wish.items())
        console.result(f"{folder.name.rsplit('-', 1)[0]}: at most {rates} from now on")
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


def _before(control: Path) -> dict[str, float]:
    try:
        value = json.loads(control.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
