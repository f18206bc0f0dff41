"""Resource policies of tables, and what they mean for another account."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from migrate.sandbox.settings import SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.sandbox.aws import Aws, error_of

ITEM = {"pk": {"S": "a"}, "sk": {"N": "1"}}
DENIED = "AccessDeniedException"


def allow(arn: str, *actions: str, effect: str = "Allow", principal: Any = None, **more: Any) -> str:
    statement = {
        "Effect": effect,
        "Principal": principal or {"AWS": f"arn:aws:iam::{TARGET_ACCOUNT}:root"},
        "Action": [f"dynamodb:{action}" for action in actions],
        "Resource": arn,
        **more,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def arn(aws: Aws) -> str:
    name = aws.table()
    aws.source.put_item(TableName=name, Item=ITEM)
    return str(aws.describe(name)["TableArn"])


def test_an_own_arn_is_as_good_as_a_name(aws: Aws, arn: str) -> None:
    assert aws.describe(arn)["TableArn"] == arn
    assert aws.source.get_item(TableName=arn, Key=ITEM)["Item"] == ITEM
    assert aws.source.update_item(TableName=arn, Key=ITEM, ReturnValues="ALL_NEW")["Attributes"] == ITEM
    assert aws.source.describe_time_to_live(TableName=arn)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    aws.source.transact_write_items(TransactItems=[{"Put": {"TableName": arn, "Item": ITEM}}])
    aws.source.batch_write_item(RequestItems={arn: [{"DeleteRequest": {"Key": ITEM}}]})
    assert aws.source.scan(TableName=arn)["Count"] == 0


def test_another_account_may_do_what_the_policy_allows_and_no_more(aws: Aws, arn: str) -> None:
    assert error_of(aws.target.scan, TableName=arn) == DENIED
    aws.source.put_resource_policy(ResourceArn=arn, Policy=allow(arn, "Scan", "Query", "PutItem", "DescribeTable"))
    assert aws.target.scan(TableName=arn)["Items"] == [ITEM]
    assert aws.target.describe_table(TableName=arn)["Table"]["TableArn"] == arn
    query = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    assert aws.target.query(TableName=arn, **query)["Items"] == [ITEM]
    aws.target.transact_write_items(TransactItems=[{"Put": {"TableName": arn, "Item": {**ITEM, "sk": {"N": "2"}}}}])
    assert aws.source.scan(TableName=arn)["Count"] == 2
    assert error_of(aws.target.delete_item, TableName=arn, Key=ITEM) == DENIED
    assert error_of(aws.target.batch_write_item, RequestItems={arn: [{"DeleteRequest": {"Key": ITEM}}]}) == DENIED
    assert error_of(aws.target.update_item, TableName=arn, Key=ITEM) == DENIED
    assert error_of(aws.target.delete_table, TableName=arn) == DENIED
    aws.source.delete_resource_policy(ResourceArn=arn)
    assert error_of(aws.target.scan, TableName=arn) == DENIED


def test_control_plane_calls_stay_in_the_account(aws: Aws, arn: str) -> None:
    aws.source.put_resource_policy(ResourceArn=arn, Policy=allow(arn, "*"))
    change = {"TableName": arn, "DeletionProtectionEnabled": True}
    assert error_of(aws.target.update_table, **change) == DENIED
    assert error_of(aws.target.describe_continuous_backups, TableName=arn) == DENIED
    assert error_of(aws.target.describe_table, TableName=arn + "-missing") == DENIED


def test_a_deny_fences_the_own_account_but_for_one_role(aws: Aws, arn: str) -> None:
    role = f"arn:aws:iam::{SOURCE_ACCOUNT}:role/MigrateSandbox"
    fence = allow(
        arn,
        "PutItem",
        "BatchWriteItem",
        effect="Deny",
        principal="*",
        Condition={"ArnNotEquals": {"aws:PrincipalArn": role}},
    )
    aws.source.put_resource_policy(ResourceArn=arn, Policy=fence)
    assert error_of(aws.source.put_item, TableName=arn, Item=ITEM) == DENIED
    refused = [{"Put": {"TableName": arn, "Item": ITEM}}]
    assert error_of(aws.source.transact_write_items, TransactItems=refused) == DENIED
    assert aws.source.scan(TableName=arn)["Count"] == 1
    keys = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="operator")["Credentials"]
    operator = boto3.client(
        "dynamodb",
        endpoint_url=aws.sandbox.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    operator.put_item(TableName=arn, Item={**ITEM, "sk": {"N": "2"}})
    assert aws.source.scan(TableName=arn)["Count"] == 2


def test_revisions_guard_against_lost_updates(aws: Aws, arn: str) -> None:
    def put(policy: str, expected: str | None = None) -> str:
        extra = {} if expected is None else {"ExpectedRevisionId": expected}
        answer = aws.source.put_resource_policy(ResourceArn=arn, Policy=policy, **extra)
        return str(answer["RevisionId"])

    none = "PolicyNotFoundException"
    assert error_of(aws.source.get_resource_policy, ResourceArn=arn) == none
    first = put(allow(arn, "Scan"), "NO_POLICY")
    assert put(allow(arn, "Scan")) == first
    assert error_of(put, policy=allow(arn, "Query"), expected="NO_POLICY") == none
    assert error_of(put, policy=allow(arn, "Query"), expected="1") == none
    second = put(allow(arn, "Query"), first)
    found = aws.source.get_resource_policy(ResourceArn=arn)
    assert (found["RevisionId"], json.loads(found["Policy"])) == (second, json.loads(allow(arn, "Query")))
    assert error_of(aws.source.delete_resource_policy, ResourceArn=arn, ExpectedRevisionId=first) == none
    aws.source.delete_resource_policy(ResourceArn=arn, ExpectedRevisionId=second)
    assert error_of(aws.source.get_resource_policy, ResourceArn=arn) == none


@pytest.mark.parametrize(
    "policy",
    [
        "no json",
        "{}",
        '{"Statement": [{"Effect": "Maybe"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "*"}]}',
        '{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "NotResource": "x"}]}',
        '{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", '
        '"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}]}',
    ],
)
def test_a_policy_that_can_not_be_obeyed_is_refused(aws: Aws, arn: str, policy: str) -> None:
    refused = error_of(aws.source.put_resource_policy, ResourceArn=arn, Policy=policy)
    assert refused == "ValidationException"
    assert error_of(aws.source.get_resource_policy, ResourceArn=arn) == "PolicyNotFoundException"


def test_a_table_can_be_created_with_its_policy(aws: Aws) -> None:
    arn = f"arn:aws:dynamodb:eu-west-1:{SOURCE_ACCOUNT}:table/with-policy"
    aws.table(TableName="with-policy", ResourcePolicy=allow(arn, "Scan"))
    assert aws.target.scan(TableName=arn)["Count"] == 0
    aws.source.delete_table(TableName="with-policy")
    aws.table(TableName="with-policy")
    assert error_of(aws.target.scan, TableName=arn) == DENIED
