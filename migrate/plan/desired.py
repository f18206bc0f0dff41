"""The desired spec of a target table: the source's, with the overrides of the manifest and nothing that ties it to the
source account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.core.diagnostics import Diagnostic, error
from migrate.core.frozen import replace
from migrate.core.table import (
    AWS_MANAGED,
    AWS_OWNED,
    CUSTOMER_MANAGED,
    ON_DEMAND,
    PROVISIONED,
    STANDARD,
    Encryption,
    Index,
    KinesisDestination,
    TableFacts,
    TableSpec,
    Throughput,
)
from migrate.manifest.model import ProvisionedCapacity, TableMapping
from migrate.observe.inventory import Inventory
from migrate.plan.transforms import rekeyed
from migrate.state.model import State, Status

RECOVERY_DAYS = 35
"""Days for which point-in-time recovery is turned on in the source where an export needs it: AWS's own default."""


@dataclass(frozen=True)
class Desired:
    """The spec, what stands against it, and what only the user can do."""

    spec: TableSpec
    diagnostics: tuple[Diagnostic, ...] = ()
    needs_user: tuple[str, ...] = ()


def desired_spec(mapping: TableMapping, source: TableFacts, inventory: Inventory) -> Desired:
    """What the target table should be. Pure; never raises."""
    found: list[Diagnostic] = list(_key_mismatch(mapping, source, inventory))
    spec, problems = rekeyed(_with_overrides(source.spec, mapping), mapping)
    found += problems
    encryption, problems = _encryption(mapping, source, inventory)
    found += problems
    policy = None
    if mapping.target.resource_policy == "rewrite" and source.spec.resource_policy:
        policy = rewrite_policy(source.spec.resource_policy, source, mapping.target_name, inventory)
    kinesis = source.spec.kinesis
    stream = mapping.target.kinesis_stream
    spec = replace(
        spec,
        encryption=encryption,
        resource_policy=policy,
        kinesis=KinesisDestination(stream, kinesis.precision if kinesis else "MILLISECOND") if stream else None,
        warm_throughput=None,
        global_indexes={name: _cooled(index) for name, index in spec.global_indexes.items()},
    )
    return Desired(spec, tuple(found), (*_needs_user(mapping, source), *_moved_principals(policy, inventory)))


def kept_spec(mapping: TableMapping, source: TableFacts, target: TableFacts, inventory: Inventory) -> Desired:
    """What a table should be that is filled and was there before: as it is, but for what `target` of the manifest
    names. Pure; never raises."""
    found = list(_key_mismatch(mapping, source, inventory))
    wanted, spec = mapping.target, _with_overrides(target.spec, mapping)
    if wanted.encryption is not None:
        encryption, problems = _encryption(mapping, source, inventory)
        spec = replace(spec, encryption=encryption)
        found += problems
    if wanted.resource_policy is not None:
        policy = source.spec.resource_policy if wanted.resource_policy == "rewrite" else None
        rewritten = rewrite_policy(policy, source, mapping.target_name, inventory) if policy else None
        spec = replace(spec, resource_policy=rewritten)
    if wanted.kinesis_stream is not None:
        precision = target.spec.kinesis.precision if target.spec.kinesis else "MILLISECOND"
        spec = replace(spec, kinesis=KinesisDestination(wanted.kinesis_stream, precision))
    return Desired(spec, tuple(found))


def is_recovery_ours(source: TableFacts, target_name: str, state: State) -> bool:
    """True when point-in-time recovery is on in the source only because this migration turned it on for its export."""
    on = state.record(f"{target_name}/source-recovery")
    off = state.record(f"{target_name}/source-recovery-off")
    was_turned_on = on is not None and on.status is not Status.UNDONE
    if on is None or off is None or off.status is not Status.DONE:
        was_turned_off = False
    else:  # by an earlier move, perhaps, after which it was turned on again
        was_turned_off = (off.ended or "") >= (on.started or "")
    return was_turned_on and not was_turned_off and source.spec.recovery_days == RECOVERY_DAYS


