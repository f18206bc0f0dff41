"""`migrate init` and `migrate demo`: a user's first minutes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.world import SOURCE, TARGET, World


def init(world: World, *words: str) -> tuple[str, ...]:
    role = f"arn:aws:iam::{SOURCE}:role/MigrateSandbox"
    return ("init", "--region", "eu-west-1", "--source-role", role, "--endpoint-url", world.url, *words)


def test_init_writes_a_manifest_that_works(world: World) -> None:
    for name in ("orders", "orders-2025", "events"):
        world.table(name, 2)
    role = f"arn:aws:iam::{TARGET}:role/MigrateSandbox"
    target = ("--target-account", TARGET, "--target-role", role)
    assert "2 tables" in world.ok(*init(world, "--tables", "orders*", *target)).out
    assert "partition: {name: id, type: S}" in Path("manifest.yaml").read_text()
    world.ok("validate", "manifest.yaml")
    plan = world.ok("plan", "manifest.yaml", "--json").json
    assert [table["source"] for table in plan["tables"]] == ["orders", "orders-2025"]


def test_init_leaves_a_file_alone(world: World) -> None:
    world.table("orders", 0)
    Path("manifest.yaml").write_text("mine")
    refused = world.run(*init(world))
    assert refused.code == 4
    assert "manifest.yaml exists already" in refused.err
    assert Path("manifest.yaml").read_text() == "mine"
    assert "name: orders" in world.ok(*init(world, "--out", "-")).out


def test_init_without_a_table(world: World) -> None:
    refused = world.run(*init(world, "--tables", "nothing*"))
    assert refused.code == 4
    assert "nothing*" in refused.err
    assert not Path("manifest.yaml").exists()


def test_the_demo_tells_the_whole_story(world: World) -> None:
    told = world.process("demo", "--keep", "kept", timeout=120)
    assert told.returncode == 0, told.stdout + told.stderr
    commands = [line for line in told.stdout.splitlines() if line.startswith("$ ")]
    assert [line.split()[2] for line in commands] == ["validate", "plan", "apply", "verify", "plan"]
    assert "Every table is equal: 3 tables compared" in told.stdout
    assert "No changes. The target matches the manifest." in told.stdout
    assert (world.folder / "kept/manifest.yaml").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_leaves_nothing_behind(world: World, number: signal.Signals) -> None:
    import os

    temporary = world.folder / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "migrate", "demo"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        port = int(line.split(":")[2].split(",")[0])
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert list(temporary.iterdir()) == []
    assert is_closed(port)


def is_closed(port: int) -> bool:
    import socket

    for _ in range(50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return True
        time.sleep(0.1)
    return False


def test_the_sandbox_has_its_own_help(world: World) -> None:
    shown = world.process("sandbox", "--help")
    assert shown.returncode == 0
    for option in ("--port", "--state-file", "--demo-tables"):
        assert option in shown.stdout
