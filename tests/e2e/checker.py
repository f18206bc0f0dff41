"""Compares two tables with plain boto3 and nothing of the tool: every item, and the settings that a user lists."""

from __future__ import annotations

from typing import Any

Client = Any


def differences(source: Client, target: Client, name: str, settings: bool = True) -> list[str]:
    """What is not the same in the table `name` of both accounts."""
    keys = [entry["AttributeName"] for entry in source.describe_table(TableName=name)["Table"]["KeySchema"]]
    found = differing(*(items_of(client, name, keys) for client in (source, target)))
    if settings:
        before, after = _settings(source, name), _settings(target, name)
        found += [f"{field}: {before[field]} and {after[field]}" for field in before if before[field] != after[field]]
    return found


def differing(here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """What is not the same in the items of two tables."""
    found = [f"item {key} only in the source" for key in here.keys() - there.keys()]
    found += [f"item {key} only in the target" for key in there.keys() - here.keys()]
    return found + [f"item {key} differs" for key in here.keys() & there.keys() if here[key] != there[key]]


def items_of(client: Client, name: str, keys: list[str]) -> dict[str, Any]:
    """Every item of a table, by its key."""
    items: dict[str, Any] = {}
    for page in client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True):
        for item in page["Items"]:
            items[repr([item[key] for key in keys])] = _unordered(item)
    return items


def _unordered(value: Any) -> Any:
    """Sets have no order; lists have. Numbers stay the text that DynamoDB answers."""
    if isinstance(value, dict):
        return {
            k: sorted(v) if k in ("SS", "NS", "BS") and isinstance(v, list) else _unordered(v) for k, v in value.items()
        }
    if isinstance(value, list):
        return [_unordered(entry) for entry in value]
    return value


def _settings(client: Client, name: str) -> dict[str, Any]:
    table = client.describe_table(TableName=name)["Table"]
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    tags = client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    indexes = table.get("GlobalSecondaryIndexes", [])
    return {
        "key": table["KeySchema"],
        "types": sorted((entry["AttributeName"], entry["AttributeType"]) for entry in table["AttributeDefinitions"]),
        "billing": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "capacity": {
            name: table["ProvisionedThroughput"][name] for name in ("ReadCapacityUnits", "WriteCapacityUnits")
        },
        "indexes": {i["IndexName"]: (i["KeySchema"], i["Projection"], i["IndexStatus"]) for i in indexes},
        "local": {i["IndexName"]: (i["KeySchema"], i["Projection"]) for i in table.get("LocalSecondaryIndexes", [])},
        "ttl": (ttl["TimeToLiveStatus"], ttl.get("AttributeName")),
        "stream": table.get("StreamSpecification"),
        "class": table.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
        "protection": table.get("DeletionProtectionEnabled", False),
        "tags": sorted((tag["Key"], tag["Value"]) for tag in tags if not tag["Key"].startswith("migrate:")),
    }
