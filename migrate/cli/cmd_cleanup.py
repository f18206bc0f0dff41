"""`migrate cleanup`: remove what a migration made for itself. Never a migrated table."""

from __future__ import annotations

import typer

from migrate.cli.console import console
from migrate.cli.rules import APPROVE, POLICY, read_rules


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("cleanup")
    def cleanup(
        manifest: str = typer.Argument(..., metavar="MANIFEST", help="The manifest, a YAML file."),
        auto_approve: bool = typer.Option(False, "--auto-approve", help="Do not ask."),
        policy: str = POLICY,
        approved: list[str] = APPROVE,
        as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
    ) -> int:
        """Remove exported files, grants and buckets that this migration made. Never a migrated table."""
        return run(manifest, auto_approve=auto_approve, policy=policy, approved=approved, as_json=as_json)


def run(manifest: str, *, auto_approve: bool, policy: str, approved: list[str], as_json: bool) -> int:
    """See the command."""
    from migrate.cli.carrying import approve, carry_out_plan, nothing_done
    from migrate.cli.kept import no_such_migration
    from migrate.cli.world import open_world, read_manifest, refuse, state_or_new, store
    from migrate.manifest.tables import resolve_tables
    from migrate.plan.cleanup import build_cleanup

    read = read_manifest(manifest)
    rules = read_rules(read, policy, approved)
    states = store()
    if states.read(read.name) is None:
        raise no_such_migration(states, read.name)
    world = open_world(read, read_only=False)
    with states.lock(read.name) as lock:
        for note in lock.notes:
            console.say(f"note: {note}")
        state = state_or_new(states.read(read.name), read)
        # The tables that the state knows, whether they still exist or not: a source table may be gone by now.
        known = [file.source for file in state.files.values() if file.source]
        mappings, _problems = resolve_tables(read, [*known, *(rule.name for rule in read.tables if rule.name)])
        plan = rules.applied_to(build_cleanup(read, mappings, world.accounts, state))
        refuse(plan)
        if not plan.actions:
            text = f"Nothing to clean up: nothing that {read.name} made for itself is left."
            return nothing_done(plan, "nothing-to-do", text, as_json)
        agreed = approve(plan, auto_approve)
        approvals = rules.note_approvals(plan, states, world.clock)
        return carry_out_plan(
            world,
            states,
            state,
            plan,
            f"migrate cleanup {manifest}",
            is_resumed=False,
            parallelism=10,
            as_json=as_json,
            agreed=agreed,
            approvals=approvals,
        )
