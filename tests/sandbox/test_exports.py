from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from migrate.sandbox import exports
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.sandbox.transfer_world import World, allow, refused

WRITING = ("s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload")
SOURCE_ROLE = f"arn:aws:iam::{SOURCE_ACCOUNT}:role/MigrateSandbox"


@pytest.fixture
def aws(sandbox: Sandbox) -> World:
    return World(sandbox)


def table(aws: World, items: int = 3, *, recovery: bool = True) -> str:
    """A new table in the source account; returns its ARN."""
    name = aws.name("table")
    client = aws.source("dynamodb")
    arn = client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )["TableDescription"]["TableArn"]
    for number in range(items):
        client.put_item(TableName=name, Item={"pk": {"S": f"k{number}"}, "n": {"N": str(number)}})
    if recovery:
        client.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    return str(arn)


def export(aws: World, table_arn: str, bucket: str, **more: Any) -> dict[str, Any]:
    """Starts an export and looks until it is final."""
    client = aws.source("dynamodb")
    started = client.export_table_to_point_in_time(TableArn=table_arn, S3Bucket=bucket, **more)["ExportDescription"]
    assert started["ExportStatus"] == "IN_PROGRESS"
    described: dict[str, Any] = client.describe_export(ExportArn=started["ExportArn"])["ExportDescription"]
    return described


def objects(client: Any, bucket: str) -> dict[str, bytes]:
    listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {entry["Key"]: client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in listed}


