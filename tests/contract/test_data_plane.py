"""Both transports, the writer and the copy, on engines with DynamoDB's own rules: types, limits, segments, keys."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from migrate.aws.items import TRANSPORTS
from migrate.core.clock import SystemClock
from migrate.core.errors import AwsError, Invalid, NotFound
from migrate.core.item import canonical_item
from migrate.data.budget import Budget
from migrate.data.copy import CopyJob, CopyResult, copy_table
from migrate.data.endpoints import EndpointSpec
from migrate.data.rawitems import ItemTransport, RawPage
from migrate.data.transport import Credentials, Endpoint, Transport
from migrate.data.writing import KEEP, OVERWRITE, BatchWriter, Outcome
from migrate.verify.compare import ScanSide, verify_tables
from tests.contract.test_transport import VALUES, as_wire
from tests.sandbox.aws import client as client_of

KEYS = ("pk", "sk")
MOST_BYTES = 400 * 1024
ACCOUNT, REGION = "111111111111", "eu-west-1"
Item = dict[str, dict[str, Any]]
_numbers = itertools.count()


def nested(depth: int) -> dict[str, Any]:
    """A value so many lists deep."""
    value: dict[str, Any] = {"S": "bottom"}
    for _ in range(depth):
        value = {"L": [value]}
    return value


EXTREMES: list[dict[str, Any]] = [
    {"N": "1E-130"},
    {"N": "-9.9999999999999999999999999999999999999E+125"},
    {"N": "1.50"},
    {"S": 'quotes " and \\ and \u007f\n\t'},
    {"M": {" ": {"S": "a blank name"}, "a.b[0]": {"NULL": True}, "naïve 🐘": {"BS": [b"", b"\x00"]}}},
    nested(31),
    {"S": "x" * (MOST_BYTES - 9)},
]
"""The last makes an item of exactly the most bytes, with the names and keys that `numbered` gives it."""


def credentials() -> Credentials:
    return Credentials(ACCOUNT, "secret")


class Plane:
    """One engine, seen through boto3 (`client`) and through one of our transports (`items`)."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.spec = EndpointSpec(url, REGION, credentials, open_transport=TRANSPORTS[name])
        self.client = client_of(url, "dynamodb", ACCOUNT)
        self.transport = self.opened(name)

    def opened(self, name: str) -> ItemTransport:
        return TRANSPORTS[name](Endpoint(self.url, REGION, credentials), 16, 5.0)

    def table(self, items: Sequence[Any] = (), pk: str = "S", sk: str = "N") -> str:
        """A new table with these items (in boto3's form)."""
        name = f"plane-{next(_numbers)}"
        self.client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": kind} for key, kind in zip(KEYS, (pk, sk), strict=True)
            ],
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(KEYS, ("HASH", "RANGE"), strict=True)
            ],
        )
        for item in items:
            self.client.put_item(TableName=name, Item=item)
        return name

    def stored(self, table: str) -> dict[bytes, Any]:
        """What boto3 reads, in wire form, by key."""
        pages = self.client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        items = [as_wire(item) for page in pages for item in page["Items"]]
        return {key_of(item): item for item in items}

    def pages(self, table: str, segments: int = 1, **options: Any) -> Iterator[RawPage]:
        for segment in range(segments):
            start: bytes | None = None
            while True:
                page = self.transport.scan_raw(
                    table, segment=segment, total_segments=segments, start_key=start, **options
                )
                yield page
                start = page.last_key
                if start is None:
                    break

    def write(self, table: str, items: Sequence[Any], mode: str = OVERWRITE) -> Outcome:
        """By the copy's writer, 25 at a time."""
        writer = BatchWriter(
            self.transport, table, KEYS, Budget(lambda _units: None), clock=SystemClock(), mode=mode, patience=5
        )
        outcome = Outcome()
        for first in range(0, len(items), 25):
            part = writer.write([raw(item) for item in items[first : first + 25]], lambda: False)
            outcome.kept += part.kept
            outcome.rejected += part.rejected
        return outcome

    def copy(self, source: str, target: str, folder: Path, **options: Any) -> CopyResult:
        job = CopyJob(source, target, KEYS, folder, processes=0, **options)
        return copy_table(self.spec, self.spec, job)


@pytest.fixture(params=["lean", "boto3"])
def plane(request: pytest.FixtureRequest, engine_url: str) -> Iterator[Plane]:
    made = Plane(engine_url, request.param)
    yield made
    made.transport.close()


def raw(item: Any) -> bytes:
    return json.dumps(as_wire(item)).encode()


def key_of(item: Any) -> bytes:
    return canonical_item({name: item[name] for name in KEYS})


