"""Items: kept as DynamoDB keeps them, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.aws import KEYS, Aws, error_of

KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}
INVALID = "ValidationException"


@pytest.fixture
def name(aws: Aws) -> str:
    return aws.table()


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(levels):
        value = {"L": [value]}
    return value


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("1.50", "1.5"),
        ("007", "7"),
        ("1e3", "1000"),
        ("-0", "0"),
        ("0.10", "0.1"),
        ("-12.0", "-12"),
        ("+5", "5"),
        ("1E-3", "0.001"),
        ("9" * 38, "9" * 38),
        ("1E125", "1" + "0" * 125),
    ],
)
def test_numbers_come_back_canonical(aws: Aws, name: str, sent: str, stored: str) -> None:
    aws.source.put_item(TableName=name, Item={**KEY, "n": {"N": sent}, "ns": {"NS": [sent]}})
    item = aws.source.get_item(TableName=name, Key=KEY)["Item"]
    assert (item["n"], item["ns"]) == ({"N": stored}, {"NS": [stored]})


def test_the_same_number_is_the_same_key(aws: Aws, name: str) -> None:
    aws.source.put_item(TableName=name, Item={"pk": {"S": "k"}, "sk": {"N": "1.0"}})
    aws.source.put_item(TableName=name, Item={"pk": {"S": "k"}, "sk": {"N": "1"}, "second": {"BOOL": True}})
    found = aws.source.query(
        TableName=name, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "k"}}
    )["Items"]
    assert found == [{"pk": {"S": "k"}, "sk": {"N": "1"}, "second": {"BOOL": True}}]


def test_all_types_survive(aws: Aws, name: str) -> None:
    item = {
        **KEY,
        "empty": {"S": ""},
        "emoji": {"S": "\U0001f600\x00"},
        "b": {"B": b"\x00\xff"},
        "bs": {"BS": [b"a", b"b"]},
        "ss": {"SS": ["x", ""]},
        "deep": nested(31),
        "m": {"M": {"l": {"L": []}, "n": {"NULL": True}, "f": {"BOOL": False}}},
    }
    writes: list[Callable[[], Any]] = [
        lambda: aws.source.put_item(TableName=name, Item=item),
        lambda: aws.source.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": item}}]}),
        lambda: aws.source.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": item}}]),
    ]
    for write in writes:
        aws.source.delete_item(TableName=name, Key=KEY)
        write()
        assert aws.source.get_item(TableName=name, Key=KEY)["Item"] == item
        found = aws.source.query(
            TableName=name, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "a"}}
        )
        assert found["Items"] == [item]


@pytest.mark.parametrize(
    "value",
    [
        {"N": "1" * 39},
        {"N": "1E126"},
        {"N": "1E-131"},
        {"N": "ten"},
        {"N": ""},
        {"N": "NaN"},
        {"NS": ["1", "1.0"]},
        {"SS": ["a", "a"]},
        {"BS": [b"a", b"a"]},
        {"SS": []},
        {"NS": []},
        {"L": [{"SS": []}]},
        {"NULL": False},
        nested(33),
    ],
)
def test_bad_values_are_refused_and_not_stored(aws: Aws, name: str, value: dict[str, Any]) -> None:
    key = {"pk": {"S": "bad"}, "sk": {"N": "1"}}
    item = {**key, "v": value}
    assert error_of(aws.source.put_item, TableName=name, Item=item) == INVALID
    assert error_of(aws.source.batch_write_item, RequestItems={name: [{"PutRequest": {"Item": item}}]}) == INVALID
    assert "Item" not in aws.source.get_item(TableName=name, Key=key)


@pytest.mark.parametrize(
    "item",
    [
        {"pk": {"S": "a"}},
        {"pk": {"N": "1"}, "sk": {"N": "1"}},
        {"pk": {"S": ""}, "sk": {"N": "1"}},
        {"pk": {"S": "x" * 2049}, "sk": {"N": "1"}},
    ],
)
def test_bad_keys_are_refused(aws: Aws, name: str, item: dict[str, Any]) -> None:
    assert error_of(aws.source.put_item, TableName=name, Item=item) == INVALID


def test_an_item_may_have_exactly_409600_bytes(aws: Aws, name: str) -> None:
    room = 409_600 - len("pk") - len("a") - len("sk") - 2 - len("text")
    aws.source.put_item(TableName=name, Item={**KEY, "text": {"S": "x" * room}})
    assert len(aws.source.get_item(TableName=name, Key=KEY)["Item"]["text"]["S"]) == room
    assert error_of(aws.source.put_item, TableName=name, Item={**KEY, "text": {"S": "x" * (room + 1)}}) == INVALID
    grown = {
        "TableName": name,
        "Key": KEY,
        "UpdateExpression": "SET more = :m",
        "ExpressionAttributeValues": {":m": {"S": "1"}},
    }
    assert error_of(aws.source.update_item, **grown) == INVALID
    assert "more" not in aws.source.get_item(TableName=name, Key=KEY)["Item"]
    aws.source.delete_item(TableName=name, Key=KEY)


def test_updates_are_stored_canonically_and_failed_ones_leave_nothing(aws: Aws, name: str) -> None:
    key = {"pk": {"S": "update"}, "sk": {"N": "1"}}
    change = {"TableName": name, "Key": key, "UpdateExpression": "SET n = :n"}
    assert error_of(aws.source.update_item, **change, ExpressionAttributeValues={":n": {"N": "1" * 39}}) == INVALID
    assert "Item" not in aws.source.get_item(TableName=name, Key=key)
    aws.source.update_item(**change, ExpressionAttributeValues={":n": {"N": "2.50"}})
    assert aws.source.get_item(TableName=name, Key=key)["Item"]["n"] == {"N": "2.5"}
    refused = error_of(
        aws.source.update_item,
        **change,
        ConditionExpression="n = :old",
        ExpressionAttributeValues={":n": {"N": "3"}, ":old": {"N": "9"}},
    )
    assert refused == "ConditionalCheckFailedException"
    assert aws.source.get_item(TableName=name, Key=key)["Item"]["n"] == {"N": "2.5"}


def test_conditions_decide_about_puts_and_deletes(aws: Aws, name: str) -> None:
    key = {"pk": {"S": "condition"}, "sk": {"N": "1"}}
    absent = {"TableName": name, "ConditionExpression": "attribute_not_exists(pk)"}
    aws.source.put_item(**absent, Item={**key, "b": {"B": b"\xff"}})
    assert error_of(aws.source.put_item, **absent, Item=key) == "ConditionalCheckFailedException"
    same = {"ConditionExpression": "b = :b", "ExpressionAttributeValues": {":b": {"B": b"\xff"}}}
    other = {"ConditionExpression": "b = :b", "ExpressionAttributeValues": {":b": {"B": b"\xfe"}}}
    assert error_of(aws.source.delete_item, TableName=name, Key=key, **other) == "ConditionalCheckFailedException"
    old = aws.source.delete_item(TableName=name, Key=key, ReturnValues="ALL_OLD", **same)["Attributes"]
    assert old["b"] == {"B": b"\xff"}
    assert "Item" not in aws.source.get_item(TableName=name, Key=key)


def test_batches_are_checked_before_anything_is_written(aws: Aws) -> None:
    name = aws.table()

    def puts(count: int) -> list[Any]:
        return [{"PutRequest": {"Item": {"pk": {"S": "b"}, "sk": {"N": str(n)}}}} for n in range(count)]

    for requests in (
        puts(26),
        [*puts(2), puts(1)[0]],
        [*puts(2), {"DeleteRequest": {"Key": {"pk": {"S": "b"}, "sk": {"N": "0.0"}}}}],
        [*puts(2), {"PutRequest": {"Item": {"pk": {"S": "b"}}}}],
    ):
        assert error_of(aws.source.batch_write_item, RequestItems={name: requests}) == INVALID
        assert aws.source.scan(TableName=name)["Count"] == 0
    aws.source.batch_write_item(RequestItems={name: puts(25)})
    assert aws.source.scan(TableName=name)["Count"] == 25
    missing = {name: puts(1), "missing": puts(1)}
    assert error_of(aws.source.batch_write_item, RequestItems=missing) == "ResourceNotFoundException"


def test_batch_get_returns_what_is_there_up_to_16_mb(aws: Aws) -> None:
    name = aws.table()
    for n in range(50):
        item = {"pk": {"S": "g"}, "sk": {"N": str(n)}, "text": {"S": "x" * 400_000}}
        aws.source.put_item(TableName=name, Item=item)
    keys = [{"pk": {"S": "g"}, "sk": {"N": str(n)}} for n in range(60)]
    wanted: Any = {name: {"Keys": keys}}
    found: list[str] = []
    rounds = 0
    while wanted:
        answer = aws.source.batch_get_item(RequestItems=wanted)
        found += [item["sk"]["N"] for item in answer["Responses"].get(name, [])]
        wanted = answer["UnprocessedKeys"]
        rounds += 1
    assert sorted(map(int, found)) == list(range(50))
    assert rounds > 1
    assert error_of(aws.source.batch_get_item, RequestItems={name: {"Keys": [keys[0], keys[0]]}}) == INVALID


def test_projections_return_only_what_was_asked(aws: Aws, name: str) -> None:
    item = {**KEY, "a": {"M": {"b": {"B": b"\xff"}, "c": {"S": "no"}}}, "d": {"S": "no"}}
    aws.source.put_item(TableName=name, Item=item)
    got = aws.source.get_item(TableName=name, Key=KEY, ProjectionExpression="a.b, pk")["Item"]
    assert got == {"pk": {"S": "a"}, "a": {"M": {"b": {"B": b"\xff"}}}}


@pytest.mark.parametrize(("size", "units"), [(100, 1), (1000, 1), (1024, 2), (3500, 4)])
def test_writes_consume_what_they_should(aws: Aws, size: int, units: int) -> None:
    name = aws.table(
        AttributeDefinitions=[*KEYS["AttributeDefinitions"], {"AttributeName": "g", "AttributeType": "S"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    item = {**KEY, "text": {"S": "x" * size}}
    put = aws.source.put_item(TableName=name, Item=item, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert put == {"TableName": name, "CapacityUnits": float(units)}
    requests = [{"PutRequest": {"Item": {**item, "sk": {"N": str(n)}, "g": {"S": "x"}}}} for n in (2, 3)]
    batch = aws.source.batch_write_item(RequestItems={name: requests}, ReturnConsumedCapacity="INDEXES")
    (consumed,) = batch["ConsumedCapacity"]
    assert consumed["Table"]["CapacityUnits"] == 2.0 * units
    assert consumed["GlobalSecondaryIndexes"]["by-g"]["CapacityUnits"] == 2.0
    assert consumed["CapacityUnits"] == 2.0 * units + 2.0


def test_a_write_that_changes_nothing_makes_no_stream_record(aws: Aws) -> None:
    view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    name = aws.table(StreamSpecification=view)
    item = {**KEY, "v": {"S": "1"}}
    aws.source.put_item(TableName=name, Item=item)
    aws.source.put_item(TableName=name, Item=item)
    aws.source.update_item(
        TableName=name, Key=KEY, UpdateExpression="SET v = :v", ExpressionAttributeValues={":v": {"S": "2"}}
    )
    aws.source.batch_write_item(RequestItems={name: [{"DeleteRequest": {"Key": KEY}}]})
    streams = aws.client("dynamodbstreams")
    arn = aws.describe(name)["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert records[1]["dynamodb"]["NewImage"]["v"] == {"S": "2"}
    assert records[1]["dynamodb"]["OldImage"] == item


def test_an_index_key_must_have_its_type(aws: Aws) -> None:
    name = aws.table(
        AttributeDefinitions=[*KEYS["AttributeDefinitions"], {"AttributeName": "g", "AttributeType": "S"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for value in ({"N": "1"}, {"S": ""}, {"NULL": True}):
        assert error_of(aws.source.put_item, TableName=name, Item={**KEY, "g": value}) == INVALID
    aws.source.put_item(TableName=name, Item={**KEY, "g": {"S": "x"}})
    found = aws.source.query(
        TableName=name,
        IndexName="by-g",
        KeyConditionExpression="g = :g",
        ExpressionAttributeValues={":g": {"S": "x"}},
    )
    assert found["Count"] == 1
    assert json.dumps(found["Items"][0]["pk"]) == '{"S": "a"}'
