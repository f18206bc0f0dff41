"""What an account may have, who reads its streams, what CloudWatch counts, what IAM simulates, by whose clock."""

from __future__ import annotations

import datetime as dt
import json
from email.utils import parsedate_to_datetime
from typing import Any

from tests.sandbox.aws import Aws, error_of

MANY = {"ServiceCode": "dynamodb", "QuotaCode": "L-F98FE922"}


def test_a_quota_is_in_the_list_once_it_differs_from_the_default(aws: Aws) -> None:
    quotas = aws.client("service-quotas")
    defaults = {
        one["QuotaCode"]: one["Value"]
        for one in quotas.list_aws_default_service_quotas(ServiceCode="dynamodb")["Quotas"]
    }
    assert defaults[MANY["QuotaCode"]] == 2500
    assert quotas.list_service_quotas(ServiceCode="dynamodb")["Quotas"] == []
    quotas.request_service_quota_increase(**MANY, DesiredValue=3000)
    (own,) = quotas.list_service_quotas(ServiceCode="dynamodb")["Quotas"]
    assert (own["QuotaName"], own["Value"]) == ("Maximum number of tables", 3000)
    assert error_of(quotas.request_service_quota_increase, **MANY, DesiredValue=2999) == "IllegalArgumentException"
    assert error_of(quotas.list_service_quotas, ServiceCode="nothing") == "NoSuchResourceException"


def test_triggers_of_a_stream(aws: Aws) -> None:
    name = aws.table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    stream, client = aws.describe(name)["LatestStreamArn"], aws.client("lambda")
    made = client.create_event_source_mapping(EventSourceArn=stream, FunctionName="mail", StartingPosition="LATEST")
    client.update_event_source_mapping(UUID=made["UUID"], Enabled=False)
    (found,) = client.list_event_source_mappings(EventSourceArn=stream)["EventSourceMappings"]
    assert (found["State"], found["FunctionArn"].rpartition(":")[2]) == ("Disabled", "mail")
    client.delete_event_source_mapping(UUID=made["UUID"])
    assert client.list_event_source_mappings(EventSourceArn=stream)["EventSourceMappings"] == []
    assert error_of(client.delete_event_source_mapping, UUID=made["UUID"]) == "ResourceNotFoundException"


def test_cloudwatch_counts_what_is_written(aws: Aws) -> None:
    name, item = aws.table(), {"pk": {"S": "a"}, "sk": {"N": "1"}}
    aws.source.put_item(TableName=name, Item=item)
    aws.source.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": item}}]})
    aws.source.update_item(TableName=name, Key=item)
    assert error_of(aws.source.put_item, TableName=name, Item={}) == "ValidationException"
    metric = {
        "Namespace": "AWS/DynamoDB",
        "MetricName": "ConsumedWriteCapacityUnits",
        "Dimensions": [{"Name": "TableName", "Value": name}],
    }
    now = dt.datetime.now(dt.timezone.utc)
    answer = aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}],
        StartTime=now - dt.timedelta(minutes=5),
        EndTime=now + dt.timedelta(minutes=1),
    )
    assert sum(answer["MetricDataResults"][0]["Values"]) == 3


def test_iam_simulates_the_policies_of_a_role(aws: Aws) -> None:
    iam, tables = aws.client("iam"), "arn:aws:dynamodb:eu-west-1:111111111111:table/"
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    statements = [
        {"Effect": "Allow", "Action": "dynamodb:*", "Resource": f"{tables}orders"},
        {"Effect": "Deny", "Action": "dynamodb:DeleteTable", "Resource": "*"},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=document)
    actions, resources = ["dynamodb:Scan", "dynamodb:DeleteTable"], [f"{tables}orders", f"{tables}others"]
    answer = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=actions, ResourceArns=resources)
    said = {
        (one["EvalActionName"], part["EvalResourceName"]): part["EvalResourceDecision"] for one, part in parts(answer)
    }
    assert said == {
        (actions[0], resources[0]): "allowed",
        (actions[0], resources[1]): "implicitDeny",
        (actions[1], resources[0]): "explicitDeny",
        (actions[1], resources[1]): "explicitDeny",
    }
    absent = {"PolicySourceArn": f"{role}-gone", "ActionNames": actions}
    assert error_of(iam.simulate_principal_policy, **absent) == "NoSuchEntity"


def parts(answer: Any) -> list[tuple[Any, Any]]:
    return [(one, part) for one in answer["EvaluationResults"] for part in one["ResourceSpecificResults"]]


def test_answers_carry_the_time_of_the_sandbox(aws: Aws) -> None:
    aws.sandbox.advance(600)
    header = aws.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]["date"]
    assert parsedate_to_datetime(header) > dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=590)
