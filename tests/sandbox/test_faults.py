"""Fault injection does what the rule says, as often as it says, and the same again with the same seed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from migrate.sandbox.settings import TARGET_ACCOUNT
from tests.sandbox.aws import Aws, error_of

THROTTLED = "ProvisionedThroughputExceededException"


def send(aws: Aws, method: str, body: Any = None) -> Any:
    url = f"{aws.sandbox.endpoint_url}/sandbox/faults"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method), timeout=10) as answer:
        return json.load(answer)


@pytest.fixture
def name(aws: Aws) -> Iterator[str]:
    yield aws.table()
    send(aws, "DELETE")


def rule(aws: Aws, seed: int = 1, **members: Any) -> None:
    send(aws, "POST", {"seed": seed, "rules": [members]})


def put(aws: Aws, name: str, number: int) -> None:
    aws.source.put_item(TableName=name, Item={"pk": {"S": "a"}, "sk": {"N": str(number)}})


def count(aws: Aws, name: str) -> int:
    return int(aws.describe(name)["ItemCount"])


def test_throttling_of_data_has_reasons_and_stops_after_its_times(aws: Aws, name: str) -> None:
    rule(aws, operation="PutItem", kind="throttle", times=2, after=1)
    put(aws, name, 0)
    for number in (1, 2):
        with pytest.raises(ClientError) as caught:
            put(aws, name, number)
        answer: Any = caught.value.response
        assert answer["Error"]["Code"] == THROTTLED
        assert answer["ThrottlingReasons"][0]["reason"] == "TableWriteProvisionedThroughputExceeded"
        assert answer["ThrottlingReasons"][0]["resource"].endswith(f"table/{name}")
    put(aws, name, 3)
    assert count(aws, name) == 2
    assert send(aws, "GET")["rules"][0]["used"] == 2


def test_throttling_of_the_control_plane_and_of_s3(aws: Aws, name: str) -> None:
    rule(aws, kind="throttle")
    assert error_of(aws.source.describe_table, TableName=name) == "ThrottlingException"
    assert error_of(aws.client("s3").list_buckets) == "SlowDown"
    send(aws, "DELETE")
    assert count(aws, name) == 0


def test_a_rule_strikes_only_its_service_and_account(aws: Aws, name: str) -> None:
    rule(aws, kind="error500", service="dynamodb", account=TARGET_ACCOUNT)
    assert error_of(aws.target.list_tables) == "InternalServerError"
    assert aws.source.list_tables()["TableNames"]
    assert aws.client("s3", TARGET_ACCOUNT).list_buckets()["Buckets"] == []


def test_the_seed_decides_which_calls_fail(aws: Aws, name: str) -> None:
    def pattern(seed: int) -> list[bool]:
        rule(aws, seed=seed, operation="PutItem", kind="throttle", rate=0.5)
        seen = []
        for number in range(40):
            try:
                put(aws, name, number)
                seen.append(True)
            except ClientError:
                seen.append(False)
        return seen

    first = pattern(1)
    assert first == pattern(1)
    assert first != pattern(2)
    assert 5 < sum(first) < 35


def test_a_lost_answer_took_effect_and_a_hang_up_did_not(aws: Aws, name: str) -> None:
    rule(aws, operation="PutItem", kind="lost-response", times=1)
    with pytest.raises(ConnectionClosedError):
        put(aws, name, 1)
    assert count(aws, name) == 1
    rule(aws, operation="PutItem", kind="hang-up", times=1)
    with pytest.raises(ConnectionClosedError):
        put(aws, name, 2)
    assert count(aws, name) == 1


def test_unprocessed_items_are_really_not_written(aws: Aws, name: str) -> None:
    rule(aws, kind="unprocessed", times=1)
    requests = [{"PutRequest": {"Item": {"pk": {"S": "u"}, "sk": {"N": str(n)}}}} for n in range(10)]
    left = aws.source.batch_write_item(RequestItems={name: requests})["UnprocessedItems"]
    assert 0 < len(left[name]) < 10
    assert count(aws, name) == 10 - len(left[name])
    assert aws.source.batch_write_item(RequestItems=left)["UnprocessedItems"] == {}
    assert count(aws, name) == 10


def test_refusals_name_the_missing_action(aws: Aws, name: str) -> None:
    rule(aws, operation="DescribeTable", kind="access-denied", times=1)
    with pytest.raises(ClientError) as caught:
        aws.describe(name)
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert "is not authorized to perform: dynamodb:DescribeTable on resource: arn:aws:dynamodb:" in error["Message"]
    assert "because no identity-based policy allows the dynamodb:DescribeTable action" in error["Message"]
    rule(aws, kind="expired-token", times=1)
    assert error_of(aws.source.list_tables) == "ExpiredTokenException"


def test_a_delayed_call_still_answers(aws: Aws, name: str) -> None:
    rule(aws, kind="delay", seconds=0.01)
    put(aws, name, 1)
    assert count(aws, name) == 1
    assert send(aws, "GET")["rules"][0]["used"] == 2


@pytest.mark.parametrize("bad", [{"kind": "typo"}, {"kind": "throttle", "opperation": "PutItem"}])
def test_a_rule_with_a_typo_is_refused(aws: Aws, name: str, bad: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        send(aws, "POST", {"rules": [bad]})
    assert caught.value.code == 400
    caught.value.close()
    assert send(aws, "GET")["rules"] == []