def test_the_layout_is_that_of_aws(aws: World) -> None:
    bucket = aws.bucket(SOURCE_ACCOUNT)
    arn = table(aws, 40)
    done = export(aws, arn, bucket, S3Prefix="pre/fix/")
    assert done["ExportStatus"] == "COMPLETED"
    export_id = done["ExportArn"].removeprefix(f"{arn}/export/")
    assert re.fullmatch(r"\d{14}-[0-9a-f]{8}", export_id)
    place = f"pre/fix/AWSDynamoDB/{export_id}"
    stored = objects(aws.source("s3"), bucket)
    data = {key for key in stored if "/data/" in key}
    assert set(stored) - data == {
        f"{place}/{name}"
        for name in (
            "_started",
            "manifest-files.json",
            "manifest-files.md5",
            "manifest-summary.json",
            "manifest-summary.md5",
        )
    }
    assert stored[f"{place}/_started"] == b""
    assert all(re.fullmatch(re.escape(place) + r"/data/[a-z2-7]{26}\.json\.gz", key) for key in data)
    for name in ("files", "summary"):
        digest = base64.b64encode(hashlib.md5(stored[f"{place}/manifest-{name}.json"]).digest())
        assert stored[f"{place}/manifest-{name}.md5"] == digest
    entries = [json.loads(line) for line in stored[f"{place}/manifest-files.json"].splitlines()]
    assert {entry["dataFileS3Key"] for entry in entries} == data
    assert len(entries) >= 2
    for entry in entries:
        body = stored[entry["dataFileS3Key"]]
        assert entry["md5Checksum"] == base64.b64encode(hashlib.md5(body).digest()).decode()
        assert entry["itemCount"] == len(gzip.decompress(body).splitlines())
        assert entry["etag"] == hashlib.md5(body).hexdigest()
    items = [json.loads(line)["Item"] for key in data for line in gzip.decompress(stored[key]).splitlines()]
    assert sorted(item["pk"]["S"] for item in items) == sorted(f"k{number}" for number in range(40))
    summary = json.loads(stored[f"{place}/manifest-summary.json"])
    assert done["ExportManifest"] == f"{place}/manifest-summary.json"
    assert summary["itemCount"] == done["ItemCount"] == 40
    assert summary["billedSizeBytes"] == done["BilledSizeBytes"] > 0
    assert summary["manifestFilesS3Key"] == f"{place}/manifest-files.json"
    assert summary["exportArn"] == done["ExportArn"]
    assert summary["tableId"] == done["TableId"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", summary["exportTime"])
    assert (summary["version"], summary["outputFormat"]) == ("2020-06-30", "DYNAMODB_JSON")


def test_describe_has_what_the_call_said(aws: World) -> None:
    bucket = aws.bucket(SOURCE_ACCOUNT)
    arn = table(aws)
    done = export(aws, arn, bucket, ClientToken="described", S3BucketOwner=SOURCE_ACCOUNT, ExportType="FULL_EXPORT")
    said = {name: done[name] for name in ("S3Bucket", "S3BucketOwner", "ClientToken", "ExportType", "TableArn")}
    assert said == {
        "S3Bucket": bucket,
        "S3BucketOwner": SOURCE_ACCOUNT,
        "ClientToken": "described",
        "ExportType": "FULL_EXPORT",
        "TableArn": arn,
    }
    assert (done["ExportFormat"], done["S3SseAlgorithm"]) == ("DYNAMODB_JSON", "AES256")
    assert done["StartTime"] <= done["EndTime"]
    assert done["ExportTime"]
    assert "ExportType" not in export(aws, arn, bucket)
    assert "S3Prefix" not in done


def test_an_export_is_in_progress_until_its_time_is_up(aws: World) -> None:
    aws.slow_jobs()
    bucket = aws.bucket(SOURCE_ACCOUNT)
    client = aws.source("dynamodb")
    arn = client.export_table_to_point_in_time(TableArn=table(aws), S3Bucket=bucket)["ExportDescription"]["ExportArn"]
    seen = client.describe_export(ExportArn=arn)["ExportDescription"]
    assert seen["ExportStatus"] == "IN_PROGRESS"
    assert not {"ItemCount", "ExportManifest", "EndTime"} & set(seen)
    assert [key.rpartition("/")[2] for key in objects(aws.source("s3"), bucket)] == ["_started"]
    aws.end_jobs()
    assert client.describe_export(ExportArn=arn)["ExportDescription"]["ExportStatus"] == "COMPLETED"


def test_reading_the_bucket_is_enough_to_see_the_end(aws: World) -> None:
    bucket = aws.bucket(SOURCE_ACCOUNT)
    aws.source("dynamodb").export_table_to_point_in_time(TableArn=table(aws), S3Bucket=bucket)
    assert any(key.endswith("manifest-summary.json") for key in objects(aws.source("s3"), bucket))


def test_an_update_after_the_call_is_not_exported(aws: World) -> None:
    aws.slow_jobs()
    arn = table(aws, 1)
    bucket = aws.bucket(SOURCE_ACCOUNT)
    client = aws.source("dynamodb")
    client.export_table_to_point_in_time(TableArn=arn, S3Bucket=bucket)
    client.update_item(
        TableName=arn.rpartition("/")[2],
        Key={"pk": {"S": "k0"}},
        UpdateExpression="SET n = :n",
        ExpressionAttributeValues={":n": {"N": "99"}},
    )
    aws.end_jobs()
    stored = objects(aws.source("s3"), bucket)
    lines = [line for key in stored if "/data/" in key for line in gzip.decompress(stored[key]).splitlines()]
    assert [json.loads(line)["Item"]["n"] for line in lines] == [{"N": "0"}]


def test_rights_that_are_taken_away_meanwhile_fail_the_export(aws: World) -> None:
    aws.slow_jobs()
    bucket = aws.bucket(TARGET_ACCOUNT, allow({"AWS": SOURCE_ROLE}, *WRITING))
    client = aws.source("dynamodb")
    arn = client.export_table_to_point_in_time(TableArn=table(aws), S3Bucket=bucket, S3BucketOwner=TARGET_ACCOUNT)[
        "ExportDescription"
    ]["ExportArn"]
    aws.target("s3").delete_bucket_policy(Bucket=bucket)
    aws.end_jobs()
    done = client.describe_export(ExportArn=arn)["ExportDescription"]
    assert (done["ExportStatus"], done["FailureCode"]) == ("FAILED", "S3AccessDenied")


def test_recovery_must_be_on(aws: World) -> None:
    arn = table(aws, recovery=False)
    with refused("PointInTimeRecoveryUnavailableException", "not enabled for table"):
        aws.source("dynamodb").export_table_to_point_in_time(TableArn=arn, S3Bucket="any-bucket")


def test_the_table_must_exist_in_the_callers_account(aws: World) -> None:
    arn = table(aws)
    with refused("TableNotFoundException", "Table not found"):
        aws.source("dynamodb").export_table_to_point_in_time(TableArn=arn + "x", S3Bucket="any-bucket")
    with refused("ValidationException", "match the resource owner's account"):
        aws.target("dynamodb").export_table_to_point_in_time(TableArn=arn, S3Bucket="any-bucket")
    with refused("ExportNotFoundException"):
        aws.source("dynamodb").describe_export(ExportArn=f"{arn}/export/01693685827463-2d8752fd")


@pytest.mark.parametrize(
    "request_",
    [
        {"ExportType": "INCREMENTAL_EXPORT"},
        {"ExportFormat": "ION"},
        {"FilterSpecification": {"FilterExpression": "a = b"}},
    ],
)
def test_what_is_not_emulated_is_refused(aws: World, request_: dict[str, Any]) -> None:
    with refused("ValidationException", "does not emulate"):
        export(aws, table(aws), aws.bucket(SOURCE_ACCOUNT), **request_)


def test_export_time_must_lie_in_the_window(aws: World) -> None:
    arn = table(aws)
    bucket = aws.bucket(SOURCE_ACCOUNT)
    now = datetime.now(timezone.utc)
    for moment in (now + timedelta(hours=1), now - timedelta(hours=1)):
        with refused("InvalidExportTimeException"):
            export(aws, arn, bucket, ExportTime=moment)
    assert export(aws, arn, bucket, ExportTime=now)["ExportStatus"] == "COMPLETED"


def test_a_token_gives_the_same_export_again(aws: World) -> None:
    arn = table(aws)
    bucket = aws.bucket(SOURCE_ACCOUNT)
    first = export(aws, arn, bucket, ClientToken="once")
    client = aws.source("dynamodb")
    again = client.export_table_to_point_in_time(TableArn=arn, S3Bucket=bucket, ClientToken="once")["ExportDescription"]
    assert (again["ExportArn"], again["ExportStatus"]) == (first["ExportArn"], "COMPLETED")
    with refused("ExportConflictException"):
        client.export_table_to_point_in_time(TableArn=arn, S3Bucket=bucket, ClientToken="once", S3Prefix="x")
    with refused("ExportConflictException"):
        client.export_table_to_point_in_time(TableArn=table(aws), S3Bucket=bucket, ClientToken="once")


def test_one_token_at_the_same_moment_starts_one_export(aws: World) -> None:
    arn = table(aws)
    bucket = aws.bucket(SOURCE_ACCOUNT)
    client = aws.source("dynamodb")
    request = {"TableArn": arn, "S3Bucket": bucket, "ClientToken": "together"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.export_table_to_point_in_time(**request), range(16)))
    assert len({answer["ExportDescription"]["ExportArn"] for answer in answers}) == 1
    assert len(client.list_exports(TableArn=arn)["ExportSummaries"]) == 1


