"""Tables for the demo, in the source account: what a small shop would have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate.sandbox.settings import REGION, SOURCE_ACCOUNT

ORDERS = 1200
EVENTS = 600
SENSORS = 200


def seed(endpoint_url: str) -> None:
    """Make the tables `orders`, `events-2026` and `sensors` with items of every type."""
    import boto3

    client = boto3.client(
        "dynamodb",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=SOURCE_ACCOUNT,
        aws_secret_access_key="sandbox",
    )
    for table, items in ((_ORDERS, _orders()), (_EVENTS, _events()), (_SENSORS, _sensors())):
        client.create_table(**table)
        client.get_waiter("table_exists").wait(TableName=table["TableName"], WaiterConfig={"Delay": 1})
        _fill(client, table["TableName"], items)
    ttl = {"AttributeName": "expiresAt", "Enabled": True}
    client.update_time_to_live(TableName="orders", TimeToLiveSpecification=ttl)
    client.update_continuous_backups(
        TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def _fill(client: Any, table: str, items: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for item in items:
        batch.append({"PutRequest": {"Item": item}})
        if len(batch) == 25:
            client.batch_write_item(RequestItems={table: batch})
            batch = []
    if batch:
        client.batch_write_item(RequestItems={table: batch})


def _key(name: str, role: str) -> dict[str, str]:
    return {"AttributeName": name, "KeyType": role}


_ORDERS: dict[str, Any] = {
    "TableName": "orders",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind} for name, kind in (("PK", "S"), ("SK", "N"), ("status", "S"))
    ],
    "KeySchema": [_key("PK", "HASH"), _key("SK", "RANGE")],
    "BillingMode": "PAY_PER_REQUEST",
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-status",
            "KeySchema": [_key("status", "HASH"), _key("SK", "RANGE")],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["total"]},
        }
    ],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    "Tags": [{"Key": "team", "Value": "checkout"}],
}

_EVENTS: dict[str, Any] = {
    "TableName": "events-2026",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "B"}],
    "KeySchema": [_key("id", "HASH")],
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": {"ReadCapacityUnits": 25, "WriteCapacityUnits": 5},
    "DeletionProtectionEnabled": True,
}

_SENSORS: dict[str, Any] = {
    "TableName": "sensors",
    "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "N"} for n in ("device", "at")],
    "KeySchema": [_key("device", "HASH"), _key("at", "RANGE")],
    "BillingMode": "PAY_PER_REQUEST",
    "TableClass": "STANDARD_INFREQUENT_ACCESS",
}


def _orders() -> Iterator[dict[str, Any]]:
    for number in range(ORDERS):
        yield {
            "PK": {"S": f"customer#{number % 97}"},
            "SK": {"N": str(number)},
            "status": {"S": ("open", "paid", "sent")[number % 3]},
            "total": {"N": f"{number}.{number % 100:02d}"},
            "lines": {"L": [{"M": {"sku": {"S": f"sku-{number % 13}"}, "count": {"N": "2"}}}]},
            "labels": {"SS": ["new", f"week-{number % 52}"]},
            "gift": {"BOOL": number % 5 == 0},
            "note": {"S": ""} if number % 7 else {"NULL": True},
            "expiresAt": {"N": str(1_900_000_000 + number)},
        }


def _events() -> Iterator[dict[str, Any]]:
    for number in range(EVENTS):
        yield {
            "id": {"B": number.to_bytes(8, "big")},
            "payload": {"B": bytes(range(number % 256))},
            "parts": {"BS": [bytes([number % 251]), b"end"]},
            "big": {"N": "12345678901234567890123456789012345678"},
        }


def _sensors() -> Iterator[dict[str, Any]]:
    for number in range(SENSORS):
        yield {
            "device": {"N": str(number % 7)},
            "at": {"N": str(1_700_000_000 + number)},
            "values": {"NS": [str(number), str(number + 0.5)]},
            "trace": {"S": "x" * (300_000 if number == 0 else 50)},
        }
