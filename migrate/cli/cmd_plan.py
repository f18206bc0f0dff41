"""`migrate plan`: observe both accounts and show what would happen. Read-only, held to it by the guard."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from migrate.cli import exit_codes
from migrate.cli.console import console

if TYPE_CHECKING:
    from migrate.plan.model import Plan
    from migrate.state.model import State


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("plan")
    def plan(
        manifest: str = typer.Argument(..., metavar="MANIFEST", help="The manifest, a YAML file."),
        out: str = typer.Option("", "--out", metavar="FILE", help="Keep the plan, to apply exactly this one."),
        detailed_exitcode: bool = typer.Option(False, "--detailed-exitcode", help="Exit 2 when changes are pending."),
        as_json: bool = typer.Option(False, "--json", help="Print the plan as JSON."),
        only: list[str] = typer.Option([], "--only", metavar="TABLE", help="Only this table (may be repeated)."),
    ) -> int:
        """Show what would be done: actions, minutes, dollars, risks. Changes nothing."""
        return run(manifest, out=out, detailed_exitcode=detailed_exitcode, as_json=as_json, only=only)


def run(manifest: str, *, out: str, detailed_exitcode: bool, as_json: bool, only: list[str]) -> int:
    """See the command."""
    from migrate.cli.world import refusal
    from migrate.plan.planfile import plan_document

    made, state, is_resumed = make(manifest, only)
    if out:
        write_file(out, plan_document(made))
    if as_json:
        console.json(plan_document(made))
    if made.is_errored:
        console.diagnostics(made.diagnostics)
        return exit_codes.exit_code(refusal(made)(""))
    if not as_json:
        _print(made, state, is_resumed, out)
    if is_resumed or (detailed_exitcode and made.actions):
        return exit_codes.CHANGES if detailed_exitcode else exit_codes.OK
    return exit_codes.OK


def make(manifest: str, only: list[str]) -> tuple[Plan, State, bool]:
    """The plan, the state, and whether the plan is one that was begun and is to be resumed."""
    from migrate.apply.resume import plan_to_resume
    from migrate.cli.world import make_plan, observe, open_world, read_manifest, state_or_new, store
    from migrate.render.style import plural

    read = read_manifest(manifest)
    kept = store().read(read.name)
    state = state_or_new(kept, read)
    begun = plan_to_resume(store(), kept, read.digest, only)
    if begun is not None:
        return begun, state, True
    world = open_world(read, read_only=True)
    seen = observe(world, only)
    tables = plural(len(seen.mappings), "table")
    console.say(f"Observed {tables} in both accounts in {seen.seconds:.1f} s. Nothing was changed.\n")
    return make_plan(world, seen, state), state, False


def _print(made: Plan, state: State, is_resumed: bool, out: str) -> None:
    from migrate.apply.resume import remaining
    from migrate.render.plan_text import next_commands, plan_text

    console.diagnostics(made.diagnostics)
    left = {action.address for action in remaining(made, state)} if is_resumed else set()
    done = frozenset(a.address for a in made.actions if a.address not in left) if is_resumed else frozenset()
    console.result(plan_text(made, console.style, done))
    if is_resumed:
        total = len(made.actions)
        console.result(f"This plan is being carried out: {total - len(left)} of {total} steps are done.")
        console.result(f"To go on: migrate apply {made.manifest_file}")
    elif out:
        console.result(f"Saved as {out}. To carry out exactly this: migrate apply {out}")
    elif made.actions:
        console.result(next_commands(made))


def write_file(path: str, value: object) -> None:
    """Write JSON to a file so that it is there whole or not at all."""
    from migrate.core.errors import MigrateError

    temporary = Path(f"{path}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise MigrateError(f"cannot write {path}", why=str(error), hint="name another file with --out") from error
