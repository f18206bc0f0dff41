"""Clients of a sandbox's two accounts, and the small questions that most tests ask."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION, SOURCE_ACCOUNT, TARGET_ACCOUNT

KEYS: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ],
}
_numbers = itertools.count()


def new_client(endpoint_url: str, service: str, access_key: str, session_token: str | None = None) -> Any:
    """A client that never retries."""
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key="secret",
        aws_session_token=session_token,
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )


client = functools.cache(new_client)
"""The same, made once per process, for making one takes longer than most tests."""


class Aws:
    """Clients of the sandbox, and the small questions that most tests ask."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.source = self.client("dynamodb")
        self.target = self.client("dynamodb", TARGET_ACCOUNT)

    def client(self, service: str, account: str = SOURCE_ACCOUNT) -> Any:
        """A boto3 client that never retries, so that every answer is seen."""
        return client(self.sandbox.endpoint_url, service, account)

    def table(self, **changes: Any) -> str:
        """The name of a new table, on-demand unless said otherwise. Wait with `active` when the timing needs it."""
        wish = {"TableName": f"table-{next(_numbers)}", "BillingMode": "PAY_PER_REQUEST", **KEYS, **changes}
        if wish["BillingMode"] == "PROVISIONED":
            wish.setdefault("ProvisionedThroughput", {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5})
        self.source.create_table(**wish)
        return str(wish["TableName"])

    def describe(self, name: str) -> Any:
        return self.source.describe_table(TableName=name)["Table"]


def error_of(call: Callable[..., Any], **parameters: Any) -> str:
    """The code of the error that a call must end with."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return str(caught.value.response["Error"]["Code"])
