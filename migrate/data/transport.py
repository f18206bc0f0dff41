"""DynamoDB's JSON protocol over kept-alive connections: wire JSON in and out, signed, checked, retried.

One `Transport` serves many threads. It retries by itself, because the AWS client's own retries share a quota that a
bulk reader empties in seconds (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from migrate.core.clock import Clock, SystemClock
from migrate.core.errors import Invalid
from migrate.data.failures import damaged, no_answer, refusal
from migrate.data.jsonengine import msgspec
from migrate.data.rawitems import (
    BatchAnswer,
    PutAnswer,
    RawItem,
    RawPage,
    Refusals,
    batch_body,
    ignore_refusal,
    put_body,
    read_batch_answer,
    read_page,
    read_put_answer,
    scan_body,
)
from migrate.data.retry import PATIENCE_SECONDS, Retries
from migrate.data.wire import Wire

CONDITION_FAILED = "ConditionalCheckFailedException"


@dataclass(frozen=True)
class Credentials:
    """Keys of one moment. `token` is set for temporary credentials. Never shown in a repr."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Endpoint:
    """Where and as whom: service URL, Region, and a callable that gives credentials valid now.

    The callable is asked for every request, from many threads, so it must be thread-safe, fast, and refresh by itself;
    it raises `CredentialsExpired` when there are none. `name` tells the reader of an error which account it was
    ("source 111111111111").
    """

    url: str
    region: str
    credentials: Callable[[], Credentials]
    name: str = ""


def never() -> bool:
    """The `should_stop` of a run that nobody stops."""
    return False


class Transport:
    """Signed requests to one DynamoDB endpoint. Thread-safe; keep one per account and close it.

    Throttling, faults of the service, damaged answers and lost connections are retried with growing, jittered pauses
    until no request of this transport has succeeded for `patience` seconds; then the last error is raised, as one of
    `core.errors` (Throttled, Transient, AccessDenied, CredentialsExpired, NotFound, Invalid).
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clock: Clock | None = None,
        connections: int = 32,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.endpoint = endpoint
        clock = clock or SystemClock()
        self._wire = Wire(endpoint.url, endpoint.region, clock=clock, connections=connections)
        self._retries = Retries(clock, patience)

    def close(self) -> None:
        """Close the idle connections."""
        self._wire.close()

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scan_raw(
        self,
        table: str,
        *,
        segment: int,
        total_segments: int,
        start_key: bytes | None = None,
        consistent: bool = False,
        limit: int | None = None,
        count_only: bool = False,
        should_stop: Callable[[], bool] = never,
        on_refusal: Refusals = ignore_refusal,
    ) -> RawPage:
        """See `ItemTransport.scan_raw`.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
        """
        body = scan_body(table, segment, total_segments, start_key, consistent, limit, count_only)
        answer = self.request("Scan", body, should_stop, table, on_refusal)
        return read_page(answer, table, count_only=count_only)

    def batch_write_raw(
        self,
        table: str,
        items: Sequence[RawItem],
        *,
        should_stop: Callable[[], bool] = never,
        on_refusal: Refusals = ignore_refusal,
    ) -> BatchAnswer:
        """See `ItemTransport.batch_write_raw`."""
        body = batch_body(table, items)
        return read_batch_answer(self.request("BatchWriteItem", body, should_stop, table, on_refusal), table)

    def put_raw(
        self,
        table: str,
        item: RawItem,
        *,
        unless_exists: str,
        should_stop: Callable[[], bool] = never,
        on_refusal: Refusals = ignore_refusal,
    ) -> PutAnswer:
        """See `ItemTransport.put_raw`."""
        body = put_body(table, item, unless_exists)
        try:
            return read_put_answer(self.request("PutItem", body, should_stop, table, on_refusal), table)
        except Invalid as error:
            if error.code != CONDITION_FAILED:
                raise
            return PutAnswer(True, 0.0)

    def request(
        self,
        operation: str,
        body: bytes,
        should_stop: Callable[[], bool] = never,
        subject: str = "",
        on_refusal: Refusals = ignore_refusal,
    ) -> bytes:
        """The body of the answer to any operation, `body` being its JSON. `subject` (the table) is for error texts.

        Because of retries the operation may be carried out more than once, so it must be idempotent.
        """
        return self._retries.call(lambda: self._once(operation, body, subject), should_stop, on_refusal)

    def _once(self, operation: str, body: bytes, subject: str) -> bytes:
        from urllib3.exceptions import HTTPError

        what = " ".join(
            part for part in (operation, subject, f"({self.endpoint.name or self.endpoint.region})") if part
        )
        try:
            answer = self._wire.post(operation, body, self.endpoint.credentials())
        except HTTPError as error:
            raise no_answer(error, operation, what, self._wire.url) from error
        size = f"{len(answer.body):,} bytes"
        if not answer.is_sound:
            raise damaged(operation, what, f"the checksum of {size} is not the service's")
        if answer.status != 200:
            raise refusal(operation, what, answer.status, answer.body)
        if not answer.has_checksum and not _is_whole(answer.body):
            raise damaged(operation, what, f"{size} without checksum that end in the middle")
        return answer.body


def _is_whole(answer: bytes) -> bool:
    """False for JSON that was cut. What does not begin as JSON is a stranger's: asking again cannot mend it."""
    try:
        msgspec.json.decode(answer, type=msgspec.Raw)
    except msgspec.DecodeError:
        return not answer.startswith(b"{")
    return True
