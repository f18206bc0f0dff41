"""`migrate validate`: schema and cross-field rules, without AWS."""

from __future__ import annotations

import typer

from migrate.cli.console import console


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("validate")
    def validate(manifest: str = typer.Argument(..., metavar="MANIFEST", help="The manifest, a YAML file.")) -> int:
        """Check a manifest: YAML, schema and cross-field rules. Touches nothing, needs no AWS."""
        from migrate.cli.world import read_manifest
        from migrate.render.style import plural

        found = read_manifest(manifest)
        console.result(f"{manifest} is valid: {found.name}, {plural(len(found.tables), 'table rule')}.")
        return 0
