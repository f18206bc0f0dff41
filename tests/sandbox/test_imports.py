from __future__ import annotations

import gzip
import json
import re
from decimal import Decimal
from typing import Any

import pytest

from migrate.sandbox import imports
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.sandbox.transfer_world import World, allow, refused

TARGET_ROLE = f"arn:aws:iam::{TARGET_ACCOUNT}:role/MigrateSandbox"


@pytest.fixture
def aws(sandbox: Sandbox) -> World:
    return World(sandbox)


def creation(name: str, **more: Any) -> dict[str, Any]:
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        **more,
    }


INDEX = {
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "g", "AttributeType": "N"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-g",
            "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


def item(key: str, **attributes: Any) -> str:
    return json.dumps({"Item": {"pk": {"S": key}, **attributes}})


def put(aws: World, *lines: str, account: str = TARGET_ACCOUNT, policy: Any = ()) -> str:
    """A bucket with one gzip object `data/1.json.gz` that has these lines."""
    bucket = aws.bucket(account, *policy)
    body = gzip.compress("".join(line + "\n" for line in lines).encode())
    aws.client("s3", account).put_object(Bucket=bucket, Key="data/1.json.gz", Body=body)
    return bucket


def start(aws: World, bucket: str, table: dict[str, Any], **more: Any) -> dict[str, Any]:
    request: dict[str, Any] = {
        "S3BucketSource": {"S3Bucket": bucket, "S3KeyPrefix": "data/"},
        "InputFormat": "DYNAMODB_JSON",
        "InputCompressionType": "GZIP",
        "TableCreationParameters": table,
        **more,
    }
    described: dict[str, Any] = aws.target("dynamodb").import_table(**request)["ImportTableDescription"]
    return described


def load(aws: World, bucket: str, table: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Starts an import and looks until it is final."""
    started = start(aws, bucket, table, **more)
    assert started["ImportStatus"] == "IN_PROGRESS"
    described: dict[str, Any] = aws.target("dynamodb").describe_import(ImportArn=started["ImportArn"])[
        "ImportTableDescription"
    ]
    return described


def counters(done: dict[str, Any]) -> tuple[int, int, int]:
    return done["ProcessedItemCount"], done["ImportedItemCount"], done["ErrorCount"]


def rows(client: Any, table: str) -> list[dict[str, Any]]:
    return [row for page in client.get_paginator("scan").paginate(TableName=table) for row in page["Items"]]


def keys_in(aws: World, table: str) -> set[str]:
    return {row["pk"]["S"] for row in rows(aws.target("dynamodb"), table)}


def logged(aws: World, done: dict[str, Any]) -> list[dict[str, Any]]:
    stream = done["ImportArn"].rpartition("/")[2] + "/error"
    events = aws.target("logs").get_log_events(
        logGroupName="/aws-dynamodb/imports", logStreamName=stream, startFromHead=True
    )["events"]
    return [json.loads(event["message"]) for event in events]


def test_a_good_import(aws: World) -> None:
    name = aws.name("good")
    bucket = put(aws, item("a"), item("b", n={"N": "1"}))
    aws.target("s3").put_object(Bucket=bucket, Key="data/2.json.gz", Body=gzip.compress(item("c").encode()))
    aws.target("s3").put_object(Bucket=bucket, Key="data/3.json.gz", Body=gzip.compress(b""))
    aws.target("s3").put_object(Bucket=bucket, Key="elsewhere/4.json.gz", Body=b"nonsense")
    done = load(aws, bucket, creation(name), ClientToken="good")
    assert (done["ImportStatus"], counters(done)) == ("COMPLETED", (3, 3, 0))
    arn = f"arn:aws:dynamodb:eu-west-1:{TARGET_ACCOUNT}:table/{name}"
    assert re.fullmatch(re.escape(arn) + r"/import/\d{14}-[0-9a-f]{8}", done["ImportArn"])
    assert (done["TableArn"], done["ClientToken"], done["InputCompressionType"]) == (arn, "good", "GZIP")
    assert done["ProcessedSizeBytes"] > 60
    assert done["CloudWatchLogGroupArn"].endswith(":log-group:/aws-dynamodb/imports:*")
    assert done["TableCreationParameters"] == creation(name)
    assert done["StartTime"] <= done["EndTime"]
    assert keys_in(aws, name) == {"a", "b", "c"}


def test_every_kind_of_value_survives_export_and_import(aws: World) -> None:
    name = aws.name("round-trip")
    source = aws.source("dynamodb")
    schema = {
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "B"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    source_arn = source.create_table(TableName=name, **schema)["TableDescription"]["TableArn"]
    for chunk in range(0, 300, 25):
        requests = [{"PutRequest": {"Item": _every_kind(number)}} for number in range(chunk, chunk + 25)]
        assert not source.batch_write_item(RequestItems={name: requests})["UnprocessedItems"]
    source.update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    writer = {"AWS": f"arn:aws:iam::{SOURCE_ACCOUNT}:root"}
    bucket = aws.bucket(TARGET_ACCOUNT, allow(writer, "s3:PutObject*", "s3:AbortMultipartUpload"))
    exported = source.export_table_to_point_in_time(
        TableArn=source_arn, S3Bucket=bucket, S3BucketOwner=TARGET_ACCOUNT, S3Prefix="p"
    )["ExportDescription"]
    export_id = exported["ExportArn"].rpartition("/")[2]
    where = {"S3Bucket": bucket, "S3KeyPrefix": f"p/AWSDynamoDB/{export_id}/data/"}
    done = load(aws, bucket, {"TableName": name, **schema}, S3BucketSource=where)
    assert (done["ImportStatus"], counters(done)) == ("COMPLETED", (300, 300, 0))
    before, after = (
        {row["pk"]["B"]: _comparable(row) for row in rows(client, name)} for client in (source, aws.target("dynamodb"))
    )
    assert len(before) == 300
    assert after == before


def _every_kind(number: int) -> dict[str, Any]:
    return {
        "pk": {"B": b"\x00\xff" + number.to_bytes(2, "big")},
        "sk": {"N": str(number)},
        "big": {"N": "12345678901234567890123456789012345678"},
        "small": {"N": "1.2345678901234567890123456789012345678E-92"},
        "text": {"S": 'naïve – 日本語 \U0001f600 "\\ \n\u2028'},
        "empty": {"S": ""},
        "no_bytes": {"B": b""},
        "yes": {"BOOL": True},
        "no": {"BOOL": False},
        "nothing": {"NULL": True},
        "words": {"SS": ["a", "é", ""]},
        "numbers": {"NS": ["-1", "2.5", "1E+100"]},
        "blobs": {"BS": [b"\xff", b"\x00", b"abc"]},
        "list": {"L": [{"N": "1"}, {"L": []}, {"M": {"deep": {"BS": [b"\xfe"]}, "n": {"NULL": True}}}]},
        "map": {"M": {"e": {"S": ""}, "b": {"B": b"\x01"}, "m": {"M": {}}}},
    }


def _comparable(value: Any) -> Any:
    """Sets as sets, numbers by value: the order and the spelling of these are not part of an item."""
    if isinstance(value, dict) and len(value) == 1:
        ((kind, content),) = value.items()
        if kind == "N":
            return kind, Decimal(content)
        if kind in ("SS", "BS"):
            return kind, frozenset(content)
        if kind == "NS":
            return kind, frozenset(Decimal(entry) for entry in content)
    if isinstance(value, dict):
        return {name: _comparable(entry) for name, entry in value.items()}
    return [_comparable(entry) for entry in value] if isinstance(value, list) else value


def test_bad_items_are_left_out_and_logged(aws: World) -> None:
    name = aws.name("partial")
    bad = {
        json.dumps({"Item": {"other": {"S": "x"}}}): "Missing the key pk in the item",
        json.dumps({"Item": {"pk": {"N": "1"}}}): "Type mismatch for key pk expected: S actual: N",
        item("g", g={"S": "x"}): "Type mismatch for Index Key g Expected: N Actual: S IndexName: by-g",
        item("huge", text={"S": "x" * 410_000}): "Item size has exceeded the maximum allowed size",
        item(""): "cannot contain an empty string value",
        item("n", n={"N": "1" * 39}): "38 significant digits",
        item("set", s={"SS": []}): "may not be empty",
        item("kind", s={"Q": "1"}): "AttributeValue",
        json.dumps({"NoItem": {}}): "no Item",
    }
    bucket = put(aws, item("first"), *bad, item("last", g={"N": "1"}))
    done = load(aws, bucket, creation(name, **INDEX))
    assert (done["ImportStatus"], done["FailureCode"]) == ("FAILED", "ItemValidationError")
    assert counters(done) == (len(bad) + 2, 2, len(bad))
    assert keys_in(aws, name) == {"first", "last"}
    entries = logged(aws, done)
    for index, (entry, text) in enumerate(zip(entries, bad.values(), strict=True), start=1):
        assert entry["itemS3Pointer"] == {"bucket": bucket, "key": "data/1.json.gz", "itemIndex": index}
        assert entry["importArn"] == done["ImportArn"]
        assert text in entry["errorMessages"][0]


def test_a_malformed_line_ends_its_object_only(aws: World) -> None:
    name = aws.name("malformed")
    bucket = put(aws, item("a"), "{broken", item("never"))
    aws.target("s3").put_object(Bucket=bucket, Key="data/2.json.gz", Body=gzip.compress(item("b").encode()))
    done = load(aws, bucket, creation(name))
    assert (done["ImportStatus"], done["FailureCode"]) == ("FAILED", "ItemValidationError")
    assert counters(done) == (3, 2, 1)
    assert keys_in(aws, name) == {"a", "b"}


@pytest.mark.parametrize(("compress", "told"), [(True, "NONE"), (False, "GZIP")])
def test_the_wrong_compression_fails(aws: World, compress: bool, told: str) -> None:
    name = aws.name("compression")
    bucket = aws.bucket()
    body = item("a").encode()
    aws.target("s3").put_object(Bucket=bucket, Key="data/1", Body=gzip.compress(body) if compress else body)
    done = load(aws, bucket, creation(name), InputCompressionType=told)
    assert (done["ImportStatus"], done["ErrorCount"], done["ImportedItemCount"]) == ("FAILED", 1, 0)
    assert keys_in(aws, name) == set()


def test_manifests_below_the_prefix_are_taken_for_data(aws: World) -> None:
    bucket = put(aws, item("a"))
    aws.target("s3").put_object(Bucket=bucket, Key="data/manifest-summary.json", Body=b'{"version":"2020-06-30"}')
    done = load(aws, bucket, creation(aws.name("manifest")))
    assert (done["ImportStatus"], done["ImportedItemCount"]) == ("FAILED", 1)


def test_a_later_item_replaces_one_with_the_same_key(aws: World) -> None:
    name = aws.name("twice")
    done = load(aws, put(aws, item("a", n={"N": "1"}), item("a", n={"N": "2"})), creation(name))
    assert (done["ImportStatus"], done["ImportedItemCount"]) == ("COMPLETED", 2)
    assert [row["n"] for row in rows(aws.target("dynamodb"), name)] == [{"N": "2"}]


@pytest.mark.parametrize("missing", ["bucket", "objects"])
def test_nothing_to_read_leaves_no_table(aws: World, missing: str) -> None:
    name = aws.name("nothing")
    bucket = "there-is-no-such-bucket" if missing == "bucket" else aws.bucket()
    done = load(aws, bucket, creation(name))
    assert done["ImportStatus"] == "FAILED"
    assert done["FailureCode"] == {"bucket": "S3NoSuchBucket", "objects": "S3NoSuchKey"}[missing]
    with refused("ResourceNotFoundException"):
        aws.target("dynamodb").describe_table(TableName=name)


def test_an_existing_table_is_refused_at_once(aws: World) -> None:
    name = aws.name("there")
    bucket = put(aws, item("a"))
    load(aws, bucket, creation(name))
    with refused("ResourceInUseException", f"Table already exists: {name}"):
        start(aws, bucket, creation(name))


def test_a_token_gives_the_same_import_again(aws: World) -> None:
    name = aws.name("token")
    bucket = put(aws, item("a"))
    first = load(aws, bucket, creation(name), ClientToken="once")
    again = start(aws, bucket, creation(name), ClientToken="once")
    assert (again["ImportArn"], again["ImportStatus"]) == (first["ImportArn"], "COMPLETED")
    with refused("ImportConflictException"):
        start(aws, bucket, creation(aws.name("token")), ClientToken="once")


def test_a_refused_request_does_not_take_its_token(aws: World) -> None:
    name = aws.name("free")
    bucket = put(aws, item("a"))
    with refused("ValidationException"):
        start(aws, bucket, creation(name), ClientToken="free", InputFormat="ION")
    assert load(aws, bucket, creation(name), ClientToken="free")["ImportStatus"] == "COMPLETED"


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"InputFormat": "CSV"}, "does not emulate"),
        ({"InputFormat": "ION"}, "does not emulate"),
        ({"InputCompressionType": "ZSTD"}, "does not emulate"),
        ({"TableCreationParameters": creation("refused", BillingMode="PROVISIONED")}, "ReadCapacityUnits"),
        (
            {"TableCreationParameters": creation("refused", AttributeDefinitions=INDEX["AttributeDefinitions"])},
            "AttributeDefinitions are not used",
        ),
        (
            {"TableCreationParameters": creation("refused", SSESpecification={"Enabled": True, "KMSMasterKeyId": "x"})},
            "KMS",
        ),
    ],
)
def test_bad_requests_are_refused_and_leave_no_table(aws: World, request_: dict[str, Any], text: str) -> None:
    with refused("ValidationException", text):
        start(aws, put(aws, item("a")), **{"table": creation("refused"), **request_})
    with refused("ResourceNotFoundException"):
        aws.target("dynamodb").describe_table(TableName="refused")


def test_local_indexes_and_other_unknown_parameters_are_refused(aws: World) -> None:
    client = aws.target("dynamodb")

    def add_local_index(params: dict[str, Any], **_: Any) -> None:
        body = json.loads(params["body"])
        body["TableCreationParameters"]["LocalSecondaryIndexes"] = []
        params["body"] = json.dumps(body).encode()

    client.meta.events.register("before-call.dynamodb.ImportTable", add_local_index)
    try:
        with refused("ValidationException", "LocalSecondaryIndexes"):
            start(aws, "any-bucket", creation("local"))
    finally:
        client.meta.events.unregister("before-call.dynamodb.ImportTable", add_local_index)


def test_the_table_gets_what_was_asked(aws: World) -> None:
    name = aws.name("asked")
    key = aws.target("kms").create_key()["KeyMetadata"]["Arn"]
    wanted = creation(
        name,
        **INDEX,
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
    )
    load(aws, put(aws, item("a", g={"N": "1"})), wanted)
    described = aws.target("dynamodb").describe_table(TableName=name)["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert [index["IndexName"] for index in described["GlobalSecondaryIndexes"]] == ["by-g"]
    assert described["SSEDescription"]["KMSMasterKeyArn"] == key
    provisioned = aws.name("asked")
    units = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8}
    load(aws, put(aws, item("a")), creation(provisioned, BillingMode="PROVISIONED", ProvisionedThroughput=units))
    throughput = aws.target("dynamodb").describe_table(TableName=provisioned)["Table"]["ProvisionedThroughput"]
    assert units.items() <= throughput.items()


def test_the_table_is_being_created_until_the_import_ends(aws: World) -> None:
    aws.slow_jobs()
    name = aws.name("creating")
    arn = start(aws, put(aws, item("a")), creation(name))["ImportArn"]
    client = aws.target("dynamodb")
    described = client.describe_import(ImportArn=arn)["ImportTableDescription"]
    assert (described["ImportStatus"], counters(described)) == ("IN_PROGRESS", (0, 0, 0))
    assert client.describe_table(TableName=name)["Table"]["TableStatus"] == "CREATING"
    aws.end_jobs()
    assert client.describe_import(ImportArn=arn)["ImportTableDescription"]["ImportStatus"] == "COMPLETED"
    assert client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE"


def foreign(bucket: str, owner: str | None) -> dict[str, Any]:
    named = {"S3BucketOwner": owner} if owner else {}
    return {"S3BucketSource": {"S3Bucket": bucket, "S3KeyPrefix": "data/", **named}}


READING = allow({"AWS": TARGET_ROLE}, "s3:GetObject", "s3:ListBucket", resource=["BUCKET", "BUCKET/*"])


def test_a_bucket_of_the_other_account_needs_a_policy_and_its_owner(aws: World) -> None:
    closed = put(aws, item("a"), account=SOURCE_ACCOUNT)
    opened = put(aws, item("a"), account=SOURCE_ACCOUNT, policy=[READING])
    only_listing = put(
        aws, item("a"), account=SOURCE_ACCOUNT, policy=[{**READING, "Action": "s3:ListBucket", "Resource": "BUCKET"}]
    )
    good = load(aws, opened, creation(aws.name("foreign")), **foreign(opened, SOURCE_ACCOUNT))
    assert (good["ImportStatus"], counters(good)) == ("COMPLETED", (1, 1, 0))
    for bucket, owner in ((closed, SOURCE_ACCOUNT), (only_listing, SOURCE_ACCOUNT), (opened, None)):
        name = aws.name("foreign")
        done = load(aws, bucket, creation(name), **foreign(bucket, owner))
        assert (done["ImportStatus"], done["FailureCode"]) == ("FAILED", "S3AccessDenied")
        with refused("ResourceNotFoundException"):
            aws.target("dynamodb").describe_table(TableName=name)


def test_an_encrypted_object_needs_its_key(aws: World) -> None:
    own = allow({"AWS": f"arn:aws:iam::{SOURCE_ACCOUNT}:root"}, "kms:*", resource="*")
    importer = allow({"AWS": TARGET_ROLE}, "kms:Decrypt", resource="*")
    for statements, outcome in (([own], "FAILED"), ([own, importer], "COMPLETED")):
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        key = aws.source("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
        bucket = aws.bucket(SOURCE_ACCOUNT, READING)
        aws.source("s3").put_object(
            Bucket=bucket,
            Key="data/1.json.gz",
            Body=gzip.compress(item("a").encode()),
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=key,
        )
        done = load(aws, bucket, creation(aws.name("kms")), **foreign(bucket, SOURCE_ACCOUNT))
        assert done["ImportStatus"] == outcome, done


def test_the_list_has_pages(aws: World) -> None:
    bucket = put(aws, item("a"))
    made = [load(aws, bucket, creation(aws.name("listed"))) for _ in range(3)]
    client = aws.target("dynamodb")
    found = client.list_imports(TableArn=made[0]["TableArn"])["ImportSummaryList"]
    assert [(entry["ImportArn"], entry["ImportStatus"]) for entry in found] == [(made[0]["ImportArn"], "COMPLETED")]
    assert found[0]["S3BucketSource"] == {"S3Bucket": bucket, "S3KeyPrefix": "data/"}
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = client.list_imports(PageSize=2, **token)
        assert len(page["ImportSummaryList"]) <= 2
        seen += [entry["ImportArn"] for entry in page["ImportSummaryList"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert {done["ImportArn"] for done in made} <= set(seen)
    assert len(seen) == len(set(seen))


def test_an_unknown_import_is_not_found(aws: World) -> None:
    with refused("ImportNotFoundException"):
        aws.target("dynamodb").describe_import(
            ImportArn=f"arn:aws:dynamodb:eu-west-1:{TARGET_ACCOUNT}:table/t/import/01693685827463-2d8752fd"
        )


def test_too_many_imports_at_once_are_refused(aws: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MAX_CONCURRENT", 0)
    with refused("LimitExceededException"):
        start(aws, "any-bucket", creation(aws.name("many")))
