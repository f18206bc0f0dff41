"""`migrate show`: a saved plan again, without AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from migrate.cli.console import console

if TYPE_CHECKING:
    from migrate.plan.model import Plan


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("show")
    def show(
        planfile: str = typer.Argument(..., metavar="PLANFILE", help="A plan saved by `migrate plan --out`."),
        as_json: bool = typer.Option(False, "--json", help="Print it as JSON."),
    ) -> int:
        """Show a saved plan. Needs no AWS."""
        from migrate.plan.planfile import plan_document
        from migrate.render.plan_text import plan_text

        plan = read_file(planfile)
        if as_json:
            console.json(plan_document(plan))
        else:
            console.result(plan_text(plan, console.style))
        return 0


def read_file(path: str) -> Plan:
    """The plan in a file. Raises `ManifestInvalid` when it is not one."""
    from migrate.core.diagnostics import error
    from migrate.core.errors import ManifestInvalid
    from migrate.plan.planfile import read_plan

    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError) as problem:
        hint = "migrate plan MANIFEST --out FILE   saves one"
        raise ManifestInvalid([error(f"{path} is no saved plan", why=str(problem), hint=hint)]) from problem
    return read_plan(value, path)


def is_plan_file(path: str) -> bool:
    """True when the file is JSON (a plan) rather than YAML (a manifest)."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(64).lstrip().startswith("{")
    except (OSError, UnicodeDecodeError):
        return False
