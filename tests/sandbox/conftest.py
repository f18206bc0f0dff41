from __future__ import annotations

import pytest

from migrate.sandbox.server import Sandbox
from tests.sandbox.aws import Aws
from tests.sandbox.engine_world import without_java

__all__ = ["aws", "without_java"]


@pytest.fixture
def aws(sandbox: Sandbox) -> Aws:
    return Aws(sandbox)
