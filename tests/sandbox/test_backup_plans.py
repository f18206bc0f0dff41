"""Backup plans: they run when the sandbox's clock is moved."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from migrate.sandbox.schedules import InvalidSchedule, parse
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.sandbox.backup_world import BackupWorld, vault_arn
from tests.sandbox.test_server import control
from tests.sandbox.transfer_world import refused

DAY = 86_400


@pytest.fixture
def aws(sandbox: Sandbox) -> BackupWorld:
    return BackupWorld(sandbox)


def rule(vault: str, **more: Any) -> dict[str, Any]:
    return {"RuleName": "daily", "TargetBackupVaultName": vault, "ScheduleExpression": "cron(0 3 ? * * *)", **more}


def plan(aws: BackupWorld, *rules: dict[str, Any], tables: list[str]) -> str:
    """The id of a plan that backs these tables up."""
    client = aws.source("backup")
    made = client.create_backup_plan(BackupPlan={"BackupPlanName": aws.name("plan"), "Rules": list(rules)})
    selection = {"SelectionName": "tables", "IamRoleArn": aws.backup_role(), "Resources": tables}
    client.create_backup_selection(BackupPlanId=made["BackupPlanId"], BackupSelection=selection)
    return str(made["BackupPlanId"])


def points(client: Any, vault: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.list_recovery_points_by_backup_vault(BackupVaultName=vault)["RecoveryPoints"]
    return found


def test_two_days_make_two_copies(aws: BackupWorld) -> None:
    source, target = aws.vault(SOURCE_ACCOUNT), aws.vault(TARGET_ACCOUNT, lets_in=SOURCE_ACCOUNT)
    table, other = aws.table(3), aws.table(1)
    action = {"DestinationBackupVaultArn": vault_arn(TARGET_ACCOUNT, target), "Lifecycle": {"DeleteAfterDays": 30}}
    wish = rule(source, CopyActions=[action], Lifecycle={"DeleteAfterDays": 1}, RecoveryPointTags={"protect": "yes"})
    made = plan(aws, wish, tables=[table])
    assert points(aws.source("backup"), source) == []
    answer = control(aws, "clock", "POST", {"advance_seconds": 2 * DAY})
    assert answer["ahead_seconds"] == 2 * DAY
    copies = points(aws.target("backup"), target)
    assert [one["ResourceArn"] for one in copies] == [table, table]
    times = sorted(one["CreationDate"] for one in copies)
    assert times[1] - times[0] == pytest.approx(timedelta(days=1), abs=timedelta(minutes=1))
    assert [moment.astimezone(timezone.utc).hour for moment in times] == [3, 3]
    assert copies[0]["CreatedBy"]["BackupPlanId"] == made
    assert {one["ResourceArn"] for one in points(aws.source("backup"), source)} == {table}
    assert len(points(aws.source("backup"), source)) == 1, "the first has expired"
    job = aws.source("backup").list_backup_jobs(ByResourceArn=table)["BackupJobs"][0]
    assert job["CreatedBy"]["BackupRuleName"] == "daily"
    copied = aws.source("backup").list_copy_jobs(ByResourceArn=table)["CopyJobs"][0]
    assert copied["CreatedByBackupJobId"] == job["BackupJobId"]
    tags = aws.target("backup").list_tags(ResourceArn=copies[0]["RecoveryPointArn"])["Tags"]
    assert tags == {"protect": "yes"}
    assert aws.source("backup").list_backup_jobs(ByResourceArn=other)["BackupJobs"] == []
    assert aws.restored(copies[0]["RecoveryPointArn"], "check")["Status"] == "COMPLETED"
    assert aws.target("dynamodb").scan(TableName="check")["Count"] == 3


def test_a_copy_that_may_not_go_shows_as_a_failed_job(aws: BackupWorld) -> None:
    source, target = aws.vault(SOURCE_ACCOUNT), aws.vault(TARGET_ACCOUNT)
    action = {"DestinationBackupVaultArn": vault_arn(TARGET_ACCOUNT, target)}
    plan(aws, rule(source, CopyActions=[action]), tables=[aws.table(1)])
    aws.sandbox.advance(DAY)
    (job,) = aws.source("backup").list_copy_jobs()["CopyJobs"]
    assert job["State"] == "FAILED"
    assert "Access Denied" in job["StatusMessage"]
    assert len(points(aws.source("backup"), source)) == 1


def test_plans_are_read_changed_and_removed(aws: BackupWorld) -> None:
    client, vault = aws.source("backup"), aws.vault(SOURCE_ACCOUNT)
    document = {"BackupPlanName": "standing", "Rules": [rule(vault)]}
    made = client.create_backup_plan(BackupPlan=document, BackupPlanTags={"a": "1"}, CreatorRequestId="once")
    again = client.create_backup_plan(BackupPlan=document, CreatorRequestId="once")
    assert again["BackupPlanId"] == made["BackupPlanId"]
    with refused("AlreadyExistsException"):
        client.create_backup_plan(BackupPlan=document)
    where = {"BackupPlanId": made["BackupPlanId"]}
    shown = client.get_backup_plan(**where)["BackupPlan"]
    assert shown["Rules"][0]["ScheduleExpression"] == "cron(0 3 ? * * *)"
    assert shown["Rules"][0]["StartWindowMinutes"] == 480
    listed = client.list_backup_plans()["BackupPlansList"]
    assert [one["BackupPlanName"] for one in listed] == ["standing"]
    assert client.list_tags(ResourceArn=made["BackupPlanArn"])["Tags"] == {"a": "1"}
    role = aws.backup_role()
    selection = {"SelectionName": "tables", "IamRoleArn": role, "Resources": [aws.table()]}
    chosen = client.create_backup_selection(**where, BackupSelection=selection)["SelectionId"]
    with refused("AlreadyExistsException"):
        client.create_backup_selection(**where, BackupSelection=selection)
    assert client.get_backup_selection(**where, SelectionId=chosen)["BackupSelection"] == selection
    (one,) = client.list_backup_selections(**where)["BackupSelectionsList"]
    assert (one["SelectionName"], one["IamRoleArn"]) == ("tables", role)
    changed = client.update_backup_plan(
        **where, BackupPlan={**document, "Rules": [rule(vault, ScheduleExpression="rate(12 hours)")]}
    )
    assert changed["VersionId"] != made["VersionId"]
    aws.sandbox.advance(DAY + 60)
    assert len(points(client, vault)) == 2, "the earlier schedule does not run any more"
    with refused("InvalidRequestException", "selections"):
        client.delete_backup_plan(**where)
    client.delete_backup_selection(**where, SelectionId=chosen)
    client.delete_backup_plan(**where)
    with refused("ResourceNotFoundException"):
        client.get_backup_plan(**where)
    aws.sandbox.advance(DAY)
    assert len(points(client, vault)) == 2


def test_tags_select_tables(aws: BackupWorld) -> None:
    client, vault, role = aws.source("backup"), aws.vault(SOURCE_ACCOUNT), aws.backup_role()
    tagged = aws.table(Tags=[{"Key": "backup", "Value": "daily"}])
    aws.table(Tags=[{"Key": "backup", "Value": "never"}])
    made = client.create_backup_plan(BackupPlan={"BackupPlanName": "by-tag", "Rules": [rule(vault)]})["BackupPlanId"]
    condition = {"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "daily"}
    selection = {"SelectionName": "tagged", "IamRoleArn": role, "ListOfTags": [condition]}
    client.create_backup_selection(BackupPlanId=made, BackupSelection=selection)
    aws.sandbox.advance(DAY)
    assert [one["ResourceArn"] for one in points(client, vault)] == [tagged]


def test_plans_that_cannot_work_are_refused(aws: BackupWorld) -> None:
    client, vault = aws.source("backup"), aws.vault(SOURCE_ACCOUNT)
    for wrong, why in (
        (rule("no-vault"), "no-vault"),
        (rule(vault, ScheduleExpression="cron(0 3 * * * *)"), "must be '?'"),
        (rule(vault, StartWindowMinutes=5), "60"),
        (rule(vault, Lifecycle={"MoveToColdStorageAfterDays": 10, "DeleteAfterDays": 20}), "DeleteAfterDays"),
        (rule(vault, CopyActions=[{"DestinationBackupVaultArn": "arn:aws:s3:::bucket"}]), "Invalid backup vault ARN"),
    ):
        with refused("InvalidParameterValueException", why):
            client.create_backup_plan(BackupPlan={"BackupPlanName": "wrong", "Rules": [wrong]})
    made = client.create_backup_plan(BackupPlan={"BackupPlanName": "right", "Rules": [rule(vault)]})["BackupPlanId"]
    selection = {"SelectionName": "tables", "IamRoleArn": f"arn:aws:iam::{SOURCE_ACCOUNT}:role/missing"}
    with refused("InvalidParameterValueException", "does not exist"):
        client.create_backup_selection(BackupPlanId=made, BackupSelection=selection)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 3 * * ? *)", "2026-03-01 03:00"),
        ("cron(30 0/6 ? * * *)", "2026-02-28 18:30"),
        ("cron(0 5 ? * MON-FRI *)", "2026-03-02 05:00"),
        ("cron(0 5 ? * 1 *)", "2026-03-01 05:00"),
        ("cron(15 10,22 1 JAN ? *)", "2027-01-01 10:15"),
        ("cron(0 0 29 2 ? *)", "2028-02-29 00:00"),
        ("rate(6 hours)", "2026-02-28 19:00"),
        ("rate(1 day)", "2026-03-01 13:00"),
    ],
)
def test_schedules(expression: str, expected: str) -> None:
    start = datetime(2026, 2, 28, 13, 0, tzinfo=timezone.utc)  # a Saturday
    found = parse(expression, "Etc/UTC").after(start)
    assert found is not None
    assert found.strftime("%Y-%m-%d %H:%M") == expected


@pytest.mark.parametrize(
    "expression", ["", "daily", "cron(0 3 * * *)", "cron(60 3 ? * * *)", "rate(0 days)", "cron(a)"]
)
def test_what_is_no_schedule(expression: str) -> None:
    with pytest.raises(InvalidSchedule):
        parse(expression, "Etc/UTC")


def test_a_schedule_keeps_to_its_time_zone() -> None:
    start = datetime(2026, 7, 1, 0, 0, tzinfo=timezone.utc)
    found = parse("cron(0 5 ? * * *)", "Europe/Zurich").after(start)
    assert found == datetime(2026, 7, 1, 3, 0, tzinfo=timezone.utc)
