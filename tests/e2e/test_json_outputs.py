"""`--json` on every command that reports something, held against its schema; an error is JSON too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator

from migrate.cli.cmd_schema import NAMES
from migrate.cli.main import app
from migrate.core.schemas import read_schema
from tests.e2e.world import World

BUCKET = "shared/bucket.migration-222222222222"
WITHOUT = {
    "init": "its result is a manifest",
    "graph": "its result is Mermaid or DOT; show --json is the plan",
    "schema": "its result is JSON already",
    "sandbox": "prints a line of JSON",
    "demo": "a story for people",
    "throttle": "changes what runs; the exit code says whether it could",
    "state pull": "copies a state; the exit code says whether it could",
    "state push": "copies a state; the exit code says whether it could",
    "state unlock": "corrects by hand; the exit code says whether it could",
    "state forget": "corrects by hand; the exit code says whether it could",
    "state adopt": "corrects by hand; the exit code says whether it could",
}


def follows(name: str, value: Any) -> Any:
    problems = [f"{one.json_path}: {one.message}" for one in Draft202012Validator(read_schema(name)).iter_errors(value)]
    assert not problems
    return value


@pytest.fixture
def ready(world: World) -> World:
    world.table("orders")
    world.manifest(strategies={"s3": {"bucket": "migration-222222222222", "create_bucket": True}})
    return world


def commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name, command


def test_every_command_that_reports_has_json() -> None:
    found = {
        name: any("--json" in option.opts for option in command.params)
        for name, command in commands(typer.main.get_command(app))
    }
    assert {name for name, has_json in found.items() if not has_json} == set(WITHOUT)


def test_the_whole_story_in_json(ready: World) -> None:
    assert follows("validation", ready.ok("validate", "m.yaml", "--json").json)["valid"]
    plan = follows("plan", ready.ok("plan", "m.yaml", "--json", "--out", "plan.json").json)
    assert follows("plan", ready.ok("show", "plan.json", "--json").json) == plan
    ready.faults({"kind": "access-denied", "operation": "CreateBucket"})
    failed = ready.run("apply", "plan.json", "--auto-approve", "--json")
    value = follows("result", failed.json)
    assert (failed.code, value["exit_code"], value["outcome"]) == (9, 9, "failed")
    assert [one["address"] for one in value["failed"]] == [BUCKET]
    assert value["next"] == "migrate apply plan.json"
    report = follows("migration-report", ready.ok("report", "--json").json)
    assert report["outcome"] == "failed"
    assert [step["status"] for step in report["shared"] if step["address"] == BUCKET] == ["failed"]
    ready.faults({"kind": "expired-token", "operation": "ImportTable"})
    stopped = follows("result", ready.run("apply", "plan.json", "--json").json)
    assert stopped["cause"]["kind"] == "CredentialsExpired"
    ready.faults()
    done = follows("result", ready.ok("apply", "plan.json", "--json").json)
    assert done["outcome"] == "complete"
    assert len(done["done"]) == done["steps"] == len(plan["actions"])
    assert done["verified"][0]["same"] == 5
    assert follows("result", ready.ok("apply", "plan.json", "--json").json)["outcome"] == "already-done"
    assert follows("result", ready.ok("apply", "m.yaml", "--json").json)["outcome"] == "nothing-to-do"
    assert follows("result", ready.ok("cleanup", "m.yaml", "--json").json)["outcome"] == "nothing-to-do"
    follows("report", ready.ok("verify", "m.yaml", "--json").json)
    follows("state", ready.ok("state", "show", "move", "--json").json)
    report = follows("migration-report", ready.ok("report", "m.yaml", "--json").json)
    assert (report["outcome"], report["gaps"]) == ("verified", [])
    assert [run["outcome"] for run in report["runs"]] == ["failed", "failed", "complete"]
    assert "assumed-role/MigrateSandbox" in report["source"]["principals"][0]
    seen = report["tables"][0]["verification"]
    assert seen["source_digest"] == seen["target_digest"]
    status = follows("status", ready.ok("status", "--json").json)
    assert follows("status", ready.ok("state", "list", "--json").json) == status


def test_cleanup_in_json(ready: World) -> None:
    ready.manifest(defaults={"cleanup": "keep"})
    ready.ok("apply", "m.yaml", "--auto-approve")
    result = follows("result", ready.ok("cleanup", "m.yaml", "--auto-approve", "--json").json)
    assert result["outcome"] == "complete"
    assert "orders/export-removal" in result["done"]


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (("plan", "nothing.yaml"), 3, "ManifestInvalid"),
        (("apply", "m.yaml", "--auto-approve", "--policy", "org.yaml"), 4, "Refused"),
        (("apply", "m.yaml"), 4, "Refused"),
        (("apply", "plan.json", "--auto-approve"), 5, "PlanIsStale"),
        (("show", "m.yaml"), 3, "ManifestInvalid"),
        (("status", "unknown"), 6, "StateUnusable"),
        (("verify", "m.yaml"), 4, "Refused"),
    ],
)
def test_an_error_is_json_too(ready: World, words: tuple[str, ...], code: int, kind: str) -> None:
    Path("org.yaml").write_text("version: 1\nstrategies: []\n")
    ready.ok("plan", "m.yaml", "--out", "plan.json")
    if "plan.json" in words:
        ready.manifest("[{name: orders, target: {tags: {a: b}}}]")
    ended = ready.run(*words, "--json")
    value = follows("error", ended.json)
    assert (ended.code, value["exit_code"], value["error"]["kind"]) == (code, code, kind)
    assert value["error"]["summary"].splitlines()[0] in ended.err or value["diagnostics"]
    if "org.yaml" in words:
        assert value["diagnostics"][0]["location"]["file"] == "org.yaml"


def test_a_manifest_that_is_not_valid(ready: World) -> None:
    ready.manifest("[{nam: orders}]", policy="none.yaml")
    ended = ready.run("validate", "m.yaml", "--json")
    value = follows("validation", ended.json)
    assert ended.code == 3
    assert not value["valid"]
    assert value["diagnostics"][0]["location"]["line"]


def test_a_plan_with_a_missing_permission_follows_its_schema(ready: World) -> None:
    ready.faults({"kind": "access-denied", "operation": "DescribeContinuousBackups"})
    ended = ready.run("plan", "m.yaml", "--json")
    assert follows("plan", ended.json)["errored"]
    assert ended.code == 9


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_sound_and_printed(ready: World, name: str) -> None:
    schema = ready.ok("schema", name).json
    Draft202012Validator.check_schema(schema)
    assert schema == read_schema(name)
    assert schema.get("$defs", {}).get("diagnostic", None) in (None, read_schema("plan")["$defs"]["diagnostic"])


def test_every_schema_has_a_name() -> None:
    folder = Path(__file__).parents[2] / "schemas"
    assert {path.name.removesuffix(".schema.json") for path in folder.glob("*.schema.json")} == set(NAMES)
