"""`migrate plan`: observe both accounts and show what would happen. Read-only, held to it by the guard."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from migrate.cli import exit_codes
from migrate.cli.console import console
from migrate.cli.price_option import PRICES
from migrate.cli.rules import POLICY, read_rules

if TYPE_CHECKING:
    from migrate.core.diagnostics import Diagnostic
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
        markdown: bool = typer.Option(False, "--markdown", help="Print it for a pull request's comment."),
        only: list[str] = typer.Option([], "--only", metavar="TABLE", help="Only this table (may be repeated)."),
        policy: str = POLICY,
        prices: str = PRICES,
        show_values: bool = typer.Option(False, "--show-values", help="Show values of items that a transform changes."),
    ) -> int:
        """Show what would be done: actions, minutes, dollars, risks. Changes nothing."""
        form = output_form(as_json, markdown)
        if show_values and (out or form != "text"):
            raise typer.BadParameter("--show-values is for your eyes only: not with --out, --json or --markdown")
        return run(
            manifest,
            out=out,
            detailed_exitcode=detailed_exitcode,
            form=form,
            only=only,
            policy=policy,
            prices=prices,
            show_values=show_values,
        )


def output_form(as_json: bool, markdown: bool) -> str:
    """`json`, `markdown` or `text`. Raises `BadParameter` when both are asked for."""
    if as_json and markdown:
        raise typer.BadParameter("say --json or --markdown, not both")
    return "json" if as_json else "markdown" if markdown else "text"


def run(
    manifest: str,
    *,
    out: str,
    detailed_exitcode: bool,
    form: str,
    only: list[str],
    policy: str,
    prices: str = "",
    show_values: bool = False,
) -> int:
    """See the command."""
    from migrate.cli.world import refusal
    from migrate.plan.planfile import plan_document
    from migrate.render.plan_markdown import plan_markdown

    made, broken, state, is_resumed = make(manifest, only, policy, prices, show_values=show_values)
    if out:
        write_file(out, plan_document(made))
    if form == "json":
        console.json(plan_document(made))
    elif form == "markdown":
        console.result(plan_markdown(made, file=out))
    refused = dataclasses.replace(made, diagnostics=(*made.diagnostics, *broken))
    if refused.is_errored:
        for line in (line for table in made.tables for line in table.transform or ()):
            console.say(line)
        console.diagnostics(refused.diagnostics)
        return exit_codes.exit_code(refusal(refused)(""))
    if form == "text":
        _print(made, state, is_resumed, out)
    if is_resumed or (detailed_exitcode and made.actions):
        return exit_codes.CHANGES if detailed_exitcode else exit_codes.OK
    return exit_codes.OK


def make(
    manifest: str, only: list[str], policy: str, prices: str = "", *, show_values: bool = False
) -> tuple[Plan, tuple[Diagnostic, ...], State, bool]:
    """The plan, gates that a begun plan breaks, the state, and whether the plan was begun and is to be resumed.

    A begun plan is pinned, so what it breaks by now stands beside it; a new one has it among its diagnostics.
    """
    from migrate.apply.resume import plan_to_resume
    from migrate.cli.world import make_plan, observe, open_world, read_manifest, state_or_new, store
    from migrate.render.style import plural

    read = read_manifest(manifest)
    rules = read_rules(read, policy, None)
    kept = store().read(read.name)
    state = state_or_new(kept, read)
    begun = plan_to_resume(store(), kept, read.digest, only)
    if begun is not None:
        return begun, rules.applied_to(begun).diagnostics[len(begun.diagnostics) :], state, True
    world = open_world(read, read_only=True, prices=prices)
    seen = observe(world, only)
    tables = plural(len(seen.mappings), "table")
    console.say(f"Observed {tables} in both accounts in {seen.seconds:.1f} s. Nothing was changed.\n")
    return rules.applied_to(make_plan(world, seen, state, show_values=show_values)), (), state, False


def _print(made: Plan, state: State, is_resumed: bool, out: str) -> None:
    from migrate.apply.resume import remaining
    from migrate.plan.planfile import plan_digest
    from migrate.render.plan_text import next_commands, plan_text

    console.diagnostics(made.diagnostics)
    left = {action.address for action in remaining(made, state)} if is_resumed else set()
    done = frozenset(a.address for a in made.actions if a.address not in left) if is_resumed else frozenset()
    console.result(plan_text(made, console.style, done, is_whole=console.verbose))
    if is_resumed:
        total = len(made.actions)
        console.result(f"This plan is being carried out: {total - len(left)} of {total} steps are done.")
        console.result(f"To go on: migrate apply {made.manifest_file}")
    elif out:
        console.result(f"Saved as {out}. To carry out exactly this: migrate apply {out}")
        console.result(f"Its digest, for whoever approves: {plan_digest(made)}")
    elif made.actions:
        console.result(next_commands(made))


def write_file(path: str, value: object) -> None:
    """Write JSON to a file so that it is there whole or not at all."""
    from migrate.render.document import json_text

    write_text(path, json_text(value) + "\n")


def write_text(path: str, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    from migrate.core.errors import MigrateError

    temporary = Path(f"{path}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise MigrateError(f"cannot write {path}", why=str(error), hint="name another file with --out") from error
