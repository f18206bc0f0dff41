from __future__ import annotations

import pytest

from migrate.sandbox.server import Sandbox
from tests.sandbox.aws import Aws


@pytest.fixture
def aws(sandbox: Sandbox) -> Aws:
    return Aws(sandbox)
