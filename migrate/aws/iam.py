"""IAM roles, as far as a service needs one to work for us. API reference: IAM 2010-05-08."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.codec import Json, canonical
from migrate.core.errors import AccessDenied, NotFound

SERVICE = "iam"


def get_role(account: Account, name: str) -> dict[str, Any] | None:
    """The role: Arn, CreateDate, AssumeRolePolicyDocument (a JSON value), Tags; None when there is none."""
    try:
        role: dict[str, Any] = call(account, SERVICE, "GetRole", RoleName=name)["Role"]
    except NotFound:
        return None
    return {**role, "AssumeRolePolicyDocument": _document(role.get("AssumeRolePolicyDocument"))}


def profile_role(account: Account, name: str) -> str | None:
    """ARN of the role of an instance profile; None when there is no such profile, or it has no role."""
    try:
        found = call(account, SERVICE, "GetInstanceProfile", InstanceProfileName=name)["InstanceProfile"]
    except NotFound:
        return None
    return next((str(role["Arn"]) for role in found.get("Roles") or []), None)


def seconds_old(account: Account, arn: str, now: dt.datetime) -> float | None:
    """For how many seconds the role has existed; None when that may not be known (or there is none)."""
    try:
        role = get_role(account, arn.rpartition("/")[2])
    except AccessDenied:
        return None
    return (now - role["CreateDate"]).total_seconds() if role else None


def create_role(account: Account, name: str, trust: Json, tags: Mapping[str, str], description: str) -> None:
    """Make a role with this trust policy; its tags come with the creation. Raises `AlreadyExists`."""
    tag_list = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
    params = {"RoleName": name, "Description": description, "Tags": tag_list}
    call(account, SERVICE, "CreateRole", AssumeRolePolicyDocument=canonical(trust), **params)


def principal_arn(account: Account, caller: str) -> str:
    """The ARN of the role or user behind a caller of STS, as IAM's own calls want it; '' for a root user and the like.

    A role's session does not say the path of its role: the role is asked for it, and taken to have none where that is
    refused.
    """
    kind, _, name = caller.split(":", 5)[5].partition("/")
    if kind == "user":
        return caller
    if kind != "assumed-role":
        return ""
    partition, role = caller.split(":")[1], name.partition("/")[0]
    try:
        found = get_role(account, role)
    except AccessDenied:
        found = None
    return str(found["Arn"]) if found else f"arn:{partition}:iam::{account.id}:role/{role}"


def simulate(
    account: Account,
    principal: str,
    actions: Sequence[str],
    resources: Sequence[str],
    context: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """EvaluationResults: what the policies of `principal` say to each action on each resource. Nothing is called.

    `context` has values of condition keys. Identity policies, permission boundaries and, in an organization, service
    control policies count; policies of the resources do not.
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
    """
    wish: dict[str, Any] = {"ActionNames": list(actions), "ResourceArns": list(resources)}
    if context:
        wish["ContextEntries"] = [
            {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for name, value in context.items()
        ]
    found = pages(
        account, SERVICE, "SimulatePrincipalPolicy", token=("Marker", "Marker"), PolicySourceArn=principal, **wish
    )
    return [one for page in found for one in page.get("EvaluationResults", [])]


def role_policy(account: Account, role: str, name: str) -> Json | None:
    """An inline policy of a role; None when it (or the role) is not there."""
    try:
        answer = call(account, SERVICE, "GetRolePolicy", RoleName=role, PolicyName=name)
    except NotFound:
        return None
    return _document(answer["PolicyDocument"])


def put_role_policy(account: Account, role: str, name: str, policy: Json) -> None:
    """Put an inline policy on a role. Idempotent."""
    call(account, SERVICE, "PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=canonical(policy))


def delete_role(account: Account, role: str, policy: str) -> None:
    """Delete a role and its one inline policy; nothing happens when they are gone.

    Raises `Conflict` when somebody has attached more to the role.
    """
    for operation, more in (("DeleteRolePolicy", {"PolicyName": policy}), ("DeleteRole", {})):
        try:
            call(account, SERVICE, operation, RoleName=role, **more)
        except NotFound:
            continue


def _document(value: Any) -> Json:
    return json.loads(unquote(value)) if isinstance(value, str) else value
