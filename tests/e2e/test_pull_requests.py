"""The pull request flow, by the shell steps of the shipped GitHub workflow; and what else examples/pipelines ships."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from migrate.cli.main import app
from migrate.core.diagnostics import has_errors
from migrate.manifest.policy import load_policy
from tests.e2e.runner import GitHub
from tests.e2e.test_json_outputs import commands
from tests.e2e.world import ROOT, TARGET, World

PIPELINES = ROOT / "examples" / "pipelines"
OTHER = f"sha256:{'0' * 64}"


@pytest.fixture
def hub(world: World) -> GitHub:
    """A repository with the manifest of the table `orders`."""
    hub = GitHub(world.folder, PIPELINES / "github" / "migrate.yml")
    (hub.repo / "migrations").mkdir()
    world.table("orders")
    world.manifest(file="repo/migrations/orders.yaml")
    return hub


def review(digest: str, login: str = "anna", state: str = "APPROVED", association: str = "MEMBER") -> dict[str, Any]:
    body = f"Looks good.\r\n\r\napprove {digest}\r\n" if digest else "Looks good."
    return {"author": {"login": login}, "authorAssociation": association, "state": state, "body": body}


def planned(hub: GitHub) -> str:
    """Run the job of the pull request; the digest that its comment asks to approve."""
    ran = hub.run("plan")
    assert ran.code == 0, ran.text
    line = re.search(r"^    approve (sha256:[0-9a-f]{64})$", hub.comments[-1], re.MULTILINE)
    assert line, hub.comments[-1]
    return line[1]


def test_plan_approve_merge_no_changes(hub: GitHub, world: World) -> None:
    digest = planned(hub)
    comment = hub.comments[-1]
    assert "1 table (34 B) to move" in comment
    assert "<details><summary>orders -&#62; orders" in comment
    assert f"Digest: `{digest}`" in comment
    assert world.target.list_tables()["TableNames"] == []

    hub.pull_request(review(digest))
    merged = hub.run("apply")
    assert merged.code == 0, merged.text
    assert len(world.items(TARGET, "orders")) == 5
    assert "Apply complete" in hub.comments[-1]
    assert "No changes. The target matches the manifest." in hub.comments[-1]

    again = hub.run("apply")  # somebody presses "Re-run"
    assert again.code == 0
    assert "This plan is done" in again.steps["Apply"]
    ran = hub.run("plan")  # and a later pull request has nothing to approve
    assert ran.code == 0
    assert "No changes" in hub.comments[-1]
    assert "approve" not in hub.comments[-1].split("Digest")[1]


def test_a_failed_apply_is_finished_by_running_the_job_again(hub: GitHub, world: World) -> None:
    hub.pull_request(review(planned(hub)))
    world.faults({"kind": "expired-token", "operation": "ImportTable"})
    failed = hub.run("apply")
    assert (failed.code, failed.failed) == (9, "Apply")
    assert "migrate apply plan.json   goes on from here" in hub.comments[-1]
    world.faults()
    on = hub.run("apply")
    assert on.code == 0, on.text
    assert "Going on with move" in on.steps["Apply"]
    assert len(world.target.list_imports()["ImportSummaryList"]) == 1


def test_every_refusal_says_why_and_changes_nothing(hub: GitHub, world: World) -> None:
    digest = planned(hub)
    refusals: list[tuple[list[dict[str, Any]], int, str]] = [
        ([], 1, "no review approves a plan"),
        ([review("")], 1, "no review approves a plan"),
        ([review(digest, state="COMMENTED")], 1, "no review approves a plan"),
        ([review(digest, association="NONE")], 1, "no review approves a plan"),
        ([review(digest), review(digest, state="CHANGES_REQUESTED")], 1, "no review approves a plan"),
        ([review(digest), review(OTHER, "bob")], 1, "different plans were approved"),
        ([review(OTHER)], 5, "plan.json is not the plan that was approved"),
    ]
    for reviews, code, said in refusals:
        hub.pull_request(*reviews)
        ran = hub.run("apply")
        assert (ran.code, said in ran.text) == (code, True), ran.text
    hub.pull_request(number=None)
    assert "came without a pull request" in hub.run("apply").text

    hub.pull_request(review(digest))
    whole = hub.artifact.read_text()
    hub.artifact.write_text(whole.replace("orders/export", "orders/exp0rt"))
    edited = hub.run("apply")
    assert (edited.code, "plan.json was changed by hand" in edited.text) == (3, True)
    assert "plan.json was changed by hand" in hub.comments[-1]
    hub.artifact.write_text(whole)

    manifest = hub.repo / "migrations" / "orders.yaml"
    before = manifest.read_text()
    manifest.write_text(before.replace("name: move", "name: other"))
    other = hub.run("apply")
    assert (other.code, "it is a plan of move" in other.text) == (5, True)
    manifest.write_text(before.replace("{name: orders}", "{name: orders, target: {tags: {a: b}}}"))
    changed = hub.run("apply")
    assert (changed.code, "the manifest has changed" in changed.text) == (5, True)
    manifest.write_text(before)

    assert world.target.list_tables()["TableNames"] == []
    keys = [{"AttributeName": "id", "KeyType": "HASH"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}]
    world.target.create_table(
        TableName="orders", KeySchema=keys, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST"
    )
    by_hand = hub.run("apply")
    assert (by_hand.code, f"the table orders exists in {TARGET}" in by_hand.text) == (5, True)
    assert world.items(TARGET, "orders") == []


def test_a_policy_speaks_in_the_comment_and_names_are_passed_on(hub: GitHub, world: World) -> None:
    policy = hub.repo / "migrations" / "policy.yaml"
    world.manifest(file="repo/migrations/orders.yaml", policy="policy.yaml")
    policy.write_text("version: 1\nstrategies: [copy]\nmax_source_read_units: 0\n")
    ran = hub.run("plan")
    assert (ran.code, ran.failed) == (4, "Verdict")
    assert "migrations/policy.yaml:2:1: strategy s3 is not one" in hub.comments[-1]
    assert "migrations/policy.yaml:3:1: more read units than the 0" in hub.comments[-1]
    assert "approve sha256" not in hub.comments[-1]

    policy.write_text("version: 1\napprovals: [{tables: [orders], by: [anna]}]\n")
    digest = planned(hub)
    assert "only with the approval of anna" in hub.comments[-1]
    hub.pull_request(review(digest, "bob"))
    refused = hub.run("apply")
    assert (refused.code, "approved by bob" in refused.text) == (4, True)
    hub.pull_request(review(digest, "bob"), review(digest, "anna"))
    assert hub.run("apply").code == 0
    assert len(world.items(TARGET, "orders")) == 5


def test_a_manifest_that_is_not_valid_is_told_in_the_comment(hub: GitHub, world: World) -> None:
    world.manifest("[{nam: orders}]", file="repo/migrations/orders.yaml")
    ran = hub.run("plan")
    assert (ran.code, ran.failed) == (3, "Verdict")
    assert "did you mean `name`?" in hub.comments[-1]


def scripts() -> list[str]:
    """Every `migrate` command in the shipped recipes, one a line."""
    texts = [path.read_text() for path in PIPELINES.rglob("*") if path.suffix in (".yml", ".yaml")]
    found = [line for text in texts for line in text.splitlines() if not line.lstrip().startswith("#")]
    return [one for line in found for one in re.findall(r"migrate ((?:[a-z]+ [^|&;)]*--|[a-z]+ \"\$)[^|&;)]*)", line)]


def test_recipes_use_options_that_exist() -> None:
    known = {name: {o for p in one.params for o in p.opts} for name, one in commands(typer.main.get_command(app))}
    assert len(scripts()) >= 12
    for script in scripts():
        name, *words = script.split()
        options = {word.split("=")[0] for word in words if re.match(r"--[a-z]", word)}
        assert options <= known[name], script


@pytest.mark.parametrize("path", sorted(p.relative_to(PIPELINES).as_posix() for p in PIPELINES.rglob("*.y*ml")))
def test_recipes_are_yaml(path: str) -> None:
    assert yaml.safe_load((PIPELINES / path).read_text(encoding="utf-8"))


def test_the_policy_that_is_shipped_is_valid() -> None:
    policy, found = load_policy(PIPELINES / "policy.yaml")
    assert policy is not None
    assert not has_errors(found)
    assert json.loads((PIPELINES / "github" / "trust-policy.json").read_text())["Statement"]
    assert Path(policy.file).name == "policy.yaml"
