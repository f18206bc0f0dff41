"""`migrate state`: the state, by hand, and from one place to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from migrate.cli.console import console

if TYPE_CHECKING:
    from migrate.state.lock import LockInfo
    from migrate.state.store import Store

_NAME = typer.Argument(..., metavar="NAME", help="The migration.")
_AGREE = typer.Option(False, "--auto-approve", "--yes", help="Do not ask.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Look at the state of migrations and correct it by hand.", no_args_is_help=True)
    app.add_typer(group, name="state")
    _register_readers(group)
    _register_transfers(group)

    @group.command("unlock")
    def unlock(name: str = _NAME, auto_approve: bool = _AGREE) -> int:
        """Remove the lock that a run left behind and that nobody can hold any more."""
        return run_unlock(name, auto_approve=auto_approve)

    @group.command("forget")
    def forget(
        name: str = _NAME,
        what: str = typer.Argument(..., metavar="ADDRESS|TABLE", help="A step (orders/verify), or a whole table."),
        auto_approve: bool = _AGREE,
    ) -> int:
        """Remove a step, or all of a table, from the state. Touches nothing in AWS."""
        from migrate.cli.state_edit import run_forget

        return run_forget(name, what, auto_approve=auto_approve)

    @group.command("adopt")
    def adopt(
        name: str = _NAME,
        table: str = typer.Argument(..., metavar="TABLE", help="The target table."),
        manifest: str = typer.Option(..., "--manifest", metavar="FILE", help="The manifest that names it."),
        auto_approve: bool = _AGREE,
    ) -> int:
        """Take a target table that exists into the state, as if this migration had loaded it."""
        from migrate.cli.state_edit import run_adopt

        return run_adopt(name, table, manifest, auto_approve=auto_approve)


def _register_transfers(group: typer.Typer) -> None:
    force = typer.Option(False, "--force", help="Overwrite what is newer or of another lineage; says what.")

    @group.command("pull")
    def pull(
        name: str = _NAME,
        to: str = typer.Option(..., "--to", metavar="PLACE", help="A folder, or s3://bucket/prefix."),
        force: bool = force,
    ) -> int:
        """Copy a state from --state to another place."""
        return run_transfer(name, console.state_url, to, is_forced=force)

    @group.command("push")
    def push(
        name: str = _NAME,
        source: str = typer.Option(..., "--from", metavar="PLACE", help="A folder, or s3://bucket/prefix."),
        force: bool = force,
    ) -> int:
        """Copy a state from another place to --state."""
        return run_transfer(name, source, console.state_url, is_forced=force)


def _register_readers(group: typer.Typer) -> None:
    @group.command("list")
    def list_all(as_json: bool = typer.Option(False, "--json", help="Print it as JSON.")) -> int:
        """List the migrations that have a state."""
        return run_list(as_json=as_json)

    @group.command("show")
    def show(name: str = _NAME, as_json: bool = typer.Option(False, "--json", help="Print it as JSON.")) -> int:
        """Show every step and every owned resource of a migration."""
        from migrate.cli.kept import existing
        from migrate.cli.world import store
        from migrate.render.state_text import state_document, state_text

        state = existing(store(), name)
        if as_json:
            console.json(state_document(state))
        else:
            console.result(state_text(state, console.style))
        return 0


def run_list(*, as_json: bool) -> int:
    """See the command."""
    from migrate.cli.cmd_status import read
    from migrate.cli.world import store
    from migrate.render.status import status_document
    from migrate.render.status_text import list_text

    states = store()
    found = [read(states, name) for name in states.migrations()]
    if as_json:
        console.json(status_document(found))
        return 0
    empty = f"No migration has a state in {console.state_url}."
    console.result(list_text(found, console.style) if found else empty)
    return 0


def run_transfer(name: str, origin: str, target: str, *, is_forced: bool) -> int:
    """See the commands `pull` and `push`."""
    from migrate.cli.world import store
    from migrate.core.errors import StateUnusable
    from migrate.state.transfer import transfer

    if origin.rstrip("/") == target.rstrip("/"):
        raise StateUnusable(f"{origin} is both where the state is and where it should go")
    done = transfer(name, store(origin), store(target), is_forced=is_forced, tell=console.say)
    same = f", {done.unchanged} of them were there already" if done.unchanged else ""
    console.result(f"The state of {name} is in {target} now: {done.files} files{same}.")
    return 0


def run_unlock(name: str, *, auto_approve: bool) -> int:
    """See the command."""
    from migrate.cli.carrying import ask
    from migrate.cli.kept import no_such_migration
    from migrate.cli.world import store
    from migrate.core.errors import StateUnusable

    states = store()
    try:
        info = states.locked_by(name)
    except StateUnusable as error:
        console.error(error)
    else:
        if info is None:
            if name not in states.migrations():
                raise no_such_migration(states, name)
            console.result(f"{name} is not locked.")
            return 0
        _describe(name, info)
    ask("Remove this lock? A run that still works stops before its next write.", auto_approve)
    return _unlock(states, name)


def _describe(name: str, info: LockInfo) -> None:
    from migrate.state.process import is_gone

    console.say(f"{name} is locked by {info.holder}")
    console.say(f"  since {info.since}, last sign of life {info.renewed}")
    if is_gone(info.holder):
        console.say("  that process is gone: the next apply takes the lock over by itself")


def _unlock(states: Store, name: str) -> int:
    holder = states.force_unlock(name)
    console.result(f"{name} is unlocked{f'; {holder.holder} held it' if holder else ''}. Next: migrate status {name}")
    return 0
