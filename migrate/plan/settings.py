"""The settings of a table, one by one: how each is read from a spec, and when it is applied.

A migration carries over exactly the settings listed here. The order is the one that AWS asks for: one kind of change at
a time, wait for ACTIVE between, TTL only once the items are verified, deletion protection last.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from migrate.core.codec import Json, encode
from migrate.core.table import PROVISIONED, Index, TableSpec, Throughput

AFTER_LOAD = 1
AFTER_VERIFY = 2


@dataclass(frozen=True)
class Setting:
    """One setting. `name` is the last part of the action's address and, after `setting.`, its kind.

    `read` gives its value as JSON; None means off or default. `phase` says when it is applied.
    """

    name: str
    label: str
    read: Callable[[TableSpec], Json]
    phase: int = AFTER_LOAD


def _throughputs(spec: TableSpec, pick: Callable[[Index], Throughput | None], own: Throughput | None) -> Json:
    """The table's value and those of its global indexes; None when nobody has one."""
    indexes = {name: encode(pick(index)) for name, index in sorted(spec.global_indexes.items()) if pick(index)}
    if own is None and not indexes:
        return None
    return {"table": encode(own), "indexes": indexes}


def _billing(spec: TableSpec) -> Json:
    if spec.billing != PROVISIONED:
        return {"mode": spec.billing}
    return {"mode": spec.billing, **(_throughputs(spec, lambda i: i.provisioned, spec.provisioned) or {})}


def _maximum(spec: TableSpec) -> Json:
    if spec.billing == PROVISIONED:
        return None
    return _throughputs(spec, lambda i: i.on_demand_maximum, spec.on_demand_maximum)


def _mapping(values: Mapping[str, object]) -> Json:
    return encode(dict(sorted(values.items()))) if values else None


SETTINGS: tuple[Setting, ...] = (
    Setting("table-class", "table class", lambda s: s.table_class),
    Setting("billing", "billing", _billing),
    Setting("on-demand-maximum", "on-demand maximum", _maximum),
    Setting("encryption", "encryption", lambda s: encode(s.encryption)),
    Setting("stream", "stream", lambda s: s.stream),
    Setting("recovery", "point-in-time recovery", lambda s: s.recovery_days),
    Setting("tags", "tags", lambda s: _mapping(s.tags)),
    Setting("kinesis", "Kinesis destination", lambda s: encode(s.kinesis)),
    Setting("contributor-insights", "contributor insights", lambda s: _mapping(s.contributor_insights)),
    Setting("auto-scaling", "auto scaling", lambda s: _mapping(s.auto_scaling)),
    Setting("resource-policy", "resource policy", lambda s: s.resource_policy),
    Setting("ttl", "TTL", lambda s: s.ttl, AFTER_VERIFY),
    Setting("deletion-protection", "deletion protection", lambda s: s.deletion_protection, AFTER_VERIFY),
)
"""In the order of application. Global indexes have actions of their own, between `encryption` and `stream`."""

BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}


def index_value(index: Index) -> Json:
    """What identifies a global index: keys and projection. Its throughput belongs to the settings above."""
    value: dict[str, Json] = {"keys": encode(index.keys), "projection": index.projection}
    if index.projected:
        value["projected"] = list(index.projected)
    return value