def test_a_refused_request_does_not_take_its_token(aws: World) -> None:
    arn = table(aws)
    bucket = aws.bucket(SOURCE_ACCOUNT)
    with refused("ValidationException"):
        export(aws, arn, bucket, ClientToken="twice", ExportFormat="ION")
    assert export(aws, arn, bucket, ClientToken="twice")["ExportStatus"] == "COMPLETED"


def test_a_missing_bucket_fails_later(aws: World) -> None:
    done = export(aws, table(aws), "there-is-no-such-bucket")
    assert (done["ExportStatus"], done["FailureCode"]) == ("FAILED", "S3NoSuchBucket")
    assert done["FailureMessage"]
    assert "ExportManifest" not in done


@pytest.mark.parametrize("principal", [SOURCE_ROLE, SOURCE_ACCOUNT, f"arn:aws:iam::{SOURCE_ACCOUNT}:root"])
def test_a_bucket_of_the_other_account_works_with_a_policy(aws: World, principal: str) -> None:
    bucket = aws.bucket(TARGET_ACCOUNT, allow({"AWS": principal}, *WRITING, resource="BUCKET/in/*"))
    arn = table(aws)
    done = export(aws, arn, bucket, S3BucketOwner=TARGET_ACCOUNT, S3Prefix="in")
    assert done["ExportStatus"] == "COMPLETED", done
    assert len(objects(aws.target("s3"), bucket)) >= 7
    outside = export(aws, arn, bucket, S3BucketOwner=TARGET_ACCOUNT, S3Prefix="out")
    assert (outside["ExportStatus"], outside["FailureCode"]) == ("FAILED", "S3AccessDenied")


@pytest.mark.parametrize("missing", WRITING)
def test_each_of_the_three_actions_is_needed(aws: World, missing: str) -> None:
    bucket = aws.bucket(TARGET_ACCOUNT, allow({"AWS": SOURCE_ROLE}, *(name for name in WRITING if name != missing)))
    done = export(aws, table(aws), bucket, S3BucketOwner=TARGET_ACCOUNT)
    assert (done["ExportStatus"], done["FailureCode"]) == ("FAILED", "S3AccessDenied")
    assert missing in done["FailureMessage"]
    assert objects(aws.target("s3"), bucket) == {}


def test_the_owner_of_a_foreign_bucket_must_be_named_rightly(aws: World) -> None:
    bucket = aws.bucket(TARGET_ACCOUNT, allow({"AWS": SOURCE_ROLE}, *WRITING))
    arn = table(aws)
    for owner in ({}, {"S3BucketOwner": "333333333333"}):
        done = export(aws, arn, bucket, **owner)
        assert (done["ExportStatus"], done["FailureCode"]) == ("FAILED", "S3AccessDenied")


