"""`migrate restore-check`: prove that the newest copied recovery point of a table can be restored, and is the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from migrate.cli import exit_codes
from migrate.cli.console import console

if TYPE_CHECKING:
    from migrate.cli.world import World
    from migrate.manifest.model import TableMapping
    from migrate.observe.inventory import Inventory
    from migrate.plan.model import Plan
    from migrate.state.model import State


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("restore-check")
    def restore_check(
        manifest: str = typer.Argument(..., metavar="MANIFEST", help="The manifest, a YAML file."),
        table: str = typer.Argument(..., metavar="TABLE", help="A source table of the manifest."),
        auto_approve: bool = typer.Option(False, "--auto-approve", help="Do not ask."),
        allow_changed: int = typer.Option(
            0, "--allow-changed", min=0, metavar="N", help="So many keys may differ: written since the backup."
        ),
        as_json: bool = typer.Option(False, "--json", help="Print the report as JSON."),
    ) -> int:
        """Restore the newest copied recovery point into a scratch table, compare every item. Exit 8: differs."""
        return run(manifest, table, auto_approve=auto_approve, allow_changed=allow_changed, as_json=as_json)


def run(manifest: str, table: str, *, auto_approve: bool, allow_changed: int, as_json: bool) -> int:
    """See the command."""
    from migrate.apply.resume import plan_to_resume
    from migrate.cli.carrying import approve, carry_out_plan
    from migrate.cli.world import open_world, read_manifest, refuse, state_or_new, store
    from migrate.strategies.backup_check import build_restore_check, check_digest

    read = read_manifest(manifest)
    states = store()
    world = open_world(read, read_only=False)
    mapping = _mapping(world, table)
    with states.lock(read.name) as lock:
        for note in lock.notes:
            console.say(f"note: {note}")
        kept = states.read(read.name)
        _refuse_in_between(kept, read.digest, manifest)
        plan = plan_to_resume(states, kept, check_digest(read, mapping.source_name))
        is_resumed, agreed = plan is not None, "before (resumed)"
        if plan is None:
            state = state_or_new(kept, read)
            inventory = look_for_check(world, mapping.source_name, state)
            plan = build_restore_check(read, mapping.source_name, inventory, state, world.prices)
            refuse(plan)
            agreed = approve(plan, auto_approve)
        begun = plan
        return carry_out_plan(
            world,
            states,
            kept,
            begun,
            f"migrate restore-check {manifest} {table}",
            is_resumed=is_resumed,
            parallelism=1,
            as_json=as_json,
            agreed=agreed,
            conclude=lambda state: _conclude(begun, state, allow_changed, as_json),
        )


def _mapping(world: World, table: str) -> TableMapping:
    """The table's mapping. Raises `ManifestInvalid` when the manifest has no such table."""
    from migrate.cli.world import mapped_tables
    from migrate.core.diagnostics import error
    from migrate.core.errors import ManifestInvalid

    mappings, problems = mapped_tables(world)
    found = next((mapping for mapping in mappings if mapping.source_name == table), None)
    if found is None:
        names = ", ".join(sorted(mapping.source_name for mapping in mappings))
        unknown = error(f"{table} is no source table of the manifest", hint=f"its tables: {names or 'none'}")
        raise ManifestInvalid([*problems, unknown])
    return found


def _refuse_in_between(kept: State | None, manifest_digest: str, manifest: str) -> None:
    """A plan that was begun comes first: it is one at a time. Raises `Refused`."""
    from migrate.core.errors import Refused

    active = kept.migration.active if kept else None
    if active is not None and not active.is_finished and active.manifest_digest == manifest_digest:
        raise Refused(
            "a plan of this manifest is not finished; nothing was changed", hint=f"finish it: migrate apply {manifest}"
        )


def look_for_check(world: World, table: str, state: State) -> Inventory:
    """What the check of one source table is planned from."""
    from migrate.observe.collect import collect
    from migrate.strategies.backup_check import check_questions, scratch_name

    return collect(
        world.source,
        world.target,
        pairs=[(table, scratch_name(state.lineage, table))],
        buckets=(),
        keys={},
        clock=world.clock,
        backup=check_questions(world.manifest, table),
    )


def _conclude(plan: Plan, state: State, allowed: int, as_json: bool) -> int:
    from migrate.render.check_text import CheckReport, check_document, check_text

    report = CheckReport.of(plan, state, allowed)
    if as_json:
        console.json(check_document(report))
    else:
        console.result(check_text(report, console.style))
    return exit_codes.OK if report.is_accepted else exit_codes.DIFFERENT
