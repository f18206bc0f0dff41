"""A role that a service or another role may assume, with one inline policy.

https://docs.aws.amazon.com/aws-backup/latest/devguide/iam-service-roles.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.actions.base import Absent, Conflicting, Context, Done, Observation, Satisfied, Step, StepResult
from migrate.actions.ownership import LINEAGE_TAG, once_seen, ours, own_tags
from migrate.actions.places import Places
from migrate.aws import iam
from migrate.aws.session import Account
from migrate.core.access import Access, allow
from migrate.core.errors import Conflict, StepError
from migrate.plan.model import Action
from migrate.state.model import OwnedResource

POLICY = "migrate"
"""Name of the inline policy."""


class RoleHandler:
    """Kind `role`: params `role`, `trust`, `policy`. The policy is put last: a role without it is unfinished."""

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        names = "iam:GetRole GetRolePolicy CreateRole TagRole PutRolePolicy"
        yield allow(place.side, names, place.role(action.params["role"]))

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The role."""
        return (_owned(step, context, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`. A role without our tags is a conflict."""
        account, name = context.account(step.side), step.params["role"]
        role = iam.get_role(account, name)
        if role is None:
            return Absent()
        if not ours(_tags(role), step, context):
            return Conflicting(
                StepError(
                    f"the role {name} exists in {account.id}, and this migration did not make it",
                    "it appeared after the plan was made",
                    "migrate plan   shows what would happen with the role as it is",
                )
            )
        return Satisfied() if iam.role_policy(account, name, POLICY) == step.params["policy"] else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        account, name = context.account(step.side), step.params["role"]
        if iam.get_role(account, name) is None:
            description = "Works with DynamoDB tables (made by migrate)"
            iam.create_role(account, name, step.params["trust"], own_tags(step, context), description)
        iam.put_role_policy(account, name, POLICY, step.params["policy"])
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        resource = _owned(step, context, is_confirmed=True)
        return once_seen(self, step, context, Done({"arn": resource.id}, owned=(resource,)))

    def undo(self, step: Step, context: Context) -> None:
        """Delete the role, if it is ours."""
        remove_role(context.account(step.side), step.params["role"], context.lineage)


def remove_role(account: Account, name: str, lineage: str) -> None:
    """Delete the role with our inline policy, if it carries our lineage. Idempotent.

    A role to which somebody has attached more is left alone.
    """
    if not is_owned(account, name, lineage):
        return
    try:
        iam.delete_role(account, name, POLICY)
    except Conflict:
        return  # somebody else uses it by now: it is theirs to delete


def is_owned(account: Account, name: str, lineage: str) -> bool:
    """True when the role is there and carries our lineage."""
    role = iam.get_role(account, name)
    return role is not None and _tags(role).get(LINEAGE_TAG) == lineage


def _tags(role: dict[str, object]) -> dict[str, str]:
    tags = role.get("Tags") or []
    return {tag["Key"]: tag["Value"] for tag in tags} if isinstance(tags, list) else {}


def _owned(step: Step, context: Context, *, is_confirmed: bool) -> OwnedResource:
    account = context.account(step.side)
    arn = f"arn:{account.partition}:iam::{account.id}:role/{step.params['role']}"
    return OwnedResource(arn, "role", step.side.value, step.address, is_confirmed)
