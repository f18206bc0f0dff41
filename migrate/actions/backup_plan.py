"""Standing protection: a backup plan with its rules, and the selection of the tables that it backs up.

https://docs.aws.amazon.com/aws-backup/latest/devguide/creating-a-backup-plan.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate.actions.backup_base import patient_with_new_roles, role_access
from migrate.actions.backup_removal import KeptRemoval
from migrate.actions.base import Absent, Context, Done, Observation, Running, Satisfied, Step, StepResult
from migrate.actions.ownership import LINEAGE_TAG, account_of, once_seen, own_tags
from migrate.actions.places import LATER, Places, new_role
from migrate.actions.removal import Removal
from migrate.aws import backup_jobs, backup_plans
from migrate.aws.session import Account
from migrate.core.access import Access, allow, anywhere, pass_role
from migrate.core.errors import Conflict, Invalid, NotFound
from migrate.plan.model import Action
from migrate.state.model import OwnedResource
from migrate.strategies.backup_policies import SERVICE

_PLAN, _SELECTION = "backup-plan://", "backup-selection://"


class BackupPlanHandler:
    """Kind `backup-plan`: params `plan` (its name), `rules`. Ours by the tags that come with it; names may repeat."""

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        plans = place.arn("backup", "backup-plan:*")
        yield anywhere(place.side, "backup:ListBackupPlans")
        names = "backup:ListTags CreateBackupPlan TagResource GetBackupPlan"
        yield allow(place.side, names, plans, wide=LATER)
        yield allow(place.side, "backup:UpdateBackupPlan", plans, wide=LATER, when="the schedule was changed by hand")

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The plan."""
        return (_owned_plan(step, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`. A plan of ours with other rules is to be changed."""
        account = context.account(step.side)
        plan = find_plan(account, step.params["plan"], context.lineage)
        if plan is None:
            return Absent()
        rules = backup_plans.plan_rules(account, plan["BackupPlanId"])
        return Satisfied() if rules == _wanted(step) else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        account, name = context.account(step.side), step.params["plan"]
        plan = find_plan(account, name, context.lineage)
        if plan is not None:
            backup_plans.update_plan(account, plan["BackupPlanId"], name, step.params["rules"])
        else:
            backup_plans.create_plan(account, name, step.params["rules"], own_tags(step, context), step.token)
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        done = Done({"plan": step.params["plan"]}, owned=(_owned_plan(step, is_confirmed=True),))
        return once_seen(self, step, context, done)

    def undo(self, step: Step, context: Context) -> None:
        """Delete the plan when it is ours and selects nothing."""
        _remove_plan(context.account(step.side), step.params["plan"], context.lineage)


class BackupSelectionHandler:
    """Kind `backup-selection`: params `plan` (its name), `role_arn`, `tables` (ARNs), `copies_to` (a vault's ARN).

    What it takes the place of is deleted after it is made, so that no table is without protection in between.
    """

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, role = places.of(action.side), action.params["role_arn"]
        plans = place.arn("backup", "backup-plan:*")
        yield anywhere(place.side, "backup:ListBackupPlans")
        names = "backup:ListTags ListBackupSelections CreateBackupSelection"
        yield allow(place.side, names, plans, wide=LATER)
        yield allow(
            place.side, "backup:DeleteBackupSelection", plans, wide=LATER, when="the tables of a schedule change"
        )
        yield pass_role(place.side, role, SERVICE)
        yield new_role(place.side, role)
        yield from role_access(role, action, places)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The selection, which AWS has not named yet."""
        return (OwnedResource(f"{_SELECTION}{step.params['plan']}/?token={step.token}", *_of(step)),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`. Satisfied once those that it replaces are gone."""
        account = context.account(step.side)
        found = _selections(account, step.params["plan"], context.lineage)
        ours = _made_with(step.token, found)
        return Satisfied() if ours and not _replaced(step, found, ours) else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        account, name = context.account(step.side), step.params["plan"]
        plan = find_plan(account, name, context.lineage)
        if plan is None:
            raise NotFound(f"the backup plan {name} is not there (yet) in {account.id} {account.region}")
        if _made_with(step.token, backup_plans.list_selections(account, plan["BackupPlanId"])) is None:
            role, tables = step.params["role_arn"], step.params["tables"]
            with patient_with_new_roles(account, role, context.clock):
                backup_plans.create_selection(
                    account, plan["BackupPlanId"], f"migrate-{step.token[:16]}", role, tables, step.token
                )
        found = backup_plans.list_selections(account, plan["BackupPlanId"])
        ours = _made_with(step.token, found)
        for one in _replaced(step, found, ours) if ours else []:
            backup_plans.delete_selection(account, plan["BackupPlanId"], one)
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        found = _selections(context.account(step.side), step.params["plan"], context.lineage)
        ours = _made_with(step.token, found)
        if ours is None or _replaced(step, found, ours):
            return Running(1.0)
        id = f"{_SELECTION}{step.params['plan']}/{ours}"
        outputs = {"selection_id": ours, "tables": list(step.params["tables"]), "copies_to": step.params["copies_to"]}
        before = tuple(one.id for one in step.owned if one.id != id)
        return Done(outputs, owned=(OwnedResource(id, *_of(step), is_confirmed=True),), released=before)

    def undo(self, step: Step, context: Context) -> None:
        """Delete the selection."""
        for resource in step.owned:
            _remove_selection(context.account(step.side), resource, context.lineage)


class BackupSelectionRemoval(Removal):
    """Kind `backup-selection-removal`: the tables are backed up no more; what was backed up stays."""

    kind = "backup-selection"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        yield anywhere(place.side, "backup:ListBackupPlans")
        names = "backup:ListTags ListBackupSelections DeleteBackupSelection"
        yield allow(place.side, names, place.arn("backup", "backup-plan:*"), wide=LATER)

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`."""
        return _find_selection(account_of(resource, context), resource, context.lineage) is None

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        _remove_selection(account_of(resource, context), resource, context.lineage)


class BackupPlanRemoval(KeptRemoval):
    """Kind `backup-plan-removal`: a plan in which somebody else has put a selection stays, and is theirs."""

    kind = "backup-plan"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        yield anywhere(place.side, "backup:ListBackupPlans")
        names = "backup:ListTags ListBackupSelections DeleteBackupPlan"
        yield allow(place.side, names, place.arn("backup", "backup-plan:*"), wide=LATER)

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`."""
        return find_plan(account_of(resource, context), _plan_name(resource), context.lineage) is None

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        _remove_plan(account_of(resource, context), _plan_name(resource), context.lineage)

    def is_used(self, resource: OwnedResource, context: Context) -> bool:
        """True when it selects something."""
        return bool(_selections(account_of(resource, context), _plan_name(resource), context.lineage))


def find_plan(account: Account, name: str, lineage: str) -> dict[str, Any] | None:
    """The plan of that name which carries our lineage."""
    named = (plan for plan in backup_plans.list_plans(account) if plan["BackupPlanName"] == name)
    return next(
        (one for one in named if backup_jobs.list_tags(account, one["BackupPlanArn"]).get(LINEAGE_TAG) == lineage),
        None,
    )


def _wanted(step: Step) -> list[Any]:
    return [backup_plans.normal_rule(rule) for rule in step.params["rules"]]


def _selections(account: Account, name: str, lineage: str) -> list[dict[str, Any]]:
    plan = find_plan(account, name, lineage)
    return backup_plans.list_selections(account, plan["BackupPlanId"]) if plan else []


def _made_with(token: str, found: list[dict[str, Any]]) -> str | None:
    return next((str(one["SelectionId"]) for one in found if one.get("CreatorRequestId") == token), None)


def _replaced(step: Step, found: list[dict[str, Any]], ours: str) -> list[str]:
    """Ids of selections that this action has made earlier and that are still there."""
    there = {str(one["SelectionId"]) for one in found} - {ours}
    tokens = {str(one.get("CreatorRequestId")): str(one["SelectionId"]) for one in found}
    made = {tail.removeprefix("?token=") for tail in (one.id.rpartition("/")[2] for one in step.owned)}
    return sorted(there & (made | {tokens[token] for token in made & tokens.keys()}))


def _find_selection(account: Account, resource: OwnedResource, lineage: str) -> tuple[str, str] | None:
    """(plan id, selection id) of an owned selection; one that was only announced is found by its token."""
    name, _, tail = resource.id.removeprefix(_SELECTION).rpartition("/")
    plan = find_plan(account, name, lineage)
    for one in backup_plans.list_selections(account, plan["BackupPlanId"]) if plan else []:
        if tail in (one["SelectionId"], f"?token={one.get('CreatorRequestId')}"):
            return str(plan["BackupPlanId"] if plan else ""), str(one["SelectionId"])
    return None


def _remove_selection(account: Account, resource: OwnedResource, lineage: str) -> None:
    found = _find_selection(account, resource, lineage)
    if found is not None:
        backup_plans.delete_selection(account, *found)


def _remove_plan(account: Account, name: str, lineage: str) -> None:
    plan = find_plan(account, name, lineage)
    if plan is None or backup_plans.list_selections(account, plan["BackupPlanId"]):
        return
    try:
        backup_plans.delete_plan(account, plan["BackupPlanId"])
    except (Invalid, Conflict):
        return  # somebody has selected something meanwhile: it is theirs


def _plan_name(resource: OwnedResource) -> str:
    return resource.id.removeprefix(_PLAN)


def _owned_plan(step: Step, *, is_confirmed: bool) -> OwnedResource:
    return OwnedResource(f"{_PLAN}{step.params['plan']}", "backup-plan", step.side.value, step.address, is_confirmed)


def _of(step: Step) -> tuple[str, str, str]:
    return "backup-selection", step.side.value, step.address
