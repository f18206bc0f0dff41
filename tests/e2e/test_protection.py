"""Standing protection through the command line: backup plans, their drift, the age of copies, restores checked."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from migrate.core.schemas import read_schema
from tests.e2e.world import SOURCE, TARGET, World, control

TWO_DAYS = 2 * 24 * 3600
PROTECT = {"schedule": "daily", "delete_after_days": 7, "copy_delete_after_days": 35}
TABLES = "[{name: orders}, {name: stock}]"


def manifest(world: World, tables: str = TABLES, **more: Any) -> str:
    more.setdefault("defaults", {"protect": PROTECT})
    return world.manifest(tables, strategies={"backup": {"create": True}}, **more)


def protected(world: World, tables: str = TABLES) -> str:
    """Two tables under protection."""
    world.table("orders", 9)
    world.table("stock", 4)
    file = manifest(world, tables)
    world.ok("apply", file, "--auto-approve")
    return file


def plans(world: World) -> list[dict[str, Any]]:
    return list(world.client("backup", SOURCE).list_backup_plans()["BackupPlansList"])


def selected(world: World) -> list[list[str]]:
    """Names of tables of each selection of the only plan."""
    backup, (plan,) = world.client("backup", SOURCE), plans(world)
    id = plan["BackupPlanId"]
    found = backup.list_backup_selections(BackupPlanId=id)["BackupSelectionsList"]
    ids = [one["SelectionId"] for one in found]
    wholes = [backup.get_backup_selection(BackupPlanId=id, SelectionId=one)["BackupSelection"] for one in ids]
    return [[arn.rpartition("/")[2] for arn in one["Resources"]] for one in wholes]


def copies(world: World, table: str) -> list[str]:
    """Recovery points of a table in the target vault, oldest first."""
    arn = f"arn:aws:dynamodb:eu-west-1:{SOURCE}:table/{table}"
    found = world.client("backup", TARGET).list_recovery_points_by_backup_vault(
        BackupVaultName="migration", ByResourceArn=arn
    )["RecoveryPoints"]
    return [one["RecoveryPointArn"] for one in sorted(found, key=lambda one: one["CreationDate"])]


def test_two_days_make_two_copies_and_nothing_is_moved(world: World) -> None:
    file = protected(world)
    assert world.ok("plan", file, "--detailed-exitcode").out.strip().endswith("The target matches the manifest.")
    assert world.target.list_tables()["TableNames"] == []
    control(world.url, "clock", {"advance_seconds": TWO_DAYS})
    assert [len(copies(world, name)) for name in ("orders", "stock")] == [2, 2]
    assert selected(world) == [["orders", "stock"]]


def test_drift_is_shown_and_mended(world: World) -> None:
    file = protected(world)
    backup, (plan,) = world.client("backup", SOURCE), plans(world)
    document = backup.get_backup_plan(BackupPlanId=plan["BackupPlanId"])["BackupPlan"]
    document["Rules"][0]["ScheduleExpression"] = "cron(0 9 * * ? *)"
    document["Rules"][0]["Lifecycle"]["DeleteAfterDays"] = 2
    document["Rules"][0]["CopyActions"] = []
    del document["Rules"][0]["RuleId"]
    backup.update_backup_plan(BackupPlanId=plan["BackupPlanId"], BackupPlan=document)
    (one,) = backup.list_backup_selections(BackupPlanId=plan["BackupPlanId"])["BackupSelectionsList"]
    backup.delete_backup_selection(BackupPlanId=plan["BackupPlanId"], SelectionId=one["SelectionId"])
    seen = world.run("plan", file, "--detailed-exitcode")
    assert seen.code == 2
    assert "schedule: cron(0 9 * * ? *) -> cron(0 3 * * ? *)" in seen.out
    assert "retention in the source vault: 2 days -> 7 days" in seen.out
    assert "copy into the target account: none -> arn:aws:backup:eu-west-1:222222222222" in seen.out
    assert "deleted or replaced by hand" in seen.out
    assert "Plan: 0 to create, 2 to change, 0 to delete." in seen.out
    world.ok("apply", file, "--auto-approve")
    assert world.run("plan", file, "--detailed-exitcode").code == 0
    control(world.url, "clock", {"advance_seconds": TWO_DAYS})
    assert len(copies(world, "stock")) == 2


def test_a_selection_of_somebody_else_is_told_and_kept(world: World) -> None:
    file = protected(world)
    backup, (plan,) = world.client("backup", SOURCE), plans(world)
    roles = world.client("iam", SOURCE).list_roles()["Roles"]
    role = next(one["Arn"] for one in roles if one["RoleName"] == "migrate-backup")
    theirs = {"SelectionName": "theirs", "IamRoleArn": role, "Resources": [f"arn:aws:dynamodb:*:{SOURCE}:table/other"]}
    backup.create_backup_selection(BackupPlanId=plan["BackupPlanId"], BackupSelection=theirs)
    assert "somebody has added the selection theirs" in world.ok("plan", file, "--detailed-exitcode").err
    world.ok("apply", manifest(world, TABLES, defaults={"protect": PROTECT, "strategy": "copy"}), "--auto-approve")
    world.ok("cleanup", file, "--auto-approve")
    assert selected(world) == [["other"]]


def test_what_leaves_the_manifest_is_protected_no_more(world: World) -> None:
    protected(world)
    control(world.url, "clock", {"advance_seconds": TWO_DAYS})
    fewer = manifest(world, "[{name: orders}, {name: stock, protect: false, strategy: copy}]")
    seen = world.ok("plan", fewer).out
    assert "- stock" in seen
    world.ok("apply", fewer, "--auto-approve")
    assert selected(world) == [["orders"]]
    assert len(world.items(TARGET, "stock")) == 4
    assert world.run("plan", fewer, "--detailed-exitcode").code == 0
    none = manifest(world, TABLES, defaults={"strategy": "copy"})
    seen = world.ok("plan", none).out
    assert "recovery points that are there stay" in seen
    world.ok("apply", none, "--auto-approve")
    assert plans(world) == []
    assert len(copies(world, "orders")) == 2
    assert world.run("plan", none, "--detailed-exitcode").code == 0


def test_another_setting_takes_over_before_the_old_one_ends(world: World) -> None:
    protected(world)
    file = manifest(world, TABLES, defaults={"protect": {**PROTECT, "schedule": "hourly"}})
    world.ok("apply", file, "--auto-approve")
    assert selected(world) == [["orders", "stock"]]
    assert world.run("plan", file, "--detailed-exitcode").code == 0


def test_a_part_of_the_tables_leaves_protection_as_it_is(world: World) -> None:
    file = protected(world)
    seen = world.ok("plan", file, "--only", "orders", "--detailed-exitcode")
    assert "the protection of orders was left as it is" in seen.err


def test_cleanup_ends_protection(world: World) -> None:
    file = protected(world)
    told = world.ok("cleanup", file, "--auto-approve")
    assert plans(world) == []
    assert "is kept" in told.err + told.out
    assert world.client("iam", SOURCE).get_role(RoleName="migrate-backup"), "recovery points still expire by it"
    names = [one["BackupVaultName"] for one in world.client("backup", TARGET).list_backup_vaults()["BackupVaultList"]]
    assert names == ["Default"] or names == []
    assert world.source.list_tables()["TableNames"] == ["orders", "stock"]


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ("[{name: orders, protect: {schedule: nightly}}]", "must be hourly, daily, weekly"),
        ('[{name: orders, protect: {schedule: "cron(0 3 * * * *)"}}]', "must have ? for the day"),
        ("[{name: orders, protect: {schedule: daily}, target: {name: copy}}]", "protected, and not moved"),
        ("[{name: orders, protect: true}]", "must be false, or a mapping"),
    ],
)
def test_bad_input_is_told(world: World, tables: str, words: str) -> None:
    refused = world.run("validate", manifest(world, tables, defaults={}))
    assert refused.code == 3
    assert words in refused.err + refused.out


def copied(world: World) -> str:
    """Two tables, two days later."""
    file = protected(world)
    control(world.url, "clock", {"advance_seconds": TWO_DAYS})
    return file


def test_status_shows_the_newest_copies(world: World) -> None:
    file = protected(world)
    assert "orders  none yet" in world.ok("status", "move").out
    control(world.url, "clock", {"advance_seconds": TWO_DAYS})
    shown = world.ok("status", "move", "--json").json
    assert not list(Draft202012Validator(read_schema("status")).iter_errors(shown))
    newest = {one["table"]: one["recovery_point"] for one in shown["migrations"][0]["protection"]["tables"]}
    assert newest == {name: copies(world, name)[-1] for name in ("orders", "stock")}
    assert newest["stock"] in world.ok("status").out
    world.faults({"kind": "access-denied", "operation": "ListRecoveryPointsByBackupVault"})
    told = world.ok("status", "move").out
    assert "could not be read: ListRecoveryPointsByBackupVault on vault migration was refused" in told
    assert "made by this migration: " in told
    (world.folder / file).unlink()
    assert "could not be read: the manifest" in world.ok("status", "move").out


def test_a_good_copy_passes_and_a_damaged_one_fails(world: World) -> None:
    file = copied(world)
    passed = world.ok("restore-check", file, "orders", "--auto-approve")
    assert "9 items equal" in passed.out
    assert "nothing has changed since" in passed.out
    assert copies(world, "orders")[-1] in passed.out
    assert world.target.list_tables()["TableNames"] == []
    damaged = control(world.url, "damage", {"recovery_point": copies(world, "orders")[-1]})
    failed = world.run("restore-check", file, "orders", "--auto-approve")
    assert failed.code == 8, failed.out + failed.err
    assert "8 items equal, 1 different" in failed.out
    assert damaged["key"]["id"]["S"] in failed.out
    assert world.target.list_tables()["TableNames"] == []
    assert len(world.calls("StartRestoreJob")) == 2
    assert world.run("plan", file, "--detailed-exitcode").code == 0


def test_a_table_that_is_written_to_may_differ_in_so_many_keys(world: World) -> None:
    file = copied(world)
    world.source.put_item(TableName="orders", Item={"id": {"S": "new"}})
    world.source.delete_item(TableName="orders", Key={"id": {"S": "i0"}})
    assert world.run("restore-check", file, "orders", "--auto-approve", "--allow-changed", "1").code == 8
    passed = world.ok("restore-check", file, "orders", "--auto-approve", "--allow-changed", "2", "--json").json
    assert not list(Draft202012Validator(read_schema("restore-check")).iter_errors(passed))
    assert (passed["same"], passed["missing"], passed["extra"], passed["changed"]) == (8, 1, 1, 2)
    assert "this cannot tell which" in passed["compared"]


def test_a_table_of_that_name_that_is_not_ours_stays(world: World) -> None:
    file = copied(world)
    name = world.ok("restore-check", file, "stock", "--auto-approve", "--json").json["scratch_table"]
    keys = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}
    types = [{"AttributeName": "id", "AttributeType": "S"}]
    world.target.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", AttributeDefinitions=types, **keys)
    refused = world.run("restore-check", file, "stock", "--auto-approve")
    assert refused.code == 4
    assert "this state did not make it" in refused.err
    assert world.target.list_tables()["TableNames"] == [name]


def test_what_cannot_be_checked_is_told(world: World) -> None:
    file = protected(world)
    assert "no recovery point of orders" in world.run("restore-check", file, "orders", "--auto-approve").err
    assert "its tables: orders, stock" in world.run("restore-check", file, "order", "--auto-approve").err
    assert len(world.calls("StartRestoreJob")) == 0


@pytest.mark.parametrize(
    "operation", ["StartRestoreJob", "DescribeRestoreJob", "Scan", "DeleteTable", "GetRecoveryPointRestoreMetadata"]
)
def test_a_check_that_fails_on_its_way_goes_on(world: World, operation: str) -> None:
    """Refused in the middle, then run again, also after another apply: one restore, and nothing is left."""
    file = copied(world)
    world.faults({"kind": "access-denied", "operation": operation})
    stopped = world.run("restore-check", file, "orders", "--auto-approve")
    assert stopped.code in (7, 9), stopped.out + stopped.err
    assert f"next: migrate restore-check {world.folder / file} orders" in world.ok("status", "move").out
    world.faults()
    world.ok("apply", file, "--auto-approve")
    world.ok("restore-check", file, "orders", "--auto-approve")
    assert world.target.list_tables()["TableNames"] == []
    restores = world.client("backup", TARGET).list_restore_jobs()["RestoreJobs"]
    assert len(restores) == 1, [one["Status"] for one in restores]
