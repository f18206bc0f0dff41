"""`migrate doctor` against the sandbox: what a user sees, what it calls, how it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from migrate.core.schemas import read_schema
from migrate.state.store import open_store
from tests.e2e.world import TARGET, Outcome, World, control

STREAM: dict[str, Any] = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}


@pytest.fixture
def ready(world: World) -> World:
    world.table("orders", **STREAM)
    world.manifest()
    return world


def results(outcome: Outcome) -> dict[str, str]:
    """Result by account and name of the check, of valid JSON."""
    document = outcome.json
    assert not list(Draft202012Validator(read_schema("checkup")).iter_errors(document))
    assert document["exit_code"] == outcome.code
    return {f"{one['account']} {one['name']}": one["result"] for one in document["checks"]}


def test_a_healthy_migration_passes(ready: World) -> None:
    said = results(ready.ok("doctor", "m.yaml", "--json"))
    assert said.pop("source writers") == "warn"  # the table was filled a moment ago
    assert set(said.values()) == {"ok"}
    text = ready.ok("doctor", "m.yaml").out
    assert "Nothing was changed.\nTo see what would be done: migrate plan m.yaml" in text
    assert not (ready.folder / "state").exists()


def test_look_ups_that_are_refused_are_unknown_and_never_ok(ready: World) -> None:
    refused = {
        "ListServiceQuotas": "target quota-tables",
        "GetMetricData": "source writers",
        "ListEventSourceMappings": "source triggers",
        "ListExports": "source quota-exports",
    }
    ready.faults(*({"kind": "access-denied", "operation": name} for name in refused))
    said = results(ready.ok("doctor", "m.yaml", "--json"))
    assert {name: said[name] for name in refused.values()} == dict.fromkeys(refused.values(), "unknown")
    assert "with AWS's default of 2,500 they fit" in ready.ok("doctor", "m.yaml").out


def test_a_trigger_on_the_table_that_is_filled_stops_the_night(ready: World) -> None:
    there = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST"}
    key = [{"AttributeName": "id", "KeyType": "HASH"}]
    made = ready.target.create_table(TableName="orders", KeySchema=key, **there, **STREAM)["TableDescription"]
    wish: dict[str, Any] = {"FunctionName": "mail", "StartingPosition": "LATEST"}
    triggers = ready.client("lambda", TARGET)
    id = triggers.create_event_source_mapping(EventSourceArn=made["LatestStreamArn"], **wish)["UUID"]
    ready.manifest("[{name: orders, strategy: copy}]")
    outcome = ready.run("doctor", "m.yaml")
    assert outcome.code == 4
    assert f"aws lambda update-event-source-mapping --uuid {id} --no-enabled" in outcome.out
    assert "Mend what failed, then: migrate doctor m.yaml" in outcome.out
    triggers.update_event_source_mapping(UUID=id, Enabled=False)
    assert results(ready.ok("doctor", "m.yaml", "--json"))["target triggers"] == "ok"


def test_a_wrong_clock_a_missing_table_and_a_held_lock_are_told_in_one_run(ready: World) -> None:
    control(ready.url, "clock", {"advance_seconds": 900})
    ready.manifest("[{name: orders}, {name: ordrs}]")
    with open_store(str(ready.folder / "state")).lock("move", user="somebody"):
        outcome = ready.run("doctor", "m.yaml", "--json")
    said = results(outcome)
    assert outcome.code == 4
    assert [said[name] for name in ("source clock", "migration plan", "migration state")] == ["fail"] * 3
    assert "There is no table ordrs" in outcome.out
    assert "somebody" in outcome.out


def test_a_table_that_may_not_be_looked_at_has_no_free_name(ready: World) -> None:
    ready.faults({"kind": "access-denied", "operation": "DescribeTable", "account": TARGET})
    outcome = ready.run("doctor", "m.yaml", "--json")
    said = results(outcome)
    assert (outcome.code, said["migration plan"]) == (9, "fail")
    assert "names of new tables" not in outcome.out


def test_without_its_state_nothing_is_said_of_the_plan(ready: World) -> None:
    (ready.folder / "state" / "move").mkdir(parents=True)
    (ready.folder / "state" / "move" / "migration.json").write_text("{")
    outcome = ready.run("doctor", "m.yaml", "--json")
    expected = {"migration plan": "unknown", "migration state": "fail", "target quota-tables": "ok"}
    assert expected.items() <= results(outcome).items()


def test_an_account_that_cannot_be_entered(ready: World) -> None:
    ready.manifest(target={"role": f"arn:aws:iam::{TARGET}:role/Nobody"})
    outcome = ready.run("doctor", "m.yaml", "--json")
    said = results(outcome)
    assert outcome.code == 9
    expected = {"source identity": "ok", "target identity": "fail", "migration plan": "unknown"}
    assert expected.items() <= said.items()


def test_permissions_are_those_of_the_role_that_does_it(ready: World) -> None:
    iam = ready.client("iam", TARGET)
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="Mover", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    ready.manifest(target={"role": f"arn:aws:iam::{TARGET}:role/Mover"})
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "dynamodb:ImportTable", "Resource": "*"}
    for statements, code, result in (([allow, deny], 9, "fail"), ([allow], 0, "ok")):
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName="Mover", PolicyName="p", PolicyDocument=document)
        outcome = ready.run("doctor", "m.yaml", "--json")
        assert (outcome.code, results(outcome)["target permissions"]) == (code, result)
        assert ("dynamodb:ImportTable on" in outcome.out) is bool(code)
    ready.faults({"kind": "access-denied", "operation": "SimulatePrincipalPolicy"})
    assert results(ready.ok("doctor", "m.yaml", "--json"))["target permissions"] == "unknown"
