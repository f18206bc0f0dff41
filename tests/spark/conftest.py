"""A sandbox with the job's bucket and both tables, furnished and questioned with boto3 alone."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION, SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.spark.running import BUCKET

ITEMS = 600


def item(number: int) -> dict[str, Any]:
    """Of every type, with values that do not survive a schema."""
    return {
        "pk": {"S": f"key-{number}"},
        "Pk": {"N": "1.50E-7" if number % 2 else "12345678901234567890123456789012345678"},
        "blob": {"B": bytes([number % 256, 0, 255])},
        "none": {"NULL": True},
        "flag": {"BOOL": number % 3 == 0},
        "tags": {"SS": ["b", "a", "ü\u2028"]},
        "counts": {"NS": ["3", "-1"]},
        "blobs": {"BS": [b"1", b""]} if number % 5 == 0 else {"BS": [b"2"]},
        "list": {"L": [{"M": {"x": {"L": []}}}, {"S": ""}]},
        "text": {"S": 'quote " back \\ slash \n' + "x" * (number % 90)},
    }


class World:
    """Clients of both accounts, and what stands in them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.source, self.target = self.client("dynamodb", SOURCE_ACCOUNT), self.client("dynamodb", TARGET_ACCOUNT)
        self.s3 = self.client("s3", TARGET_ACCOUNT)
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        for client, name in ((self.source, "orders"), (self.target, "copied")):
            client.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            )

    def client(self, service: str, account: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.sandbox.endpoint_url,
            region_name=REGION,
            aws_access_key_id=account,
            aws_secret_access_key="secret",
        )

    def fill(self, client: Any, table: str, numbers: range) -> None:
        for start in range(0, len(numbers), 25):
            puts = [{"PutRequest": {"Item": item(number)}} for number in numbers[start : start + 25]]
            client.batch_write_item(RequestItems={table: puts})

    def items(self, client: Any, table: str) -> dict[str, Any]:
        """Key -> item, sets sorted."""
        pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return {one["pk"]["S"]: _comparable(one) for page in pages for one in page["Items"]}

    def assert_same(self) -> None:
        found = self.items(self.target, "copied")
        assert found == self.items(self.source, "orders")
        assert found

    def object(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def result(self, folder: str) -> Any:
        return json.loads(self.object(f"{folder}/result.json"))

    def keys(self, prefix: str) -> list[str]:
        return [one["Key"] for one in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: sorted(one) if name in ("SS", "NS", "BS") else _comparable(one) for name, one in value.items()}
    return [_comparable(one) for one in value] if isinstance(value, list) else value


@pytest.fixture
def world(sandbox: Sandbox) -> World:
    made = World(sandbox)
    made.fill(made.source, "orders", range(ITEMS))
    return made
