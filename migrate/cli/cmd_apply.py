"""`migrate apply`: carry a plan out, or go on where it stopped."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer

from migrate.cli import cmd_show, exit_codes
from migrate.cli.console import console

if TYPE_CHECKING:
    from migrate.apply.run import Summary
    from migrate.cli.world import World
    from migrate.manifest.model import Manifest
    from migrate.plan.model import Plan
    from migrate.state.model import State
    from migrate.state.store import Store


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("apply")
    def apply(
        what: str = typer.Argument("", metavar="[MANIFEST | PLANFILE]", help="Default: the only one in the state."),
        auto_approve: bool = typer.Option(False, "--auto-approve", help="Do not ask."),
        parallelism: int = typer.Option(10, "--parallelism", min=1, max=100, help="Steps worked on at a time."),
        only: list[str] = typer.Option([], "--only", metavar="TABLE", help="Only this table (may be repeated)."),
    ) -> int:
        """Carry out a manifest or a saved plan; the same command resumes what was interrupted."""
        return run(what, auto_approve=auto_approve, parallelism=parallelism, only=only)


def run(what: str, *, auto_approve: bool, parallelism: int, only: list[str]) -> int:
    """See the command."""
    from migrate.cli.world import open_world, read_manifest, state_or_new, store

    saved = cmd_show.read_file(what) if what and cmd_show.is_plan_file(what) else None
    manifest = read_manifest(saved.manifest_file if saved else what or _only_manifest())
    states = store()
    world = open_world(manifest, read_only=False)
    with states.lock(manifest.name) as lock:
        if lock.note:
            console.say(f"note: {lock.note}")
        kept = states.read(manifest.name)
        plan, is_resumed = _choose(world, states, kept, saved, only)
        state = state_or_new(kept, manifest)
        if not plan.actions:
            console.result(_nothing_to_do(plan))
            return exit_codes.OK
        _approve(plan, is_resumed, state, auto_approve)
        return _carry_out(world, states, kept, plan, is_resumed, parallelism)


def _choose(world: World, states: Store, kept: State | None, saved: Plan | None, only: list[str]) -> tuple[Plan, bool]:
    """The plan to carry out, and whether it was begun before."""
    from migrate.apply.resume import check_fresh, plan_to_resume
    from migrate.cli.world import make_plan, observe, refuse, state_or_new

    begun = plan_to_resume(states, kept, world.manifest.digest, only)
    if begun is not None and (saved is None or saved.plan_id == begun.plan_id):
        return begun, True
    seen = observe(world, only)
    plan = make_plan(world, seen, state_or_new(kept, world.manifest))
    refuse(plan)
    if saved is not None:
        check_fresh(saved, plan, kept)
        return saved, False
    return plan, False


def _approve(plan: Plan, is_resumed: bool, state: State, auto_approve: bool) -> None:
    """Show the plan and ask. A plan that was begun has been agreed to already."""
    from migrate.apply.resume import remaining
    from migrate.core.errors import Refused
    from migrate.render.plan_text import plan_text

    if is_resumed:
        left = len(remaining(plan, state))
        console.say(
            f"Going on with {plan.migration}: {len(plan.actions) - left} of {len(plan.actions)} steps are done."
        )
        return
    console.say(plan_text(plan, console.error_style))
    if auto_approve:
        return
    if not sys.stdin.isatty():
        raise Refused("nobody is there to agree", why="stdin is no terminal", hint="say --auto-approve")
    console.say("")
    if input("Carry this out? Only 'yes' is accepted: ").strip() != "yes":
        raise Refused("not agreed; nothing was changed")


def _carry_out(world: World, states: Store, kept: State | None, plan: Plan, is_resumed: bool, parallelism: int) -> int:
    from migrate.actions.base import Context
    from migrate.actions.registry import handlers
    from migrate.apply.ledger import Ledger
    from migrate.apply.run import carry_out
    from migrate.apply.signals import stop_on_signal
    from migrate.cli.progress import ProgressDisplay
    from migrate.plan.planfile import plan_document
    from migrate.state.model import ActivePlan

    state = kept or states.create(plan.migration, plan.lineage)
    ledger = Ledger(states, state, {table.target: table.source for table in plan.tables})
    if not is_resumed:
        states.write_plan(plan.migration, plan_document(plan))
        active = ActivePlan(plan.plan_id, plan.manifest_digest, os.path.abspath(world.manifest.file))
        ledger.write_migration(active=active, source_account=plan.source.id, target_account=plan.target.id)
    display = ProgressDisplay(plan, states, world.clock)
    with stop_on_signal(console.say) as should_stop, display:
        context = Context(
            world.source, world.target, world.clock, plan.lineage, should_stop=should_stop, on_progress=display.progress
        )
        summary = carry_out(
            plan,
            ledger,
            handlers(),
            context,
            listener=display.event,
            parallelism=parallelism,
            should_stop=should_stop,
        )
    if summary.is_complete:
        active = ActivePlan(plan.plan_id, plan.manifest_digest, os.path.abspath(world.manifest.file), is_finished=True)
        ledger.write_migration(active=active)
    return _end(plan, ledger.state(), summary, world.manifest)


def _end(plan: Plan, state: State, summary: Summary, manifest: Manifest) -> int:
    """Say how it ended; the exit code."""
    from migrate.render.summary import summary_text

    console.result(summary_text(plan, state, summary, console.style, f"migrate apply {manifest.file}"))
    if summary.is_interrupted:
        return exit_codes.INTERRUPTED
    if summary.cause is not None:
        return exit_codes.exit_code(summary.cause)
    problems = [*summary.failed.values(), *summary.blocked.values()]
    return exit_codes.exit_code_of_steps(problems) if problems else exit_codes.OK


def _nothing_to_do(plan: Plan) -> str:
    from migrate.render.plan_text import closing

    return closing(plan, console.style)


def _only_manifest() -> str:
    """The manifest of the only unfinished migration in the state."""
    from migrate.cli.world import store
    from migrate.core.errors import Refused

    states = store()
    found = [state for name in states.migrations() if (state := states.read(name)) and state.migration.active]
    open_ones = [state for state in found if state.migration.active and not state.migration.active.is_finished] or found
    if len(open_ones) == 1 and open_ones[0].migration.active:
        return open_ones[0].migration.active.manifest_file
    names = ", ".join(state.migration.migration for state in open_ones) or "none"
    raise Refused(
        f"say which manifest to apply (migrations in {console.state_url}: {names})", hint="migrate apply FILE"
    )
