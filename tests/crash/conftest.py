"""The stage for all lives of a test process."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from migrate.sandbox.server import Sandbox
from tests.crash.life import Stage


@pytest.fixture(scope="session")
def _long_lived(sandbox_server: Sandbox) -> Iterator[Stage]:
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ACCESS_KEY_ID", "AKIAANYBODY")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    stage = Stage(sandbox_server)
    yield stage
    stage.close()
    patch.undo()


@pytest.fixture
def stage(_long_lived: Stage, sandbox: Sandbox) -> Iterator[Stage]:
    """The stage. While it is used, garbage is not collected: that would be a third of the time."""
    gc.collect()
    gc.disable()
    yield _long_lived
    _long_lived.reset()
    gc.enable()
