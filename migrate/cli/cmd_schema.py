"""`migrate schema`: print a JSON Schema."""

from __future__ import annotations

import typer

from migrate.cli.console import console

NAMES = (
    "manifest",
    "policy",
    "prices",
    "plan",
    "compare",
    "permissions",
    "checkup",
    "state",
    "status",
    "result",
    "report",
    "migration-report",
    "restore-check",
    "validation",
    "error",
)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("schema")
    def schema(name: str = typer.Argument("manifest", help=f"One of: {', '.join(NAMES)}.")) -> int:
        """Print a JSON Schema: of a manifest, policy or price file (for editors), or of an output."""
        from migrate.core.schemas import read_schema

        if name not in NAMES:
            raise typer.BadParameter(f"{name} is not one of {', '.join(NAMES)}")
        console.json(read_schema(name))
        return 0
