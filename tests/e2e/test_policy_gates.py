"""A policy through the command line: on plan and on apply, before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.world import TARGET, World

BROKEN = "version: 1\nstrategies: [copy]\nnever_delete: true\n"


@pytest.fixture
def ready(world: World) -> World:
    world.table("orders")
    world.manifest()
    return world


def untouched(world: World) -> bool:
    return not (world.target.list_tables()["TableNames"] or world.client("s3", TARGET).list_buckets()["Buckets"])


@pytest.mark.parametrize("command", [("plan", "m.yaml"), ("apply", "m.yaml", "--auto-approve")])
def test_all_broken_gates_refuse_at_once(ready: World, command: tuple[str, ...]) -> None:
    Path("org.yaml").write_text(BROKEN)
    refused = ready.run(*command, "--policy", "org.yaml")
    assert refused.code == 4
    assert "org.yaml:2:1: error: strategy s3 is not one that the policy allows" in refused.err
    assert "org.yaml:3:1: error: the plan deletes" in refused.err
    assert untouched(ready)


def test_the_manifests_policy_stands_beside_it(ready: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (ready.folder / "team").mkdir()
    ready.manifest(file="team/m.yaml", policy="policy.yaml")
    missing = ready.run("plan", "team/m.yaml")
    assert missing.code == 3
    assert "team/policy.yaml does not exist" in missing.err
    Path("team/policy.yaml").write_text("version: 1\nmax_source_read_units: 0\n")
    Path("org.yaml").write_text(BROKEN)
    monkeypatch.setenv("MIGRATE_POLICY", "org.yaml")
    refused = ready.run("plan", "team/m.yaml")
    assert refused.code == 4
    for place in ("team/policy.yaml:2:1", "org.yaml:2:1", "org.yaml:3:1"):
        assert place in refused.err


def test_a_saved_plan_needs_the_approval_that_its_plan_announced(ready: World) -> None:
    Path("org.yaml").write_text("version: 1\napprovals: [{tables: [orders], by: [anna]}]\n")
    planned = ready.ok("plan", "m.yaml", "--policy", "org.yaml", "--out", "plan.json")
    assert "only with the approval of anna" in planned.err
    assert "only with the approval of anna" in ready.ok("show", "plan.json", "--markdown").out
    words = ("apply", "plan.json", "--auto-approve", "--policy", "org.yaml")
    refused = ready.run(*words)
    assert refused.code == 4
    assert "nobody has approved" in refused.err
    assert ready.run(*words, "--approve", "bob").code == 4
    assert untouched(ready)
    done = ready.ok(*words, "--approve", "anna")
    assert "orders: approved by anna" in done.err
    assert "approved by anna, as org.yaml:2" in "".join(
        line.replace('"message": "', "approved ") for line in Path("state/move/journal.jsonl").read_text().splitlines()
    )
    run = ready.ok("report", "--json").json["runs"][-1]
    assert run["approvals"] == ["orders: by anna, as org.yaml:2:14 asks"]


def test_a_policy_that_came_later_holds_a_saved_plan_and_a_begun_one(ready: World) -> None:
    ready.ok("plan", "m.yaml", "--out", "plan.json")
    Path("org.yaml").write_text(BROKEN)
    words = ("apply", "plan.json", "--auto-approve")
    assert ready.run(*words, "--policy", "org.yaml").code == 4
    assert untouched(ready)
    ready.faults({"kind": "expired-token", "operation": "ImportTable"})
    assert ready.run(*words).code == 9
    ready.faults()
    held = ready.run(*words, "--policy", "org.yaml")
    assert held.code == 4
    assert "strategy s3" in held.err
    assert ready.run("plan", "m.yaml", "--policy", "org.yaml").code == 4
    ready.ok(*words)


def test_never_delete_holds_cleanup_too(ready: World) -> None:
    ready.manifest(defaults={"cleanup": "keep"})
    Path("org.yaml").write_text("version: 1\nnever_delete: true\n")
    ready.ok("apply", "m.yaml", "--auto-approve", "--policy", "org.yaml")
    refused = ready.run("cleanup", "m.yaml", "--auto-approve", "--policy", "org.yaml")
    assert refused.code == 4
    assert "org.yaml:2:1" in refused.err
    ready.ok("cleanup", "m.yaml", "--auto-approve")
    assert ready.client("s3", TARGET).list_buckets()["Buckets"] == []
