"""Changes of a state by hand: forget what is known, adopt what exists. Under the lock; nothing in AWS is changed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from migrate.cli.carrying import ask
from migrate.cli.console import console
from migrate.cli.kept import existing
from migrate.cli.world import World, mapped_tables, open_world, read_manifest, state_or_new, store
from migrate.core.errors import ManifestInvalid, Refused, StateUnusable
from migrate.state.model import SHARED, OwnedResource, State, Status, StepFile, StepRecord, token

if TYPE_CHECKING:
    from migrate.observe.pairs import TablePair


def run_forget(name: str, what: str, *, auto_approve: bool) -> int:
    """See the command `state forget`."""
    states = store()
    existing(states, name)
    with states.lock(name):
        state = existing(states, name)
        file = state.files.get(what.split("/", 1)[0])
        changed = _without(file, what) if file else None
        if file is None or changed is None:
            known = [address for one in state.files.values() for address in (one.name, *one.steps)]
            raise StateUnusable(
                f"the state of {name} knows no {what}",
                why=f"it knows {', '.join(known[:20])}{', ...' if len(known) > 20 else ''}",
                hint=f"migrate state show {name}",
            )
        for line in _consequences(file, changed, what):
            console.say(line)
        ask(f"Forget {what}?", auto_approve)
        states.write_steps(name, changed)
    manifest = state.migration.active.manifest_file if state.migration.active else "MANIFEST"
    console.result(f"{what} is forgotten. Next: migrate plan {manifest}")
    return 0


def _without(file: StepFile, what: str) -> StepFile | None:
    """The file without the step, or without anything; None when there is no such step."""
    if "/" not in what:
        return dataclasses.replace(file, steps={}, owned={})
    if what not in file.steps:
        return None
    steps = {address: record for address, record in file.steps.items() if address != what}
    return dataclasses.replace(file, steps=steps)


def _consequences(before: StepFile, after: StepFile, what: str) -> list[str]:
    lines = [f"Nothing in AWS is changed. {what} will be as if it had never been done: the next plan looks anew."]
    running = [r for a, r in before.steps.items() if a not in after.steps and r.status is Status.RUNNING]
    for record in running:
        lines.append(f"  {record.address} still runs in AWS ({record.handle}); nobody will look for it any more")
    lost = [resource for id, resource in before.owned.items() if id not in after.owned]
    for resource in lost:
        lines.append(f"  {resource.id} counts as somebody else's from now on: this migration will never delete it")
    return lines


def run_adopt(name: str, table: str, manifest_file: str, *, auto_approve: bool) -> int:
    """See the command `state adopt`."""
    manifest = read_manifest(manifest_file)
    if manifest.name != name:
        raise Refused(f"{manifest_file} is of the migration {manifest.name}, not {name}")
    states = store()
    world = open_world(manifest, read_only=True)
    pair = _pair(world, table)
    with states.lock(name):
        kept = states.read(name)
        state = state_or_new(kept, manifest)
        _refuse_known(state, table, manifest_file)
        console.say(f"{table} in {world.target.id} {world.target.region} ({pair.target_arn}, id {pair.target_id})")
        console.say(f"  will count as the result of {name}, loaded from {pair.source}.")
        console.say("  The next plan compares its settings, changes those that differ, and verifies every item.")
        ask("Adopt it?", auto_approve)
        state = kept or _created(states.create(name, state.lineage), world)
        if kept is None:
            states.write_migration(state.migration)
        file = state.files.get(table) or StepFile(table, state.lineage, pair.source)
        states.write_steps(name, _adopted(file, pair, state.lineage))
    console.result(f"{table} is adopted. Next: migrate plan {manifest_file}")
    return 0


def _created(state: State, world: World) -> State:
    accounts = {"source_account": world.source.id, "target_account": world.target.id}
    return State(dataclasses.replace(state.migration, **accounts))  # type: ignore[arg-type]


def _pair(world: World, table: str) -> TablePair:
    """The table with its source. Raises when one of them is missing or their keys differ."""
    from migrate.core.diagnostics import error, has_errors
    from migrate.observe.pairs import describe_pairs

    mappings, problems = mapped_tables(world)
    mapping = next((one for one in mappings if one.target_name == table), None)
    if mapping is None:
        names = ", ".join(one.target_name for one in mappings) or "none"
        problem = error(f"no table of {world.manifest.file} becomes {table}", why=f"its target tables: {names}")
        raise ManifestInvalid([*problems, problem])
    pairs, missing = describe_pairs(world.source, world.target, [(mapping.source_name, table)], world.clock)
    if has_errors(missing):
        console.diagnostics(missing)
        raise Refused(f"{table} cannot be adopted; the state is unchanged")
    pair = pairs[0]
    if pair.source_keys != pair.target_keys:
        raise Refused(
            f"{table} cannot be the result of moving {pair.source}",
            why=f"its key is {pair.target_keys}, that of {pair.source} is {pair.source_keys}",
            hint="give the target another name under target.name in the manifest",
        )
    return pair


def _refuse_known(state: State, table: str, manifest_file: str) -> None:
    if table == SHARED:
        raise Refused(f"a table called {SHARED} cannot be kept in a state")
    load = state.record(f"{table}/import")
    if load is not None and load.status in (Status.STARTING, Status.RUNNING, Status.DONE):
        words = "is in the state already" if load.status is Status.DONE else "is being loaded by this migration"
        hint = f"migrate plan {manifest_file}; or first: migrate state forget {state.migration.migration} {table}"
        raise Refused(f"{table} {words}", hint=hint)


def _adopted(file: StepFile, pair: TablePair, lineage: str) -> StepFile:
    address = f"{file.name}/import"
    before = file.steps.get(address)
    attempt = before.attempt + 1 if before else 1
    record = StepRecord(
        address=address,
        kind="import",
        action_digest="adopted",
        status=Status.DONE,
        attempt=attempt,
        token=token(lineage, address, "adopted", attempt),
        outputs={"table_arn": pair.target_arn, "table_id": pair.target_id},
    )
    proof = {"table_id": pair.target_id}
    resource = OwnedResource(pair.target_arn, "table", "target", address, is_confirmed=True, proof=proof)
    steps = {name: one for name, one in file.steps.items() if name != f"{file.name}/verify"}
    return dataclasses.replace(file, steps=steps).updated(record, (resource,))
