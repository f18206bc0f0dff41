"""`migrate throttle`: change the rate of copies and verifications that are running."""

from __future__ import annotations

import re
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
        """Change how fast running copies and verifications may read and write. Takes effect within a few seconds."""
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
    running = [(table, kind) for table, kind in (_running(state, only) if state else []) if _heeded(kind, wish)]
    work = states.work(migration)
    names = work.names() if running else []
    found = [(name, table, kind) for table, kind in running for name in names if _is_of(name, table, kind)]
    if not found:
        where = f"no copy of {migration} is running, and no verification" + (f", for {', '.join(only)}" if only else "")
        raise Refused(where, hint=f"migrate status {migration}")
    for name, table, kind in found:
        heeded = _heeded(kind, wish)
        work.control(name, heeded)
        rates = ", ".join(f"{units:g} {side.replace('_', ' ')}/s" for side, units in heeded.items())
        console.result(f"{table}: {kind} at most {rates} from now on")
    return 0


def _running(state: State, only: list[str]) -> list[tuple[str, str]]:
    """Target tables with a copy or a verification under way, and which."""
    from migrate.state.model import Status

    return [
        (name, one.kind)
        for name, file in sorted(state.files.items())
        if not only or name in only
        for one in file.steps.values()
        if one.kind in _INFIX and one.status in (Status.STARTING, Status.RUNNING)
    ]


_INFIX = {"copy": "-", "verify": "+verify-"}
"""Kinds of steps that listen, and what their folders have between the table's name and a digest."""


def _heeded(kind: str, wish: dict[str, float]) -> dict[str, float]:
    """What of the wish means anything to that kind of step: a verification writes nothing."""
    return {name: units for name, units in wish.items() if kind == "copy" or name == "read_units"}


def _is_of(name: str, table: str, kind: str) -> bool:
    return re.fullmatch(re.escape(f"{table}{_INFIX[kind]}") + "[0-9a-f]{12}", name) is not None
