"""The world that a plan is simulated in: facts and files that change as actions are carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrate.core.codec import Json, digest
from migrate.core.frozen import replace
from migrate.core.table import TableFacts, TableSpec
from migrate.observe.inventory import Inventory
from migrate.plan.model import Action, Plan, Side, is_ref
from migrate.state.model import OwnedResource, State, Status, StepFile, StepRecord, token

Params = Mapping[str, Any]
Result = tuple[dict[str, Json], tuple[OwnedResource, ...], tuple[str, ...]]
"""Outputs, what is owned from now on, ids of what is not any more."""

NOTHING: Result = ({}, (), ())


class World:
    """Facts and files that change as actions are carried out."""

    def __init__(self, plan: Plan, inventory: Inventory, state: State) -> None:
        self.plan = plan
        self.before = inventory
        self.migration = state.migration
        self.tables = {Side.SOURCE: dict(inventory.source_tables), Side.TARGET: dict(inventory.target_tables)}
        self.buckets = dict(inventory.buckets)
        self.keys = dict(inventory.keys)
        self.backup = inventory.backup
        self.roles = dict(inventory.roles or {})
        self.files = dict(state.files)
        self.sources = {table.target: table.source for table in plan.tables}

    def inventory(self) -> Inventory:
        """The facts as they are now."""
        return replace(
            self.before,
            source_tables=self.tables[Side.SOURCE],
            target_tables=self.tables[Side.TARGET],
            buckets=self.buckets,
            keys=self.keys,
            backup=self.backup,
            roles=self.roles or None,
        )

    def state(self) -> State:
        """The state as it is now."""
        return State(self.migration, self.files)

    def turn(self, action: Action) -> Turn:
        """What the applier would hand to the action's handler."""
        return Turn(self, action, self._resolved(action.params), self._record(action))

    def note(self, turn: Turn, result: Result) -> None:
        """Write the record, as the applier would."""
        outputs, owned, released = result
        owner = turn.action.owner
        file = self.files.get(owner) or StepFile(owner, self.migration.lineage, self.sources.get(owner, ""))
        file = file.updated(replace(turn.record, outputs=outputs), owned, released)
        self.files[owner] = replace(file, serial=file.serial + 1)

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


@dataclass(frozen=True)
class Turn:
    """One action that is carried out: `params` have no refs any more, `record` is the one that it will leave."""

    world: World
    action: Action
    params: Params
    record: StepRecord


def new_table(turn: Turn, name: str, spec: TableSpec) -> TableFacts:
    """A new table in the target account with the source's items. Raises `LookupError` when it is there already."""
    target = turn.world.before.target
    if name in turn.world.tables[Side.TARGET]:
        raise LookupError(f"{turn.action.address} would make {name} a second time")
    source = turn.world.tables[Side.SOURCE][turn.world.sources[turn.action.owner]]
    made = TableFacts(
        name=name,
        arn=f"arn:{target.partition}:dynamodb:{target.region}:{target.id}:table/{name}",
        table_id=digest([turn.record.token, "table"])[:32],
        status="ACTIVE",
        spec=spec,
        item_count=source.item_count,
        size_bytes=source.size_bytes,
    )
    turn.world.tables[Side.TARGET][name] = made
    return made


def owned(action: Action, id: str, kind: str, **proof: str) -> OwnedResource:
    """A confirmed resource of the target account that the action has made."""
    return OwnedResource(id, kind, "target", action.address, is_confirmed=True, proof=proof)


def owned_ids(world: World, params: Params) -> tuple[str, ...]:
    """Ids of what the action `of` of the params has made."""
    return tuple(one.id for one in world.owned_by(params["of"]))
