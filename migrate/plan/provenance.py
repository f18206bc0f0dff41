"""Where each setting of a target table comes from: carried over, set by the manifest, or left behind and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from migrate.core.frozen import replace
from migrate.core.table import TableFacts, TableSpec
from migrate.manifest.model import TableMapping
from migrate.plan.diff import FieldChange, compare
from migrate.plan.model import PlannedTable
from migrate.plan.words import change_lines

_NAMED_BY = {
    "table-class": "table_class",
    "billing": "billing",
    "on-demand-maximum": "billing",
    "auto-scaling": "billing",
    "encryption": "encryption",
    "stream": "stream",
    "recovery": "point_in_time_recovery",
    "tags": "tags",
    "kinesis": "kinesis_stream",
    "resource-policy": "resource_policy",
    "ttl": "ttl",
    "deletion-protection": "deletion_protection",
}
"""The key below `target` of the manifest that decides each setting."""

_WHY_LEFT = {
    "kinesis": "Kinesis destination: its stream belongs to the source account, target.kinesis_stream names no other",
    "resource-policy": "resource policy: it names the source account, target.resource_policy is not `rewrite`",
    "encryption": "encryption: the key belongs to the source account",
}


def with_origins(table: PlannedTable, mapping: TableMapping, spec: TableSpec, source: TableFacts) -> PlannedTable:
    """`table`, a new one of this `spec`, with the origin of each of its settings."""
    changes = compare(spec, source.spec)
    return replace(
        table,
        carried=tuple(_carried(spec, source.spec)),
        set_by_manifest=tuple(_set(mapping, spec, source.spec, changes)),
        not_carried=tuple(_left(mapping, source, changes)),
    )


def _carried(spec: TableSpec, source: TableSpec) -> Iterator[str]:
    """Names of the settings that `spec` has from `source` and that are not at AWS's default."""
    plain = TableSpec(keys=spec.keys)
    if spec.keys == source.keys:
        yield "keys"
    for field in dataclasses.fields(spec):
        if getattr(plain, field.name) != getattr(spec, field.name) == getattr(source, field.name):
            yield field.name


def _set(mapping: TableMapping, spec: TableSpec, source: TableSpec, changes: Iterable[FieldChange]) -> Iterator[str]:
    if mapping.target.keys is not None and spec.keys != source.keys:
        yield f"primary key: {source.keys} -> {spec.keys}"
    for change in changes:
        if getattr(mapping.target, _NAMED_BY[change.setting.name]) is not None:
            for line in change_lines(change):
                yield f"{change.setting.label}: {line}"


def _left(mapping: TableMapping, source: TableFacts, changes: Iterable[FieldChange]) -> Iterator[str]:
    for change in changes:
        name = change.setting.name
        if getattr(mapping.target, _NAMED_BY[name]) is None:
            yield _WHY_LEFT.get(name) or f"{change.setting.label}: {'; '.join(change_lines(change))}"
    warm = [source.spec.warm_throughput, *(index.warm_throughput for index in source.spec.global_indexes.values())]
    if any(warm):
        yield "warm throughput: AWS charges every increase, so it is never carried over unasked"
    if source.replicas:
        yield f"replicas in {', '.join(source.replicas)}: one table is moved, in one Region"
