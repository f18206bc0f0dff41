"""Both accounts as if this migration had done nothing yet, as far as its state tells. Pure.

What somebody needs to be allowed must not depend on how far the migration is: a plan made from this has all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from migrate.core.frozen import replace
from migrate.core.iam_policy import without_statement
from migrate.core.table import TableFacts, TableSpec
from migrate.manifest.model import Manifest, TableMapping
from migrate.observe.inventory import BackupSide, BucketFacts, Inventory, KeyFacts, RoleFacts, VaultFacts
from migrate.plan.cleanup import build_cleanup
from migrate.plan.desired import as_it_was
from migrate.plan.model import Change, Plan
from migrate.plan.predicted import with_setting
from migrate.plan.settings import BY_NAME
from migrate.plan.simulate import simulate
from migrate.plan.strategy import was_filled
from migrate.state.model import MigrationFile, OwnedResource, State

T = TypeVar("T")


def untouched(inventory: Inventory, state: State) -> tuple[Inventory, State]:
    """The inventory without what the state owns and has changed, and a state in which nothing has happened."""
    ours = state.owned()
    sources = dict(inventory.source_tables)
    for file in state.files.values():
        if file.source in sources:
            sources[file.source] = as_it_was(sources[file.source], file.name, state)
    targets = {
        name: _as_found(one, state) if was_filled(one, state) else one
        for name, one in inventory.target_tables.items()
        if one.arn not in ours
    }
    before = replace(
        inventory,
        source_tables=sources,
        target_tables=targets,
        buckets={name: _bucket(one, ours) for name, one in inventory.buckets.items()},
        keys=_keys(inventory.keys, ours),
        roles=_roles(inventory.roles, ours) if inventory.roles is not None else None,
        backup=replace(
            inventory.backup,
            source=_backup(inventory.backup.source, ours, state.lineage),
            target=_backup(inventory.backup.target, ours, state.lineage),
        )
        if inventory.backup
        else None,
    )
    known = state.migration
    identity = MigrationFile(known.migration, known.lineage, 0, known.source_account, known.target_account)
    return before, State(identity)


def with_leftovers(plan: Plan, now: Plan) -> Plan:
    """The plan with what `now`, a plan of the state as it is, removes besides: works of an earlier manifest."""
    known = {action.address for action in plan.actions}
    left = [one for one in now.actions if one.change is Change.DELETE and one.address not in known]
    return replace(plan, actions=(*plan.actions, *left))


def cleanup_of(
    plan: Plan, manifest: Manifest, mappings: Sequence[TableMapping], inventory: Inventory, state: State
) -> Plan:
    """What `migrate cleanup` would remove if the migration were given up when the plan had made all that it makes."""
    made = {action.address for action in plan.actions if action.change is not Change.DELETE}
    _, after = simulate(plan, inventory, state, made)
    return build_cleanup(manifest, mappings, (inventory.source, inventory.target), after)


def _as_found(table: TableFacts, state: State) -> TableFacts:
    """A table that was there before, empty (as far as anybody knows) and without the settings that were set on it."""
    spec, plain = table.spec, TableSpec(table.spec.keys)
    for record in state.files[table.name].steps.values():
        name = record.kind.removeprefix("setting.")
        if name in BY_NAME:
            spec = with_setting(spec, name, BY_NAME[name].read(plain))
        if name == "tags":  # which `with_setting` only adds
            spec = replace(spec, tags={})
        if record.kind == "warm-throughput":
            cooled = {index: replace(one, warm_throughput=None) for index, one in spec.global_indexes.items()}
            spec = replace(spec, warm_throughput=None, global_indexes=cooled)
    return replace(table, spec=spec, item_count=0)


Owned = Mapping[str, OwnedResource]


def _bucket(found: BucketFacts, ours: Owned) -> BucketFacts:
    if f"s3://{found.name}/" in ours:
        return BucketFacts(found.name, exists=False)
    return replace(found, policy=_policy(found.policy, f"s3://{found.name}/", ours))


def _policy(text: str | None, of: str, ours: Owned) -> str | None:
    """Without our statements."""
    for id in ours:
        place, mark, sid = id.partition("?policy#")
        if mark and place == of:
            text = without_statement(text, sid)
    return text


def _keys(found: Mapping[str, KeyFacts], ours: Owned) -> dict[str, KeyFacts]:
    """Keys by whatever name; one of ours is known by its alias (`arn:...:alias/...`), or by what proves it."""
    made = {id.split(":", 5)[5] for id, one in ours.items() if one.kind == "key"}
    proofs = {one.proof.get("key") for one in ours.values() if one.kind == "key"}
    return {
        name: replace(one, arn="", policy=None) if one.id in made or one.arn in proofs - {None, ""} else one
        for name, one in found.items()
    }


def _roles(found: Mapping[str, RoleFacts], ours: Owned) -> dict[str, RoleFacts]:
    return {name: RoleFacts(one.name) if one.arn in ours else one for name, one in found.items()}


def _backup(side: BackupSide, ours: Owned, lineage: str) -> BackupSide:
    return replace(
        side,
        vaults={name: _vault(one, ours) for name, one in side.vaults.items()},
        roles=_roles(side.roles, ours),
        keys=_keys(side.keys, ours),
        plans=tuple(one for one in side.plans if one.lineage != lineage),
    )


def _vault(found: VaultFacts, ours: Owned) -> VaultFacts:
    if found.arn in ours:
        return VaultFacts(found.name)
    is_shared_by_us = any(one.kind == "share" and id.endswith(f"-{found.name}") for id, one in ours.items())
    policy = _policy(found.policy, found.arn, ours)
    return replace(found, policy=policy, is_shared=found.is_shared and not is_shared_by_us)
