"""Auto scaling in application-autoscaling's dicts -> scaling targets. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from migrate.core.clock import timestamp
from migrate.core.table import ScalingTarget

Raw = Mapping[str, Any]

_DIMENSIONS = {
    "dynamodb:table:ReadCapacityUnits": "Read",
    "dynamodb:table:WriteCapacityUnits": "Write",
    "dynamodb:index:ReadCapacityUnits": "Read",
    "dynamodb:index:WriteCapacityUnits": "Write",
}
_POLICY = (
    "PolicyType",
    "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)
_SCHEDULE = ("Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction")


def table_of(resource_id: str) -> str:
    """The table's name in a resource id: `table/orders`, `table/orders/index/by-date`."""
    return resource_id.split("/")[1]


def normalise_scaling(
    targets: Sequence[Raw], policies: Sequence[Raw], schedules: Sequence[Raw]
) -> dict[str, ScalingTarget]:
    """One table's scaling targets, by `table:Read`, `index/NAME:Write` and so on.

    Only what is needed to make them again is kept: no ARNs, alarms or creation times (AWS makes the alarms itself).
    Policies and schedules without a target do nothing and are left out.
    """
    found = {}
    for target in sorted(targets, key=_key):
        key = _key(target)
        found[key] = ScalingTarget(
            minimum=target["MinCapacity"],
            maximum=target["MaxCapacity"],
            policies=_named(policies, key, "PolicyName", _POLICY),
            schedules=_named(schedules, key, "ScheduledActionName", _SCHEDULE),
        )
    return found


def _key(described: Raw) -> str:
    parts = described["ResourceId"].split("/")
    place = f"index/{parts[3]}" if len(parts) > 3 else "table"
    return f"{place}:{_DIMENSIONS.get(described['ScalableDimension'], described['ScalableDimension'])}"


def _named(described: Iterable[Raw], key: str, name: str, members: Sequence[str]) -> dict[str, Any]:
    mine = sorted((one for one in described if _key(one) == key), key=lambda one: str(one[name]))
    return {one[name]: {m: _plain(one[m]) for m in members if one.get(m) is not None} for one in mine}


def _plain(value: Any) -> Any:
    """The same in JSON values: times as text, which the API takes back."""
    if isinstance(value, dt.datetime):
        return timestamp(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
