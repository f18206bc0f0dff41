"""`migrate validate`: schema and cross-field rules, without AWS."""

from __future__ import annotations

import typer

from migrate.cli import exit_codes
from migrate.cli.console import console


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("validate")
    def validate(
        manifest: str = typer.Argument(..., metavar="MANIFEST", help="The manifest, a YAML file."),
        as_json: bool = typer.Option(False, "--json", help="Print what is wrong as JSON."),
    ) -> int:
        """Check a manifest and its policy: YAML, schema and cross-field rules. Touches nothing, needs no AWS."""
        return run(manifest, as_json=as_json)


def run(file: str, *, as_json: bool) -> int:
    """See the command."""
    import os

    from migrate.cli.rules import load_policies
    from migrate.core.diagnostics import has_errors
    from migrate.manifest.load import load_manifest
    from migrate.render.diagnostics import validation_document
    from migrate.render.style import plural

    manifest, found = load_manifest(file, os.environ)
    if manifest is not None:
        found = [*found, *load_policies(manifest, "")[1]]
    is_valid = manifest is not None and not has_errors(found)
    if as_json:
        console.json(validation_document(file, manifest if is_valid else None, found))
    else:
        console.diagnostics(found)
    if manifest is None or not is_valid:
        return exit_codes.INVALID
    if not as_json:
        console.result(f"{file} is valid: {manifest.name}, {plural(len(manifest.tables), 'table rule')}.")
    return exit_codes.OK
