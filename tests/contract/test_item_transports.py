"""The lean transport and boto3's, on the same server: the same bytes read, the same bytes written, the same errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.aws.items import TRANSPORTS, BotoTransport
from migrate.cli.transport_option import TransportName
from migrate.core.errors import AccessDenied, AwsError, CredentialsExpired, Interrupted, Invalid, NotFound, Throttled
from migrate.core.schemas import read_schema
from migrate.data.copy import CopyJob, copy_table
from migrate.data.rawitems import ItemTransport
from migrate.data.transport import Endpoint, Transport
from tests.stubs.scan_server import Item, PatientClock
from tests.stubs.table_server import TableServer, credentials

ITEMS: list[Item] = [
    {"pk": {"S": 'naïve 🐘 \u0000\n".'}, "v": {"S": ""}},
    {"pk": {"S": "n"}, "v": {"N": "12345678901234567890123456789012345678"}},
    {"pk": {"S": "small"}, "v": {"N": "-0.0000000000000000000000000000000000001E-90"}},
    {"pk": {"S": "same number, written otherwise"}, "v": {"N": "1.0"}, "w": {"N": "1E0"}},
    {"pk": {"S": "b"}, "v": {"B": "AAECAwQFBgcICQoLDA0ODw=="}, "w": {"B": ""}, "x": {"BS": ["AA==", "//4="]}},
    {"pk": {"S": "flags"}, "v": {"BOOL": False}, "w": {"NULL": True}},
    {"pk": {"S": "sets"}, "v": {"SS": ["b", "a"]}, "w": {"NS": ["10", "9.5"]}},
    {"pk": {"S": "deep"}, "v": {"L": [{"S": "a"}, {"L": []}, {"M": {}}, {"B": "AA=="}]}, "M": {"M": {"B": {"S": "B"}}}},
    {"pk": {"S": "big"}, "v": {"S": "x" * 400_000}},
]


@pytest.fixture
def server() -> Iterator[TableServer]:
    with TableServer(page_items=4) as made:
        made.put_table("from", ITEMS)
        yield made


@pytest.fixture(params=["lean", "boto3"])
def transport(request: pytest.FixtureRequest, server: TableServer) -> Iterator[ItemTransport]:
    endpoint = Endpoint(server.url, "eu-west-1", credentials)
    make = Transport if request.param == "lean" else BotoTransport
    made: ItemTransport = make(endpoint, clock=PatientClock(), patience=5)
    yield made
    made.close()


def read_all(transport: ItemTransport, segments: int = 2) -> list[bytes]:
    found, units = [], 0.0
    for segment in range(segments):
        start = None
        while True:
            page = transport.scan_raw("from", segment=segment, total_segments=segments, start_key=start)
            found += [bytes(item) for item in page.items]
            units += page.units
            start = page.last_key
            if start is None:
                break
    assert units > 0
    return found


def test_both_read_the_same_bytes(server: TableServer) -> None:
    endpoint = Endpoint(server.url, "eu-west-1", credentials)
    pages = [[json.dumps(json.loads(raw)) for raw in read_all(make(endpoint))] for make in (Transport, BotoTransport)]
    assert pages[0] == pages[1]
    assert sorted(pages[0]) == sorted(json.dumps(item) for item in ITEMS)


def test_what_is_read_can_be_written_and_is_the_same(server: TableServer, transport: ItemTransport) -> None:
    items = read_all(transport)
    assert transport.batch_write_raw("to", items).unprocessed == []
    assert server.table("to") == sorted(ITEMS, key=server.key)


def test_what_was_not_processed_comes_back(server: TableServer, transport: ItemTransport) -> None:
    server.choose_fault = lambda request: "unprocessed"
    items = read_all(transport)
    left = transport.batch_write_raw("to", items).unprocessed
    back = [json.loads(bytes(item)) for item in left]
    assert back
    assert sorted(server.table("to") + back, key=server.key) == sorted(ITEMS, key=server.key)


def test_an_item_that_is_there_is_kept(server: TableServer, transport: ItemTransport) -> None:
    server.written["to"] = {server.key(ITEMS[1]): {**ITEMS[1], "v": {"S": "theirs"}}}
    answers = [transport.put_raw("to", json.dumps(item).encode(), unless_exists="pk") for item in ITEMS]
    assert [answer.is_kept for answer in answers] == [False, True] + [False] * 7
    assert server.written["to"][server.key(ITEMS[1])]["v"] == {"S": "theirs"}
    assert server.written["to"][server.key(ITEMS[2])] == ITEMS[2]


@pytest.mark.parametrize("limit", [1, 3])
def test_a_limit_makes_small_pages(server: TableServer, transport: ItemTransport, limit: int) -> None:
    page = transport.scan_raw("from", segment=0, total_segments=1, limit=limit)
    assert len(page.items) == limit
    assert page.last_key is not None


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "ResourceNotFoundException", NotFound),
        (400, "AccessDeniedException", AccessDenied),
        (400, "ExpiredTokenException", CredentialsExpired),
        (400, "ValidationException", Invalid),
        (400, "ThrottlingException", Throttled),
    ],
)
def test_errors_are_of_the_same_class(
    server: TableServer, transport: ItemTransport, status: int, code: str, expected: type[AwsError]
) -> None:
    server.choose_fault = lambda request: (status, f"com.amazonaws.dynamodb.v20120810#{code}")
    told: list[Any] = []
    with pytest.raises(expected) as caught:
        transport.batch_write_raw("to", [b'{"pk":{"S":"a"}}'], on_refusal=told.append)
    assert caught.value.code == code
    assert bool(told) == (expected in (CredentialsExpired, Throttled))


def test_a_fault_is_repeated_and_nothing_is_missing(server: TableServer, transport: ItemTransport) -> None:
    faults = iter(["throttle", "busy", "damaged", "drop", "cut", "lost"])
    server.choose_fault = lambda request: next(faults, None)
    transport.batch_write_raw("to", [json.dumps(ITEMS[4]).encode()])
    assert server.table("to") == [ITEMS[4]]


def test_stop_ends_the_repeating(server: TableServer, transport: ItemTransport) -> None:
    server.choose_fault = lambda request: "throttle"
    with pytest.raises(Interrupted):
        transport.scan_raw("from", segment=0, total_segments=1, should_stop=lambda: len(server.requests) > 2)


def test_every_place_names_the_same_transports() -> None:
    in_schema = read_schema("manifest")["$defs"]["copyOptions"]["properties"]["transport"]["enum"]
    assert [one.value for one in TransportName] == in_schema == list(TRANSPORTS)


@pytest.mark.parametrize(("name", "processes"), [("lean", 0), ("boto3", 0), ("boto3", 1)])
def test_a_copy_by_either(server: TableServer, tmp_path: Path, name: str, processes: int) -> None:
    spec = server.spec(TRANSPORTS[name])
    result = copy_table(spec, spec, CopyJob("from", "to", ("pk",), tmp_path, segments=3, processes=processes))
    assert server.table("to") == sorted(ITEMS, key=server.key)
    assert (result.read, result.written, result.rejected, result.kept) == (len(ITEMS), len(ITEMS), 0, 0)
