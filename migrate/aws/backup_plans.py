"""Backup plans of AWS Backup, and the selections of what they back up.

A selection cannot be changed, only made and deleted; it has no tags, but shows the CreatorRequestId it was made with.
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupPlan.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupSelection.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.codec import Json
from migrate.core.errors import NotFound

SERVICE = "backup"
_NEXT = ("NextToken", "NextToken")


def list_plans(account: Account) -> list[dict[str, Any]]:
    """All backup plans of the account in its Region: BackupPlanId, BackupPlanArn, BackupPlanName, ..."""
    found = pages(account, SERVICE, "ListBackupPlans", token=_NEXT)
    return [plan for page in found for plan in page.get("BackupPlansList", [])]


def plan_rules(account: Account, plan_id: str) -> list[Json]:
    """The rules of a plan as `normal_rule` writes them; none when it is gone."""
    try:
        document = call(account, SERVICE, "GetBackupPlan", BackupPlanId=plan_id)["BackupPlan"]
    except NotFound:
        return []
    return [normal_rule(rule) for rule in document.get("Rules", [])]


def normal_rule(rule: Mapping[str, Any]) -> Json:
    """A rule without its id and without what is empty or off, so that equal rules are equal values."""
    return {
        name: value for name, found in sorted(rule.items()) if name != "RuleId" and (value := _plain(found)) not in _OFF
    }


def create_plan(account: Account, name: str, rules: Sequence[Json], tags: Mapping[str, str], token: str) -> None:
    """Make a plan; its tags come with it. A repeat with the same token gives the same plan."""
    plan = {"BackupPlanName": name, "Rules": list(rules)}
    call(account, SERVICE, "CreateBackupPlan", BackupPlan=plan, BackupPlanTags=dict(tags), CreatorRequestId=token)


def update_plan(account: Account, plan_id: str, name: str, rules: Sequence[Json]) -> None:
    """Replace the rules of a plan."""
    plan = {"BackupPlanName": name, "Rules": list(rules)}
    call(account, SERVICE, "UpdateBackupPlan", BackupPlanId=plan_id, BackupPlan=plan)


def delete_plan(account: Account, plan_id: str) -> None:
    """Delete a plan; nothing happens when it is gone. Raises `Invalid` while it has selections."""
    try:
        call(account, SERVICE, "DeleteBackupPlan", BackupPlanId=plan_id)
    except NotFound:
        return


def list_selections(account: Account, plan_id: str) -> list[dict[str, Any]]:
    """The selections of a plan: SelectionId, SelectionName, CreatorRequestId, IamRoleArn; none when it is gone."""
    try:
        found = list(pages(account, SERVICE, "ListBackupSelections", token=_NEXT, BackupPlanId=plan_id))
    except NotFound:
        return []
    return [one for page in found for one in page.get("BackupSelectionsList", [])]


def selections(account: Account, plan_id: str) -> list[dict[str, Any]]:
    """The same, each with what it selects: Resources, ListOfTags, NotResources, Conditions."""
    found = []
    for one in list_selections(account, plan_id):
        try:
            more = call(account, SERVICE, "GetBackupSelection", BackupPlanId=plan_id, SelectionId=one["SelectionId"])
        except NotFound:
            continue
        found.append({**one, **more["BackupSelection"]})
    return found


def create_selection(
    account: Account, plan_id: str, name: str, role_arn: str, tables: Sequence[str], token: str
) -> None:
    """Have the plan back up these tables (ARNs). A repeat with the same token gives the same selection."""
    wish = {"SelectionName": name, "IamRoleArn": role_arn, "Resources": list(tables)}
    call(account, SERVICE, "CreateBackupSelection", BackupPlanId=plan_id, BackupSelection=wish, CreatorRequestId=token)


def delete_selection(account: Account, plan_id: str, selection_id: str) -> None:
    """Delete a selection; nothing happens when it is gone."""
    try:
        call(account, SERVICE, "DeleteBackupSelection", BackupPlanId=plan_id, SelectionId=selection_id)
    except NotFound:
        return


_OFF: tuple[Any, ...] = (None, False, {}, [], "")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: plain for name, one in sorted(value.items()) if (plain := _plain(one)) not in _OFF}
    return [_plain(one) for one in value] if isinstance(value, list) else value
