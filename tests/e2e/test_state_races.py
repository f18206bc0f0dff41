"""Many runs at once on one state in S3, and a run that dies: one at a time, none lost, the holder named."""

from __future__ import annotations

import json
import signal
import threading
from typing import Any

import pytest

from migrate.core.clock import SystemClock, timestamp
from tests.e2e.racing import Runner, start_together
from tests.e2e.test_state_in_s3 import BUCKET, environment, remote, s3, start, wait_for
from tests.e2e.world import ENVIRONMENT, SOURCE, TARGET, World

__all__ = ["remote"]
RUNS, RACES = 20, 5
HELD = {"kind": "throttle", "operation": "DescribeExport"}
"""While this lasts, whoever is carrying out the migration does not come to its end."""


@pytest.mark.slow
def test_of_twenty_runs_exactly_one_carries_it_out(remote: World, record_property: Any) -> None:
    for race in range(RACES):
        name, table, file = f"race-{race}", f"orders-{race}", f"{race}.yaml"
        remote.table(table)
        remote.manifest(f"[{{name: {table}}}]", name=name, file=file)
        remote.faults(HELD)
        runners = start_together(
            ["apply", file, "--auto-approve"], RUNS, remote.folder, {**ENVIRONMENT, **environment(remote)}
        )
        wait_for(lambda runners=runners: len(ended(runners)) == RUNS - 1, 120)
        winner = next(one for one in runners if one.process.is_alive())
        remote.faults()
        winner.process.join(60)
        assert winner.process.exitcode == 0, winner.text
        for loser in ended(runners):
            if loser is not winner:
                assert loser.process.exitcode == 6, loser.text
                assert f"the state of {name} is locked by" in loser.text
                assert f"process {winner.process.pid}" in loser.text
        assert len(remote.items(TARGET, table)) == len(remote.items(SOURCE, table)) == 5
        assert len(exports(remote, table)) == 1
        assert "No changes" in remote.ok("plan", file).out
    counts = {"races": RACES, "runs": RACES * RUNS, "winners": RACES, "refused with exit 6": RACES * (RUNS - 1)}
    record_property("figures", {"of": "state in S3, races", "counts": counts})


def ended(runners: list[Runner]) -> list[Runner]:
    return [one for one in runners if not one.process.is_alive()]


def exports(world: World, table: str) -> list[str]:
    found = world.source.list_exports()["ExportSummaries"]
    return [one["ExportArn"] for one in found if f":table/{table}/" in one["ExportArn"]]


@pytest.mark.slow
def test_the_lock_of_a_dead_run_on_another_machine_is_taken_over_after_its_lease(remote: World) -> None:
    remote.table("orders")
    remote.manifest()
    remote.faults(HELD)
    killed = start(remote, "apply", "m.yaml", "--auto-approve", MIGRATE_LEASE="8")
    wait_for(lambda: exports(remote, "orders"))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    holder = move_elsewhere(remote)
    refused = remote.run("apply", "m.yaml", "--auto-approve")
    assert refused.code == 6
    assert f"the state of move is locked by {holder}" in refused.err
    remote.faults()
    threading.Event().wait(8)
    outcome = remote.ok("apply", "m.yaml", "--auto-approve")
    assert f"note: took over the lock of {holder}" in outcome.err
    assert "Going on with move" in outcome.err
    assert len(remote.items(TARGET, "orders")) == 5
    assert len(exports(remote, "orders")) == 1
    assert "No changes" in remote.ok("plan", "m.yaml").out


def move_elsewhere(world: World) -> str:
    """Make the lock look as one of another machine, whose processes nobody here can see, and that has just given a sign
    of life; its holder in words."""
    key = "team/move/lock.json"
    lock = json.loads(s3(world).get_object(Bucket=BUCKET, Key=key)["Body"].read())
    lock["holder"].update(host="ci-7", space="another machine")
    lock["renewed"] = timestamp(SystemClock().now())
    s3(world).put_object(Bucket=BUCKET, Key=key, Body=json.dumps(lock).encode())
    return f"{lock['holder']['user']}@ci-7, process {lock['holder']['pid']}"


def test_a_lease_that_is_none_is_refused(remote: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_LEASE", "soon")
    refused = remote.run("status")
    assert refused.code == 6
    assert "MIGRATE_LEASE is not a number of seconds: soon" in refused.err
