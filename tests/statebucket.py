"""A bucket for states in the sandbox, in an account of its own, and the ambient credentials that reach it."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION
from tests.sandbox.aws import Aws

ACCOUNT = "333333333333"
BUCKET = "states"


def make_bucket(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, *, is_versioned: bool = True) -> Any:
    """A client of the account that owns the new bucket; from now on its credentials are the ambient ones."""
    client = Aws(sandbox).client("s3", ACCOUNT)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    if is_versioned:
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", sandbox.endpoint_url)
    return client
