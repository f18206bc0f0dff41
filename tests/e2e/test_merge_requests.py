"""The merge request flow, by the shell lines of the shipped GitLab pipeline."""

from __future__ import annotations

import re

from tests.e2e.gitlab import GitLab
from tests.e2e.test_pull_requests import OTHER, PIPELINES
from tests.e2e.world import TARGET, World


def test_plan_approve_merge_no_changes(world: World) -> None:
    lab = GitLab(world.folder, PIPELINES / "gitlab" / ".gitlab-ci.yml")
    (lab.repo / "migrations").mkdir()
    world.table("orders")
    world.manifest(file="repo/migrations/orders.yaml")
    ran = lab.run("plan")
    assert ran.returncode == 0, ran.stdout
    line = re.search(r"^    (approve sha256:[0-9a-f]{64})$", lab.comment, re.MULTILINE)
    assert line, lab.comment

    for approvers, notes, code, said in (
        ([], [("anna", line[1])], 1, "no approver has approved a plan"),
        (["anna"], [("eve", line[1])], 1, "no approver has approved a plan"),
        (["anna", "bob"], [("anna", line[1]), ("bob", f"approve {OTHER}")], 1, "different plans were approved"),
        (["anna"], [("anna", f"approve {OTHER}")], 5, "not the plan that was approved"),
    ):
        lab.merge_request(approvers, notes)
        refused = lab.run("apply")
        assert (refused.returncode, said in refused.stdout) == (code, True), refused.stdout
    lab.merge_request(["anna"], [("anna", line[1])], state="opened")
    assert "came without a merge request" in lab.run("apply").stdout
    assert world.target.list_tables()["TableNames"] == []

    lab.merge_request(["anna", "bob"], [("anna", f"approve {OTHER}"), ("anna", f"ok now\n\n{line[1]}")])
    merged = lab.run("apply")
    assert merged.returncode == 0, merged.stdout
    assert "No changes. The target matches the manifest." in merged.stdout
    assert len(world.items(TARGET, "orders")) == 5


def test_a_plan_that_is_refused_fails_the_job_and_is_told(world: World) -> None:
    lab = GitLab(world.folder, PIPELINES / "gitlab" / ".gitlab-ci.yml")
    (lab.repo / "migrations").mkdir()
    world.table("orders")
    world.manifest(file="repo/migrations/orders.yaml", policy="policy.yaml")
    (lab.repo / "migrations" / "policy.yaml").write_text("version: 1\nnever_delete: true\n")
    ran = lab.run("plan")
    assert ran.returncode == 4, ran.stdout
    assert "policy.yaml:2:1: the plan deletes" in lab.comment
    assert "To approve" not in lab.comment
