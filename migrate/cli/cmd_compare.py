"""`migrate compare`: all strategies side by side, for every table. Read-only, held to it by the guard."""

from __future__ import annotations

import dataclasses

import typer

from migrate.cli.console import console
from migrate.cli.price_option import PRICES


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("compare")
    def compare(
        manifest: str = typer.Argument(..., metavar="MANIFEST", help="The manifest, a YAML file."),
        as_json: bool = typer.Option(False, "--json", help="Print the comparison as JSON."),
        only: list[str] = typer.Option([], "--only", metavar="TABLE", help="Only this table (may be repeated)."),
        prices: str = PRICES,
    ) -> int:
        """Show what each strategy would take for each table, or why it cannot. Changes nothing."""
        return run(manifest, as_json=as_json, only=only, prices=prices)


def run(manifest: str, *, as_json: bool, only: list[str], prices: str) -> int:
    """See the command."""
    from migrate.cli import exit_codes
    from migrate.cli.world import look, mapped_tables, open_world, read_manifest, state_or_new, store
    from migrate.core.codec import encode
    from migrate.core.diagnostics import has_errors
    from migrate.plan.compare import compare_strategies, widened
    from migrate.render.compare_text import compare_text
    from migrate.strategies.registry import by_name

    read = read_manifest(manifest)
    state = state_or_new(store().read(read.name), read)
    world = open_world(read, read_only=True, prices=prices)
    mappings, problems = mapped_tables(world, only)
    # Looked at as if every strategy might be used, and judged by what the manifest says.
    wide = dataclasses.replace(world, manifest=widened(read, by_name()))
    asked = [dataclasses.replace(one, strategy="auto") for one in mappings]
    seen = look(wide, asked, problems, is_sampled=False)
    found = compare_strategies(read, mappings, seen.inventory, state, by_name(), world.prices)
    found = dataclasses.replace(found, diagnostics=(*problems, *found.diagnostics))
    if as_json:
        console.json(encode(found))
    console.diagnostics(found.diagnostics)
    if not as_json:
        console.result(compare_text(found, console.style, is_verbose=console.verbose))
    return exit_codes.REFUSED if has_errors(found.diagnostics) else exit_codes.OK
