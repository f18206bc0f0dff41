"""Whether a policy document allows or denies a request: the part of IAM's language that tables' policies use.

Follows https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html. A condition key that the
request does not have makes positive operators false and negated ones true, as IAM does. Not emulated: NotPrincipal,
NotResource, variables.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Any

_KNOWN_MEMBERS = {"Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "Condition"}


def _equal(value: str, pattern: str) -> bool:
    return value == pattern


def _like(value: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


_OPERATORS = {
    "StringEquals": (_equal, False),
    "StringNotEquals": (_equal, True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnEquals": (_like, False),
    "ArnLike": (_like, False),
    "ArnNotEquals": (_like, True),
    "ArnNotLike": (_like, True),
}


def problems(policy: Any) -> str | None:
    """Why a document can't be used, or None."""
    if not isinstance(policy, dict) or not _listed(policy.get("Statement")):
        return "no Statement"
    for statement in _listed(policy["Statement"]):
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            return "a statement needs Effect Allow or Deny"
        unknown = set(statement) - _KNOWN_MEMBERS
        if unknown:
            return f"unsupported member {sorted(unknown)[0]}"
        if (
            "Principal" not in statement
            or not ({"Action", "NotAction"} & set(statement))
            or "Resource" not in statement
        ):
            return "a statement needs Principal, Action and Resource"
        for name in statement.get("Condition", {}):
            if name not in _OPERATORS:
                return f"unsupported condition operator {name}"
    return None


def decision(policy: dict[str, Any], caller: str, account: str, action: str, resource: str) -> bool | None:
    """True allowed, False denied (a Deny wins), None when no statement speaks about the request."""
    result: bool | None = None
    for statement in _listed(policy["Statement"]):
        if _applies(statement, caller, account, action, resource):
            if statement["Effect"] == "Deny":
                return False
            result = True
    return result


def principal_arn(caller: str) -> str:
    """aws:PrincipalArn: for a session it is the role's ARN."""
    match = re.match(r"arn:aws:sts::(\d+):assumed-role/([^/]+)/", caller)
    return f"arn:aws:iam::{match.group(1)}:role/{match.group(2)}" if match else caller


def _applies(statement: dict[str, Any], caller: str, account: str, action: str, resource: str) -> bool:
    if "Action" in statement:
        named = any(_like(action.lower(), pattern.lower()) for pattern in _listed(statement["Action"]))
    else:
        named = not any(_like(action.lower(), pattern.lower()) for pattern in _listed(statement["NotAction"]))
    return (
        named
        and any(_like(resource, pattern) for pattern in _listed(statement["Resource"]))
        and _is_principal(statement["Principal"], caller, account)
        and _conditions_hold(statement.get("Condition", {}), caller, account)
    )


def _is_principal(principal: Any, caller: str, account: str) -> bool:
    names = [principal] if isinstance(principal, str) else _listed(principal.get("AWS", []))
    return any(name in ("*", account, f"arn:aws:iam::{account}:root", caller, principal_arn(caller)) for name in names)


def _conditions_hold(conditions: dict[str, Any], caller: str, account: str) -> bool:
    values = {"aws:principalarn": principal_arn(caller), "aws:principalaccount": account}
    for name, tests in conditions.items():
        matches, negated = _OPERATORS[name]
        for key, patterns in tests.items():
            value = values.get(key.lower())
            found = value is not None and any(matches(value, pattern) for pattern in _listed(patterns))
            if found is negated:
                return False
    return True


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