def numbered(values: Sequence[Any], size: int = 0) -> list[Item]:
    filler: Item = {"filler": {"S": "x" * size}} if size else {}
    return [{"pk": {"S": f"p{n % 7}"}, "sk": {"N": str(n)}, "v": value} | filler for n, value in enumerate(values)]


def test_every_type_is_read_as_it_is_stored(plane: Plane) -> None:
    table = plane.table(numbered(VALUES + EXTREMES))
    found = {key_of(item): item for page in plane.pages(table) for item in map(json.loads, map(bytes, page.items))}
    assert found == plane.stored(table)


def test_both_transports_read_the_same_bytes(engine_url: str) -> None:
    plane = Plane(engine_url, "lean")
    table = plane.table(numbered(VALUES + EXTREMES))
    lean, boto3 = (
        plane.opened(name).scan_raw(table, segment=0, total_segments=1, consistent=True) for name in ("lean", "boto3")
    )
    assert [json.dumps(json.loads(bytes(one))) for one in lean.items] == [
        json.dumps(json.loads(bytes(one))) for one in boto3.items
    ]
    assert (lean.units, json.loads(lean.last_key or b"0")) == (boto3.units, json.loads(boto3.last_key or b"0"))


def test_what_is_read_can_be_written_and_is_the_same(plane: Plane) -> None:
    source, target = plane.table(numbered(VALUES + EXTREMES)), plane.table()
    items = [item for page in plane.pages(source) for item in page.items]
    answer = plane.transport.batch_write_raw(target, items)
    assert list(answer.unprocessed) == []
    assert answer.units > 400  # the item of 400 KB alone
    assert plane.stored(target) == plane.stored(source)


@pytest.mark.parametrize(("pk", "sk"), [("B", "N"), ("N", "B"), ("S", "S")])
def test_keys_of_every_type(plane: Plane, tmp_path: Path, pk: str, sk: str) -> None:
    values: dict[str, Callable[[int], Any]] = {
        "B": lambda n: bytes([n, 0, 255]),
        "N": lambda n: f"-{n}.5E-20" if n % 2 else f"{n}00000000000000000000000000000000001",
        "S": lambda n: f'{n} "\u0000\n🐘',
    }
    items = [{"pk": {pk: values[pk](n % 5)}, "sk": {sk: values[sk](n)}} for n in range(40)]
    source, target = plane.table(items, pk, sk), plane.table((), pk, sk)
    result = plane.copy(source, target, tmp_path, segments=3)
    assert (result.read, result.written, result.rejected) == (40, 40, 0)
    assert plane.stored(target) == plane.stored(source)


@pytest.mark.parametrize("segments", [1, 3, 16])
def test_segments_have_every_item_once(plane: Plane, segments: int) -> None:
    """Fifty items of 100 KB: several pages of 1 MB whatever the segments."""
    table = plane.table(numbered([{"NULL": True}] * 50, 100_000))
    pages = list(plane.pages(table, segments))
    keys = [key_of(json.loads(bytes(item))) for page in pages for item in page.items]
    assert len(pages) >= max(5, segments)
    assert max(page.size for page in pages) < 1_200_000
    assert sorted(keys) == sorted(plane.stored(table))


@pytest.mark.parametrize("limit", [1, 7])
def test_a_limit_makes_small_pages(plane: Plane, limit: int) -> None:
    table = plane.table(numbered(VALUES))
    pages = list(plane.pages(table, limit=limit))
    assert max(len(page.items) for page in pages) == limit
    assert sum(len(page.items) for page in pages) == len(VALUES)


def test_the_largest_batch_arrives(plane: Plane) -> None:
    """25 items of almost 400 KB, some of which an engine may leave unprocessed."""
    table = plane.table()
    items = numbered([{"NULL": True}] * 25, 400_000)
    assert plane.write(table, items) == Outcome()
    assert {key: len(item["filler"]["S"]) for key, item in plane.stored(table).items()} == {
        key_of(item): 400_000 for item in items
    }


