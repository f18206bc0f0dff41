"""Fault injection: throttling, lost answers, broken connections, by rule and by seed.

POST /sandbox/faults {"seed": 1, "rules": [{...}]} replaces all rules, GET shows them with their counts, DELETE drops
them. A rule: `operation`, `service`, `account` ("*" or absent = any), `kind` (see `KINDS`), `rate` 0..1, `after`
(matching calls to let pass first), `times` (how often at most), `seconds` (for delay), `message` (for the job kinds,
which let a Start call of AWS Backup pass and its job end in that state, with the message as StatusMessage). Calls that
start a run of Spark (Glue and EMR Serverless StartJobRun, EMR RunJobFlow and AddJobFlowSteps) pass too, and `seconds`
after its process was started the run ends by job-failed with the message, by job-timeout, or by driver-killed; by
executor-killed it loses the Python workers that it has then. By no-machines there are none for it: Glue refuses the
start with ResourceNumberLimitExceededException, a run of EMR Serverless is FAILED, a cluster TERMINATED_WITH_ERRORS.
The same seed and the same order of calls give the same faults. Error shapes follow
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
"""

from __future__ import annotations

import io
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from migrate.sandbox.http import HangUp
from migrate.sandbox.requests import CONTEXT_KEY, Request, read_request

KINDS = (
    "throttle", "error500", "lost-response", "delay", "unprocessed", "access-denied", "expired-token", "hang-up",
    "conflict", "unconditional", "job-failed", "job-partial", "job-aborted", "job-expired", "job-timeout",
    "driver-killed", "executor-killed", "no-machines",
)  # fmt: skip
_CONDITIONS = {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"}
_SPARK_ENDS = {"job-failed", "driver-killed", "executor-killed"}
_SPARK_STARTS = {
    "StartJobRun": _SPARK_ENDS | {"job-timeout", "no-machines"},
    "RunJobFlow": _SPARK_ENDS | {"no-machines"},
    "AddJobFlowSteps": _SPARK_ENDS,
}
_JOB_ENDS = {
    **_SPARK_STARTS,
    "StartBackupJob": {"job-failed", "job-partial", "job-aborted", "job-expired"},
    "StartCopyJob": {"job-failed", "job-partial"},
    "StartRestoreJob": {"job-failed", "job-aborted"},
}
_JOB_KINDS = frozenset().union(*_JOB_ENDS.values())
_DATA_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
_DATA_READS = {"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"}


@dataclass
class Rule:
    """One fault rule and how often it was asked and used."""

    kind: str
    operation: str = "*"
    service: str = "*"
    account: str = "*"
    rate: float = 1.0
    times: int | None = None
    after: int = 0
    seconds: float = 0.5
    message: str = ""
    matched: int = 0
    used: int = 0
    random: random.Random = field(default_factory=random.Random, repr=False)

    def strikes(self, request: Request) -> bool:
        """Whether the fault happens for this request; counts."""
        wanted = ((self.operation, request.operation), (self.service, request.service), (self.account, request.account))
        if any(name not in ("*", actual) for name, actual in wanted):
            return False
        if self.kind == "unprocessed" and request.operation != "BatchWriteItem":
            return False
        if self.kind in ("conflict", "unconditional") and request.service != "s3":
            return False
        if self.kind in _JOB_KINDS and self.kind not in _JOB_ENDS.get(request.operation, ()):
            return False
        self.matched += 1
        if self.matched <= self.after or (self.times is not None and self.used >= self.times):
            return False
        if self.random.random() >= self.rate:
            return False
        self.used += 1
        return True


class Faults:
    """The rules in force. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def replace(self, wish: dict[str, Any]) -> list[str]:
        """Sets new rules; returns what is wrong with them, and then changes nothing."""
        rules, problems = [], []
        for number, given in enumerate(wish.get("rules", [])):
            unknown = set(given) - {f for f in Rule.__dataclass_fields__ if f not in ("matched", "used", "random")}
            if unknown or given.get("kind") not in KINDS:
                problems.append(f"rule {number}: unknown {sorted(unknown) or 'kind'}")
                continue
            rules.append(Rule(**given, random=random.Random(f"{wish.get('seed', 0)}/{number}")))
        if not problems:
            with self._lock:
                self._rules = rules
        return problems

    def clear(self) -> None:
        """Drops all rules."""
        self.replace({})

    def describe(self) -> list[dict[str, Any]]:
        """The rules with their counts."""
        with self._lock:
            return [{k: v for k, v in vars(rule).items() if k != "random"} for rule in self._rules]

    def choose(self, request: Request) -> Rule | None:
        """The first rule that strikes this request."""
        with self._lock:
            return next((rule for rule in self._rules if rule.strikes(request)), None)


class FaultLayer:
    """WSGI layer that does what the rules say."""

    def __init__(self, app: Any, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = read_request(environ)
        rule = self._faults.choose(request)
        if rule is None:
            return self._app(environ, start_response)
        if rule.kind in _JOB_KINDS and request.operation in _SPARK_STARTS:
            request.notes["run"] = rule.kind, rule.seconds, rule.message
            return self._app(environ, start_response)
        if rule.kind in _JOB_KINDS:
            request.notes["job"] = rule.kind.removeprefix("job-").upper(), rule.message
            return self._app(environ, start_response)
        if rule.kind == "hang-up":
            raise HangUp
        if rule.kind == "lost-response":
            b"".join(self._app(environ, lambda *_: None))
            raise HangUp
        if rule.kind == "delay":
            time.sleep(rule.seconds)
            return self._app(environ, start_response)
        if rule.kind == "unprocessed":
            return self._leave_some(request, environ, start_response)
        if rule.kind == "unconditional":
            kept = {name: value for name, value in environ.items() if name not in _CONDITIONS}
            return self._app(kept, start_response)
        return _refuse(request, rule.kind, start_response)

    def _leave_some(self, request: Request, environ: dict[str, Any], start_response: Any) -> Any:
        """Writes about half of the batch (nothing of a batch of one) and hands back the rest."""
        body = json.loads(request.body)
        entries = [(name, entry) for name, listed in body["RequestItems"].items() for entry in listed]
        kept, left = _grouped(entries[: len(entries) // 2]), _grouped(entries[len(entries) // 2 :])
        if not kept:
            return _answer(start_response, 200, json.dumps({"UnprocessedItems": left}))
        content = json.dumps({**body, "RequestItems": kept}).encode()
        inner = Request(**{**vars(request), "body": content})
        environ = {
            **environ,
            CONTEXT_KEY: inner,
            "wsgi.input": io.BytesIO(content),
            "CONTENT_LENGTH": str(len(content)),
        }
        status: list[str] = []
        answer = b"".join(self._app(environ, lambda line, *_: status.append(line)))
        if not status[0].startswith("200"):
            return _answer(start_response, int(status[0][:3]), answer.decode())
        return _answer(start_response, 200, json.dumps({**json.loads(answer), "UnprocessedItems": left}))


def _grouped(entries: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = {}
    for name, entry in entries:
        grouped.setdefault(name, []).append(entry)
    return grouped


def _refuse(request: Request, kind: str, start_response: Any) -> Any:
    if request.service == "s3":
        status, code, text = _S3_ERRORS[kind](request)
        body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{text}</Message></Error>'
        return _answer(start_response, status, "" if request.method == "HEAD" else body, "application/xml")
    status, code, text = _JSON_ERRORS[kind](request)
    if request.service in ("sts", "iam", "cloudwatch", "monitoring") and not request.body.startswith(b"{"):
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>"
        body = f"<ErrorResponse>{error}</ErrorResponse>"
        return _answer(start_response, status, body, "text/xml")
    answer: dict[str, Any] = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": text}
    if code == "ProvisionedThroughputExceededException":
        answer["ThrottlingReasons"] = _reasons(request)
    return _answer(start_response, status, json.dumps(answer))


def _throttled(request: Request) -> tuple[int, str, str]:
    if request.operation in _DATA_WRITES | _DATA_READS:
        text = "The level of configured provisioned throughput for the table was exceeded."
        return 400, "ProvisionedThroughputExceededException", text
    return 400, "ThrottlingException", "Rate of requests exceeds the allowed throughput."


def _reasons(request: Request) -> list[dict[str, str]]:
    way = "Write" if request.operation in _DATA_WRITES else "Read"
    return [{"reason": f"Table{way}ProvisionedThroughputExceeded", "resource": _resource(request)}]


def _resource(request: Request) -> str:
    if request.service == "s3":
        return f"arn:aws:s3:::{request.path.strip('/')}"
    if request.service != "dynamodb":
        return "*"
    body = request.small_json()
    name = body.get("TableName") or next(iter(body.get("RequestItems", {})), "*")
    arn = body.get("TableArn") or body.get("ResourceArn") or name
    return arn if arn.startswith("arn:") else f"arn:aws:dynamodb:{request.region}:{request.account}:table/{arn}"


def _denied(request: Request, status: int, code: str) -> tuple[int, str, str]:
    action = f"{'cloudwatch' if request.service == 'monitoring' else request.service}:{request.operation}"
    why = f"because no identity-based policy allows the {action} action"
    text = f"User: {request.caller.arn} is not authorized to perform: {action} on resource: {_resource(request)} {why}"
    return status, code, text


_Shape = Callable[[Request], tuple[int, str, str]]
_JSON_ERRORS: dict[str, _Shape] = {
    "throttle": _throttled,
    "error500": lambda _: (500, "InternalServerError", "Internal server error"),
    "access-denied": lambda request: _denied(request, 400, "AccessDeniedException"),
    "expired-token": lambda _: (
        400, "ExpiredTokenException", "The security token included in the request is expired",
    ),
}  # fmt: skip
_S3_ERRORS: dict[str, _Shape] = {
    "throttle": lambda _: (503, "SlowDown", "Please reduce your request rate."),
    "error500": lambda _: (500, "InternalError", "We encountered an internal error. Please try again."),
    "access-denied": lambda request: _denied(request, 403, "AccessDenied"),
    "expired-token": lambda _: (400, "ExpiredToken", "The provided token has expired."),
    "conflict": lambda _: (
        409,
        "ConditionalRequestConflict",
        "The conditional request cannot succeed due to a conflicting operation",
    ),
}


def _answer(start_response: Any, status: int, text: str, kind: str = "application/x-amz-json-1.0") -> list[bytes]:
    reason = {200: "OK", 400: "Bad Request", 403: "Forbidden", 500: "Internal Server Error", 503: "Slow Down"}
    start_response(f"{status} {reason.get(status, 'Error')}", [("Content-Type", kind)])
    return [text.encode()]
