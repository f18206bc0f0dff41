"""The same deaths with the state in S3, and on another machine each time: nothing local survives."""

from __future__ import annotations

import functools
import gc
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.aws.session import Account, AccountAccess
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION
from migrate.state.objectstore import ObjectStore
from migrate.state.s3 import S3Store
from tests.crash import shortcut
from tests.crash.cases import CASES
from tests.crash.life import Stage, live
from tests.crash.sweep import boundaries, calm_life, sweep

ANYBODY = "AKIAANYBODY"
SHARES = 4


class StateAccount(Account):
    """The ambient credentials, straight into the sandbox."""

    sandbox: Sandbox

    def client(self, service: str) -> Any:
        """See `Account.client`."""
        made = super().client(service)
        shortcut.install(made, self.sandbox)
        return made


class RemoteStage(Stage):
    """A stage whose state is in a bucket of a third account; each process has an empty machine."""

    def __init__(self, sandbox: Sandbox, cache: Path) -> None:
        super().__init__(sandbox)
        self._cache = cache
        access = AccountAccess("state", "", REGION, endpoint_url=sandbox.endpoint_url)
        self._ambient = StateAccount(access, read_only=False, clock=self.clock)
        self._ambient.sandbox = sandbox

    def store(self, state: Path) -> ObjectStore:
        """See `Stage.store`."""
        shutil.rmtree(self._cache, ignore_errors=True)
        return S3Store("s3://states/crash", self.clock, account=self._ambient)

    def reset(self) -> None:
        """See `Stage.reset`."""
        super().reset()
        self.aws.client("s3", ANYBODY).create_bucket(
            Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION}
        )


@pytest.fixture(scope="module")
def _remote(sandbox_server: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteStage]:
    cache = tmp_path_factory.mktemp("machine") / "cache"
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ACCESS_KEY_ID", ANYBODY)
    patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    patch.setenv("XDG_CACHE_HOME", str(cache))
    stage = RemoteStage(sandbox_server, cache)
    yield stage
    stage.close()
    patch.undo()


@pytest.fixture
def stage(_remote: RemoteStage, sandbox: Sandbox) -> Iterator[RemoteStage]:
    gc.collect()
    gc.disable()
    yield _remote
    _remote.reset()
    gc.enable()


def deaths_change_nothing(stage: Stage, name: str, share: slice, record_property: Any) -> None:
    case, calm = CASES[name], calm_life(stage, name)
    assert calm.end["next plan"] == []
    assert set(calm.end["steps"].values()) == {"done"}
    deaths = [(moment,) for moment in boundaries(calm.effects, case.begins_with)[share]]
    tried, wrong = sweep(calm, deaths, functools.partial(live, stage, case))
    counts = {"boundaries tried": tried, "passed": tried - len(wrong)}
    record_property("figures", {"of": f"crash {name}, state in S3", "counts": counts})
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_a_death_at_any_effect_of_a_new_table(share: int, stage: Stage, record_property: Any) -> None:
    deaths_change_nothing(stage, "new-table", slice(share, None, SHARES), record_property)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name != "new-table"])
def test_a_death_at_every_tenth_boundary_of_the_others(name: str, stage: Stage, record_property: Any) -> None:
    deaths_change_nothing(stage, name, slice(3, None, 10), record_property)