def key_with(aws: World, *statements: dict[str, Any]) -> str:
    """A key of the target account with its usual statement and these."""
    own = allow({"AWS": f"arn:aws:iam::{TARGET_ACCOUNT}:root"}, "kms:*", resource="*")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [own, *statements]})
    return str(aws.target("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"])


def test_a_kms_key_must_exist_and_allow_the_caller(aws: World) -> None:
    bucket = aws.bucket(TARGET_ACCOUNT, allow({"AWS": SOURCE_ROLE}, *WRITING))
    arn = table(aws)
    using = {"S3BucketOwner": TARGET_ACCOUNT, "S3SseAlgorithm": "KMS"}
    open_key = key_with(aws, allow({"AWS": SOURCE_ROLE}, "kms:GenerateDataKey", "kms:Decrypt", resource="*"))
    half_open = key_with(aws, allow({"AWS": SOURCE_ROLE}, "kms:GenerateDataKey", resource="*"))
    nowhere = f"arn:aws:kms:eu-west-1:{TARGET_ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
    done = export(aws, arn, bucket, S3SseKmsKeyId=open_key, **using)
    assert done["ExportStatus"] == "COMPLETED", done
    head = aws.target("s3").head_object(Bucket=bucket, Key=done["ExportManifest"])
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", open_key)
    for key in (half_open, nowhere, key_with(aws)):
        done = export(aws, arn, bucket, S3SseKmsKeyId=key, **using)
        assert done["ExportStatus"] == "FAILED", key
        assert "KMS key" in done["FailureMessage"]


def test_the_buckets_default_key_counts_too(aws: World) -> None:
    bucket = aws.bucket(TARGET_ACCOUNT, allow({"AWS": SOURCE_ROLE}, *WRITING))
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_with(aws)}
    aws.target("s3").put_bucket_encryption(
        Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]}
    )
    done = export(aws, table(aws), bucket, S3BucketOwner=TARGET_ACCOUNT)
    assert (done["ExportStatus"], done["FailureCode"]) == ("FAILED", "S3AccessDenied")


def test_the_list_has_pages(aws: World) -> None:
    arn = table(aws, 1)
    bucket = aws.bucket(SOURCE_ACCOUNT)
    made = {export(aws, arn, bucket)["ExportArn"] for _ in range(5)}
    client = aws.source("dynamodb")
    first = client.list_exports(TableArn=arn, MaxResults=3)
    second = client.list_exports(TableArn=arn, MaxResults=3, NextToken=first["NextToken"])
    summaries = first["ExportSummaries"] + second["ExportSummaries"]
    assert {entry["ExportArn"] for entry in summaries} == made
    assert {entry["ExportStatus"] for entry in summaries} == {"COMPLETED"}
    assert "NextToken" not in second


def test_too_many_exports_at_once_are_refused(aws: World, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = table(aws)
    bucket = aws.bucket(SOURCE_ACCOUNT)
    monkeypatch.setattr(exports, "MAX_CONCURRENT", 0)
    with refused("LimitExceededException"):
        aws.source("dynamodb").export_table_to_point_in_time(TableArn=arn, S3Bucket=bucket)


def test_a_key_of_another_account_is_seen_if_its_policy_says_so(aws: World) -> None:
    visible = key_with(aws, allow({"AWS": SOURCE_ROLE}, "kms:DescribeKey", resource="*"))
    hidden = key_with(aws)
    metadata = aws.source("kms").describe_key(KeyId=visible)["KeyMetadata"]
    assert (metadata["Arn"], metadata["AWSAccountId"]) == (visible, TARGET_ACCOUNT)
    with refused("AccessDeniedException", "kms:DescribeKey"):
        aws.source("kms").describe_key(KeyId=hidden)
    with refused("NotFoundException"):
        aws.source("kms").describe_key(KeyId=visible.rpartition("/")[2])


def test_an_alias_belongs_to_one_account(aws: World) -> None:
    key = key_with(aws)
    aws.target("kms").create_alias(AliasName="alias/staging", TargetKeyId=key)
    assert aws.target("kms").describe_key(KeyId="alias/staging")["KeyMetadata"]["Arn"] == key
    with refused("NotFoundException"):
        aws.source("kms").describe_key(KeyId="alias/staging")


def test_a_malformed_key_policy_is_refused(aws: World) -> None:
    with refused("MalformedPolicyDocumentException"):
        aws.target("kms").create_key(Policy="{nonsense")
