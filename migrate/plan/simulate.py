"""What the world and the state will be once actions of a plan are done. Pure: nothing is asked, nothing is done.

For proofs about the planner (a plan that is carried out leaves nothing to plan; a plan that stopped anywhere, planned
again, ends the same), and to tell drift from progress: what a plan under way has changed itself is no surprise.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.core.codec import Json, canonical, digest
from migrate.core.table import TableFacts
from migrate.observe.inventory import BucketFacts, Inventory
from migrate.plan.model import Action, Plan, Side, is_ref
from migrate.plan.predicted import created_spec, with_index, with_setting, with_warmth
from migrate.state.model import OwnedResource, State, Status, StepFile, StepRecord, token


def simulate(
    plan: Plan, inventory: Inventory, state: State, done: Collection[str] | None = None
) -> tuple[Inventory, State]:
    """The inventory and the state after the actions of `plan` at the addresses `done` (None: all of them).

    `inventory` and `state` are those that the plan was made from. Every action is taken to succeed. Raises
    `LookupError` when an action in `done` needs the output of one that has never run.
    """
    world = _World(plan, inventory, state)
    for action in plan.actions:
        if done is None or action.address in done:
            world.carry_out(action)
    return world.inventory(), world.state()


class _World:
    """Facts and files that change as actions are carried out."""

    def __init__(self, plan: Plan, inventory: Inventory, state: State) -> None:
        self.plan = plan
        self.before = inventory
        self.migration = state.migration
        self.tables = {Side.SOURCE: dict(inventory.source_tables), Side.TARGET: dict(inventory.target_tables)}
        self.buckets = dict(inventory.buckets)
        self.files = dict(state.files)
        self.sources = {table.target: table.source for table in plan.tables}

    def inventory(self) -> Inventory:
        """The facts as they are now."""
        return dataclasses.replace(
            self.before,
            source_tables=self.tables[Side.SOURCE],
            target_tables=self.tables[Side.TARGET],
            buckets=self.buckets,
        )

    def state(self) -> State:
        """The state as it is now."""
        return State(self.migration, self.files)

    def carry_out(self, action: Action) -> None:
        """Change the facts and write the record, as the applier would."""
        record = self._record(action)
        effect = _EFFECTS.get(action.kind, _setting if action.kind.startswith("setting.") else None)
        if effect is None:
            raise LookupError(f"what {action.kind} does is not known")
        params = self._resolved(action.params)
        outputs, owned, released = effect(_Turn(self, action, params, record))
        file = self.files.get(action.owner) or StepFile(
            action.owner, self.migration.lineage, self.sources.get(action.owner, "")
        )
        file = file.updated(dataclasses.replace(record, outputs=outputs), owned, released)
        self.files[action.owner] = dataclasses.replace(file, serial=file.serial + 1)

    def owned_by(self, address: str) -> list[OwnedResource]:
        """What the action at `address` has made."""
        return [one for file in self.files.values() for one in file.owned.values() if one.address == address]

    def _record(self, action: Action) -> StepRecord:
        before = self._find(action.address)
        attempt = 1
        if before is not None:
            ended = before.status in (Status.DONE, Status.FAILED, Status.UNDONE)
            is_same = before.action_digest == action.digest and not ended
            attempt = before.attempt if is_same else before.attempt + 1
        return StepRecord(
            address=action.address,
            kind=action.kind,
            action_digest=action.digest,
            status=Status.DONE,
            attempt=attempt,
            token=token(self.migration.lineage, action.address, action.digest, attempt),
            plan_id=self.plan.plan_id,
        )

    def _find(self, address: str) -> StepRecord | None:
        return State(self.migration, self.files).record(address)

    def _resolved(self, value: Any) -> Any:
        if is_ref(value):
            record = self._find(value["$ref"])
            return (record.outputs if record else {})[value["output"]]
        if isinstance(value, Mapping):
            return {key: self._resolved(item) for key, item in value.items()}
        return [self._resolved(item) for item in value] if isinstance(value, (list, tuple)) else value


Params = Mapping[str, Any]
Result = tuple[dict[str, Json], tuple[OwnedResource, ...], tuple[str, ...]]
"""Outputs, what is owned from now on, ids of what is not any more."""


@dataclass(frozen=True)
class _Turn:
    """One action that is carried out: `params` have no refs any more, `record` is the one that it will leave."""

    world: _World
    action: Action
    params: Params
    record: StepRecord


Effect = Callable[[_Turn], Result]
_NOTHING: Result = ({}, (), ())


def _setting(turn: _Turn) -> Result:
    tables = turn.world.tables[turn.action.side]
    facts = tables[turn.params["table"]]
    name = turn.action.kind.removeprefix("setting.")
    facts = dataclasses.replace(facts, spec=with_setting(facts.spec, name, turn.params["after"]))
    if "own" in turn.params:
        facts = dataclasses.replace(facts, own_tags={**facts.own_tags, **turn.params["own"]})
    tables[facts.name] = facts
    return _NOTHING


def _index(turn: _Turn) -> Result:
    facts = turn.world.tables[turn.action.side][turn.params["table"]]
    spec = with_index(facts.spec, turn.params["creation"], turn.params["attributes"])
    turn.world.tables[turn.action.side][facts.name] = dataclasses.replace(facts, spec=spec)
    return _NOTHING


def _bucket(turn: _Turn) -> Result:
    name, key = turn.params["bucket"], turn.params["encryption_key"]
    turn.world.buckets[name] = BucketFacts(
        name,
        exists=True,
        region=turn.params["region"],
        ownership="BucketOwnerEnforced",
        is_private=True,
        encryption="aws:kms" if key else "AES256",
        encryption_key=key,
        own_tags={"migrate:lineage": turn.world.migration.lineage, "migrate:address": turn.action.address},
    )
    return {"bucket": name}, (_owned(turn.action, f"s3://{name}/", "bucket"),), ()


def _grant(turn: _Turn) -> Result:
    name, ours = turn.params["bucket"], turn.params["statement"]
    _put_statements(turn.world, name, [*_statements(turn.world, name, without=ours["Sid"]), ours])
    return {"sid": ours["Sid"]}, (_owned(turn.action, f"s3://{name}/?policy#{ours['Sid']}", "bucket-policy"),), ()


def _grant_removal(turn: _Turn) -> Result:
    if turn.params["bucket"] in turn.world.buckets:
        _put_statements(
            turn.world,
            turn.params["bucket"],
            _statements(turn.world, turn.params["bucket"], without=turn.params["sid"]),
        )
    return {}, (), _ids(turn.world, turn.params)


def _bucket_removal(turn: _Turn) -> Result:
    name = turn.params["bucket"]
    owned = turn.world.state().owned()
    is_used = any(one.kind == "export" and one.id.startswith(f"s3://{name}/") for one in owned.values())
    if not is_used and name in turn.world.buckets:
        turn.world.buckets[name] = BucketFacts(name, exists=False)
    return {}, (), _ids(turn.world, turn.params)


def _export(turn: _Turn) -> Result:
    arn = f"{turn.params['table_arn']}/export/{turn.record.token}"
    folder = f"{turn.params['prefix']}/AWSDynamoDB/{turn.record.token}"
    source = turn.world.tables[Side.SOURCE][turn.world.sources[turn.action.owner]]
    outputs = {"export_arn": arn, "manifest_key": f"{folder}/manifest-summary.json", "item_count": source.item_count}
    return outputs, (_owned(turn.action, f"s3://{turn.params['bucket']}/{folder}/", "export", export_arn=arn),), ()


def _export_check(turn: _Turn) -> Result:
    folder = str(turn.params["manifest_key"]).rsplit("/", 1)[0]
    return {"items": turn.params["item_count"], "files": 1, "bytes": 0, "data_prefix": f"{folder}/data/"}, (), ()


def _import(turn: _Turn) -> Result:
    made = _new_table(turn, turn.params["table"], turn.params["creation"])
    outputs = {
        "import_arn": f"{made.arn}/import/{turn.record.token}",
        "table_arn": made.arn,
        "table_id": made.table_id,
    }
    owned = _owned(turn.action, made.arn, "table", table_id=made.table_id, import_arn=outputs["import_arn"])
    return {**outputs, "items": turn.params["item_count"]}, (owned,), ()


def _new_table(turn: _Turn, name: str, creation: Params) -> TableFacts:
    target = turn.world.before.target
    if name in turn.world.tables[Side.TARGET]:
        raise LookupError(f"{turn.action.address} would make {name} a second time")
    source = turn.world.tables[Side.SOURCE][turn.world.sources[turn.action.owner]]
    made = TableFacts(
        name=name,
        arn=f"arn:{target.partition}:dynamodb:{target.region}:{target.id}:table/{name}",
        table_id=digest([turn.record.token, "table"])[:32],
        status="ACTIVE",
        spec=created_spec(creation),
        item_count=source.item_count,
        size_bytes=source.size_bytes,
    )
    turn.world.tables[Side.TARGET][name] = made
    return made


def _table_removal(turn: _Turn) -> Result:
    turn.world.tables[Side.TARGET].pop(turn.params["table"], None)
    return {}, (), _ids(turn.world, turn.params)


def _export_removal(turn: _Turn) -> Result:
    return {}, (), _ids(turn.world, turn.params)


def _verify(turn: _Turn) -> Result:
    return {"table_id": turn.params["table_id"], "mode": turn.params["mode"]}, (), ()


def _table(turn: _Turn) -> Result:
    creation = turn.params["creation"]
    made = _new_table(turn, creation["TableName"], creation)
    tags = {tag["Key"]: tag["Value"] for tag in creation.get("Tags", [])}
    own_tags = {"migrate:lineage": turn.world.migration.lineage, "migrate:address": turn.action.address}
    turn.world.tables[Side.TARGET][made.name] = dataclasses.replace(
        made,
        spec=dataclasses.replace(made.spec, table_class=creation["TableClass"], tags=tags),
        own_tags={**own_tags, "migrate:token": turn.record.token},
    )
    owned = _owned(turn.action, made.arn, "table", table_id=made.table_id)
    return {"table_arn": made.arn, "table_id": made.table_id}, (owned,), ()


def _copy(turn: _Turn) -> Result:
    outputs = {name: turn.params[name] for name in ("table_id", "is_existing") if name in turn.params}
    return {**outputs, "kept": 0}, (), ()


def _look(turn: _Turn) -> Result:
    return {"table_id": turn.params["table_id"]}, (), ()


def _warm(turn: _Turn) -> Result:
    facts = turn.world.tables[Side.TARGET][turn.params["table"]]
    spec = with_warmth(facts.spec, turn.params["index"], turn.params["throughput"])
    turn.world.tables[Side.TARGET][facts.name] = dataclasses.replace(facts, spec=spec)
    return _NOTHING


_EFFECTS: Mapping[str, Effect] = {
    "index": _index,
    "bucket": _bucket,
    "bucket-policy": _grant,
    "bucket-policy-removal": _grant_removal,
    "bucket-removal": _bucket_removal,
    "export": _export,
    "export-check": _export_check,
    "import": _import,
    "table": _table,
    "copy": _copy,
    "table-look": _look,
    "warm-throughput": _warm,
    "table-removal": _table_removal,
    "export-removal": _export_removal,
    "verify": _verify,
}


def _owned(action: Action, id: str, kind: str, **proof: str) -> OwnedResource:
    return OwnedResource(id, kind, "target", action.address, is_confirmed=True, proof=proof)


def _ids(world: _World, params: Params) -> tuple[str, ...]:
    return tuple(one.id for one in world.owned_by(params["of"]))


def _statements(world: _World, bucket: str, *, without: str) -> list[Json]:
    policy = world.buckets[bucket].policy
    found = json.loads(policy).get("Statement", []) if policy else []
    return [one for one in (found if isinstance(found, list) else [found]) if one.get("Sid") != without]


def _put_statements(world: _World, bucket: str, statements: list[Json]) -> None:
    text = canonical({"Version": "2012-10-17", "Statement": statements}) if statements else None
    world.buckets[bucket] = dataclasses.replace(world.buckets[bucket], policy=text)
