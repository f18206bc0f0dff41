"""The sandbox's two accounts, seen by callers in a role, which is what bucket and key policies speak about."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION, ROLE_NAME, SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.conftest import NOW
from tests.sandbox import aws

_numbers = itertools.count()
_HOUR = 3600


class World:
    """Clients of the two accounts. Names made by `name()` are unique in one test run."""

    def __init__(self, sandbox: Any) -> None:
        """`sandbox`: a Sandbox, or what has the endpoint_url of one in another process."""
        self.sandbox: Sandbox = sandbox
        self.endpoint_url = sandbox.endpoint_url

    def client(self, service: str, account: str, role: str = ROLE_NAME) -> Any:
        if role == ROLE_NAME:  # a session from before the reset: it is the role's still, and its clients can be kept
            return aws.client(self.endpoint_url, service, f"ASIA{account}TEST", "token")
        keys = aws.client(self.endpoint_url, "sts", account).assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="test"
        )["Credentials"]
        return aws.client(self.endpoint_url, service, keys["AccessKeyId"], keys["SessionToken"])

    def slow_jobs(self) -> None:
        """From now on every job takes an hour, or until `end_jobs`."""
        self.sandbox.set_timing(replace(NOW, export=_HOUR, load=_HOUR, backup=_HOUR, copy_job=_HOUR, restore=_HOUR))

    def end_jobs(self) -> None:
        self.sandbox.advance(_HOUR + 1)

    def source(self, service: str) -> Any:
        return self.client(service, SOURCE_ACCOUNT)

    def target(self, service: str) -> Any:
        return self.client(service, TARGET_ACCOUNT)

    def name(self, start: str) -> str:
        return f"{start}-{next(_numbers)}"

    def bucket(self, account: str = TARGET_ACCOUNT, *policy: dict[str, Any]) -> str:
        """A new bucket, with a policy of these statements if there are any; `BUCKET` in them is its ARN."""
        name = self.name("bucket")
        client = self.client("s3", account)
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        if policy:
            client.put_bucket_policy(Bucket=name, Policy=document(name, *policy))
        return name


def document(bucket: str, *statements: dict[str, Any]) -> str:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return text.replace("BUCKET", f"arn:aws:s3:::{bucket}")


def allow(principal: Any, *actions: str, resource: Any = "BUCKET/*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": list(actions), "Resource": resource, **more}


@contextmanager
def refused(code: str, text: str = "") -> Iterator[None]:
    """The call inside must fail with this AWS error code, and `text` somewhere in its message."""
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code, str(caught.value)
    assert text in str(caught.value)
