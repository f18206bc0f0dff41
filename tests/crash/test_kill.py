"""The real program, killed for real: SIGKILL at any moment, Ctrl-C once and twice."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from migrate.sandbox.settings import SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.crash.ends import end_of
from tests.crash.processes import Shop, shop

KILLS = 10
"""Kills of one test, over as many migrations as it takes; two tests make twenty."""

SECONDS = 1.2
"""How long each export and each import takes, so that kills strike while they are waited for."""

LIVES = (0.5, 2.5)
"""Seconds that a run lives before it is killed; the program needs about one to start."""


def check_end(shop: Shop) -> None:
    """Each table moved once, completely, and nothing is left to do or lying around."""
    end = end_of(shop.aws, shop.state(), [])
    for name in ("orders", "stock"):
        source, target = (end["tables"][f"{account}/{name}"] for account in (SOURCE_ACCOUNT, TARGET_ACCOUNT))
        assert source["items"] == target["items"]
        assert source["recovery"] is None
        assert target["tags"]["migrate:lineage"] == "(lineage)"
    for account, jobs in ((SOURCE_ACCOUNT, end["exports"]), (TARGET_ACCOUNT, end["imports"])):
        assert jobs == [f"arn:aws:dynamodb:eu-west-1:{account}:table/{n} COMPLETED" for n in ("orders", "stock")]
    assert end["buckets"] == {}
    assert set(end["steps"].values()) == {"done"}
    code, output = shop.run("plan", str(shop.manifest), "--detailed-exitcode")
    assert code == 0, output


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments_the_same_command_finishes(seed: int, tmp_path: Path, record_property: Any) -> None:
    dice = random.Random(seed)
    killed = migrations = 0
    while killed < KILLS:
        with shop(tmp_path / str(migrations), seconds=SECONDS) as moving:
            while killed < KILLS and kill_one(moving, dice.uniform(*LIVES)):
                killed += 1
            moving.finish()
            check_end(moving)
        migrations += 1
    record_property("figures", {"of": "crash SIGKILL", "counts": {"kills": killed, "migrations finished": migrations}})


def kill_one(moving: Shop, seconds: float) -> bool:
    """Run the command and kill it after that many seconds; False when it was done before."""
    process = moving.apply()
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


@pytest.mark.slow
def test_ctrl_c_saves_the_state_and_the_same_command_goes_on(tmp_path: Path) -> None:
    with shop(tmp_path, seconds=1.5) as moving:
        process = moving.apply()
        moving.wait_for("orders/export")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 130, output
        assert "state   saved" in output
        assert "Going on with shop" in moving.finish()
        check_end(moving)


@pytest.mark.slow
def test_ctrl_c_twice_ends_at_once_and_loses_nothing(tmp_path: Path) -> None:
    with shop(tmp_path, seconds=0.8) as moving:
        hold(moving, "DescribeExport")
        process = moving.apply()
        moving.wait_for("orders/export")
        process.send_signal(signal.SIGINT)
        told = read_until(process, "stopping")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=10)  # the call that it waits for takes a minute
        assert process.returncode == 130, told + output
        hold(moving, None)
        moving.finish()
        check_end(moving)


def hold(shop: Shop, operation: str | None) -> None:
    """From now on calls of this operation take a minute; None: no longer."""
    rules = [{"kind": "delay", "operation": operation, "seconds": 60}] if operation else []
    data = json.dumps({"rules": rules}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{shop.endpoint_url}/sandbox/faults", data=data)) as answer:
        assert answer.status == 200


def read_until(process: subprocess.Popen[str], word: str) -> str:
    """The output up to the line with `word`."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if word in line:
            return text
    raise AssertionError(f"no {word} in: {text}")
