"""The program and the sandbox as processes of their own, to be killed for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from migrate.state.folder import FolderStore
from migrate.state.model import State
from tests.crash.cases import make_orders, make_provisioned, manifest
from tests.sandbox.aws import Aws

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    "AWS_ACCESS_KEY_ID": "AKIAANYBODY",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "PYTHONPATH": str(REPOSITORY),
}


class Shop:
    """Two tables in a sandbox process, a manifest, and the program that moves them."""

    def __init__(self, endpoint_url: str, folder: Path) -> None:
        self.aws = Aws(cast(Any, SimpleNamespace(endpoint_url=endpoint_url)))
        self.endpoint_url = endpoint_url
        self.folder = folder
        text = manifest("[{name: orders}, {name: stock}]", more=", source_pitr: restore")
        text = text.replace("region: eu-west-1", f'region: eu-west-1, endpoint_url: "{endpoint_url}"')
        self.manifest = folder / "manifest.yaml"
        self.manifest.write_text(text)
        make_orders(self.aws)
        make_provisioned(self.aws, "stock")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`migrate` in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "migrate", "--state", str(self.folder / "state"), *arguments],
            cwd=REPOSITORY,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def apply(self) -> subprocess.Popen[str]:
        """`migrate apply`."""
        return self.start("apply", str(self.manifest), "--auto-approve")

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output of `migrate`."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def finish(self) -> str:
        """Run apply until the end, which must be a good one; its output."""
        code, output = self.run("apply", str(self.manifest), "--auto-approve")
        assert code == 0, output
        return output

    def state(self) -> State:
        """The state that the program has left."""
        state = FolderStore(self.folder / "state").read("shop")
        assert state is not None
        return state

    def wait_for(self, event: str) -> None:
        """Return when the journal tells of `event`."""
        journal = self.folder / "state" / "shop" / "journal.jsonl"
        deadline = time.monotonic() + 60
        while not (journal.exists() and event in journal.read_text()):
            assert time.monotonic() < deadline, f"no {event}"
            time.sleep(0.02)


@contextmanager
def shop(folder: Path, seconds: float) -> Iterator[Shop]:
    """A shop whose exports and imports take that many seconds. `folder` is made."""
    folder.mkdir(parents=True, exist_ok=True)
    sandbox = subprocess.Popen(
        [sys.executable, "-m", "migrate.sandbox", "--with-parent"]
        + [f"--{what}-seconds={seconds}" for what in ("export", "load")]
        + [f"--{what}-seconds={seconds / 8}" for what in ("update", "settings")]
        + ["--create-seconds=0"],
        cwd=REPOSITORY,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert sandbox.stdout is not None
        yield Shop(json.loads(sandbox.stdout.readline())["endpoint_url"], folder)
    finally:
        sandbox.terminate()
        sandbox.wait()
