"""Backup plans at work: the rules run by the sandbox's clock and order backup jobs, and these their copies.

https://docs.aws.amazon.com/aws-backup/latest/devguide/creating-a-backup-plan.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html

Moving the clock (`POST /sandbox/clock`) runs what falls due on the way, each run at its own time. As on AWS, a run
whose role or destination is wrong shows as a FAILED job. Nothing runs while DynamoDB is not opted in, or for a rule
whose vault is gone. Not emulated: resource types other than DynamoDB; the start within the window is at once.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from migrate.sandbox import backup_jobs, clock, schedules
from migrate.sandbox.backup_store import shelf
from migrate.sandbox.jobs import STARTING, schedule
from migrate.sandbox.lifecycle import all_tables, status_of
from migrate.sandbox.policy_verdicts import matches

_TAG = "aws:ResourceTag/"
_TESTS: dict[str, Callable[[str | None, str], bool]] = {
    "StringEquals": lambda actual, wanted: actual == wanted,
    "StringNotEquals": lambda actual, wanted: actual != wanted,
    "StringLike": lambda actual, wanted: actual is not None and matches(wanted, actual),
    "StringNotLike": lambda actual, wanted: actual is None or not matches(wanted, actual),
}


@dataclass(eq=False)
class Selection:
    """Which tables a plan backs up, and with which role."""

    id: str
    document: dict[str, Any]
    created: datetime
    creator_request_id: str

    def takes(self, arn: str, tags: dict[str, str]) -> bool:
        """Whether the selection has this table."""
        document = self.document
        if any(matches(pattern, arn) for pattern in document.get("NotResources") or []):
            return False
        if document.get("Resources"):
            return any(matches(pattern, arn) for pattern in document["Resources"])
        wanted = document.get("ListOfTags") or []
        by_tag = any(tags.get(one["ConditionKey"].removeprefix(_TAG)) == one["ConditionValue"] for one in wanted)
        return by_tag or (not wanted and _fulfils(document.get("Conditions") or {}, tags))


@dataclass(eq=False)
class Plan:
    """One backup plan; `version` changes with every update, and is "" once it is deleted."""

    account: str
    region: str
    document: dict[str, Any]
    tags: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    version: str = field(default_factory=lambda: secrets.token_hex(24))
    created: datetime = field(default_factory=clock.moment)
    changed: datetime = field(default_factory=clock.moment)
    creator_request_id: str = ""
    selections: dict[str, Selection] = field(default_factory=dict)
    last_run: datetime | None = None

    @property
    def arn(self) -> str:
        """The plan's ARN."""
        return f"arn:aws:backup:{self.region}:{self.account}:backup-plan:{self.id}"


def schedule_rules(plan: Plan) -> None:
    """Has the rules of the plan's present version run from now on."""
    for rule in plan.document["Rules"]:
        _schedule(plan, plan.version, rule)


def _schedule(plan: Plan, version: str, rule: dict[str, Any]) -> None:
    when = schedules.parse(rule["ScheduleExpression"], rule["ScheduleExpressionTimezone"]).after(clock.moment())
    if when is not None:
        schedule(when.timestamp() - clock.now(), partial(_run, plan, version, rule))


def _run(plan: Plan, version: str, rule: dict[str, Any]) -> None:
    with STARTING:
        if plan.version != version:
            return
        plan.last_run = clock.moment()
        _order(plan, rule)
        _schedule(plan, version, rule)


def _order(plan: Plan, rule: dict[str, Any]) -> None:
    kept = shelf(plan.account, plan.region)
    vault = kept.vaults.get(rule["TargetBackupVaultName"])
    if vault is None or not kept.opted_in["DynamoDB"]:
        return
    created_by = {
        "BackupPlanId": plan.id,
        "BackupPlanArn": plan.arn,
        "BackupPlanName": plan.document["BackupPlanName"],
        "BackupPlanVersion": plan.version,
        "BackupRuleId": rule["RuleId"],
        "BackupRuleName": rule["RuleName"],
        "BackupRuleCron": rule["ScheduleExpression"],
        "BackupRuleTimezone": rule["ScheduleExpressionTimezone"],
    }
    for arn, role_arn in _selected(plan):
        minutes = rule["StartWindowMinutes"]
        backup_jobs.order(vault, arn, role_arn, rule, minutes=minutes, created_by=created_by)


def _selected(plan: Plan) -> Iterator[tuple[str, str]]:
    """(table ARN, role ARN) of every table of every selection."""
    tables = all_tables(dynamodb_backends[plan.account][plan.region])
    for selection in plan.selections.values():
        for table in tables:
            tags = {tag["Key"]: tag["Value"] for tag in table.tags}
            if status_of(table) in ("ACTIVE", "UPDATING") and selection.takes(table.table_arn, tags):
                yield table.table_arn, selection.document["IamRoleArn"]


def _fulfils(conditions: dict[str, Any], tags: dict[str, str]) -> bool:
    """All conditions together; a selection without any takes no table."""
    found = [
        _TESTS[kind](tags.get(one["ConditionKey"].removeprefix(_TAG)), one["ConditionValue"])
        for kind, listed in conditions.items()
        for one in listed
    ]
    return bool(found) and all(found)
