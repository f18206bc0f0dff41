"""The way into DynamoDB: which table of which account a call means, whether it may, and who answers it.

Calls registered with `operation` are answered here, on plain JSON; all others go on to moto with the table's name and
account put right. Follows
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-cross-account-access.html (a table's ARN as
TableName; another account needs the table's policy to allow it). Not emulated: cross-account control-plane calls
other than DescribeTable, transactions over tables of several accounts.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from botocore.validate import ParamValidator
from moto.core.exceptions import JsonRESTError
from moto.core.utils import get_service_model
from moto.dynamodb.models import dynamodb_backends

from migrate.sandbox.callers import request_context
from migrate.sandbox.lifecycle import must_hold_data, table_named
from migrate.sandbox.metrics import note_writes
from migrate.sandbox.policy_verdicts import Verdict, decide
from migrate.sandbox.refusals import Refused, error_body, not_found
from migrate.sandbox.requests import Request, read_request

DATA_CALLS = {
    "BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "TransactGetItems",
    "TransactWriteItems", "UpdateItem",
}  # fmt: skip
_WRITES = {"DeleteItem", "PutItem", "UpdateItem"}
_MOTO_BY_NAME = {"Query", "UpdateItem", "Scan"}
_LEFT_TO_MOTO = {"Scan": frozenset({"IndexName", "ScanFilter"})}
"""Parameters with which moto answers an operation that is otherwise answered here."""


@dataclass
class Call:
    """One DynamoDB call, parsed."""

    request: Request
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.request.operation

    @property
    def backend(self) -> Any:
        """moto's DynamoDB of the caller's account and region."""
        return dynamodb_backends[self.request.account][self.request.region]

    def table(self, name: str | None = None) -> Any:
        """The table that a name or an ARN means, after the check of its policy. Raises ResourceNotFoundException."""
        wanted = self.body.get("TableName", "") if name is None else name
        account, plain = self.address(wanted)
        backend = dynamodb_backends[account][self.request.region]
        table = table_named(backend, plain)
        foreign = account != self.request.account
        said = self._verdict(backend, table) if table is not None else Verdict.SILENT
        if said is Verdict.DENY or (
            foreign and (said is Verdict.SILENT or self.name not in {*DATA_CALLS, "DescribeTable"})
        ):
            arn = f"arn:aws:dynamodb:{self.request.region}:{account}:table/{plain}"
            raise self._denied(arn, explicit=said is Verdict.DENY)
        if table is None:
            raise not_found(plain)
        if self.name in DATA_CALLS:
            must_hold_data(table)
        return table

    def owned_table(self, arn: str) -> Any:
        """The table of a ResourceArn; another account's is refused."""
        if not arn.startswith("arn:"):
            raise Refused("ValidationException", f"Invalid ResourceArn: {arn}")
        return self.table(arn)

    def address(self, name: str) -> tuple[str, str]:
        """Account and plain name of the table that a name or an ARN means."""
        if not name:
            raise Refused(
                "ValidationException", "Value null at 'tableName' failed to satisfy constraint: must not be null"
            )
        if not name.startswith("arn:"):
            return self.request.account, name
        parts = name.split(":", 5)
        resource = parts[5].split("/") if len(parts) == 6 else []
        if len(resource) != 2 or resource[0] != "table" or parts[2] != "dynamodb":
            raise Refused("ValidationException", f"Invalid table ARN: {name}")
        if parts[3] != self.request.region:
            raise Refused("ValidationException", f"The ARN's region {parts[3]} is not {self.request.region}: {name}")
        return parts[4], resource[1]

    def _verdict(self, backend: Any, table: Any) -> Verdict:
        """What the table's policy says about all actions of this call together."""
        policy = backend.resource_policies.get(table.table_arn)
        if policy is None:
            return Verdict.SILENT
        caller = self.request.caller
        context = request_context(caller)
        said = {
            decide(policy.policy_doc, caller, f"dynamodb:{action}", table.table_arn, context)
            for action in self._actions()
        }
        return next((one for one in (Verdict.DENY, Verdict.SILENT) if one in said), Verdict.ALLOW)

    def _actions(self) -> list[str]:
        if self.name not in ("TransactWriteItems", "TransactGetItems"):
            return [self.name]
        kinds = {
            "Put": "PutItem",
            "Update": "UpdateItem",
            "Delete": "DeleteItem",
            "Get": "GetItem",
            "ConditionCheck": "ConditionCheckItem",
        }
        return sorted({kinds[kind] for entry in self.body.get("TransactItems", []) for kind in entry if kind in kinds})

    def _denied(self, arn: str, explicit: bool) -> Refused:
        why = (
            "with an explicit deny in a resource-based policy"
            if explicit
            else f"because no resource-based policy allows the dynamodb:{self.name} action"
        )
        who = self.request.caller.arn
        text = f"User: {who} is not authorized to perform: dynamodb:{self.name} on resource: {arn} {why}"
        return Refused("AccessDeniedException", text)


