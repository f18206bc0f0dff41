"""Plan, apply, plan again: what a user types, and what the target has then."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from migrate.core.schemas import read_schema
from tests.e2e.world import SOURCE, TARGET, World

TTL = {"AttributeName": "expires", "Enabled": True}


@pytest.fixture
def moved(world: World) -> World:
    """The table `orders`, with TTL, moved."""
    world.table("orders")
    world.source.update_time_to_live(TableName="orders", TimeToLiveSpecification=TTL)
    world.manifest()
    world.ok("apply", "m.yaml", "--auto-approve")
    return world


def by_id(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["id"]["S"]: item for item in items}


def test_after_apply_every_item_is_there_and_nothing_is_left_to_do(moved: World) -> None:
    assert by_id(moved.items(TARGET, "orders")) == by_id(moved.items(SOURCE, "orders"))
    again = moved.run("plan", "m.yaml", "--detailed-exitcode")
    assert (again.code, again.out.splitlines()[-1]) == (0, "No changes. The target matches the manifest.")
    second = moved.run("apply", "m.yaml")  # nothing to agree to, so nobody needs to be there
    assert (second.code, second.out) == (0, "No changes. The target matches the manifest.\n")


def test_plan_changes_nothing(world: World) -> None:
    world.table("orders")
    world.manifest()
    assert world.run("plan", "m.yaml", "--detailed-exitcode").code == 2
    assert world.target.list_tables()["TableNames"] == []
    assert world.client("s3", TARGET).list_buckets()["Buckets"] == []
    assert not (world.folder / "state").exists()
    recovery = world.source.describe_continuous_backups(TableName="orders")["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"


def test_a_setting_changed_by_hand_is_planned_and_mended(moved: World) -> None:
    moved.target.update_time_to_live(TableName="orders", TimeToLiveSpecification={**TTL, "Enabled": False})
    found = moved.run("plan", "m.yaml", "--detailed-exitcode")
    assert found.code == 2
    assert "TTL: off -> on" in found.out
    moved.ok("apply", "m.yaml", "--auto-approve")
    ttl = moved.target.describe_time_to_live(TableName="orders")["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires")
    assert moved.run("plan", "m.yaml", "--detailed-exitcode").code == 0


def test_outputs_follow_their_schemas(moved: World) -> None:
    moved.table("more")
    moved.manifest("[{name: orders}, {name: more}]")
    for schema, words in (
        ("plan", ("plan", "m.yaml", "--json")),
        ("report", ("verify", "m.yaml", "--only", "orders", "--json")),
        ("status", ("status", "--json")),
        ("state", ("state", "show", "move", "--json")),
    ):
        jsonschema.validate(moved.ok(*words).json, read_schema(schema))
    plan = moved.ok("plan", "m.yaml", "--json").json
    assert plan["summary"]["move"] == 1
    assert "more/import" in [action["address"] for action in plan["actions"]]


def test_a_saved_plan_is_carried_out_once(world: World) -> None:
    world.table("orders")
    world.manifest()
    assert "migrate apply plan.json" in world.ok("plan", "m.yaml", "--out", "plan.json").out
    assert "import table orders" in world.ok("show", "plan.json").out
    world.ok("apply", "plan.json", "--auto-approve")
    assert len(world.items(TARGET, "orders")) == 5
    again = world.ok("apply", "plan.json", "--auto-approve")
    assert "This plan is done" in again.out


def test_a_stale_plan_is_refused_with_the_reason(world: World) -> None:
    world.table("orders")
    world.manifest()
    world.ok("plan", "m.yaml", "--out", "plan.json")
    world.source.update_table(
        TableName="orders", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    )
    refused = world.run("apply", "plan.json", "--auto-approve")
    assert refused.code == 5
    assert "orders/stream" in refused.err
    assert "migrate plan m.yaml --out" in refused.err
    assert world.target.list_tables()["TableNames"] == []


def test_a_plan_for_another_manifest_is_stale(world: World) -> None:
    world.table("orders")
    world.manifest()
    world.ok("plan", "m.yaml", "--out", "plan.json")
    world.manifest("[{name: orders, target: {tags: {a: b}}}]")
    refused = world.run("apply", "plan.json", "--auto-approve")
    assert refused.code == 5
    assert "the manifest has changed" in refused.err


def test_only_moves_what_was_asked(world: World) -> None:
    world.table("orders")
    world.table("events")
    world.manifest('[{match: "*"}]')
    world.ok("apply", "m.yaml", "--auto-approve", "--only", "events")
    assert world.target.list_tables()["TableNames"] == ["events"]
    world.ok("apply", "m.yaml", "--auto-approve")
    assert world.target.list_tables()["TableNames"] == ["events", "orders"]
    unknown = world.run("plan", "m.yaml", "--only", "odrers")
    assert unknown.code == 3
    assert "orders" in unknown.err


def test_nobody_there_to_agree(world: World) -> None:
    world.table("orders")
    world.manifest()
    refused = world.process("apply", "m.yaml", input="yes\n")
    assert refused.returncode == 4
    assert "--auto-approve" in refused.stderr
    assert world.target.list_tables()["TableNames"] == []


@pytest.mark.parametrize(("answer", "code", "tables"), [("y\n", 4, []), ("yes\n", 0, ["orders"])])
def test_only_yes_is_agreement(world: World, answer: str, code: int, tables: list[str]) -> None:
    world.table("orders")
    world.manifest()
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    code_of_it = world.process("apply", "m.yaml", stdin=theirs).returncode
    os.close(ours)
    os.close(theirs)
    assert code_of_it == code
    assert world.target.list_tables()["TableNames"] == tables


def test_ctrl_c_saves_and_the_same_command_goes_on(world: World) -> None:
    world.table("orders")
    world.manifest()
    world.faults({"kind": "delay", "operation": "ImportTable", "seconds": 1.5})
    command = [sys.executable, "-m", "migrate", "apply", "m.yaml", "--auto-approve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(line.startswith("orders/import: started") for line in process.stderr)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "state   saved" in out
    assert "migrate apply m.yaml" in out
    world.faults()
    on = world.ok("apply", "m.yaml")  # agreed already, so nobody is asked
    assert "Going on with move" in on.err
    assert len(world.items(TARGET, "orders")) == 5
    imports = world.target.list_imports()["ImportSummaryList"]
    assert len(imports) == 1
