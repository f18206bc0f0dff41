"""Roles that a service assumes: may it, and what does the role's own policy let it do?

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-service.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_identity-vs-resource.html

Inline policies and attached ones count, an explicit Deny wins. Not emulated: permission boundaries, service control
policies, and what `policy_verdicts` leaves out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from moto.iam.models import Role, iam_backends

from migrate.sandbox.callers import Caller, request_context
from migrate.sandbox.policy_verdicts import Verdict, as_list, decide

_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)")


def find_role(arn: str) -> Role | None:
    """The role behind an ARN of any account; None if there is none."""
    match = _ROLE.fullmatch(arn)
    if match is None:
        return None
    roles = list(iam_backends[match[1]]["aws"].roles.values())
    return next((role for role in roles if role.arn == arn), None)


def is_assumable(role: Role, service: str, source_arn: str = "") -> bool:
    """Whether the trust policy lets a service (`backup.amazonaws.com`) of the role's own account assume it.

    `source_arn` is the resource for which the service does so, if it names one.
    """
    document = json.loads(role.assume_role_policy_document or "{}")
    statements = []
    for statement in as_list(document.get("Statement")):
        principal = statement.get("Principal")
        if isinstance(principal, dict) and service in as_list(principal.get("Service")):
            statements.append({**statement, "Principal": "*", "Resource": "*"})
    context = {"aws:sourceaccount": role.account_id, "aws:sourcearn": source_arn}
    policy = json.dumps({"Statement": statements})
    return decide(policy, as_caller(role.arn), "sts:AssumeRole", role.arn, context) is Verdict.ALLOW


def is_trusted(role: Role, caller: Caller, external_id: str) -> bool:
    """Whether the trust policy lets a principal, who may be of another account, assume the role."""
    document = json.loads(role.assume_role_policy_document or "{}")
    policy = json.dumps({"Statement": [{**one, "Resource": "*"} for one in as_list(document.get("Statement"))]})
    context = {**request_context(caller), "sts:externalid": external_id}
    return decide(policy, caller, "sts:AssumeRole", role.arn, context) is Verdict.ALLOW


def as_caller(arn: str) -> Caller:
    """A role, as the one who calls."""
    return Caller(account=arn.split(":")[4], arn=arn, role_arn=arn)


def is_allowed(role: Role, action: str, resource: str, more: Mapping[str, str] | None = None) -> bool:
    """Whether the role's own policies allow an action on a resource; `more` are further condition keys."""
    return verdict_of(role, action, resource, more) is Verdict.ALLOW


def verdict_of(role: Role, action: str, resource: str, more: Mapping[str, str] | None = None) -> Verdict:
    """What the role's own policies say to an action on a resource (an ARN, or `*`)."""
    caller = as_caller(role.arn)
    owner = resource.split(":")[4] if resource.startswith("arn:") else role.account_id
    context = {**request_context(caller), "aws:resourceaccount": owner, **(more or {})}
    attached = [
        version for policy in role.managed_policies.values() for version in policy.versions if version.is_default
    ]
    documents = [*role.policies.values(), *(version.document for version in attached)]
    said = [decide(_for_all(document, context), caller, action, resource, context) for document in documents]
    return next((one for one in (Verdict.DENY, Verdict.ALLOW) if one in said), Verdict.SILENT)


def _for_all(document: str | Mapping[str, Any], context: Mapping[str, str]) -> str:
    """An identity policy in the form of a resource policy: its principal is whoever holds it.

    Policy variables that the context knows are filled in.
    """
    text = document if isinstance(document, str) else json.dumps(document)
    text = re.sub(r"\$\{([\w:]+)\}", lambda found: context.get(found[1].lower(), found[0]), text)
    statements = as_list(json.loads(text).get("Statement"))
    return json.dumps({"Statement": [{**statement, "Principal": "*"} for statement in statements]})
