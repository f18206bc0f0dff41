"""Event source mappings of AWS Lambda: which function a stream would trigger. No function is ever called.

Follows https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html,
API_ListEventSourceMappings.html, API_UpdateEventSourceMapping.html and API_DeleteEventSourceMapping.html. A mapping is
Enabled or Disabled at once. Not emulated: functions (any name will do), all other settings of a mapping.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from moto.awslambda.models import lambda_backends

from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation


@operation("lambda", "CreateEventSourceMapping", "EventSourceArn FunctionName StartingPosition Enabled BatchSize")
def create(call: Call) -> dict[str, Any]:
    stream, name = str(call.body.get("EventSourceArn") or ""), str(call.body["FunctionName"])
    if not stream.startswith("arn:aws:dynamodb:") or "/stream/" not in stream:
        raise Refused("InvalidParameterValueException", f"Not the ARN of a stream of DynamoDB: {stream}")
    arn = name if name.startswith("arn:") else f"arn:aws:lambda:{call.region}:{call.account}:function:{name}"
    made = {
        "UUID": str(uuid.uuid4()),
        "EventSourceArn": stream,
        "FunctionArn": arn,
        "StartingPosition": call.body.get("StartingPosition", "LATEST"),
        "BatchSize": call.body.get("BatchSize", 100),
        "State": _state(call.body.get("Enabled", True)),
        "LastModified": time.time(),
    }
    _mappings(call)[made["UUID"]] = made
    return made


@operation("lambda", "ListEventSourceMappings", "EventSourceArn FunctionName Marker MaxItems")
def list_all(call: Call) -> dict[str, Any]:
    wanted = {name: call.body[name] for name in ("EventSourceArn",) if name in call.body}
    function = call.body.get("FunctionName")
    found = [
        one
        for one in _mappings(call).values()
        if wanted.items() <= one.items() and (function is None or one["FunctionArn"].endswith(function))
    ]
    answer = call.page("EventSourceMappings", found, "MaxItems", "Marker")
    if "Marker" in answer:
        answer["NextMarker"] = answer.pop("Marker")
    return answer


@operation("lambda", "UpdateEventSourceMapping", "UUID Enabled")
def update(call: Call) -> dict[str, Any]:
    found = _found(call)
    if "Enabled" in call.body:
        found["State"] = _state(call.body["Enabled"])
    return found


@operation("lambda", "DeleteEventSourceMapping", "UUID")
def delete(call: Call) -> dict[str, Any]:
    found = _found(call)
    return {**_mappings(call).pop(found["UUID"]), "State": "Deleting"}


def _found(call: Call) -> dict[str, Any]:
    found = _mappings(call).get(str(call.body["UUID"]))
    if found is None:
        raise Refused("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    return found


def _mappings(call: Call) -> dict[str, dict[str, Any]]:
    """All of an account and Region. They hang on moto's backend, so that a reset drops them."""
    backend: Any = lambda_backends[call.account][call.region]
    if not hasattr(backend, "sandbox_triggers"):
        backend.sandbox_triggers = {}
    kept: dict[str, dict[str, Any]] = backend.sandbox_triggers
    return kept


def _state(enabled: Any) -> str:
    return "Enabled" if enabled else "Disabled"