def as_it_was(source: TableFacts, target_name: str, state: State) -> TableFacts:
    """The source table without what this migration changed in it: that is nothing to carry over."""
    if not is_recovery_ours(source, target_name, state):
        return source
    return replace(source, spec=replace(source.spec, recovery_days=None))


def rewrite_policy(policy: str, source: TableFacts, target_name: str, inventory: Inventory) -> str:
    """The policy text with the source table's ARN and account id replaced by the target's.

    Only whole ARNs and whole account ids are: `table/orders` is no part of `table/orders-old`. Principals of the
    source account become those of the same name in the target account; what others are called stays.
    """
    target = inventory.target
    arn = f"arn:{target.partition}:dynamodb:{target.region}:{target.id}:table/{target_name}"
    text = re.sub(rf"{re.escape(source.arn)}(?![A-Za-z0-9_.-])", arn, policy)
    return re.sub(rf"(?<!\d){inventory.source.id}(?!\d)", target.id, text)


def _moved_principals(policy: str | None, inventory: Inventory) -> Iterator[str]:
    """Roles and users that a rewritten policy names in the target account: IAM knows them, or refuses the policy."""
    found = re.findall(rf'"(arn:[^":]+:iam::{inventory.target.id}:(?:role|user)/[^"]+)"', policy or "")
    if found:
        names = ", ".join(sorted(set(found)))
        yield f"the rewritten resource policy names {names}: make what is not there, or DynamoDB refuses the policy"


def _with_overrides(spec: TableSpec, mapping: TableMapping) -> TableSpec:
    wanted = mapping.target
    if wanted.billing is not None:
        spec = _billed(spec, wanted.billing)
    if wanted.tags is not None:
        spec = replace(spec, tags={**spec.tags, **wanted.tags})
    if wanted.deletion_protection is not None:
        spec = replace(spec, deletion_protection=wanted.deletion_protection)
    if wanted.table_class is not None:
        spec = replace(spec, table_class=wanted.table_class.upper().replace("-", "_"))
    if wanted.point_in_time_recovery is not None:
        spec = replace(spec, recovery_days=wanted.point_in_time_recovery or None)
    if wanted.stream is not None:
        view = None if wanted.stream == "off" else wanted.stream.upper().replace("-", "_")
        spec = replace(spec, stream=view)
    if wanted.ttl is not None:
        spec = replace(spec, ttl=wanted.ttl or None)
    return spec


def _billed(spec: TableSpec, billing: str | ProvisionedCapacity) -> TableSpec:
    """Another billing mode: capacities and auto scaling that belong to the other mode go away with it."""
    if isinstance(billing, ProvisionedCapacity):
        capacity: Throughput | None = Throughput(billing.read, billing.write)
        mode, scaling = PROVISIONED, spec.auto_scaling
    else:
        capacity, mode, scaling = None, ON_DEMAND, {}
    indexes = {
        name: replace(index, provisioned=_index_capacity(index, capacity))
        for name, index in spec.global_indexes.items()
    }
    return replace(
        spec, billing=mode, provisioned=capacity, global_indexes=indexes, auto_scaling=scaling if capacity else {}
    )


def _index_capacity(index: Index, table: Throughput | None) -> Throughput | None:
    return (index.provisioned or table) if table else None


def _cooled(index: Index) -> Index:
    """Warm throughput is charged once per increase, so it is never carried over unasked."""
    return replace(index, warm_throughput=None) if index.warm_throughput else index


