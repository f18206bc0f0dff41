"""The engines that the data plane is held to: the sandbox always, AWS's own DynamoDB Local when asked for.

MIGRATE_TEST_DYNAMODB_LOCAL=1 pytest tests/contract -m dynamodb_local
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from migrate.sandbox.server import Sandbox
from tests.engines import dynamodb_local

IS_ASKED = os.environ.get("MIGRATE_TEST_DYNAMODB_LOCAL") == "1"
ENGINES = ["sandbox", *([pytest.param("local", marks=pytest.mark.dynamodb_local)] if IS_ASKED else [])]


@pytest.fixture(scope="session")
def local_url() -> Iterator[str]:
    """DynamoDB Local, one for all tests of this process."""
    with dynamodb_local() as url:
        yield url


@pytest.fixture(scope="module", params=ENGINES)
def engine_url(request: pytest.FixtureRequest) -> str:
    """A DynamoDB that stores what is written."""
    if request.param == "local":
        return str(request.getfixturevalue("local_url"))
    sandbox: Sandbox = request.getfixturevalue("shared_sandbox")
    return sandbox.endpoint_url
