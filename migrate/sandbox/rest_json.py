"""The way into the services that the sandbox answers without moto: AWS Backup, RAM, Glue, EMR, EMR Serverless,
Service Quotas, Lambda's event source mappings, the tagging of resources.

Most speak https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html: method and path name the operation, its
parameters stand in path, query and body; botocore's models say where. Glue, EMR, Service Quotas and tagging speak
https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html, where all stands in the body. Operations are registered
with `operation`; one that is not, and a parameter that an operation does not name, are answered with NotImplemented,
never ignored. Calls are answered one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from botocore.validate import ParamValidator
from moto.core.exceptions import JsonRESTError
from moto.core.utils import get_service_model

from migrate.sandbox.jobs import STARTING
from migrate.sandbox.refusals import Refused
from migrate.sandbox.requests import Request, read_request
from migrate.sandbox.routes import SERVICES

_PAGE = 100
_BY_TARGET = {
    "glue": "glue", "elasticmapreduce": "emr", "servicequotas": "service-quotas", "tagging": "resourcegroupstaggingapi",
}  # fmt: skip
"""Services of JSON 1.1: the name that they sign with, and botocore's."""

_INVALID = {"glue": "InvalidInputException", "elasticmapreduce": "ValidationException"} | {
    "emr-serverless": "ValidationException"
}


@dataclass
class Call:
    """One call of one of these services, parsed."""

    request: Request
    body: dict[str, Any]

    @property
    def account(self) -> str:
        """Whose credentials signed it."""
        return self.request.account

    @property
    def region(self) -> str:
        """The Region that it was sent to."""
        return self.request.region

    def page(self, member: str, found: list[Any], size: str = "MaxResults", token: str = "NextToken") -> dict[str, Any]:
        """One page of a list, as the answer of a List operation; 100 entries unless the caller wants fewer."""
        start, count = str(self.body.get(token) or "0"), min(int(self.body.get(size) or _PAGE), _PAGE)
        if not start.isdigit():
            raise _invalid(self.request, f"Invalid {token}: {start}")
        end = int(start) + count
        answer: dict[str, Any] = {member: found[int(start) : end]}
        if end < len(found):
            answer[token] = str(end)
        return answer


Handler = Callable[[Call], dict[str, Any]]
_OPERATIONS: dict[tuple[str, str], tuple[Handler, frozenset[str]]] = {}


def operation(service: str, name: str, accepts: str) -> Callable[[Handler], Handler]:
    """Registers the answer to an operation."""

    def register(handler: Handler) -> Handler:
        _OPERATIONS[service, name] = handler, frozenset(accepts.split())
        return handler

    return register


class RestFront:
    """WSGI layer that answers the services of `SERVICES` and `_BY_TARGET`."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = read_request(environ)
        if request.service not in SERVICES and request.service not in _BY_TARGET:
            return self._app(environ, start_response)
        try:
            status, answer = 200, _answer(request)
        except JsonRESTError as error:
            status, answer = int(error.code or 400), _error(error)
        body = json.dumps(answer, default=_epoch).encode()
        phrase = {200: "OK", 400: "Bad Request"}.get(status, "Error")
        start_response(f"{status} {phrase}", [("Content-Type", "application/json")])
        return [body]


def _answer(request: Request) -> dict[str, Any]:
    service = _BY_TARGET.get(request.service, request.service)
    found = _OPERATIONS.get((service, request.operation))
    if found is None:
        raise Refused("NotImplemented", f"The sandbox does not emulate {service}:{request.operation}", 501)
    handler, accepted = found
    body = _parameters(request)
    unknown = sorted(set(body) - accepted)
    if unknown:
        raise Refused("NotImplemented", f"The sandbox does not emulate {request.operation}.{unknown[0]}", 501)
    with STARTING:
        return handler(Call(request, body))


def _parameters(request: Request) -> dict[str, Any]:
    service = _BY_TARGET.get(request.service, request.service)
    shape = get_service_model(service).operation_model(request.operation).input_shape
    if shape is None:
        return {}
    try:
        given = {**json.loads(request.body or b"{}"), **request.in_path}
    except ValueError as error:
        raise Refused("InvalidRequestException", "The body is no JSON") from error
    report = ParamValidator().validate(given, shape)
    if report.has_errors():
        raise _invalid(request, report.generate_report())
    return given


def _invalid(request: Request, message: str) -> Refused:
    return Refused(_INVALID.get(request.service, "InvalidParameterValueException"), message)


def _error(error: JsonRESTError) -> dict[str, Any]:
    known = {name: value for name, value in json.loads(error.description).items() if name not in ("__type", "message")}
    code = getattr(error, "name_only", error.error_type)
    return {"__type": code, "message": error.message, "Code": code, "Message": error.message, **known}


def _epoch(value: Any) -> float:
    moment: datetime = value
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
