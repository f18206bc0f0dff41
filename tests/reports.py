"""Migrations that were carried out, without any AWS: what the state would remember of a plan's steps."""

from __future__ import annotations

import dataclasses
import datetime as dt
import heapq
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from migrate.apply.transitions import begin
from migrate.core.clock import timestamp
from migrate.core.codec import Json
from migrate.core.errors import StepError
from migrate.plan.model import Action, Change, Plan, Side
from migrate.plan.planfile import plan_document
from migrate.render.report.build import Facts
from migrate.state.folder import FolderStore
from migrate.state.model import ActivePlan, MigrationFile, OwnedResource, Run, State, Status, StepFile, StepRecord
from tests.worlds import HEAD, MIB, SOURCE, TARGET, facts, inventory, manifest_of, plan_of

BEGUN = dt.datetime(2026, 11, 24, 22, 0, tzinfo=dt.timezone.utc)
ARNS = {side: f"arn:aws:sts::{id}:assumed-role/Migrator/ana" for side, id in (("source", SOURCE), ("target", TARGET))}
_MINUTES = {"export": 12.0, "import": 14.0, "export-check": 0.4, "verify": 3.0, "index": 4.0}
_LANES = 60


def plan_for(count: int, seed: int = 1) -> Plan:
    """A plan that moves `count` tables of very different sizes."""
    chance = random.Random(seed)
    sizes = [int(MIB * chance.lognormvariate(5, 2)) for _ in range(count)]
    tables = [facts(f"shop-{at:04}", item_count=size // 700, size_bytes=size) for at, size in enumerate(sizes)]
    manifest = manifest_of(HEAD + "tables:\n  - match: '*'\n", "/home/ana/move/manifest.yaml")
    return plan_of(manifest, inventory(*tables))


def carried_out(
    plan: Plan,
    *,
    before: State | None = None,
    begun: dt.datetime = BEGUN,
    failures: Mapping[str, StepError] = {},
    seed: int = 2,
    is_recorded: bool = True,
) -> State:
    """The state after a run of `plan`, which goes on from `before`. What fails keeps from being begun what needs it.

    Without `is_recorded` the state is one of an older version, which knows nothing of runs.
    """
    records, ended = _records(plan, begun, failures, random.Random(seed))
    files = {name: _file(name, records, plan, before) for name in dict.fromkeys(a.owner for a in plan.actions)}
    is_complete = len(records) == len(plan.actions) and not failures
    run = Run(
        plan.plan_id,
        timestamp(begun - dt.timedelta(seconds=4)),
        by="ana@bastion, process 4711",
        version="0.1.0",
        principals=ARNS,
        agreed="at the terminal",
        ended=timestamp(ended + dt.timedelta(seconds=2)),
        outcome="complete" if is_complete else "failed",
    )
    migration = MigrationFile(
        plan.migration,
        plan.lineage,
        9,
        SOURCE,
        TARGET,
        ActivePlan(plan.plan_id, plan.manifest_digest, plan.manifest_file, is_complete),
        runs=((*before.migration.runs, run) if before else (run,)) if is_recorded else (),
    )
    return State(migration, {**(before.files if before else {}), **files})


def facts_of(state: State | None, *plans: Plan, **more: object) -> Facts:
    """What a report is made of; the last of `plans` is the active one."""
    given: dict[str, object] = {
        "migration": "move",
        "state": state,
        "plans": {plan.plan_id: plan for plan in plans},
        "active": plans[-1] if plans else None,
        "written": "2026-11-26T09:00:00.000Z",
        "version": "0.1.0",
        **more,
    }
    return Facts(**given)  # type: ignore[arg-type]


def _records(
    plan: Plan, begun: dt.datetime, failures: Mapping[str, StepError], chance: random.Random
) -> tuple[dict[str, StepRecord], dt.datetime]:
    lanes = [begun] * _LANES
    ends: dict[str, dt.datetime] = {}
    records: dict[str, StepRecord] = {}
    for action in plan.actions:
        if any(need not in ends for need in action.needs):
            continue
        free = heapq.heappop(lanes)
        start = max([free, *(ends[need] for need in action.needs)]) + dt.timedelta(seconds=chance.random())
        end = start + dt.timedelta(minutes=_MINUTES.get(action.kind, 0.05) * chance.uniform(0.4, 2.5))
        heapq.heappush(lanes, end)
        error = failures.get(action.address)
        if error is None:
            ends[action.address] = end
        records[action.address] = _record(action, plan, start, end, error)
    return records, max(map(_end, records.values()), default=begun)


def _end(record: StepRecord) -> dt.datetime:
    return dt.datetime.fromisoformat((record.ended or "").replace("Z", "+00:00"))


def _record(action: Action, plan: Plan, start: dt.datetime, end: dt.datetime, error: StepError | None) -> StepRecord:
    return StepRecord(
        action.address,
        action.kind,
        action.digest,
        Status.FAILED if error else Status.DONE,
        plan_id=plan.plan_id,
        handle=f"arn:aws:dynamodb:eu-west-1:{TARGET}:table/x/{action.kind}/01795" if action.kind == "import" else None,
        outputs={} if error else _outputs(action, plan),
        error=error,
        started=timestamp(start),
        ended=timestamp(end),
    )


def _outputs(action: Action, plan: Plan) -> dict[str, Json]:
    table = next((one for one in plan.tables if one.target == action.owner), None)
    if table is None:
        return {}
    if action.kind == "import":
        return {"table_id": f"t-{table.target}", "items": table.items, "bytes": int(table.bytes * 1.2)}
    if action.kind != "verify":
        return {}
    count, found = table.items, f"raw:{abs(hash(table.target)) % 2**64:032x}"
    same = {"source_items": count, "target_items": count, "same": count}
    rest = {"differs": 0, "missing": 0, "extra": 0, "errors": 0, "seconds": count / 9000, "read_units": count / 4}
    how = {"mode": "digest", "compared_with": "source", "table_id": f"t-{table.target}"}
    return {**same, **rest, **how, "source_digest": found, "target_digest": found}


def _file(name: str, records: Mapping[str, StepRecord], plan: Plan, before: State | None) -> StepFile:
    kept = before.files.get(name) if before else None
    own = {address: one for address, one in records.items() if address.split("/", 1)[0] == name}
    owned: dict[str, OwnedResource] = dict(kept.owned) if kept else {}
    if any(one.kind == "import" for one in own.values()):
        arn = f"arn:aws:dynamodb:eu-west-1:{TARGET}:table/{name}"
        owned[arn] = OwnedResource(arn, "table", "target", f"{name}/import", is_confirmed=True)
    source = next((table.source for table in plan.tables if table.target == name), "")
    return StepFile(name, plan.lineage, source, 3, {**(kept.steps if kept else {}), **_again(own, kept)}, owned)


def _again(own: Mapping[str, StepRecord], kept: StepFile | None) -> dict[str, StepRecord]:
    """The records with what an earlier run has left at their addresses."""
    found = {}
    for address, record in own.items():
        before = kept.steps.get(address) if kept else None
        if before is not None:
            action = Action(address, record.kind, Side.TARGET, Change.MOVE, "", {"again": True})
            earlier = begin(before, action, record.plan_id, "lineage").earlier
            record = dataclasses.replace(record, attempt=before.attempt + 1, earlier=earlier)
        found[address] = record
    return found


def failing(addresses: Sequence[str]) -> dict[str, StepError]:
    """Errors for these steps."""
    why = '3 x "Item size has exceeded the maximum allowed size", first key PK "c#9981" (S)'
    return {
        one: StepError("3 of 1,204 items were refused by DynamoDB", why, "mend them", "Failed") for one in addresses
    }


def keep(folder: Path, state: State, *plans: Plan) -> None:
    """Write the state and its plans into a folder, as runs would have."""
    store = FolderStore(folder)
    name = state.migration.migration
    with store.lock(name):
        created = store.create(name, state.lineage)
        for file in state.files.values():
            store.write_steps(name, dataclasses.replace(file, serial=0))
        for plan in plans:
            store.write_plan(name, plan_document(plan))
        store.write_migration(dataclasses.replace(state.migration, serial=created.migration.serial))
