"""How each setting of a table is changed: one function per setting, from the value that is to the one that shall be.

Values have the shapes of `plan/settings.py`. Each is one call, or several that may all be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from migrate.aws import autoscaling, dynamodb
from migrate.aws.session import Account
from migrate.core import iam_policy
from migrate.core.codec import Json
from migrate.core.errors import Invalid

Write = Callable[[Account, str, Json, Json], None]


def tags(account: Account, table: str, _before: Json, after: Json) -> None:
    """Add and replace; tags that are not ours to decide on stay."""
    dynamodb.tag(account, _arn(account, table), after or {})


def remove_tags(account: Account, table: str, names: Iterable[str]) -> None:
    """Remove tags by name. Idempotent."""
    dynamodb.untag(account, _arn(account, table), names)


def _table_class(account: Account, table: str, _before: Json, after: Json) -> None:
    dynamodb.update_table(account, table, TableClass=after)


def _billing(account: Account, table: str, _before: Json, after: Json) -> None:
    changes: dict[str, Any] = {"BillingMode": after["mode"]}
    if after.get("table"):
        changes["ProvisionedThroughput"] = _capacity(after["table"])
    updates = [
        {"Update": {"IndexName": name, "ProvisionedThroughput": _capacity(units)}}
        for name, units in sorted((after.get("indexes") or {}).items())
    ]
    if updates:
        changes["GlobalSecondaryIndexUpdates"] = updates
    dynamodb.update_table(account, table, **changes)


def _on_demand_maximum(account: Account, table: str, before: Json, after: Json) -> None:
    old, new = before or {}, after or {}
    changes: dict[str, Any] = {}
    if old.get("table") != new.get("table"):
        changes["OnDemandThroughput"] = _maximum(new.get("table"))
    old_indexes, new_indexes = old.get("indexes") or {}, new.get("indexes") or {}
    updates = [
        {"Update": {"IndexName": name, "OnDemandThroughput": _maximum(new_indexes.get(name))}}
        for name in sorted({*old_indexes, *new_indexes})
        if old_indexes.get(name) != new_indexes.get(name)
    ]
    if updates:
        changes["GlobalSecondaryIndexUpdates"] = updates
    dynamodb.update_table(account, table, **changes)


def _encryption(account: Account, table: str, _before: Json, after: Json) -> None:
    wish: dict[str, Any] = {"Enabled": after["kind"] != "aws-owned"}
    if wish["Enabled"]:
        wish["SSEType"] = "KMS"
    if after.get("key"):
        wish["KMSMasterKeyId"] = after["key"]
    dynamodb.update_table(account, table, SSESpecification=wish)


def _stream(account: Account, table: str, before: Json, after: Json) -> None:
    """AWS changes a view type only by turning the stream off and on; each is an update of its own."""
    if before is not None:
        dynamodb.update_table(account, table, StreamSpecification={"StreamEnabled": False})
    else:
        wish = {"StreamEnabled": True, "StreamViewType": after}
        dynamodb.update_table(account, table, StreamSpecification=wish)


def _recovery(account: Account, table: str, _before: Json, after: Json) -> None:
    dynamodb.update_recovery(account, table, after)


def _kinesis(account: Account, table: str, before: Json, after: Json) -> None:
    if before is not None:
        dynamodb.disable_kinesis(account, table, before["stream"])
    if after is not None:
        dynamodb.enable_kinesis(account, table, after["stream"], after["precision"])


def _contributor_insights(account: Account, table: str, before: Json, after: Json) -> None:
    old, new = before or {}, after or {}
    for index in sorted({*old, *new}):
        if old.get(index) != new.get(index):
            dynamodb.update_contributor_insights(account, table, index or None, new.get(index))


def _auto_scaling(account: Account, table: str, before: Json, after: Json) -> None:
    old, new = before or {}, after or {}
    for place in sorted({*old, *new}):
        if place not in new:
            autoscaling.deregister(account, *_dimension(table, place))
        elif old.get(place) != new[place]:
            _scale(account, table, place, old.get(place) or {}, new[place])


def _scale(account: Account, table: str, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    resource, dimension = _dimension(table, place)
    autoscaling.register_target(account, resource, dimension, new["minimum"], new["maximum"])
    for name, body in sorted((new.get("policies") or {}).items()):
        autoscaling.put_policy(account, resource, dimension, name, body)
    for name, body in sorted((new.get("schedules") or {}).items()):
        autoscaling.put_schedule(account, resource, dimension, name, body)
    for name in sorted({*(old.get("policies") or {})} - {*(new.get("policies") or {})}):
        autoscaling.delete_policy(account, resource, dimension, name)
    for name in sorted({*(old.get("schedules") or {})} - {*(new.get("schedules") or {})}):
        autoscaling.delete_schedule(account, resource, dimension, name)


def _resource_policy(account: Account, table: str, _before: Json, after: Json) -> None:
    """What `share:` has put there stays: it has actions of its own."""
    arn = _arn(account, table)
    now = dynamodb.get_resource_policy(account, arn)
    shares = iam_policy.marked(now[0], iam_policy.SHARE) if now else []
    policy = iam_policy.with_marked(after, iam_policy.SHARE, shares)
    if policy is None:
        dynamodb.delete_resource_policy(account, arn)
    else:
        dynamodb.put_resource_policy(account, arn, policy if shares else after, now[1] if now else None)


def _ttl(account: Account, table: str, before: Json, after: Json) -> None:
    """One change an hour: with another attribute on, this turns it off, and the next apply turns the new one on."""
    if before is not None:
        dynamodb.update_ttl(account, table, before, False)
    else:
        dynamodb.update_ttl(account, table, after, True)


def _deletion_protection(account: Account, table: str, _before: Json, after: Json) -> None:
    dynamodb.update_table(account, table, DeletionProtectionEnabled=after)


def _capacity(units: Mapping[str, int]) -> dict[str, int]:
    return {"ReadCapacityUnits": units["read"], "WriteCapacityUnits": units["write"]}


def _maximum(units: Mapping[str, int] | None) -> dict[str, int]:
    """-1 takes a maximum away."""
    given = units or {}
    return {"MaxReadRequestUnits": given.get("read") or -1, "MaxWriteRequestUnits": given.get("write") or -1}


def _dimension(table: str, place: str) -> tuple[str, str]:
    """Resource id and scalable dimension of `table:Read`, `index/NAME:Write`."""
    what, side = place.rsplit(":", 1)
    if what == "table":
        return f"table/{table}", f"dynamodb:table:{side}CapacityUnits"
    return f"table/{table}/{what}", f"dynamodb:index:{side}CapacityUnits"


def _arn(account: Account, table: str) -> str:
    described = dynamodb.describe_table(account, table)
    if described is None:
        raise Invalid(f"there is no table {table} in {account.id} {account.region}")
    return str(described["TableArn"])


WRITES: Mapping[str, Write] = {
    "table-class": _table_class,
    "billing": _billing,
    "on-demand-maximum": _on_demand_maximum,
    "encryption": _encryption,
    "stream": _stream,
    "recovery": _recovery,
    "tags": tags,
    "kinesis": _kinesis,
    "contributor-insights": _contributor_insights,
    "auto-scaling": _auto_scaling,
    "resource-policy": _resource_policy,
    "ttl": _ttl,
    "deletion-protection": _deletion_protection,
}
"""By the names of `plan/settings.py`."""
