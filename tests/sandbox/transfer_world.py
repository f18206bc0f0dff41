"""Two accounts on a moto server with the transfer rules of the sandbox."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from migrate.sandbox import buckets
from migrate.sandbox.settings import REGION, ROLE_NAME, SOURCE_ACCOUNT, TARGET_ACCOUNT, Timing

# Servers of one process share moto's accounts, so names must be unique in the process.
_numbers = itertools.count()

NOW = Timing(create=0, update=0, export=0, load=0, settings=0)


class World:
    """Clients of the two accounts. Names made by `name()` are unique in one test run."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url
        self._clients: dict[tuple[str, str, str], Any] = {}

    def client(self, service: str, account: str, role: str = ROLE_NAME) -> Any:
        key = (service, account, role)
        if key not in self._clients:
            self._clients[key] = self._session(account, role).client(
                service, endpoint_url=self.endpoint_url, config=Config(retries={"max_attempts": 1})
            )
        return self._clients[key]

    def _session(self, account: str, role: str) -> boto3.Session:
        anyone = boto3.Session("AKIAANYONE", "secret", region_name=REGION)
        credentials = anyone.client("sts", endpoint_url=self.endpoint_url).assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="test"
        )["Credentials"]
        return boto3.Session(
            credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], region_name=REGION
        )

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
def world(*modules: Any) -> Iterator[World]:
    for module in (buckets, *modules):
        module.install(NOW)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield World(f"http://{host}:{port}")
    finally:
        server.stop()


@contextmanager
def refused(code: str, text: str = "") -> Iterator[None]:
    """The call inside must fail with this AWS error code, and `text` somewhere in its message."""
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code, str(caught.value)
    assert text in str(caught.value)
