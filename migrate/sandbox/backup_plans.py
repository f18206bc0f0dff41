"""Backup plans and their selections.

https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupPlan.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupSelection.html

`backup_schedule` runs them. Not emulated: earlier versions and deleted plans (they are gone), continuous backups,
indexing, scans, backups straight into an air-gapped vault, previews of runs.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from migrate.sandbox import backup_access, backup_schedule, clock
from migrate.sandbox.backup_points import check_lifecycle
from migrate.sandbox.backup_schedule import Plan, Selection
from migrate.sandbox.backup_store import shelf, vault_of
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation
from migrate.sandbox.schedules import InvalidSchedule, parse

_RULE = {
    "RuleName", "TargetBackupVaultName", "ScheduleExpression", "StartWindowMinutes", "CompletionWindowMinutes",
    "Lifecycle", "RecoveryPointTags", "CopyActions", "EnableContinuousBackup", "ScheduleExpressionTimezone",
}  # fmt: skip
_DEFAULTS = {
    "ScheduleExpression": "cron(0 5 ? * * *)",
    "StartWindowMinutes": 480,
    "CompletionWindowMinutes": 10080,
    "ScheduleExpressionTimezone": "Etc/UTC",
    "EnableContinuousBackup": False,
}
_MOST_TAGS = 10


@operation("backup", "CreateBackupPlan", "BackupPlan BackupPlanTags CreatorRequestId")
def create(call: Call) -> dict[str, Any]:
    plans, request_id = shelf(call.account, call.region).plans, call.body.get("CreatorRequestId", "")
    document = _checked(call, {})
    for plan in plans.values():
        if request_id and plan.creator_request_id == request_id:
            return _summary(plan)
        if _without_ids(plan.document) == _without_ids(document):
            raise Refused(
                "AlreadyExistsException",
                "Backup plan with the same plan document already exists",
                Arn=plan.arn,
                CreatorRequestId=plan.creator_request_id,
            )
    plan = Plan(call.account, call.region, document, tags=dict(call.body.get("BackupPlanTags") or {}))
    plan.creator_request_id = request_id
    plans[plan.id] = plan
    backup_schedule.schedule_rules(plan)
    return _summary(plan)


@operation("backup", "UpdateBackupPlan", "BackupPlanId BackupPlan")
def update(call: Call) -> dict[str, Any]:
    plan = _plan(call)
    known = {rule["RuleName"]: rule["RuleId"] for rule in plan.document["Rules"]}
    plan.document = _checked(call, known)
    plan.version = secrets.token_hex(24)
    plan.changed = clock.moment()
    backup_schedule.schedule_rules(plan)
    return _summary(plan)


@operation("backup", "GetBackupPlan", "BackupPlanId VersionId")
def get(call: Call) -> dict[str, Any]:
    plan = _plan(call)
    if call.body.get("VersionId") not in (None, plan.version):
        raise Refused("ResourceNotFoundException", "Failed reading Backup plan with provided version")
    return {**_listed(plan), "BackupPlan": plan.document}


@operation("backup", "ListBackupPlans", "NextToken MaxResults")
def list_all(call: Call) -> dict[str, Any]:
    plans = shelf(call.account, call.region).plans.values()
    found = [{**_listed(plan), "BackupPlanName": plan.document["BackupPlanName"]} for plan in plans]
    return call.page("BackupPlansList", found)


@operation("backup", "DeleteBackupPlan", "BackupPlanId")
def delete(call: Call) -> dict[str, Any]:
    plan = _plan(call)
    if plan.selections:
        raise Refused(
            "InvalidRequestException", "Related backup plan selections must be deleted prior to backup plan deletion"
        )
    del shelf(call.account, call.region).plans[plan.id]
    plan.version = ""
    return {"BackupPlanId": plan.id, "BackupPlanArn": plan.arn, "DeletionDate": clock.moment()}


@operation("backup", "CreateBackupSelection", "BackupPlanId BackupSelection CreatorRequestId")
def create_selection(call: Call) -> dict[str, Any]:
    plan, document = _plan(call), call.body["BackupSelection"]
    request_id = call.body.get("CreatorRequestId", "")
    for one in plan.selections.values():
        if request_id and one.creator_request_id == request_id:
            return _listed_selection(plan, one)
        if one.document["SelectionName"] == document["SelectionName"]:
            raise Refused("AlreadyExistsException", f"The selection exists: {document['SelectionName']}")
    if document.get("Resources") and (document.get("ListOfTags") or document.get("Conditions")):
        raise Refused("NotImplemented", "The sandbox does not emulate resources together with tags", 501)
    backup_access.check_role(document["IamRoleArn"], call.account)
    selection = Selection(str(uuid.uuid4()), document, clock.moment(), request_id)
    plan.selections[selection.id] = selection
    return _listed_selection(plan, selection)


@operation("backup", "GetBackupSelection", "BackupPlanId SelectionId")
def get_selection(call: Call) -> dict[str, Any]:
    plan = _plan(call)
    selection = _selection(plan, call)
    return {**_listed_selection(plan, selection), "BackupSelection": selection.document}


@operation("backup", "ListBackupSelections", "BackupPlanId NextToken MaxResults")
def list_selections(call: Call) -> dict[str, Any]:
    plan = _plan(call)
    found = [
        _listed_selection(plan, one)
        | {"SelectionName": one.document["SelectionName"], "IamRoleArn": one.document["IamRoleArn"]}
        for one in plan.selections.values()
    ]
    return call.page("BackupSelectionsList", found)


@operation("backup", "DeleteBackupSelection", "BackupPlanId SelectionId")
def delete_selection(call: Call) -> dict[str, Any]:
    plan = _plan(call)
    del plan.selections[_selection(plan, call).id]
    return {}


def _plan(call: Call) -> Plan:
    plan: Plan | None = shelf(call.account, call.region).plans.get(call.body["BackupPlanId"])
    if plan is None:
        raise Refused("ResourceNotFoundException", "Failed reading Backup plan with provided version")
    return plan


def _selection(plan: Plan, call: Call) -> Selection:
    selection = plan.selections.get(call.body["SelectionId"])
    if selection is None:
        raise Refused("ResourceNotFoundException", f"The selection does not exist: {call.body['SelectionId']}")
    return selection


def _checked(call: Call, rule_ids: dict[str, str]) -> dict[str, Any]:
    """The plan's document with AWS's defaults. Raises Refused for one that cannot be carried out."""
    document = call.body["BackupPlan"]
    rules = [{**_DEFAULTS, **rule} for rule in document["Rules"]]
    names = [rule["RuleName"] for rule in rules]
    if not rules or len(set(names)) < len(names):
        raise _invalid(f"A backup plan needs rules with different names: {names}")
    for rule in rules:
        _check_rule(call, rule)
        rule["RuleId"] = rule_ids.get(rule["RuleName"]) or str(uuid.uuid4())
    return {**document, "Rules": rules}


def _check_rule(call: Call, rule: dict[str, Any]) -> None:
    unknown = sorted(set(rule) - _RULE)
    if unknown or rule["EnableContinuousBackup"]:
        raise Refused("NotImplemented", f"The sandbox does not emulate {unknown or 'EnableContinuousBackup'}", 501)
    if rule["TargetBackupVaultName"] not in shelf(call.account, call.region).vaults:
        raise _invalid(f"Backup vault does not exist: {rule['TargetBackupVaultName']}")
    if rule["StartWindowMinutes"] < 60:
        raise _invalid("StartWindowMinutes must be at least 60")
    if len(rule.get("RecoveryPointTags") or {}) > _MOST_TAGS:
        raise _invalid(f"A rule adds at most {_MOST_TAGS} tags to a recovery point")
    check_lifecycle(rule.get("Lifecycle"))
    for action in rule.get("CopyActions") or []:
        vault_of(action["DestinationBackupVaultArn"])
        check_lifecycle(action.get("Lifecycle"))
    try:
        parse(rule["ScheduleExpression"], rule["ScheduleExpressionTimezone"])
    except InvalidSchedule as error:
        raise _invalid(str(error)) from error


def _without_ids(document: dict[str, Any]) -> dict[str, Any]:
    rules = [{name: value for name, value in rule.items() if name != "RuleId"} for rule in document["Rules"]]
    return {**document, "Rules": rules}


def _summary(plan: Plan) -> dict[str, Any]:
    return {
        "BackupPlanId": plan.id,
        "BackupPlanArn": plan.arn,
        "CreationDate": plan.changed,
        "VersionId": plan.version,
    }


def _listed(plan: Plan) -> dict[str, Any]:
    shown = {**_summary(plan), "CreationDate": plan.created, "CreatorRequestId": plan.creator_request_id}
    return shown | ({"LastExecutionDate": plan.last_run} if plan.last_run else {})


def _listed_selection(plan: Plan, one: Selection) -> dict[str, Any]:
    shown = {"SelectionId": one.id, "BackupPlanId": plan.id, "CreationDate": one.created}
    return shown | ({"CreatorRequestId": one.creator_request_id} if one.creator_request_id else {})


def _invalid(message: str) -> Refused:
    return Refused("InvalidParameterValueException", message)
