"""The transport and the parallel scan, over HTTP, against a server that misbehaves in every way we know."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from migrate.core.errors import (
    AccessDenied,
    AwsError,
    Conflict,
    CredentialsExpired,
    Interrupted,
    Invalid,
    NotFound,
    Throttled,
    Transient,
)
from migrate.data.messages import PageRead
from migrate.data.rawitems import RawItem, RawPage, parse_item
from migrate.data.reading import PageLook, Reading, TableToRead, Task
from migrate.data.scan import choose_segments
from migrate.data.transport import Credentials, Endpoint, Transport, never
from tests.stubs.certificate import write_certificate
from tests.stubs.scan_server import ALL_FAULTS, Item, PatientClock, ScanServer

TABLE = "orders"


def rows(count: int) -> list[Item]:
    return [{"pk": {"S": f"c#{n}"}, "n": {"N": str(n)}} for n in range(count)]


@pytest.fixture
def server() -> Iterator[ScanServer]:
    with ScanServer(page_items=20) as running:
        running.put_table(TABLE, rows(300))
        yield running


class Basket:
    """Collects keys as they arrive."""

    def __init__(self) -> None:
        self.keys: Counter[str] = Counter()
        self.pages = self.items = self.bytes = 0
        self.units = 0.0

    def take(self, page: PageRead) -> None:
        self.pages += 1
        self.items += page.items
        self.bytes += page.size
        self.units += page.units
        self.keys.update(page.found or ())


def keys_of(items: Sequence[RawItem]) -> list[str]:
    return [parse_item(item)["pk"]["S"] for item in items]


def read_all(
    server: ScanServer,
    take: Callable[[PageRead], None],
    segments: int = 4,
    at_once: int = 2,
    look: PageLook | None = keys_of,
    clock: PatientClock | None = None,
    should_stop: Callable[[], bool] = never,
) -> None:
    sides = {"side": TableToRead(server.patient(clock or PatientClock()), TABLE)}
    with Reading("reading", sides, segments=segments, at_once=at_once) as reading:
        reading.read([Task("side", number) for number in range(segments)], look, take, should_stop=should_stop)


def first_page(transport: Transport, **options: Any) -> RawPage:
    return transport.scan_raw(TABLE, segment=0, total_segments=1, **options)


def all_once(count: int) -> Counter[str]:
    return Counter(item["pk"]["S"] for item in rows(count))


@pytest.mark.parametrize(("segments", "workers"), [(1, 1), (1, 4), (7, 3), (400, 4)])
def test_every_item_comes_exactly_once(server: ScanServer, segments: int, workers: int) -> None:
    basket = Basket()
    read_all(server, basket.take, segments, workers)
    assert basket.keys == all_once(300)
    assert basket.items == 300
    assert basket.units == 0.5 * basket.pages
    assert basket.bytes > 300 * 20


@pytest.mark.parametrize("fault", ALL_FAULTS)
def test_a_fault_in_every_third_request_changes_nothing(server: ScanServer, fault: str) -> None:
    server.misbehave(0.34, seed=1, faults=(fault,))
    basket = Basket()
    read_all(server, basket.take, at_once=4)
    assert basket.keys == all_once(300)
    assert basket.items == 300


def test_counting_reads_no_items(server: ScanServer) -> None:
    basket = Basket()
    read_all(server, basket.take, look=None)
    assert basket.items == 300
    assert {request["Select"] for request in server.requests} == {"COUNT"}
    assert not basket.keys


@pytest.mark.parametrize("body", ["<html>Log in to the proxy</html>", "{}", "[]", '{"Items": [], "Count": 3}', "null"])
@pytest.mark.parametrize("count_only", [False, True])
def test_a_stranger_who_says_ok_is_not_an_empty_table(server: ScanServer, body: str, count_only: bool) -> None:
    if count_only and "Count" in body:
        body = '{"Count": null}'
    server.canned = body.encode()
    with pytest.raises(Invalid, match="not DynamoDB's"):
        read_all(server, Basket().take, look=None if count_only else keys_of)


def test_requests_ask_for_what_was_wanted(server: ScanServer) -> None:
    with server.transport() as transport:
        first = first_page(transport, consistent=True, limit=7)
        first_page(transport, start_key=first.last_key)
    assert len(first.items) == first.count == 7
    assert server.requests[0]["ConsistentRead"] is True
    assert server.requests[1]["ExclusiveStartKey"] == {"pk": parse_item(first.items[-1])["pk"]}
    headers = server.headers[0]
    assert headers["X-Amz-Target"] == "DynamoDB_20120810.Scan"
    assert "Credential=AKID/" in headers["Authorization"]
    assert "/eu-west-1/dynamodb/aws4_request" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == "token"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", NotFound),
        (400, "com.amazonaws.dynamodb.v20120810#ResourceInUseException", Conflict),
        (400, "com.amazon.coral.service#AccessDeniedException", AccessDenied),
        (400, "com.amazon.coral.service#ExpiredTokenException", CredentialsExpired),
        (400, "com.amazon.coral.service#UnrecognizedClientException", CredentialsExpired),
        (400, "com.amazon.coral.validate#ValidationException", Invalid),
        (400, "com.amazon.coral.service#SerializationException", Invalid),
        (403, "", AccessDenied),
        (413, "", Invalid),
    ],
)
def test_what_cannot_be_helped_by_repeating_is_raised(
    server: ScanServer, status: int, code: str, expected: type[AwsError]
) -> None:
    server.choose_fault = lambda request: (status, code)
    with pytest.raises(expected) as caught:
        read_all(server, Basket().take)
    assert type(caught.value) is expected
    assert caught.value.operation == "Scan"
    assert caught.value.why == "as told"
    assert len(server.requests) <= 8


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((400, "x#ThrottlingException"), Throttled),
        ((429, ""), Throttled),
        ((400, "x#RequestLimitExceeded"), Throttled),
        ((503, ""), Transient),
        ("drop", Transient),
        ("damaged", Transient),
    ],
)
def test_without_progress_patience_ends(server: ScanServer, answer: Any, expected: type[AwsError]) -> None:
    server.choose_fault = lambda request: answer
    clock = PatientClock()
    with server.transport(clock=clock, patience=300) as transport, pytest.raises(expected):
        first_page(transport)
    assert 300 < clock.slept < 340
    assert len(server.requests) > 10


def test_fresh_credentials_are_asked_for_when_the_old_ones_have_run_out(server: ScanServer) -> None:
    keys = iter(["OLD", "NEW", "NEW"])
    server.choose_fault = lambda request: (
        (400, "x#ExpiredTokenException") if "Credential=OLD/" in server.headers[-1]["Authorization"] else None
    )
    endpoint = Endpoint(server.url, "eu-west-1", lambda: Credentials(next(keys), "secret"))
    with Transport(endpoint, clock=PatientClock()) as transport:
        assert first_page(transport).count == 20
    assert "X-Amz-Security-Token" not in server.headers[-1]


def test_a_proxy_is_used_where_the_environment_names_one(server: ScanServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "10.0.0.1")
    endpoint = Endpoint("http://dynamodb.test", "eu-west-1", lambda: Credentials("AKID", "secret"))
    with Transport(endpoint, clock=PatientClock()) as transport:
        assert first_page(transport).count == 20
    monkeypatch.setenv("no_proxy", "dynamodb.test")
    with Transport(endpoint, clock=PatientClock(), patience=1) as transport, pytest.raises(Transient):
        first_page(transport)


def test_a_certificate_is_checked_against_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = tmp_path / "localhost.pem"
    write_certificate(certificate)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    with ScanServer(certificate=certificate) as server:
        server.put_table(TABLE, rows(3))
        with server.transport() as transport, pytest.raises(Invalid, match="certificate of localhost") as caught:
            first_page(transport)
        assert "AWS_CA_BUNDLE" in caught.value.hint
        assert not server.requests
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        with server.transport() as transport:
            assert first_page(transport).count == 3


def test_nobody_answers() -> None:
    with ScanServer() as server:
        url = server.url
    endpoint = Endpoint(url, "eu-west-1", lambda: Credentials("AKID", "secret"))
    transport = Transport(endpoint, clock=PatientClock(), patience=5)
    with transport, pytest.raises(Transient, match="no answer"):
        first_page(transport)


def test_stopping_ends_the_scan(server: ScanServer) -> None:
    basket = Basket()
    server.page_items = 1
    with pytest.raises(Interrupted):
        read_all(server, basket.take, should_stop=lambda: basket.pages >= 3)
    assert basket.pages <= len(server.requests) < 150


def test_stopping_ends_a_wait(server: ScanServer) -> None:
    server.choose_fault = lambda request: "throttle"
    clock = PatientClock()
    with server.transport(clock=clock) as transport, pytest.raises(Interrupted):
        first_page(transport, should_stop=lambda: clock.slept > 20)
    assert clock.slept < 25


def test_an_error_of_the_consumer_surfaces_and_stops_the_rest(server: ScanServer) -> None:
    basket = Basket()

    def consume(page: PageRead) -> None:
        basket.take(page)
        if basket.pages >= 2:
            raise ZeroDivisionError("the consumer's own")

    with pytest.raises(ZeroDivisionError, match="own"):
        read_all(server, consume, segments=8)
    assert basket.pages < 16


def test_a_scan_leaves_the_garbage_collector_as_it_was(server: ScanServer) -> None:
    before = gc.get_threshold()
    read_all(server, Basket().take)
    assert gc.get_threshold() == before
    server.choose_fault = lambda request: (400, "x#ValidationException")
    with pytest.raises(Invalid):
        read_all(server, Basket().take)
    assert gc.get_threshold() == before


def test_one_bad_segment_fails_the_scan(server: ScanServer) -> None:
    server.choose_fault = lambda request: (400, "x#ValidationException") if request["Segment"] == 2 else None
    with pytest.raises(Invalid):
        read_all(server, Basket().take, at_once=4)


@pytest.mark.parametrize(
    ("size", "workers", "expected"),
    [(0, 8, 8), (1 << 20, 1, 1), (1 << 30, 8, 32), (1 << 40, 8, 512), (1 << 50, 8, 100_000), (0, 0, 1)],
)
def test_segments_grow_with_the_table(size: int, workers: int, expected: int) -> None:
    assert choose_segments(size, workers) == expected


def test_credentials_are_not_shown() -> None:
    shown = repr(Endpoint("http://x", "eu-west-1", lambda: Credentials("a", "b")))
    assert "secret" not in repr(Credentials("AKID", "secret", "token"))
    assert "AKID" not in repr(Credentials("AKID", "secret", "token")) + shown
