"""Conditional requests of S3, as its documentation words them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from migrate.sandbox.server import Sandbox
from tests.sandbox.aws import Aws, error_of


@pytest.fixture
def s3(aws: Aws) -> Any:
    client = aws.client("s3")
    client.create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return client


def put(s3: Any, body: bytes, **condition: str) -> Any:
    return s3.put_object(Bucket="states", Key="k", Body=body, **condition)


def test_the_codes_of_refusals(s3: Any) -> None:
    where = {"Bucket": "states", "Key": "k"}
    assert error_of(s3.put_object, **where, IfMatch='"0"') == "NoSuchKey"
    first = put(s3, b"1", IfNoneMatch="*")["ETag"]
    assert error_of(s3.put_object, **where, IfNoneMatch="*") == "PreconditionFailed"
    with pytest.raises(ClientError) as caught:
        put(s3, b"2", IfNoneMatch="*")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    second = put(s3, b"2", IfMatch=first)["ETag"]
    assert error_of(s3.put_object, **where, IfMatch=first) == "PreconditionFailed"
    assert error_of(s3.delete_object, **where, IfMatch=first) == "PreconditionFailed"
    assert error_of(s3.put_object, **where, IfNoneMatch=second) == "NotImplemented"
    s3.delete_object(**where, IfMatch=second)
    assert put(s3, b"3", IfNoneMatch="*")


def test_in_a_bucket_with_versions_a_deleted_object_is_none(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="states", VersioningConfiguration={"Status": "Enabled"})
    etag = put(s3, b"1", IfNoneMatch="*")["ETag"]
    s3.delete_object(Bucket="states", Key="k", IfMatch=etag)
    assert put(s3, b"1", IfNoneMatch="*")


@pytest.mark.parametrize("is_new", [True, False])
def test_of_many_writers_at_once_exactly_one_succeeds(s3: Any, is_new: bool) -> None:
    start = threading.Barrier(8)
    for number in range(5):
        key = f"k{number}"
        etag = None if is_new else s3.put_object(Bucket="states", Key=key, Body=b"old")["ETag"]
        condition = {"IfNoneMatch": "*"} if is_new else {"IfMatch": etag}

        def attempt(writer: int, key: str = key, condition: Any = condition) -> str:
            start.wait()
            try:
                s3.put_object(Bucket="states", Key=key, Body=str(writer).encode(), **condition)
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return "written"

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(attempt, range(8))) == ["PreconditionFailed"] * 7 + ["written"]


def test_a_collision_and_a_store_that_ignores_conditions_can_be_played(s3: Any, sandbox: Sandbox) -> None:
    assert not sandbox.faults.replace({"rules": [{"kind": "conflict", "times": 1}, {"kind": "unconditional"}]})
    assert error_of(s3.put_object, Bucket="states", Key="k", IfNoneMatch="*") == "ConditionalRequestConflict"
    put(s3, b"1", IfNoneMatch="*")
    put(s3, b"2", IfNoneMatch="*")
    assert s3.get_object(Bucket="states", Key="k")["Body"].read() == b"2"
