"""Auto scaling of tables and indexes. API reference: Application Auto Scaling 2016-02-06, namespace dynamodb.

All writes here are upserts, so repeating one is harmless. No RoleARN is passed: AWS uses its service-linked role.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.errors import NotFound

SERVICE = "application-autoscaling"
NAMESPACE = "dynamodb"


READS = ("DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScheduledActions")
"""What `describe` calls."""


def describe(account: Account) -> dict[str, list[dict[str, Any]]]:
    """Everything of DynamoDB in the account: lists `targets`, `policies` and `schedules` of the API's own dicts."""
    return {
        "targets": _all(account, "DescribeScalableTargets", "ScalableTargets"),
        "policies": _all(account, "DescribeScalingPolicies", "ScalingPolicies"),
        "schedules": _all(account, "DescribeScheduledActions", "ScheduledActions"),
    }


def register_target(account: Account, resource_id: str, dimension: str, minimum: int, maximum: int) -> None:
    """RegisterScalableTarget. Moves the present capacity into the limits at once. Idempotent."""
    limits = {"MinCapacity": minimum, "MaxCapacity": maximum}
    _call(account, "RegisterScalableTarget", resource_id, dimension, **limits)


def put_policy(account: Account, resource_id: str, dimension: str, name: str, body: Mapping[str, Any]) -> None:
    """PutScalingPolicy; `body` is PolicyType with its configuration. Idempotent by name."""
    _call(account, "PutScalingPolicy", resource_id, dimension, PolicyName=name, **body)


def put_schedule(account: Account, resource_id: str, dimension: str, name: str, body: Mapping[str, Any]) -> None:
    """PutScheduledAction; `body` is Schedule, ScalableTargetAction and so on. Idempotent by name."""
    _call(account, "PutScheduledAction", resource_id, dimension, ScheduledActionName=name, **body)


def deregister(account: Account, resource_id: str, dimension: str) -> None:
    """DeregisterScalableTarget: its policies and schedules go with it. Idempotent."""
    _remove(account, "DeregisterScalableTarget", resource_id, dimension)


def delete_policy(account: Account, resource_id: str, dimension: str, name: str) -> None:
    """DeleteScalingPolicy, with the alarms that AWS made for it. Idempotent."""
    _remove(account, "DeleteScalingPolicy", resource_id, dimension, PolicyName=name)


def delete_schedule(account: Account, resource_id: str, dimension: str, name: str) -> None:
    """DeleteScheduledAction. Idempotent."""
    _remove(account, "DeleteScheduledAction", resource_id, dimension, ScheduledActionName=name)


def _all(account: Account, operation: str, member: str) -> list[dict[str, Any]]:
    token = ("NextToken", "NextToken")
    found = pages(account, SERVICE, operation, token=token, ServiceNamespace=NAMESPACE)
    return [entry for page in found for entry in page.get(member, [])]


def _call(account: Account, operation: str, resource_id: str, dimension: str, **params: Any) -> None:
    call(
        account,
        SERVICE,
        operation,
        ServiceNamespace=NAMESPACE,
        ResourceId=resource_id,
        ScalableDimension=dimension,
        **params,
    )


def _remove(account: Account, operation: str, resource_id: str, dimension: str, **params: Any) -> None:
    try:
        _call(account, operation, resource_id, dimension, **params)
    except NotFound:
        return
