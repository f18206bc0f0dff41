"""DynamoDB's JSON protocol over kept-alive connections: wire JSON in and out, signed, checked, retried.

One `Transport` serves many threads. It retries by itself, because the AWS client's own retries share a quota that a
bulk reader empties in seconds (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

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
from migrate.data.signing import Signer

_CONNECT_SECONDS, _READ_SECONDS = 5.0, 60.0
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
        self._url = endpoint.url.rstrip("/") + "/"
        self._pool = _open_pool(self._url, connections)
        self._send, self._address = _sender(self._pool, self._url)
        self._clock = clock or SystemClock()
        self._retries = Retries(self._clock, patience)
        self._signer = Signer(self._url, endpoint.region)

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.clear()

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
        headers = self._signed_headers(operation, body)
        try:
            response = self._send(
                "POST", self._address, body=body, headers=headers, retries=False, redirect=False, decode_content=False
            )
        except HTTPError as error:
            raise no_answer(error, operation, what, self._url) from error
        answer: bytes = response.data
        checksum = response.headers.get("x-amz-crc32")
        if checksum is not None and checksum != str(zlib.crc32(answer)):
            raise damaged(operation, what, f"the checksum of {len(answer):,} bytes is not the service's")
        if response.status != 200:
            raise refusal(operation, what, response.status, answer)
        if checksum is None and not _is_whole(answer):
            raise damaged(operation, what, f"{len(answer):,} bytes without checksum that end in the middle")
        return answer

    def _signed_headers(self, operation: str, body: bytes) -> dict[str, str]:
        headers = self._signer.headers(operation, body, self.endpoint.credentials(), self._clock.now())
        # What a proxy may rewrite is not signed.
        headers["Accept-Encoding"] = "identity"
        headers["User-Agent"] = "dynamodb-migrate"
        return headers


def _is_whole(answer: bytes) -> bool:
    """False for JSON that was cut. What does not begin as JSON is a stranger's: asking again cannot mend it."""
    try:
        msgspec.json.decode(answer, type=msgspec.Raw)
    except msgspec.DecodeError:
        return not answer.startswith(b"{")
    return True


def _open_pool(url: str, connections: int) -> Any:
    """Connections as the AWS client would open them: same certificates, same proxy settings."""
    import urllib3
    from botocore.httpsession import get_cert_path

    options: dict[str, Any] = {
        "maxsize": connections,
        "block": True,
        "timeout": urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
    }
    parts = urlsplit(url)
    if parts.scheme == "https":
        options["ca_certs"] = os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.netloc):
        return urllib3.ProxyManager(proxy, num_pools=1, **options)
    return urllib3.PoolManager(num_pools=1, **options)


def _sender(pool: Any, url: str) -> tuple[Callable[..., Any], str]:
    """What sends a request, and its address there: past the manager, which would take the URL apart every time."""
    if pool.proxy is not None:
        return pool.urlopen, url
    return pool.connection_from_url(url).urlopen, quote(urlsplit(url).path, safe="/~%")
