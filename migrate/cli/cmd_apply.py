"""`migrate apply`: carry a plan out, or go on where it stopped."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import typer

from migrate.cli import cmd_show, exit_codes
from migrate.cli.carrying import approve, carry_out_plan
from migrate.cli.console import console
from migrate.cli.transport_option import TRANSPORT, TransportName

if TYPE_CHECKING:
    from migrate.cli.world import World
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
        transport: TransportName | None = TRANSPORT,
    ) -> int:
        """Carry out a manifest or a saved plan; the same command resumes what was interrupted."""
        return run(
            what,
            auto_approve=auto_approve,
            parallelism=parallelism,
            only=only,
            transport=transport.value if transport else None,
        )


def run(what: str, *, auto_approve: bool, parallelism: int, only: list[str], transport: str | None = None) -> int:
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
        if saved is not None and _is_finished(saved, kept):
            console.result(f"This plan is done: all of its steps were carried out. Next: migrate plan {manifest.file}")
            return exit_codes.OK
        plan, is_resumed = _choose(world, states, kept, saved, only)
        state = state_or_new(kept, manifest)
        if not plan.actions:
            _close(states, kept, only)
            console.result(_nothing_to_do(plan))
            return exit_codes.OK
        if is_resumed:
            _announce(plan, state)
        else:
            approve(plan, auto_approve)
        command = f"migrate apply {manifest.file}"
        return carry_out_plan(
            world,
            states,
            kept,
            plan,
            command,
            is_resumed=is_resumed,
            parallelism=parallelism,
            transport=transport,
        )


def _is_finished(saved: Plan, kept: State | None) -> bool:
    active = kept.migration.active if kept else None
    return active is not None and active.plan_id == saved.plan_id and active.is_finished


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


def _close(states: Store, kept: State | None, only: list[str]) -> None:
    """Nothing is left to do: a plan that was begun and could not be finished has been overtaken by the world."""
    active = kept.migration.active if kept else None
    if kept is not None and active is not None and not active.is_finished and not only:
        states.write_migration(
            dataclasses.replace(kept.migration, active=dataclasses.replace(active, is_finished=True))
        )


def _announce(plan: Plan, state: State) -> None:
    """A plan that was begun has been agreed to already: only say how far it is."""
    from migrate.apply.resume import remaining

    total = len(plan.actions)
    console.say(f"Going on with {plan.migration}: {total - len(remaining(plan, state))} of {total} steps are done.")


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
