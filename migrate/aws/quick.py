"""DynamoDB's small reads by the short way: one signed request, and botocore's own parser for the answer.

A plan of 2,000 tables makes 12,000 of them, and botocore's general way spends 1.5 ms of CPU on each, in threads that
share one core; this one takes a fraction. It makes one attempt and judges little: whatever is not a whole answer or a
final refusal goes the general way, with its retries and its words. The tests hold its answers to boto3's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from migrate.aws.errors import classify
from migrate.core.clock import Clock
from migrate.core.errors import AccessDenied, AwsError, Invalid, NotFound

if TYPE_CHECKING:
    from migrate.aws.session import Account
    from migrate.data.wire import Wire

SERVICE = "dynamodb"
OPERATIONS = frozenset(
    {
        "DescribeContinuousBackups",
        "DescribeKinesisStreamingDestination",
        "DescribeTable",
        "DescribeTimeToLive",
        "GetResourcePolicy",
        "ListTagsOfResource",
    }
)
"""What may go this way: it only reads, and takes and gives no binary values."""

_FINAL = (NotFound, AccessDenied, Invalid)
"""Refusals that asking again would not change."""

_CONNECTIONS = 50  # as many as a client of ours has


class _Way(NamedTuple):
    wire: Wire
    model: Any
    parser: Any


class QuickReads:
    """The short way into one account. Thread-safe; opens its connections when they are needed."""

    def __init__(self, account: Account, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._lock = threading.Lock()
        self._opened: _Way | None = None

    def ask(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer as boto3 gives it, or None: ask the general way.

        Raises botocore's `ClientError` for a refusal that is final, and its errors of a client that cannot be made.
        """
        from botocore.exceptions import ClientError
        from urllib3.exceptions import HTTPError

        way = self._way()
        try:
            answer = way.wire.post(operation, json.dumps(params).encode(), self._account.credentials())
        except (HTTPError, AwsError):
            return None
        if answer.status not in (200, 400) or not answer.is_sound or not _is_object(answer.body):
            return None
        raw = {"headers": {}, "status_code": answer.status, "body": answer.body}
        parsed: dict[str, Any] = way.parser.parse(raw, way.model.operation_model(operation).output_shape)
        if answer.status == 200:
            return parsed
        if issubclass(classify(SERVICE, operation, parsed["Error"]["Code"]), _FINAL):
            raise ClientError(parsed, operation)
        return None

    def _way(self) -> _Way:
        if self._opened is None:
            with self._lock:
                self._opened = self._opened or self._open()
        return self._opened

    def _open(self) -> _Way:
        from botocore.parsers import create_parser

        from migrate.data.wire import Wire

        model = self._account.client(SERVICE).meta.service_model
        url = self._account.endpoint(SERVICE)
        wire = Wire(url, self._account.region, clock=self._clock, connections=_CONNECTIONS)
        return _Way(wire, model, create_parser(model.resolved_protocol))


def _is_object(body: bytes) -> bool:
    """False for JSON that was cut, and for what a stranger on the way answers."""
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
