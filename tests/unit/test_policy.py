"""Policy files and gates: what is wrong with a policy, and which gates a plan breaks, all at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from migrate.core.diagnostics import Diagnostic
from migrate.core.schemas import read_schema
from migrate.manifest.policy import Policy, load_policy
from migrate.plan.model import Plan
from migrate.plan.policy import broken_policy, given_approvals
from tests.worlds import HEAD, MIB, facts, inventory, manifest_of, plan_of

EVERYTHING = """\
version: 1
accounts: {source: ["999999999999"], target: ["888888888888"]}
regions:
  target: [us-east-1]
strategies: [copy]
never_delete: true
max_dollars: 0.05
max_source_read_units: 100
approvals:
  - {tables: ["pay*"], by: [anna, bob]}
"""


def policy_of(tmp_path: Path, text: str) -> Policy:
    (tmp_path / "policy.yaml").write_text(text)
    policy, found = load_policy(tmp_path / "policy.yaml")
    assert policy is not None, found
    return policy


@pytest.fixture
def plan() -> Plan:
    """A move of two tables by s3, of 100 MiB each."""
    manifest = manifest_of(HEAD + "tables: [{name: orders}, {name: payments}]\n")
    return plan_of(manifest, inventory(*(facts(name, size_bytes=100 * MIB) for name in ("orders", "payments"))))


def broken(plan: Plan, policy: Policy, *approved: str) -> list[Diagnostic]:
    return broken_policy(plan, [policy], approved)


def test_every_broken_gate_is_named_with_its_line(plan: Plan, tmp_path: Path) -> None:
    found = broken(plan, policy_of(tmp_path, EVERYTHING))
    lines = {one.location.line: one.summary for one in found if one.location}
    assert sorted(lines) == [2, 4, 5, 6, 7, 8, 10]
    assert "target Region eu-west-1" in lines[4]
    assert "strategy s3" in lines[5]
    assert "orders, payments" in lines[5]
    assert "orders/export-removal" in lines[6]
    assert "$0.05" in lines[7]
    assert "payments" in lines[10]
    assert "anna or bob" in lines[10]
    assert [one.address for one in found if one.location and one.location.line == 2] == [
        "accounts.source",
        "accounts.target",
    ]
    assert all(one.is_error and one.location and one.location.file.endswith("policy.yaml") for one in found)


@pytest.mark.parametrize(
    "text",
    [
        'accounts: {source: ["111111111111"], target: ["222222222222"]}',
        "regions: {source: [eu-west-1]}",
        "strategies: [s3, copy]",
        "never_delete: false",
        "max_dollars: 1000",
        "max_source_read_units: 100000000",
        'approvals: [{tables: ["other-*", Pay*], by: [anna]}]',
        "{}",
    ],
)
def test_what_is_allowed_breaks_nothing(plan: Plan, tmp_path: Path, text: str) -> None:
    assert broken(plan, policy_of(tmp_path, f"version: 1\n{text if text != '{}' else ''}\n")) == []


@pytest.mark.parametrize(
    ("gate", "least"), [("max_dollars", "sum"), ("max_source_read_units", "each")], ids=["of all", "of each"]
)
def test_a_limit_may_be_reached_and_not_passed(plan: Plan, tmp_path: Path, gate: str, least: str) -> None:
    dollars = sum(table.estimate.dollars for table in plan.tables)
    units = plan.tables[0].estimate.source_read_units
    limit = dollars if least == "sum" else units
    assert broken(plan, policy_of(tmp_path, f"version: 1\n{gate}: {limit}\n")) == []
    assert broken(plan, policy_of(tmp_path, f"version: 1\n{gate}: {limit - (0.01 if least == 'sum' else 1)}\n"))


def test_one_of_the_names_approves(plan: Plan, tmp_path: Path) -> None:
    policy = policy_of(tmp_path, 'version: 1\napprovals: [{tables: ["pay*"], by: [anna, bob]}]\n')
    assert broken(plan, policy, "carl", "bob") == []
    assert "approved by carl" in broken(plan, policy, "carl")[0].why
    shown = broken_policy(plan, [policy], None)
    assert [one.is_error for one in shown] == [False]  # a plan that is only shown asks nobody
    given = given_approvals(plan, [policy], ["carl", "bob"])
    assert [(one.table, one.by) for one in given] == [("payments", "bob")]
    assert "policy.yaml:2:" in given[0].rule


def test_all_policies_count(plan: Plan, tmp_path: Path) -> None:
    strict = policy_of(tmp_path, "version: 1\nstrategies: []\n")
    loose = policy_of(tmp_path, "version: 1\n")
    assert broken_policy(plan, [loose, strict], ()) == broken_policy(plan, [strict], ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\nmax_dolars: 5\n", ":2:1: max_dolars is not a known key | did you mean `max_dollars`?"),
        ("version: 1\nstrategies: [s4]\n", ":2:14: strategies[0] is s4"),
        ("version: 1\naccounts: {target: [222222222222]}\n", "must be text, and YAML reads 222222222222 as a number"),
        ("version: 1\napprovals: [{tables: [a]}]\n", "approvals[0].by is missing"),
        ("version: 2\n", "version must be 1"),
        ("", "the file is empty"),
        ("- a\n", "a policy is a mapping of keys"),
        ("version: 1\nversion: 1\n", "version"),
    ],
)
def test_what_is_wrong_with_a_policy(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    policy, found = load_policy(tmp_path / "policy.yaml")
    assert policy is None
    told = [f"{one.location}: {one.summary} | {one.hint}" for one in found]
    assert any(said in one for one in told), told


def test_a_policy_that_is_not_there(tmp_path: Path) -> None:
    policy, found = load_policy(tmp_path / "none.yaml")
    assert policy is None
    assert "none.yaml does not exist" in found[0].summary


def test_the_schema_of_policies_is_sound() -> None:
    schema = read_schema("policy")
    Draft202012Validator.check_schema(schema)
    for example in schema["examples"]:
        Draft202012Validator(schema).validate(json.loads(json.dumps(example)))
