"""`migrate status`: where migrations stand, read from the state. Takes no lock.

Calls no AWS, but for one migration that protects tables: then the target account is asked, under the read-only guard,
for the newest copies; when it does not answer, the status says so and is as useful otherwise.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from migrate.cli.console import console

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migrate.data.live import LiveStatus
    from migrate.observe.copies import NewestCopy
    from migrate.render.status import MigrationStatus
    from migrate.state.model import State
    from migrate.state.store import Store
    from migrate.state.work import Work


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("status")
    def status(
        migration: str = typer.Argument("", metavar="[MIGRATION]", help="Default: all in the state."),
        as_json: bool = typer.Option(False, "--json", help="Print it as JSON."),
    ) -> int:
        """Show what is done, running and failed, what comes next, and the newest copies of protected tables."""
        return run(migration, as_json=as_json)


def run(migration: str, *, as_json: bool) -> int:
    """See the command."""
    from migrate.cli.world import store
    from migrate.render.status import status_document
    from migrate.render.status_text import list_text, status_text

    states = store()
    names = [migration] if migration else states.migrations()
    found = [read(states, name) for name in names]
    if len(found) == 1:
        found = [_with_copies(found[0], states)]
    if as_json:
        console.json(status_document(found))
    elif not found:
        console.result(f"No migration has a state in {console.state_url}; migrate apply MANIFEST begins one.")
    elif len(found) == 1:
        console.result(status_text(found[0], console.style, is_whole=console.verbose))
    else:
        console.result(list_text(found, console.style))
    return 0


def read(states: Store, name: str) -> MigrationStatus:
    """The status of one migration. Raises `StateUnusable` when there is none of that name."""
    from migrate.cli.kept import existing
    from migrate.plan.planfile import read_plan
    from migrate.render.status import build_status, running_copies

    state = existing(states, name)
    stored = states.read_plan(name)
    plan = read_plan(stored, f"the plan of {name}") if stored is not None else None
    said = {address: _live(states.work(name), table) for address, table in running_copies(state).items()}
    live = {address: one for address, one in said.items() if one is not None}
    return build_status(state, plan, states.locked_by(name), live)


def _with_copies(one: MigrationStatus, states: Store) -> MigrationStatus:
    """With the newest copies of its protected tables, or why they could not be read."""
    import dataclasses

    from migrate.core.errors import MigrateError
    from migrate.plan.protection import SELECTION

    if not any(resource.kind == SELECTION for resource in one.owned):
        return one
    state = states.read(one.migration)
    protected = _protected(state) if state is not None else {}
    if not protected or one.active is None:
        return one
    try:
        copies = _copies(one.active.manifest_file, protected)
    except MigrateError as error:
        return dataclasses.replace(one, unread=". ".join(text for text in (error.summary, error.hint) if text))
    return dataclasses.replace(one, copies=tuple(copies))


def _protected(state: State) -> dict[str, list[str]]:
    """Target vault -> ARNs of the tables that are copied into it, by what the steps have left."""
    from migrate.plan.protection import SELECTION, standing_resources

    found: dict[str, list[str]] = {}
    for address in sorted({one.address for one in standing_resources(state) if one.kind == SELECTION}):
        record = state.record(address)
        if record is not None and "copies_to" in record.outputs:
            vault = str(record.outputs["copies_to"]).rpartition(":")[2]
            found.setdefault(vault, []).extend(record.outputs["tables"])
    return found


def _copies(manifest_file: str, protected: Mapping[str, Sequence[str]]) -> list[NewestCopy]:
    from migrate.aws.session import connect
    from migrate.cli.world import access
    from migrate.core.clock import SystemClock
    from migrate.core.errors import MigrateError
    from migrate.manifest.load import load_manifest
    from migrate.observe.copies import newest_copies

    manifest, _ = load_manifest(manifest_file, os.environ)
    if manifest is None:
        raise MigrateError(f"the manifest {manifest_file}, which says how to reach the account, is not usable")
    clock = SystemClock()
    target = connect(access(manifest.target), read_only=True, clock=clock)
    return [copy for vault, arns in protected.items() for copy in newest_copies(target, vault, set(arns), clock.now())]


def _live(work: Work, table: str) -> LiveStatus | None:
    """What the copy into `table` said last. Its folder has the table's name, with a digest behind it."""
    from migrate.data.live import LIVE, parse_live

    copies = [name for name in work.names() if name.rpartition("-")[0] == table]
    said = [one for name in copies if (text := work.read(name, LIVE)) and (one := parse_live(text)) is not None]
    return max(said, key=lambda one: one.written, default=None)
