"""The spec of a table after one change: the reverse of how `settings.py` and `creation.py` read a spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from migrate.core.codec import Json, decode
from migrate.core.frozen import replace
from migrate.core.table import (
    ON_DEMAND,
    STANDARD,
    Encryption,
    Index,
    KinesisDestination,
    ScalingTarget,
    TableSpec,
    Throughput,
)
from migrate.observe.normalise import TableReads, normalise_spec


def created_spec(creation: Mapping[str, Any]) -> TableSpec:
    """The spec of a table that AWS has just created with these parameters (`creation_parameters`)."""
    encryption = creation.get("SSESpecification") or {}
    described: dict[str, Any] = {
        **creation,
        "BillingModeSummary": {"BillingMode": creation["BillingMode"]},
        "SSEDescription": {"SSEType": encryption.get("SSEType"), "KMSMasterKeyArn": encryption.get("KMSMasterKeyId")},
    }
    manager = None if encryption.get("KMSMasterKeyId") else "AWS"
    return normalise_spec(TableReads(table=described, key_manager=manager))


def with_index(spec: TableSpec, creation: Mapping[str, Any], attributes: list[Json]) -> TableSpec:
    """`spec` with the global index that UpdateTable creates with these parameters (`index_parameters`)."""
    table = {
        "KeySchema": [],
        "AttributeDefinitions": attributes,
        "BillingModeSummary": {"BillingMode": spec.billing},
        "GlobalSecondaryIndexes": [creation],
    }
    created = normalise_spec(TableReads(table=table)).global_indexes
    return replace(spec, global_indexes={**spec.global_indexes, **created})


def with_setting(spec: TableSpec, name: str, value: Json) -> TableSpec:
    """`spec` after the setting `name` got `value`, as `plan/settings.py` reads it. Tags are added, never removed."""
    return _WRITERS[name](spec, value)


def with_warmth(spec: TableSpec, name: str | None, wanted: Mapping[str, int]) -> TableSpec:
    """`spec` after UpdateTable has raised the warm throughput of the table, or of its index `name`."""
    warm = Throughput(wanted["ReadUnitsPerSecond"], wanted["WriteUnitsPerSecond"])
    if name is None:
        return replace(spec, warm_throughput=warm)
    warmer = replace(spec.global_indexes[name], warm_throughput=warm)
    return replace(spec, global_indexes={**spec.global_indexes, name: warmer})


def _billing(spec: TableSpec, value: Json) -> TableSpec:
    given = value.get("indexes") or {}
    is_on_demand = value["mode"] == ON_DEMAND

    def capacity(name: str, index: Index) -> Throughput | None:
        if is_on_demand:
            return None
        return decode(Throughput, given[name]) if name in given else index.provisioned

    indexes = {name: replace(index, provisioned=capacity(name, index)) for name, index in spec.global_indexes.items()}
    table = None if is_on_demand else _optional(Throughput, value.get("table"))
    return replace(spec, billing=value["mode"], provisioned=table, global_indexes=indexes)


def _maximum(spec: TableSpec, value: Json) -> TableSpec:
    wanted = value or {}
    given = wanted.get("indexes") or {}
    indexes = {
        name: replace(index, on_demand_maximum=_optional(Throughput, given.get(name)))
        for name, index in spec.global_indexes.items()
    }
    table = _optional(Throughput, wanted.get("table"))
    return replace(spec, on_demand_maximum=table, global_indexes=indexes)


def _scaling(spec: TableSpec, value: Json) -> TableSpec:
    return replace(spec, auto_scaling={k: decode(ScalingTarget, v) for k, v in (value or {}).items()})


def _optional(kind: type[Any], value: Json) -> Any:
    return None if value is None else decode(kind, value)


def _field(name: str, default: Any = None) -> Callable[[TableSpec, Json], TableSpec]:
    return lambda spec, value: replace(spec, **{name: default if value is None else value})


_WRITERS: Mapping[str, Callable[[TableSpec, Json], TableSpec]] = {
    "table-class": _field("table_class", STANDARD),
    "billing": _billing,
    "on-demand-maximum": _maximum,
    "encryption": lambda s, v: replace(s, encryption=decode(Encryption, v)),
    "stream": _field("stream"),
    "recovery": _field("recovery_days"),
    "tags": lambda s, v: replace(s, tags={**s.tags, **(v or {})}),
    "kinesis": lambda s, v: replace(s, kinesis=_optional(KinesisDestination, v)),
    "contributor-insights": lambda s, v: replace(s, contributor_insights=dict(v or {})),
    "auto-scaling": _scaling,
    "resource-policy": _field("resource_policy"),
    "ttl": _field("ttl"),
    "deletion-protection": _field("deletion_protection", default=False),
}
"""By the names of `plan/settings.py`."""
