"""The parameters with which AWS creates a table or an index of a given spec.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableCreationParameters.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from migrate.core.codec import Json
from migrate.core.printable import name_text
from migrate.core.table import AWS_MANAGED, AWS_OWNED, ON_DEMAND, Encryption, Index, TableSpec


def attribute_definitions(*specs: TableSpec | Iterable[Index]) -> Json:
    """`AttributeDefinitions` of exactly the attributes that the keys use, each once."""
    keys: dict[str, str] = {}
    for spec in specs:
        for item in (spec,) if isinstance(spec, TableSpec) else spec:
            keys.update({key.name: key.type for key in item.keys.attributes})
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in sorted(keys.items())]


def creation_parameters(table: str, spec: TableSpec) -> Json:
    """`TableCreationParameters` of ImportTable. Names each attribute once, and only attributes of keys."""
    body: dict[str, Any] = {
        "TableName": table,
        "AttributeDefinitions": attribute_definitions(spec, spec.global_indexes.values()),
        "KeySchema": key_schema(spec),
        "BillingMode": spec.billing,
    }
    if spec.billing != ON_DEMAND and spec.provisioned:
        body["ProvisionedThroughput"] = _capacity(spec.provisioned.read, spec.provisioned.write)
    if spec.billing == ON_DEMAND and spec.on_demand_maximum:
        body["OnDemandThroughput"] = _maximum(spec.on_demand_maximum.read, spec.on_demand_maximum.write)
    encryption = _encryption(spec.encryption)
    if encryption:
        body["SSESpecification"] = encryption
    if spec.global_indexes:
        body["GlobalSecondaryIndexes"] = [index_parameters(n, i, spec) for n, i in sorted(spec.global_indexes.items())]
    return body


def index_parameters(name: str, index: Index, spec: TableSpec) -> Json:
    """One entry of `GlobalSecondaryIndexes`."""
    body: dict[str, Any] = {"IndexName": name, "KeySchema": key_schema(index), "Projection": _projection(index)}
    if spec.billing != ON_DEMAND and index.provisioned:
        body["ProvisionedThroughput"] = _capacity(index.provisioned.read, index.provisioned.write)
    if spec.billing == ON_DEMAND and index.on_demand_maximum:
        body["OnDemandThroughput"] = _maximum(index.on_demand_maximum.read, index.on_demand_maximum.write)
    return body


def _projection(index: Index) -> Json:
    projection: dict[str, Any] = {"ProjectionType": index.projection}
    if index.projected:
        projection["NonKeyAttributes"] = list(index.projected)
    return projection


def key_schema(item: TableSpec | Index) -> Json:
    """A `KeySchema` list, partition key first."""
    return [{"AttributeName": key.name, "KeyType": "HASH"} for key in item.keys.partition] + [
        {"AttributeName": key.name, "KeyType": "RANGE"} for key in item.keys.sort
    ]


def _capacity(read: int | None, write: int | None) -> Json:
    return {"ReadCapacityUnits": read, "WriteCapacityUnits": write}


def _maximum(read: int | None, write: int | None) -> Json:
    return {"MaxReadRequestUnits": read or -1, "MaxWriteRequestUnits": write or -1}


def _encryption(encryption: Encryption) -> Json:
    if encryption.kind == AWS_OWNED:
        return None
    if encryption.kind == AWS_MANAGED:
        return {"Enabled": True, "SSEType": "KMS"}
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": encryption.key}


def table_parameters(table: str, spec: TableSpec) -> Json:
    """Parameters of CreateTable: those of an import, and local indexes, table class and tags."""
    body = {**creation_parameters(table, spec), "TableClass": spec.table_class}
    indexes = (spec.global_indexes.values(), spec.local_indexes.values())
    body["AttributeDefinitions"] = attribute_definitions(spec, *indexes)
    if spec.local_indexes:
        body["LocalSecondaryIndexes"] = [
            {"IndexName": name, "KeySchema": key_schema(index), "Projection": _projection(index)}
            for name, index in sorted(spec.local_indexes.items())
        ]
    if spec.tags:
        body["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(spec.tags.items())]
    return body


def describe(spec: TableSpec) -> str:
    """Key, global indexes and billing in a few words."""
    names = ", ".join(f"{name_text(key.name)}: {key.type}" for key in spec.keys.attributes)
    count = len(spec.global_indexes)
    indexes = f"; {count} global index{'es' if count != 1 else ''}" if count else ""
    return f"{names}{indexes}; {'on-demand' if spec.billing == ON_DEMAND else 'provisioned'}"