UNFIT: list[tuple[str, Item]] = [
    ("too large", {"pk": {"S": "bad"}, "sk": {"N": "1"}, "v": {"S": "x" * (MOST_BYTES - 9)}}),
    ("key of another type", {"pk": {"N": "1"}, "sk": {"N": "1"}}),
    ("no sort key", {"pk": {"S": "bad"}}),
    ("empty key", {"pk": {"S": ""}, "sk": {"N": "1"}}),
    ("39 digits", {"pk": {"S": "bad"}, "sk": {"N": "1"}, "v": {"N": "1" * 39}}),
    ("beyond the largest number", {"pk": {"S": "bad"}, "sk": {"N": "1"}, "v": {"N": "1E126"}}),
    ("an empty set", {"pk": {"S": "bad"}, "sk": {"N": "1"}, "v": {"SS": []}}),
    ("the same number twice", {"pk": {"S": "bad"}, "sk": {"N": "1"}, "v": {"NS": ["1", "1.0"]}}),
    ("an empty name", {"pk": {"S": "bad"}, "sk": {"N": "1"}, "": {"S": "v"}}),
    ("an empty name inside", {"pk": {"S": "bad"}, "sk": {"N": "1"}, "v": {"M": {"": {"S": "v"}}}}),
    ("nested too deep", {"pk": {"S": "bad"}, "sk": {"N": "1"}, "v": nested(32)}),
]


@pytest.mark.parametrize("unfit", [pytest.param(item, id=name) for name, item in UNFIT])
def test_an_unfit_item_is_singled_out(plane: Plane, unfit: Item) -> None:
    table, fit = plane.table(), numbered(VALUES)
    outcome = plane.write(table, [*fit[:5], unfit, *fit[5:]])
    assert [json.loads(bytes(one.item)) for one in outcome.rejected] == [unfit]
    assert outcome.rejected[0].code == "ValidationException"
    assert outcome.rejected[0].reason
    assert set(plane.stored(table)) == {key_of(as_wire(item)) for item in fit}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param(numbered([{"NULL": True}] * 26), Invalid, id="26 items"),
        pytest.param(numbered([{"NULL": True}]) * 2, Invalid, id="the same key twice"),
    ],
)
def test_a_refused_batch_writes_nothing(plane: Plane, items: list[Item], expected: type[AwsError]) -> None:
    table = plane.table()
    with pytest.raises(expected) as caught:
        plane.transport.batch_write_raw(table, [raw(item) for item in items])
    assert caught.value.code == "ValidationException"
    assert plane.stored(table) == {}


def test_two_spellings_of_one_key_both_arrive_in_order(plane: Plane) -> None:
    """They cannot stand in one batch; the later one wins, as if they had been put one by one."""
    table = plane.table()
    both = [{"pk": {"S": "a"}, "sk": {"N": spelling}, "v": {"S": spelling}} for spelling in ("1", "1.0")]
    assert plane.write(table, both) == Outcome()
    assert [item["v"] for item in plane.stored(table).values()] == [{"S": "1.0"}]


def test_keep_leaves_what_is_there(plane: Plane) -> None:
    items = numbered(VALUES)
    theirs = {**items[3], "v": {"S": "theirs"}}
    table = plane.table([theirs])
    outcome = plane.write(table, items, KEEP)
    assert [key_of(json.loads(bytes(one))) for one in outcome.kept] == [key_of(as_wire(theirs))]
    assert outcome.rejected == []
    stored = plane.stored(table)
    assert len(stored) == len(items)
    assert stored[key_of(as_wire(theirs))]["v"] == {"S": "theirs"}


def test_a_table_that_is_not_there(plane: Plane) -> None:
    with pytest.raises(NotFound):
        plane.transport.scan_raw("nothere", segment=0, total_segments=1)
    with pytest.raises(NotFound):
        plane.transport.batch_write_raw("nothere", [raw(numbered(VALUES)[0])])


def test_a_whole_copy_is_verified(engine_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """20,000 items on DynamoDB Local, one tenth of it on the sandbox: copied, compared, damaged, compared again."""
    is_local = "local" in request.node.callspec.id
    plane = Plane(engine_url, "lean")
    source, target = plane.table(), plane.table()
    items = numbered([as_wire(VALUES[n % len(VALUES)]) for n in range(20_000 if is_local else 2_000)], 300)
    assert plane.write(source, items) == Outcome()
    result = plane.copy(source, target, tmp_path, segments=8)
    assert (result.read, result.written, result.rejected) == (len(items), len(items), 0)
    clock = SystemClock()
    assert isinstance(plane.transport, Transport)
    sides = [ScanSide(plane.transport, table, KEYS) for table in (source, target)]
    report = verify_tables(*sides, clock=clock)
    assert report.is_equal
    assert report.source_items == report.target_items == len(items)
    gone, changed = ({name: items[n][name] for name in KEYS} for n in (5, 500))
    plane.client.delete_item(TableName=target, Key=gone)
    plane.client.put_item(TableName=target, Item={**changed, "v": {"S": "other"}})
    named = {(one.mark, canonical_item(one.key)) for one in verify_tables(*sides, clock=clock).named}
    assert named == {("+", canonical_item(gone)), ("*", canonical_item(changed))}
