"""`migrate verify`: compare source and target again, any time. Read-only, held to it by the guard; needs no state."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import typer

from migrate.cli import exit_codes
from migrate.cli.console import console
from migrate.cli.transport_option import TRANSPORT, TransportName

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migrate.cli.world import World
    from migrate.core.diagnostics import Diagnostic
    from migrate.core.events import Progress
    from migrate.core.table import KeySchema
    from migrate.manifest.model import TableMapping
    from migrate.observe.pairs import TablePair
    from migrate.verify.report import VerifyReport


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("verify")
    def verify(
        manifest: str = typer.Argument(..., metavar="MANIFEST", help="The manifest, a YAML file."),
        as_json: bool = typer.Option(False, "--json", help="Print the report as JSON."),
        only: list[str] = typer.Option([], "--only", metavar="TABLE", help="Only this table (may be repeated)."),
        read_units: float = typer.Option(
            None, "--read-units", min=0.5, help="Read units a second of each table; without it, the manifest's."
        ),
        transport: TransportName | None = TRANSPORT,
    ) -> int:
        """Compare every item of source and target. Exit 8 when they differ. Changes nothing, needs no state."""
        name = transport.value if transport else None
        return run(manifest, as_json=as_json, only=only, read_units=read_units, transport=name)


def run(
    manifest: str,
    *,
    as_json: bool,
    only: list[str],
    read_units: float | None = None,
    transport: str | None = None,
) -> int:
    """See the command."""
    from migrate.apply.signals import stop_on_signal
    from migrate.cli.world import open_world, read_manifest
    from migrate.render.report_text import report_text
    from migrate.verify.report import build_report_document

    read = read_manifest(manifest)
    world = open_world(read, read_only=True)
    chosen = _tables(world, only)
    with stop_on_signal(console.say) as should_stop:
        reports = [_compare(world, mapping, pair, read_units, transport, should_stop) for mapping, pair in chosen]
    if as_json:
        console.json(build_report_document(read.name, reports))
    else:
        console.result(report_text(reports, console.style))
    return exit_codes.OK if all(report.is_accepted for report in reports) else exit_codes.DIFFERENT


def _tables(world: World, only: Sequence[str]) -> list[tuple[TableMapping, TablePair]]:
    """What to compare with what. Raises `Refused` when a table is missing or keyed otherwise, having told all of it."""
    from migrate.cli.world import mapped_tables
    from migrate.core.diagnostics import has_errors
    from migrate.core.errors import Refused
    from migrate.observe.pairs import describe_pairs

    mappings, problems = mapped_tables(world, only)
    mappings = [mapping for mapping in mappings if mapping.is_moved]
    names = [(mapping.source_name, mapping.target_name) for mapping in mappings]
    pairs, missing = describe_pairs(world.source, world.target, names, world.clock)
    by_name = {pair.target: pair for pair in pairs}
    found = [(mapping, by_name[mapping.target_name]) for mapping in mappings if mapping.target_name in by_name]
    problems = [*problems, *missing, *(d for mapping, pair in found for d in _key_problems(mapping, pair))]
    console.diagnostics(problems)
    if has_errors(problems) or not found:
        hint = "mend the errors above" if found or mappings else "name or match tables that the source account has"
        raise Refused("nothing was compared", hint=f"{hint}, then: migrate verify {world.manifest.file}")
    return found


def _key_problems(mapping: TableMapping, pair: TablePair) -> list[Diagnostic]:
    from migrate.core.diagnostics import error

    wanted = mapping.target.keys.attributes if mapping.target.keys else _attributes(pair.source_keys)
    if _attributes(pair.target_keys) == wanted:
        return []
    what = f"the keys of {pair.source} ({pair.source_keys}) and {pair.target} ({pair.target_keys}) differ"
    if mapping.target.keys:
        words = ", ".join(f"{name} ({kind})" for name, kind in wanted)
        what = f"{pair.target} has the key {pair.target_keys}, and target.keys says {words}"
    return [
        error(
            what,
            address=mapping.address,
            why="items are compared by their key",
            hint="was the target table made by something else? --only TABLE leaves it out",
            location=mapping.location,
        )
    ]


def _attributes(keys: KeySchema) -> list[tuple[str, str]]:
    return [(key.name, key.type) for key in keys.attributes]


def _compare(
    world: World,
    mapping: TableMapping,
    pair: TablePair,
    read_units: float | None,
    transport: str | None,
    should_stop: Callable[[], bool],
) -> VerifyReport:
    from migrate.actions.verify import compare
    from migrate.plan.transforms import transform_of
    from migrate.plan.verification import share_of_reads

    mode: Literal["digest", "counts"] = "counts" if mapping.verify.mode == "counts" else "digest"
    options = world.manifest.strategy_options("copy", mapping.options) if mapping.strategy == "copy" else {}
    wish = read_units or mapping.verify.read_units or options.get("read_units")
    console.say(f"{pair.source} -> {pair.target}: comparing, about {pair.items:,} items")
    report = compare(
        world.source,
        world.target,
        pair.source,
        pair.target,
        tuple(key.name for key in pair.target_keys.attributes),
        mode=mode,
        size_bytes=pair.size_bytes,
        clock=world.clock,
        rates=(wish or share_of_reads(pair.source_capacity), wish or share_of_reads(pair.target_capacity)),
        should_stop=should_stop,
        on_progress=_progress,
        existing=options.get("on_conflict", "") if options.get("into") == "existing" else "",
        transform=transform_of(mapping, pair.source_keys, world.manifest.code),
        transport=transport or options.get("transport"),
    )
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    return report


def _progress(progress: Progress) -> None:
    """A line that overwrites itself, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K  {progress.message}: {progress.items or 0:,} items of both tables")
        sys.stderr.flush()
