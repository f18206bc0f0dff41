"""A saved plan: exactly it is carried out, or nothing, and then every reason is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import SOURCE, TARGET, World


@pytest.fixture
def pinned(world: World) -> World:
    """The table `orders`, its manifest and a saved plan."""
    world.table("orders")
    world.manifest()
    world.ok("plan", "m.yaml", "--out", "plan.json")
    return world


def digest(world: World) -> str:
    return world.ok("show", "plan.json", "--digest").out.strip()


def edit(change: dict[str, Any]) -> None:
    value = json.loads(Path("plan.json").read_text())
    Path("plan.json").write_text(json.dumps({**value, **change}))


def untouched(world: World) -> bool:
    return world.target.list_tables()["TableNames"] == [] and not (world.folder / "state/move/migration.json").exists()


def test_the_approved_digest_travels_apart(pinned: World) -> None:
    approved = digest(pinned)
    assert approved not in pinned.ok("plan", "m.yaml", "--out", "other.json").out  # each plan begins a state of its own
    assert approved in pinned.ok("show", "plan.json").out
    refused = pinned.run("apply", "other.json", "--auto-approve", "--expect", approved)
    assert refused.code == 5
    assert "not the plan that was approved" in refused.err
    assert approved in refused.err
    assert untouched(pinned)
    pinned.ok("apply", "plan.json", "--auto-approve", "--expect", approved)
    report = pinned.ok("report", "--json").json
    assert f"sha256:{report['plan_id']}" == approved
    assert report["runs"][-1]["agreed"] == "beforehand (--auto-approve), by its digest (--expect)"
    assert len(pinned.items(TARGET, "orders")) == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("apply", "plan.json", "--expect", "abc"), "64 hexadecimal digits"),
        (("apply", "plan.json", "--expect", ""), "64 hexadecimal digits"),  # an empty variable of a pipeline
        (("apply", "m.yaml", "--expect", f"sha256:{'0' * 64}"), "goes with a saved plan"),
        (("apply", "plan.json", "--only", "orders"), "--only goes with a manifest"),
        (("show", "plan.json", "--json", "--markdown"), "not both"),
    ],
)
def test_wrong_usage(pinned: World, words: tuple[str, ...], said: str) -> None:
    outcome = pinned.process(*words)
    assert outcome.returncode == 64
    assert said in " ".join(outcome.stderr.split())


@pytest.mark.parametrize(
    "change", [{"manifest_digest": "0" * 64}, {"summary": {"delete": 0}}, {"unheard_of": 1}], ids=str
)
def test_an_edited_plan_is_not_carried_out(pinned: World, change: dict[str, Any]) -> None:
    edit(change)
    for words in (("apply", "plan.json", "--auto-approve"), ("show", "plan.json")):
        refused = pinned.run(*words)
        assert refused.code == 3
        assert "plan.json was changed by hand" in refused.err
        assert "migrate plan" in refused.err
    assert untouched(pinned)


@pytest.mark.parametrize("text", [None, "", "{", '{"plan_id": "x"}', "[]", '{"format_version": 1}'])
def test_what_is_no_plan(pinned: World, text: str | None) -> None:
    if text is not None:
        Path("other.json").write_text(text)
    refused = pinned.run("apply", "other.json", "--auto-approve", "--expect", digest(pinned))
    assert refused.code == 3
    assert "other.json is no" in refused.err
    assert "migrate plan" in refused.err


def test_an_edited_plan_with_a_digest_to_match_is_not_the_approved_one(pinned: World) -> None:
    from migrate.core.codec import decode
    from migrate.plan.model import Plan

    approved = digest(pinned)
    edit({"prices_of": "nowhere"})
    forged = decode(Plan, json.loads(Path("plan.json").read_text()))
    edit({"plan_id": forged.plan_id})
    assert pinned.run("apply", "plan.json", "--auto-approve", "--expect", approved).code == 5
    assert untouched(pinned)


def test_a_forged_order_is_not_carried_out(pinned: World) -> None:
    """A file whose plan_id fits, in which the clean-up does not wait for the verification."""
    from migrate.core.codec import decode
    from migrate.plan.model import Plan

    value = json.loads(Path("plan.json").read_text())
    for action in value["actions"]:
        if action["address"] == "orders/export-removal":
            action["needs"] = []
    edit({"actions": value["actions"]})
    edit({"plan_id": decode(Plan, json.loads(Path("plan.json").read_text())).plan_id})
    pinned.ok("show", "plan.json")
    refused = pinned.run("apply", "plan.json", "--auto-approve")
    assert refused.code == 5
    assert "orders/export-removal would be different now" in refused.err
    edit({"actions": [*value["actions"], value["actions"][-1]]})
    forged = decode(Plan, json.loads(Path("plan.json").read_text()))
    edit({"plan_id": forged.plan_id, "summary": forged.summary()})
    assert pinned.run("apply", "plan.json", "--auto-approve").code in (4, 5)
    assert untouched(pinned)


def test_every_reason_is_named_at_once(pinned: World) -> None:
    pinned.manifest("[{name: orders, target: {tags: {a: b}}}]")
    pinned.source.update_table(
        TableName="orders", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    )
    refused = pinned.run("apply", "plan.json", "--auto-approve")
    assert refused.code == 5
    for reason in ("the manifest has changed", "orders/stream is needed by now", "orders/tags would be different now"):
        assert reason in refused.err
    assert untouched(pinned)


def test_a_plan_of_another_migration(pinned: World) -> None:
    pinned.manifest(name="other")
    refused = pinned.run("apply", "plan.json", "--auto-approve")
    assert refused.code == 5
    assert "it is a plan of move, and m.yaml describes other by now" in refused.err
    assert untouched(pinned)


def test_a_plan_in_another_folder(pinned: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (pinned.folder / "elsewhere").mkdir()
    monkeypatch.chdir(pinned.folder / "elsewhere")
    refused = pinned.run("apply", "../plan.json", "--auto-approve")
    assert refused.code == 3
    assert "m.yaml, from which the plan was made, is not here" in refused.err


def test_a_plan_of_another_state(pinned: World) -> None:
    pinned.table("events")
    pinned.manifest("[{name: orders}, {name: events}]")
    pinned.ok("plan", "m.yaml", "--only", "orders", "--out", "plan.json")
    pinned.ok("apply", "m.yaml", "--auto-approve", "--only", "events")
    refused = pinned.run("apply", "plan.json", "--auto-approve")
    assert refused.code == 5
    assert "the state has lineage" in refused.err


def test_a_target_that_was_made_by_hand_meanwhile(pinned: World) -> None:
    keys = [{"AttributeName": "id", "KeyType": "HASH"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}]
    pinned.target.create_table(
        TableName="orders", KeySchema=keys, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST"
    )
    refused = pinned.run("apply", "plan.json", "--auto-approve")
    assert refused.code == 5
    assert f"the table orders exists in {TARGET}" in refused.err
    assert "no longer needed" not in refused.err  # what cannot be planned is explained by its own error
    assert pinned.items(TARGET, "orders") == []


def test_a_setting_of_the_target_changed_by_hand_meanwhile(pinned: World) -> None:
    pinned.ok("apply", "plan.json", "--auto-approve")
    pinned.manifest("[{name: orders, target: {ttl: expires}}]")
    pinned.ok("plan", "m.yaml", "--out", "plan.json")
    other = {"AttributeName": "gone", "Enabled": True}
    pinned.target.update_time_to_live(TableName="orders", TimeToLiveSpecification=other)
    refused = pinned.run("apply", "plan.json", "--auto-approve")
    assert refused.code == 5
    assert "orders/ttl would be different now" in refused.err
    pinned.target.update_table(TableName="orders", DeletionProtectionEnabled=True)
    again = pinned.run("apply", "plan.json", "--auto-approve")
    assert "orders/deletion-protection is needed by now" in again.err
    assert "orders/ttl would be different now" in again.err


def test_what_no_action_touches_may_change(pinned: World) -> None:
    pinned.table("events", items=1)
    pinned.source.put_item(TableName="orders", Item={"id": {"S": "later"}})
    pinned.ok("apply", "plan.json", "--auto-approve")
    assert len(pinned.items(TARGET, "orders")) == 6


def test_a_source_that_was_made_again(pinned: World) -> None:
    pinned.source.delete_table(TableName="orders")
    pinned.table("orders", items=1)
    refused = pinned.run("apply", "plan.json", "--auto-approve")
    assert refused.code == 5
    assert "it was deleted and made again" in refused.err
    pinned.source.delete_table(TableName="orders")
    gone = pinned.run("apply", "plan.json", "--auto-approve")
    assert gone.code == 5
    assert f"There is no table orders in {SOURCE}" in gone.err


def test_a_part_of_the_manifest_is_pinned(world: World) -> None:
    world.table("orders")
    world.table("events")
    world.manifest('[{match: "*"}]')
    world.ok("plan", "m.yaml", "--only", "orders", "--out", "plan.json")
    world.table("later")
    world.ok("apply", "plan.json", "--auto-approve")
    assert world.target.list_tables()["TableNames"] == ["orders"]


@pytest.mark.parametrize("operation", ["CreateBucket", "ExportTableToPointInTime", "UpdateTimeToLive", "DeleteBucket"])
def test_the_same_file_resumes_after_a_failure(world: World, operation: str) -> None:
    world.table("orders")
    world.manifest("[{name: orders, target: {ttl: expires}}]")
    world.ok("plan", "m.yaml", "--out", "plan.json")
    world.faults({"kind": "access-denied", "operation": operation})
    failed = world.run("apply", "plan.json", "--auto-approve")
    assert failed.code == 9
    assert "migrate apply plan.json   goes on" in failed.out
    world.faults()
    on = world.ok("apply", "plan.json")  # agreed already, so nobody is asked
    assert "Going on with move" in on.err
    assert "This plan is done" in world.ok("apply", "plan.json", "--auto-approve").out
    assert "No changes" in world.ok("plan", "m.yaml").out


def test_a_failed_import_needs_a_new_plan_which_shows_what_it_left_behind(pinned: World) -> None:
    pinned.faults({"kind": "access-denied", "operation": "ImportTable"})
    assert pinned.run("apply", "plan.json", "--auto-approve").code == 9
    pinned.faults()
    refused = pinned.run("apply", "plan.json", "--auto-approve")
    assert refused.code == 5
    assert "orders/table-removal is needed by now" in refused.err
    assert "export-check" not in refused.err
    pinned.ok("plan", "m.yaml", "--out", "plan.json")
    pinned.ok("apply", "plan.json", "--auto-approve")
    assert len(pinned.items(TARGET, "orders")) == 5


def test_a_plan_that_is_done_says_so_without_aws(pinned: World) -> None:
    pinned.ok("apply", "plan.json", "--auto-approve")
    pinned.manifest("[{name: orders, target: {tags: {a: b}}}]")
    pinned.faults({"kind": "expired-token"})
    again = pinned.ok("apply", "plan.json")
    assert "This plan is done" in again.out
    assert "import table orders" in pinned.ok("show", "plan.json").out


def test_a_plan_without_changes_is_pinned_too(pinned: World) -> None:
    pinned.ok("apply", "plan.json", "--auto-approve")
    pinned.ok("plan", "m.yaml", "--out", "nothing.json")
    assert "No changes" in pinned.ok("apply", "nothing.json").out
    pinned.target.update_table(TableName="orders", DeletionProtectionEnabled=True)
    refused = pinned.run("apply", "nothing.json")
    assert refused.code == 5
    assert "orders/deletion-protection is needed by now" in refused.err


def test_a_plan_with_errors_is_kept_to_be_shown_and_never_carried_out(world: World) -> None:
    world.table("orders")
    world.manifest("[{name: orders, strategy: s3}]", strategies={"s3": {"bucket": "no-such-bucket"}})
    assert world.run("plan", "m.yaml", "--out", "plan.json").code == 4
    assert "no-such-bucket" in world.ok("show", "plan.json", "--markdown").out
    refused = world.run("apply", "plan.json", "--auto-approve")
    assert refused.code == 4
    assert "no-such-bucket" in refused.err
