"""One sandbox per test module, with clocks that don't wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import Timing
from tests.sandbox.aws import Aws


@pytest.fixture(scope="module")
def timing() -> Timing:
    """No waiting; a module that tests transient states overrides this."""
    return Timing(create=0, update=0, export=0, load=0, settings=0)


@pytest.fixture(scope="module")
def aws(timing: Timing) -> Iterator[Aws]:
    with Sandbox(timing) as sandbox:
        yield Aws(sandbox)
        sandbox.reset()
