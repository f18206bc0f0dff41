"""`migrate apply`: carry a plan out, or go on where it stopped."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from migrate.cli import saved
from migrate.cli.carrying import approve, carry_out_plan, nothing_done
from migrate.cli.console import console
from migrate.cli.price_option import PRICES
from migrate.cli.rules import APPROVE, POLICY, Rules, read_rules
from migrate.cli.transport_option import TRANSPORT, TransportName

if TYPE_CHECKING:
    from migrate.cli.world import World
    from migrate.plan.model import Plan
    from migrate.state.model import State
    from migrate.state.store import Store


@dataclass(frozen=True)
class Request:
    """What the user has typed."""

    what: str = ""
    auto_approve: bool = False
    parallelism: int = 10
    only: tuple[str, ...] = ()
    expect: str | None = None
    policy: str = ""
    prices: str = ""
    approved: tuple[str, ...] = ()
    as_json: bool = False
    transport: str | None = None


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("apply")
    def apply(
        what: str = typer.Argument("", metavar="[MANIFEST | PLANFILE]", help="Default: the only one in the state."),
        auto_approve: bool = typer.Option(False, "--auto-approve", help="Do not ask."),
        parallelism: int = typer.Option(10, "--parallelism", min=1, max=100, help="Steps worked on at a time."),
        only: list[str] = typer.Option([], "--only", metavar="TABLE", help="Only this table (may be repeated)."),
        expect: str = typer.Option(
            None, "--expect", metavar="DIGEST", help="Only the plan with this sha256:... digest."
        ),
        policy: str = POLICY,
        prices: str = PRICES,
        approved: list[str] = APPROVE,
        as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
        transport: TransportName | None = TRANSPORT,
    ) -> int:
        """Carry out a manifest or a saved plan; the same command resumes what was interrupted."""
        return run(
            Request(
                what,
                auto_approve=auto_approve,
                parallelism=parallelism,
                only=tuple(only),
                expect=expect,
                policy=policy,
                prices=prices,
                approved=tuple(approved),
                as_json=as_json,
                transport=transport.value if transport else None,
            )
        )


def run(request: Request) -> int:
    """See the command."""
    from migrate.cli.world import open_world, read_manifest, state_or_new, store
    from migrate.render.plan_text import closing

    states = store()
    pinned = _pinned(request)
    if pinned is not None and saved.is_done(pinned, states):
        text = f"This plan is done: all of its steps were carried out. Next: migrate plan {pinned.manifest_file}"
        return nothing_done(pinned, "already-done", text, request.as_json)
    manifest = saved.manifest_of(pinned) if pinned else read_manifest(request.what or _only_manifest(states))
    rules = read_rules(manifest, request.policy, request.approved)
    world = open_world(manifest, read_only=False, prices=request.prices)
    with states.lock(manifest.name) as lock:
        for note in lock.notes:
            console.say(f"note: {note}")
        kept = states.read(manifest.name)
        plan, is_resumed = _choose(world, states, kept, pinned, request, rules)
        state = state_or_new(kept, manifest)
        if not plan.actions:
            _close(states, kept, request.only)
            return nothing_done(plan, "nothing-to-do", closing(plan, console.style), request.as_json)
        agreed = "before (resumed)"
        if is_resumed:
            _announce(plan, state)
        else:
            agreed = approve(plan, request.auto_approve)
        if request.expect is not None:
            agreed += ", by its digest (--expect)"
        approvals = rules.note_approvals(plan, states, world.clock)
        return carry_out_plan(
            world,
            states,
            kept,
            plan,
            f"migrate apply {request.what or manifest.file}",
            is_resumed=is_resumed,
            parallelism=request.parallelism,
            as_json=request.as_json,
            transport=request.transport,
            agreed=agreed,
            approvals=approvals,
        )


def _pinned(request: Request) -> Plan | None:
    """The plan in the file that was named, if it is one. Raises when it may not be carried out at all."""
    from migrate.cli.world import refuse

    if not (request.what and saved.is_plan_file(request.what)):
        if request.expect is not None:
            raise typer.BadParameter("--expect goes with a saved plan: migrate apply PLANFILE --expect sha256:...")
        return None
    if request.only:
        raise typer.BadParameter("--only goes with a manifest; a saved plan is carried out as it is")
    plan = saved.read_file(request.what)
    if request.expect is not None:
        saved.check_expected(request.what, plan, request.expect)
    if plan.is_errored:
        refuse(plan)
    return plan


def _choose(
    world: World, states: Store, kept: State | None, pinned: Plan | None, request: Request, rules: Rules
) -> tuple[Plan, bool]:
    """The plan to carry out, and whether it was begun before. It has passed every gate."""
    from migrate.apply.resume import plan_to_resume
    from migrate.cli.world import make_plan, observe, refuse, state_or_new

    begun = plan_to_resume(states, kept, world.manifest.digest, request.only)
    if begun is not None and (pinned is None or pinned.plan_id == begun.plan_id):
        held = rules.applied_to(begun)
        if held.is_errored:
            refuse(held)
        return begun, True
    if pinned is not None:
        now, is_begun = saved.hold_against_world(world, kept, pinned)
        refuse(rules.applied_to(now))
        return pinned, is_begun
    plan = rules.applied_to(make_plan(world, observe(world, request.only), state_or_new(kept, world.manifest)))
    refuse(plan)
    return plan, False


def _close(states: Store, kept: State | None, only: tuple[str, ...]) -> None:
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


def _only_manifest(states: Store) -> str:
    """The manifest of the only unfinished migration in the state."""
    from migrate.core.errors import Refused

    found = [state for name in states.migrations() if (state := states.read(name)) and state.migration.active]
    open_ones = [state for state in found if state.migration.active and not state.migration.active.is_finished] or found
    if len(open_ones) == 1 and open_ones[0].migration.active:
        return open_ones[0].migration.active.manifest_file
    names = ", ".join(state.migration.migration for state in open_ones) or "none"
    raise Refused(
        f"say which manifest to apply (migrations in {console.state_url}: {names})", hint="migrate apply FILE"
    )
