"""CreateTable, DescribeTable and UpdateTable: what was asked for is there, what AWS refuses is refused."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.sandbox.settings import SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.sandbox.aws import KEYS, Aws, error_of

BY_OTHER: dict[str, Any] = {
    "IndexName": "by-other",
    "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "KEYS_ONLY"},
}
OTHER = {"AttributeName": "other", "AttributeType": "S"}
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
INVALID = "ValidationException"


def indexed(**index: Any) -> dict[str, Any]:
    return {
        "AttributeDefinitions": [*KEYS["AttributeDefinitions"], OTHER],
        "GlobalSecondaryIndexes": [{**BY_OTHER, **index}],
    }


def test_every_setting_given_at_creation_is_described(aws: Aws) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]
    name = aws.table(
        **indexed(OnDemandThroughput={"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": 8}),
        TableClass="STANDARD_INFREQUENT_ACCESS",
        OnDemandThroughput={"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": 200},
        WarmThroughput={"ReadUnitsPerSecond": 13000, "WriteUnitsPerSecond": 5000},
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key["KeyId"]},
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        DeletionProtectionEnabled=True,
        Tags=[{"Key": "team", "Value": "orders"}],
    )
    table = aws.describe(name)
    assert table["TableArn"] == f"arn:aws:dynamodb:eu-west-1:{SOURCE_ACCOUNT}:table/{name}"
    assert len(table["TableId"]) == 36
    assert table["TableId"] == aws.describe(name)["TableId"]
    assert table["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert table["OnDemandThroughput"] == {"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": 200}
    assert table["WarmThroughput"] == {
        "ReadUnitsPerSecond": 13000,
        "WriteUnitsPerSecond": 5000,
        "Status": "ACTIVE",
    }
    assert table["SSEDescription"] == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key["Arn"]}
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert table["DeletionProtectionEnabled"] is True
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["IndexArn"] == table["TableArn"] + "/index/by-other"
    assert index["OnDemandThroughput"] == {"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": 8}
    assert index["WarmThroughput"]["ReadUnitsPerSecond"] == 12000
    tags = aws.source.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "orders"}]


def test_a_plain_provisioned_table_shows_the_absences_of_aws(aws: Aws) -> None:
    table = aws.describe(aws.table(BillingMode="PROVISIONED"))
    assert {"BillingModeSummary", "SSEDescription", "TableClassSummary", "OnDemandThroughput"}.isdisjoint(table)
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 5


@pytest.mark.parametrize(
    "wish",
    [
        {"TableName": "a!"},
        {"ProvisionedThroughput": UNITS},
        {"AttributeDefinitions": [*KEYS["AttributeDefinitions"], OTHER]},
        {"BillingMode": "PROVISIONED", "OnDemandThroughput": {"MaxReadRequestUnits": 1}},
        {"SSESpecification": {"Enabled": True, "KMSMasterKeyId": "alias/nobody"}},
        {"Tags": [{"Key": f"k{n}", "Value": "v"} for n in range(51)]},
        {"Tags": [{"Key": "aws:x", "Value": "v"}]},
        {"TableClass": "CHEAP"},
        {"ResourcePolicy": "no json"},
        indexed(ProvisionedThroughput=UNITS),
        {**indexed(), "GlobalSecondaryIndexes": [{**BY_OTHER, "IndexName": f"index-{n}"} for n in range(21)]},
    ],
)
def test_a_table_that_aws_refuses_is_not_created(aws: Aws, wish: dict[str, Any]) -> None:
    before = aws.source.list_tables()["TableNames"]
    parameters = {"TableName": "refused", "BillingMode": "PAY_PER_REQUEST", **KEYS, **wish}
    assert error_of(aws.source.create_table, **parameters) == INVALID
    assert aws.source.list_tables()["TableNames"] == before


def test_a_name_is_taken_once_per_account(aws: Aws) -> None:
    name = aws.table()
    again = {"TableName": name, "BillingMode": "PAY_PER_REQUEST", **KEYS}
    assert error_of(aws.source.create_table, **again) == "ResourceInUseException"
    aws.target.create_table(**again)
    assert aws.target.describe_table(TableName=name)["Table"]["TableId"] != aws.describe(name)["TableId"]


def test_tables_are_listed_in_pages(aws: Aws) -> None:
    names = {aws.table() for _ in range(5)}
    pages = list(aws.source.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2}))
    listed = [name for page in pages for name in page["TableNames"]]
    assert len(pages) > 2
    assert names <= set(listed)
    assert len(listed) == len(set(listed))


def test_deletion_protection_is_enforced(aws: Aws) -> None:
    name = aws.table(DeletionProtectionEnabled=True)
    assert error_of(aws.source.delete_table, TableName=name) == INVALID
    aws.source.update_table(TableName=name, DeletionProtectionEnabled=False)
    aws.source.delete_table(TableName=name)
    assert error_of(aws.source.describe_table, TableName=name) == "ResourceNotFoundException"


def test_sizes_and_counts_follow_the_items(aws: Aws) -> None:
    name = aws.table(**indexed())
    item = {"pk": {"S": "abc"}, "sk": {"N": "12"}, "other": {"S": "xy"}, "text": {"S": "é" * 10}}
    aws.source.put_item(TableName=name, Item=item)
    aws.source.put_item(TableName=name, Item={"pk": {"S": "b"}, "sk": {"N": "1"}})
    table = aws.describe(name)
    # pk 2+3, sk 2+2, other 5+2, text 4+20; then pk 2+1, sk 2+2
    assert (table["ItemCount"], table["TableSizeBytes"]) == (2, 40 + 7)
    index = table["GlobalSecondaryIndexes"][0]
    assert (index["ItemCount"], index["IndexSizeBytes"]) == (1, 16)
    aws.source.delete_item(TableName=name, Key={"pk": {"S": "abc"}, "sk": {"N": "12"}})
    table = aws.describe(name)
    assert (table["ItemCount"], table["TableSizeBytes"]) == (1, 7)
    assert table["GlobalSecondaryIndexes"][0]["IndexSizeBytes"] == 0


def test_billing_changes_in_both_directions(aws: Aws) -> None:
    name = aws.table(BillingMode="PROVISIONED")
    aws.source.update_table(TableName=name, ProvisionedThroughput={"ReadCapacityUnits": 9, "WriteCapacityUnits": 8})
    assert aws.describe(name)["ProvisionedThroughput"]["ReadCapacityUnits"] == 9
    aws.source.update_table(TableName=name, BillingMode="PAY_PER_REQUEST")
    table = aws.describe(name)
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    aws.source.update_table(TableName=name, OnDemandThroughput={"MaxReadRequestUnits": 50})
    assert aws.describe(name)["OnDemandThroughput"] == {"MaxReadRequestUnits": 50}
    assert error_of(aws.source.update_table, TableName=name, BillingMode="PROVISIONED") == INVALID
    aws.source.update_table(TableName=name, BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
    assert aws.describe(name)["BillingModeSummary"]["BillingMode"] == "PROVISIONED"


def test_encryption_changes_and_can_be_taken_back(aws: Aws) -> None:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/orders", TargetKeyId=key["KeyId"])
    name = aws.table()

    def encrypt(**specification: Any) -> None:
        aws.source.update_table(TableName=name, SSESpecification=specification)

    encrypt(Enabled=True, SSEType="KMS", KMSMasterKeyId="alias/orders")
    assert aws.describe(name)["SSEDescription"]["KMSMasterKeyArn"] == key["Arn"]
    assert error_of(encrypt, Enabled=True, KMSMasterKeyId=key["Arn"]) == INVALID
    encrypt(Enabled=True)
    managed = aws.describe(name)["SSEDescription"]["KMSMasterKeyArn"]
    assert managed != key["Arn"]
    encrypt(Enabled=False)
    assert "SSEDescription" not in aws.describe(name)
    unknown = f"arn:aws:kms:eu-west-1:{SOURCE_ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
    assert error_of(encrypt, Enabled=True, KMSMasterKeyId=unknown) == INVALID
    kms.disable_key(KeyId=key["KeyId"])
    assert error_of(encrypt, Enabled=True, KMSMasterKeyId=key["KeyId"]) == INVALID


def test_streams_class_and_warm_throughput_change(aws: Aws) -> None:
    name = aws.table()
    view = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    aws.source.update_table(TableName=name, StreamSpecification=view)
    first = aws.describe(name)["LatestStreamArn"]
    assert error_of(aws.source.update_table, TableName=name, StreamSpecification=view) == INVALID
    aws.source.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
    assert "StreamSpecification" not in aws.describe(name)
    aws.source.update_table(TableName=name, StreamSpecification=view)
    assert aws.describe(name)["LatestStreamArn"] != first
    aws.source.update_table(TableName=name, TableClass="STANDARD_INFREQUENT_ACCESS")
    assert aws.describe(name)["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    aws.source.update_table(TableName=name, WarmThroughput={"ReadUnitsPerSecond": 20000})
    assert aws.describe(name)["WarmThroughput"]["ReadUnitsPerSecond"] == 20000
    lower = {"ReadUnitsPerSecond": 12000}
    assert error_of(aws.source.update_table, TableName=name, WarmThroughput=lower) == INVALID


def test_indexes_come_and_go_one_by_one(aws: Aws) -> None:
    name = aws.table()
    third = {"AttributeName": "third", "AttributeType": "N"}
    by_third = {**BY_OTHER, "IndexName": "by-third", "KeySchema": [{"AttributeName": "third", "KeyType": "HASH"}]}
    both = [{"Create": BY_OTHER}, {"Create": by_third}]

    def update(*updates: Any, attributes: Any = ()) -> None:
        extra = {"AttributeDefinitions": list(attributes)} if attributes else {}
        aws.source.update_table(TableName=name, GlobalSecondaryIndexUpdates=list(updates), **extra)

    assert error_of(lambda: update(*both, attributes=[OTHER, third])) == "LimitExceededException"
    assert error_of(lambda: update({"Create": BY_OTHER})) == INVALID
    update({"Create": BY_OTHER}, attributes=[OTHER])
    update({"Create": by_third}, attributes=[third])
    assert error_of(lambda: update({"Create": by_third})) == INVALID
    assert {d["AttributeName"] for d in aws.describe(name)["AttributeDefinitions"]} == {"pk", "sk", "other", "third"}
    update({"Delete": {"IndexName": "by-other"}})
    assert [i["IndexName"] for i in aws.describe(name)["GlobalSecondaryIndexes"]] == ["by-third"]
    assert error_of(lambda: update({"Delete": {"IndexName": "by-other"}})) == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS},
        {"DeletionProtectionEnabled": False},
        {"TableClass": "STANDARD"},
        {"StreamSpecification": {"StreamEnabled": False}},
        {"SSESpecification": {"Enabled": False}},
        {"DeletionProtectionEnabled": True, "TableClass": "STANDARD_INFREQUENT_ACCESS"},
        {"OnDemandThroughput": {"MaxReadRequestUnits": 5}},
    ],
)
def test_an_update_that_changes_nothing_or_too_much_is_refused(aws: Aws, wish: dict[str, Any]) -> None:
    name = aws.table(BillingMode="PROVISIONED")
    before = aws.describe(name)
    assert error_of(aws.source.update_table, TableName=name, **wish) == INVALID
    assert aws.describe(name) == before


def test_a_restored_backup_has_the_items_and_an_identity_of_its_own(aws: Aws) -> None:
    name = aws.table(**indexed())
    aws.source.put_item(TableName=name, Item={"pk": {"S": "a"}, "sk": {"N": "1"}, "other": {"S": "x"}})
    backup = aws.source.create_backup(TableName=name, BackupName="before")["BackupDetails"]["BackupArn"]
    aws.source.delete_item(TableName=name, Key={"pk": {"S": "a"}, "sk": {"N": "1"}})
    aws.source.restore_table_from_backup(TargetTableName=name + "-restored", BackupArn=backup)
    restored = aws.describe(name + "-restored")
    assert (restored["ItemCount"], restored["GlobalSecondaryIndexes"][0]["ItemCount"]) == (1, 1)
    assert restored["TableId"] != aws.describe(name)["TableId"]
    assert aws.source.scan(TableName=name + "-restored")["Items"][0]["other"] == {"S": "x"}
    assert aws.source.scan(TableName=name)["Count"] == 0


def test_another_account_has_its_own_keys(aws: Aws) -> None:
    foreign = aws.client("kms", TARGET_ACCOUNT).create_key()["KeyMetadata"]
    encrypted = {"Enabled": True, "KMSMasterKeyId": foreign["KeyId"]}
    name = aws.table()
    assert error_of(aws.source.update_table, TableName=name, SSESpecification=encrypted) == INVALID