def _key_mismatch(mapping: TableMapping, source: TableFacts, inventory: Inventory) -> Iterator[Diagnostic]:
    asserted, real = mapping.keys, source.spec.keys
    if asserted is None or asserted.attributes == [(key.name, key.type) for key in real.attributes]:
        return
    written = ", ".join(f"{name} ({kind})" for name, kind in asserted.attributes)
    yield error(
        f"keys says {written}, but the table `{source.name}` in {inventory.source.id} has {real}",
        address=f"{mapping.address}.keys",
        why="an import with a wrong key schema fails on every item",
        hint=f"write the real key, {real}, or leave `keys` out",
        location=mapping.location,
    )


def _encryption(mapping: TableMapping, source: TableFacts, inventory: Inventory) -> tuple[Encryption, list[Diagnostic]]:
    asked = mapping.target.encryption
    where = f"{mapping.address}.target.encryption"
    if asked in (AWS_OWNED, AWS_MANAGED):
        return Encryption(asked), []
    if asked is None and source.spec.encryption.kind != CUSTOMER_MANAGED:
        return source.spec.encryption if source.spec.encryption.kind == AWS_OWNED else Encryption(AWS_MANAGED), []
    if asked is None:
        return Encryption(), [
            error(
                f"`{source.name}` is encrypted with a customer managed key of the source account",
                address=where,
                why=f"the key {source.spec.encryption.key} cannot follow the table into account {inventory.target.id}",
                hint="set target.encryption to a name under `keys:` with a key of the target account, "
                "or to aws-owned or aws-managed",
                location=mapping.location,
            )
        ]
    facts = inventory.keys.get(asked)
    if facts is None or not facts.arn:
        # the missing key is reported once, not for every table
        return Encryption(CUSTOMER_MANAGED, None), []
    problems = []
    if facts.state != "Enabled":
        problems.append(
            error(f"the key `{asked}` ({facts.arn}) is {facts.state}", address=where, hint="enable it in AWS KMS")
        )
    if facts.spec != "SYMMETRIC_DEFAULT":
        problems.append(error(f"the key `{asked}` is {facts.spec}; DynamoDB takes symmetric keys only", address=where))
    return Encryption(CUSTOMER_MANAGED, facts.arn), problems


def _needs_user(mapping: TableMapping, source: TableFacts) -> Iterator[str]:
    spec = source.spec
    if spec.resource_policy and mapping.target.resource_policy is None:
        yield (
            "the source has a resource policy that names its own account: say target.resource_policy: rewrite "
            "(account ids and ARNs replaced) or none"
        )
    if source.shares:
        yield (
            f"{len(source.shares)} statement(s) in the source's resource policy are the `share` of another migration: "
            "they are not carried over; say `share` for this table"
        )
    if spec.kinesis and not mapping.target.kinesis_stream:
        yield f"changes of the source go to {spec.kinesis.stream}: name target.kinesis_stream to have the same there"
    if source.replicas:
        yield f"the source has replicas in {', '.join(source.replicas)}: add them to the target after the move"
    if spec.stream:
        yield "readers of the source's stream (Lambda triggers, pipes) stay with the source: attach them to the new one"


def as_restored(source: TableSpec, encryption: Encryption) -> TableSpec:
    """What a restore by AWS Backup makes of a table: keys, all indexes, billing and capacities, and nothing else.

    https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-dynamodb.html
    """
    return TableSpec(
        keys=source.keys,
        global_indexes={name: _plain(index) for name, index in source.global_indexes.items()},
        local_indexes=source.local_indexes,
        billing=source.billing,
        provisioned=source.provisioned,
        encryption=encryption,
    )


def _plain(index: Index) -> Index:
    return replace(index, on_demand_maximum=None, warm_throughput=None)


def as_loaded(spec: TableSpec) -> TableSpec:
    """`spec` as a load leaves it: what creating calls cannot carry is at AWS's default."""
    return replace(
        spec,
        table_class=STANDARD,
        ttl=None,
        recovery_days=None,
        stream=None,
        tags={},
        deletion_protection=False,
        resource_policy=None,
        kinesis=None,
        contributor_insights={},
        auto_scaling={},
    )
