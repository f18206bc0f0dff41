"""Application auto scaling of tables: moto's, with the refusals and the exact matching that AWS has.

Follows https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html (the resource
must exist), API_PutScalingPolicy.html (ObjectNotFoundException without a target) and
API_DeregisterScalableTarget.html (takes policies and scheduled actions with it). Not emulated: scaling itself
(registering does not move the current capacity either), targets other than tables.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from migrate.sandbox.lifecycle import table_named
from migrate.sandbox.settings import Timing


def install(_timing: Timing) -> None:
    """Adds the rules to moto's backend. Idempotent."""
    with _without_ecs():
        from moto.applicationautoscaling.models import ApplicationAutoscalingBackend as Backend

    if getattr(Backend, "sandbox_rules", False):
        return
    Backend.sandbox_rules = True
    register, deregister, put_policy, put_action, describe = (
        Backend.register_scalable_target,
        Backend.deregister_scalable_target,
        Backend.put_scaling_policy,
        Backend.put_scheduled_action,
        Backend.describe_scaling_policies,
    )

    def register_scalable_target(
        self: Any, namespace: str, r_id: str, dimension: str, *args: Any, **kwargs: Any
    ) -> Any:
        if namespace == "dynamodb":
            _check_resource(self, r_id, dimension)
        return register(self, namespace, r_id, dimension, *args, **kwargs)

    def deregister_scalable_target(self: Any, namespace: str, r_id: str, dimension: str) -> None:
        _check_target(self, r_id, dimension)
        for policy in list(self.policies.values()):
            if (policy.resource_id, policy.scalable_dimension) == (r_id, dimension):
                self.delete_scaling_policy(policy.policy_name, namespace, r_id, dimension)
        self.scheduled_actions = [
            a for a in self.scheduled_actions if (a.resource_id, a.scalable_dimension) != (r_id, dimension)
        ]
        deregister(self, namespace, r_id, dimension)

    def put_scaling_policy(self: Any, *args: Any, **kwargs: Any) -> Any:
        _check_target(self, kwargs["resource_id"], kwargs["scalable_dimension"])
        return put_policy(self, *args, **kwargs)

    def put_scheduled_action(self: Any, *args: Any, **kwargs: Any) -> Any:
        _check_target(self, kwargs["resource_id"], kwargs["scalable_dimension"])
        return put_action(self, *args, **kwargs)

    def describe_scaling_policies(
        self: Any, service_namespace: str, resource_id: str, scalable_dimension: str, max_results: Any, next_token: str
    ) -> Any:
        # moto takes "table/T" for a match of "table/T2"; ask for all and choose exactly.
        _, found = describe(self, service_namespace, "", scalable_dimension, 1_000_000, "")
        found = [policy for policy in found if not resource_id or policy.resource_id == resource_id]
        start, most = int(next_token or 0), max_results or 50
        return (str(start + most) if len(found) > start + most else None), found[start : start + most]

    Backend.register_scalable_target = register_scalable_target
    Backend.deregister_scalable_target = deregister_scalable_target
    Backend.put_scaling_policy = put_scaling_policy
    Backend.put_scheduled_action = put_scheduled_action
    Backend.describe_scaling_policies = describe_scaling_policies


class _NoClusters:
    """In place of moto's ECS backends: of every account and Region, nothing."""

    def __getitem__(self, _name: str) -> _NoClusters:
        return self


@contextmanager
def _without_ecs() -> Iterator[None]:
    """moto's auto scaling imports ECS, and with it all of EC2: 1.5 s for scalable targets that no table needs."""
    if "moto.ecs" in sys.modules:
        yield
        return
    stand_in: Any = ModuleType("moto.ecs")
    stand_in.ecs_backends = _NoClusters()
    sys.modules["moto.ecs"] = stand_in
    try:
        yield
    finally:
        del sys.modules["moto.ecs"]


def _check_resource(backend: Any, resource: str, dimension: str) -> None:
    from moto.dynamodb.models import dynamodb_backends

    parts = resource.split("/")
    known = dynamodb_backends[backend.account_id][backend.region_name]
    table = table_named(known, parts[1] if len(parts) > 1 else "")
    exists = table is not None and parts[0] == "table" and len(parts) in (2, 4)
    if exists and len(parts) == 4:
        exists = any(index.name == parts[3] for index in table.global_indexes) and ":index:" in dimension
    if not exists:
        raise _refusal("ValidationException", f"DynamoDB table does not exist: {resource}")


def _check_target(backend: Any, resource: str, dimension: str) -> None:
    if not backend._scalable_target_exists(resource, dimension):
        text = f"No scalable target registered for resource ID: {resource}, scalable dimension: {dimension}"
        raise _refusal("ObjectNotFoundException", text)


def _refusal(code: str, text: str) -> Exception:
    from moto.core.exceptions import JsonRESTError

    error: Exception = JsonRESTError(code, text)
    return error
