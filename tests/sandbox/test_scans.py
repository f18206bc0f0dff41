"""Scan: complete, disjoint over segments, in pages of 1 MB, and honest about what it can't do."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.sandbox.server import Sandbox
from tests.sandbox.aws import KEYS, Aws, error_of

COUNT = 400
INVALID = "ValidationException"


def fill(aws: Aws, name: str, numbers: range, size: int = 10) -> None:
    for start in range(numbers.start, numbers.stop, 25):
        requests = [
            {"PutRequest": {"Item": {"pk": {"S": f"p{n % 50}"}, "sk": {"N": str(n)}, "text": {"S": "x" * size}}}}
            for n in range(start, min(start + 25, numbers.stop))
        ]
        aws.source.batch_write_item(RequestItems={name: requests})


def numbers_of(items: list[Any]) -> list[int]:
    return [int(item["sk"]["N"]) for item in items]


def read_all(aws: Aws, name: str, **options: Any) -> list[int]:
    pages = aws.source.get_paginator("scan").paginate(TableName=name, **options)
    return [number for page in pages for number in numbers_of(page["Items"])]


@pytest.fixture(scope="module")
def aws(shared_sandbox: Sandbox) -> Aws:
    return Aws(shared_sandbox)


@pytest.fixture(scope="module")
def name(aws: Aws) -> str:
    table = aws.table()
    fill(aws, table, range(COUNT))
    return table


@pytest.mark.parametrize("segments", [1, 2, 7, 64])
@pytest.mark.parametrize("limit", [None, 3])
def test_segments_are_complete_and_disjoint(aws: Aws, name: str, segments: int, limit: int | None) -> None:
    options = {} if limit is None else {"Limit": limit}
    found = [
        number
        for segment in range(segments)
        for number in read_all(aws, name, Segment=segment, TotalSegments=segments, **options)
    ]
    assert sorted(found) == list(range(COUNT))


def test_a_page_ends_at_one_megabyte(aws: Aws) -> None:
    table = aws.table()
    fill(aws, table, range(30), size=100_000)
    page = aws.source.scan(TableName=table, ReturnConsumedCapacity="TOTAL")
    assert page["Count"] == 11
    assert page["ConsumedCapacity"]["CapacityUnits"] == 134.5
    strong = aws.source.scan(TableName=table, ReturnConsumedCapacity="INDEXES", ConsistentRead=True)
    assert strong["ConsumedCapacity"]["Table"]["CapacityUnits"] == 269.0
    assert sorted(read_all(aws, table)) == list(range(30))


def test_a_full_page_has_a_last_key_even_at_the_end(aws: Aws) -> None:
    table = aws.table()
    fill(aws, table, range(4))
    page = aws.source.scan(TableName=table, Limit=4)
    rest = aws.source.scan(TableName=table, Limit=4, ExclusiveStartKey=page["LastEvaluatedKey"])
    assert (page["Count"], rest["Count"], "LastEvaluatedKey" in rest) == (4, 0, False)


def test_items_that_come_and_go_do_not_break_paging(aws: Aws) -> None:
    table = aws.table()
    fill(aws, table, range(200))
    found: list[int] = []
    start: dict[str, Any] = {}
    added = 1000
    while True:
        page = aws.source.scan(TableName=table, Limit=20, **start)
        found += numbers_of(page["Items"])
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        # The very item that the next page starts behind disappears, and others appear everywhere.
        aws.source.delete_item(TableName=table, Key=page["LastEvaluatedKey"])
        fill(aws, table, range(added, added + 10))
        added += 10
    assert [n for n in sorted(found) if n < 1000] == list(range(200))
    assert len(found) == len(set(found))


def test_a_start_key_of_another_segment_is_refused(aws: Aws, name: str) -> None:
    first = aws.source.scan(TableName=name, Segment=0, TotalSegments=2, Limit=1)
    key = first["LastEvaluatedKey"]
    call = {"TableName": name, "TotalSegments": 2, "ExclusiveStartKey": key}
    assert aws.source.scan(**call, Segment=0)["Count"] > 0
    assert error_of(aws.source.scan, **call, Segment=1) == INVALID


@pytest.mark.parametrize(
    "options",
    [
        {"Segment": 0},
        {"TotalSegments": 2},
        {"Segment": 2, "TotalSegments": 2},
        {"ExclusiveStartKey": {"pk": {"S": "a"}}},
        {"ExclusiveStartKey": {"pk": {"N": "1"}, "sk": {"N": "1"}}},
        {"FilterExpression": "nonsense nonsense"},
        {"FilterExpression": "sk = :v", "ExpressionAttributeNames": {"#x": "y"}},
        {"Select": "COUNT", "ProjectionExpression": "pk"},
    ],
)
def test_bad_scans_are_refused(aws: Aws, name: str, options: dict[str, Any]) -> None:
    assert error_of(aws.source.scan, TableName=name, **options) == INVALID


def test_filters_are_applied_after_reading(aws: Aws, name: str) -> None:
    options = {
        "FilterExpression": "sk < :v AND begins_with(#t, :x)",
        "ExpressionAttributeNames": {"#t": "text"},
        "ExpressionAttributeValues": {":v": {"N": "10"}, ":x": {"S": "x"}},
    }
    page = aws.source.scan(TableName=name, **options)
    assert sorted(numbers_of(page["Items"])) == list(range(10))
    assert (page["Count"], page["ScannedCount"]) == (10, COUNT)
    limited = aws.source.scan(TableName=name, Limit=5, **options)
    assert limited["ScannedCount"] == 5
    assert "LastEvaluatedKey" in limited


def test_counts_and_projections(aws: Aws, name: str) -> None:
    counted = aws.source.scan(TableName=name, Select="COUNT")
    assert counted["Count"] == COUNT
    assert "Items" not in counted
    item = aws.source.scan(TableName=name, Limit=1, ProjectionExpression="sk")["Items"][0]
    assert set(item) == {"sk"}
    both = aws.source.scan(
        TableName=name,
        ProjectionExpression="#p",
        FilterExpression="sk = :v",
        ExpressionAttributeNames={"#p": "pk"},
        ExpressionAttributeValues={":v": {"N": "51"}},
    )
    assert both["Items"] == [{"pk": {"S": "p1"}}]


def test_an_index_can_be_scanned(aws: Aws) -> None:
    table = aws.table(
        AttributeDefinitions=[*KEYS["AttributeDefinitions"], {"AttributeName": "g", "AttributeType": "S"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    fill(aws, table, range(5))
    in_index = {"pk": {"S": "in"}, "sk": {"N": "9"}, "g": {"S": "x"}}
    aws.source.put_item(TableName=table, Item={**in_index, "text": {"S": "not projected"}})
    assert aws.source.scan(TableName=table, IndexName="by-g")["Items"] == [in_index]
