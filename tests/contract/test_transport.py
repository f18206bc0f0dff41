"""The lean transport against boto3 on the same server: what the AWS client reads is what the transport reads."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from migrate.core.clock import SystemClock
from migrate.core.errors import NotFound
from migrate.core.item import canonical_item
from migrate.data.scan import parallel_scan
from migrate.data.transport import Credentials, Endpoint, ScanPage, Transport
from migrate.sandbox.settings import SOURCE_ACCOUNT
from migrate.verify.compare import ScanSide, verify_tables

KEYS = ("pk", "sk")
# As boto3 takes them: with raw bytes. The transport sees base64 on the wire.
VALUES: list[dict[str, Any]] = [
    {"S": "naïve 🐘 \u0000"},
    {"S": ""},
    {"N": "12345678901234567890123456789012345678"},
    {"N": "-0.00000000000000000000000000000000000001"},
    {"B": bytes(range(256))},
    {"B": b""},
    {"BOOL": False},
    {"NULL": True},
    {"SS": ["b", "a"]},
    {"NS": ["10", "9.5"]},
    {"BS": [b"\x00", b"\xff\xfe"]},
    {"L": [{"S": "a"}, {"L": []}, {"M": {}}]},
    {"M": {"deep": {"M": {"er": {"N": "1"}}}, "S": {"S": "named like a type"}}},
]


@pytest.fixture(scope="module")
def client(engine_url: str) -> Any:
    made = boto3.client(
        "dynamodb",
        endpoint_url=engine_url,
        region_name="eu-west-1",
        aws_access_key_id=SOURCE_ACCOUNT,
        aws_secret_access_key="secret",
    )
    dice = random.Random(1)
    for table in ("first", "second"):
        made.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "N"},
            ],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        numbers = list(range(120))
        dice.shuffle(numbers)
        for number in numbers:
            item = {"pk": {"S": f"p{number % 9}"}, "sk": {"N": str(number)}, "v": VALUES[number % len(VALUES)]}
            made.put_item(TableName=table, Item=item)
    return made


@pytest.fixture
def transport(engine_url: str) -> Iterator[Transport]:
    endpoint = Endpoint(engine_url, "eu-west-1", lambda: Credentials(SOURCE_ACCOUNT, "secret"))
    with Transport(endpoint, patience=5) as made:
        yield made


def as_wire(value: Any) -> Any:
    """boto3's form of a value in wire form: bytes as base64 text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: as_wire(one) for name, one in value.items()}
    return [as_wire(one) for one in value] if isinstance(value, list) else value


def test_the_transport_reads_what_boto3_reads(client: Any, transport: Transport) -> None:
    found: list[bytes] = []

    def take(_segment: int, page: ScanPage) -> None:
        found.extend(canonical_item(item) for item in page.items)

    totals = parallel_scan(transport, "first", segments=3, workers=2, consume=take, consistent=True)
    expected = [canonical_item(as_wire(item)) for item in client.scan(TableName="first")["Items"]]
    assert sorted(found) == sorted(expected)
    assert totals.items == 120


def test_paging_by_limit_reaches_every_item(client: Any, transport: Transport) -> None:
    count, start_key = 0, None
    while True:
        page = transport.scan("first", start_key=start_key, limit=7)
        count += page.count
        start_key = page.last_key
        if start_key is None:
            break
    assert count == 120


def test_verify_finds_the_one_changed_item(client: Any, transport: Transport) -> None:
    sides = ScanSide(transport, "first", KEYS), ScanSide(transport, "second", KEYS)
    assert verify_tables(*sides, clock=SystemClock()).is_equal
    key = {"pk": {"S": "p4"}, "sk": {"N": "4"}}
    client.put_item(TableName="second", Item={**key, "v": {"B": b"other"}})
    report = verify_tables(*sides, clock=SystemClock())
    assert [(one.mark, one.key) for one in report.named] == [("*", key)]


def test_a_table_that_is_not_there(client: Any, transport: Transport) -> None:
    with pytest.raises(NotFound, match="Scan nothere"):
        transport.scan("nothere")
