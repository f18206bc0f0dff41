"""Which operation a path of a REST service means, and what parameters stand in path and query.

https://smithy.io/2.0/spec/http-bindings.html; the bindings are those of botocore's models.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from botocore.model import OperationModel, Shape
from botocore.utils import parse_timestamp
from moto.core.utils import get_service_model

SERVICES = ("backup", "ram", "emr-serverless", "lambda")
"""The REST services whose requests are read this way."""

_PARAMETER = re.compile(r"\{(\w+)\+?\}")


def operation_of(service: str, method: str, target: str) -> tuple[str, dict[str, Any]]:
    """The operation that a method and a request target (still quoted) mean, and the parameters in it.

    A quoted slash is not a slash. The name of what no operation fits is method and path.
    """
    path, _, query = target.partition("?")
    segments = [unquote(part) for part in path.strip("/").split("/")]
    for pattern, model in _routes(service, method):
        found = _match(pattern, segments)
        if found is not None:
            given: dict[str, list[str]] = {name: [value] for name, value in found.items()}
            for name, value in parse_qsl(query, keep_blank_values=True):
                given.setdefault(name, []).append(value)
            return model.name, _typed(model, given)
    return f"{method} {path}", {}


@cache
def _routes(service: str, method: str) -> list[tuple[list[str], OperationModel]]:
    """The paths of a service's operations, those with more literal parts first."""
    model = get_service_model(service)
    operations = [model.operation_model(name) for name in model.operation_names]
    found = [
        (one.http["requestUri"].partition("?")[0].strip("/").split("/"), one)
        for one in operations
        if one.http["method"] == method
    ]
    return sorted(found, key=lambda entry: sum(bool(_PARAMETER.fullmatch(part)) for part in entry[0]))


def _match(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    found = {}
    for wanted, actual in zip(pattern, segments, strict=True):
        parameter = _PARAMETER.fullmatch(wanted)
        if parameter:
            found[parameter[1]] = actual
        elif wanted != actual:
            return None
    return found


def _typed(model: OperationModel, given: dict[str, list[str]]) -> dict[str, Any]:
    """The parameters under the names, and with the types, that the model gives them."""
    members = model.input_shape.members if model.input_shape else {}
    keys = {name: shape.serialization.get("name", name) for name, shape in members.items()}
    return {
        name: given[keys[name]] if shape.type_name == "list" else _value(shape, given[keys[name]][-1])
        for name, shape in members.items()
        if shape.serialization.get("location") and keys[name] in given
    }


def _value(shape: Shape, text: str) -> Any:
    if shape.type_name == "boolean":
        return text == "true"
    if shape.type_name in ("integer", "long"):
        return int(text) if text.isdigit() else text
    return parse_timestamp(text) if shape.type_name == "timestamp" else text