Answer = dict[str, Any] | str
Handler = Callable[[Call], Answer]
_OPERATIONS: dict[str, tuple[Handler, frozenset[str]]] = {}


def operation(name: str, accepts: str) -> Callable[[Handler], Handler]:
    """Registers the answer to an operation. Parameters that it does not name are refused, never ignored."""

    def register(handler: Handler) -> Handler:
        _OPERATIONS[name] = handler, frozenset(accepts.split())
        return handler

    return register


class DynamoFront:
    """WSGI layer in front of moto's DynamoDB."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = read_request(environ)
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if request.service != "dynamodb" or not target.startswith("DynamoDB_"):
            return self._app(environ, start_response)
        try:
            answer = self._answer(request, environ)
        except JsonRESTError as error:
            status, body = error_body(error)
            return _respond(start_response, status, body)
        if answer is None:
            return self._app(environ, start_response)
        text = answer if isinstance(answer, str) else json.dumps(answer, default=_epoch)
        return _respond(start_response, 200, text.encode("utf-8", "surrogatepass"))

    def _answer(self, request: Request, environ: dict[str, Any]) -> Answer | None:
        try:
            body = json.loads(request.body or b"{}")
        except ValueError as error:
            raise Refused("SerializationException", "The body is no JSON") from error
        if not isinstance(body, dict):
            raise Refused("SerializationException", "Start of structure or map found where not expected")
        call = Call(request, body)
        found = _OPERATIONS.get(request.operation)
        if found is not None and not _LEFT_TO_MOTO.get(request.operation, frozenset()) & set(body):
            handler, accepted = found
            unknown = sorted(set(body) - accepted)
            if unknown:
                raise Refused("NotImplemented", f"The sandbox does not emulate {request.operation}.{unknown[0]}", 501)
            _check_shape(call)
            answer = handler(call)
            _count_writes(call)
            return answer
        _redirect(call, environ)
        _count_writes(call)
        return None


def _count_writes(call: Call) -> None:
    """What CloudWatch will say of a call that was carried out (or that moto is about to)."""
    if call.name in _WRITES:
        tables = [call.body["TableName"]]
    elif call.name == "BatchWriteItem":
        tables = [name for name, entries in call.body["RequestItems"].items() for _ in entries]
    else:
        return
    for name in set(tables):
        account, plain = call.address(name)
        note_writes(account, call.request.region, plain, tables.count(name))


def _check_shape(call: Call) -> None:
    """Types and required members by botocore's model; of data calls only the top level, handlers check the items."""
    shape = get_service_model("dynamodb").operation_model(call.name).input_shape
    if call.name in DATA_CALLS:
        missing = [name for name in shape.required_members if name not in call.body]
        if missing:
            raise Refused("ValidationException", f"1 validation error detected: {missing[0]} must not be null")
        return
    report = ParamValidator().validate(call.body, shape)
    if report.has_errors():
        raise Refused("ValidationException", f"1 validation error detected: {report.generate_report()}")


def _redirect(call: Call, environ: dict[str, Any]) -> None:
    """Checks the tables of a call that moto answers, and gives it their plain names and their account."""
    accounts = set()
    for holder in _table_holders(call):
        table = call.table(holder["TableName"])
        holder["TableName"] = table.name
        accounts.add(table.account_id)
    if len(accounts) > 1:
        raise Refused("NotImplemented", "The sandbox does not emulate calls on tables of several accounts", 501)
    if accounts:
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = accounts.pop()
        body = json.dumps(call.body).encode()
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))


def _table_holders(call: Call) -> Iterator[dict[str, Any]]:
    if call.name in _MOTO_BY_NAME:
        yield call.body
    for entry in call.body.get("TransactItems", []):
        yield from entry.values()


def _epoch(value: Any) -> float:
    """Times travel as seconds since 1970; moto's are naive and in UTC."""
    moment: datetime = value
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def _respond(start_response: Any, status: int, body: bytes) -> list[bytes]:
    reason = {200: "OK", 400: "Bad Request", 501: "Not Implemented"}.get(status, "Error")
    start_response(f"{status} {reason}", [("Content-Type", "application/x-amz-json-1.0")])
    return [body]
