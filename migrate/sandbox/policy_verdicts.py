"""Policies that hang on a resource (table, bucket, KMS key): does one allow or deny a principal an action?

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html

Not emulated: numeric, date and IP address operators, policy variables (`${aws:username}`), NotPrincipal. A condition
that uses one of these, or a key that the sandbox does not know, counts against the caller: it fails an Allow and
fulfils a Deny.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

from migrate.sandbox.callers import Caller

Statement = Mapping[str, Any]


class Verdict(Enum):
    """What a policy says about one request."""

    ALLOW = "allow"
    DENY = "deny"
    SILENT = "silent"


def decide(
    policy: str | bytes | None, caller: Caller, action: str, resource: str, context: Mapping[str, str]
) -> Verdict:
    """The word of `policy` on `caller` doing `action` (`s3:PutObject`) to `resource` (an ARN); an explicit Deny wins.

    `context` holds the condition keys of the request in lower case; a key that this kind of request could have but
    that is absent from it is given as "".
    """
    verdict = Verdict.SILENT
    for statement in statements(policy):
        effect = statement.get("Effect")
        if not _applies(statement, caller, action, resource, context, when_unknown=effect == "Deny"):
            continue
        if effect == "Deny":
            return Verdict.DENY
        verdict = Verdict.ALLOW
    return verdict


def statements(policy: str | bytes | None) -> list[Statement]:
    """The statements of a policy document; none for no policy."""
    if not policy:
        return []
    return [entry for entry in as_list(json.loads(policy).get("Statement")) if isinstance(entry, Mapping)]


def is_public(policy: str | bytes | None) -> bool:
    """True if a statement allows everybody something without a condition.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    return any(
        entry.get("Effect") == "Allow" and not entry.get("Condition") and "*" in principals(entry)
        for entry in statements(policy)
    )


def principals(statement: Statement) -> list[str]:
    """The AWS principals of a statement; services and federated ones are left out."""
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        return [str(name) for name in as_list(principal.get("AWS"))]
    return [str(name) for name in as_list(principal)]


def as_list(value: Any) -> list[Any]:
    """A policy element as a list: absent is empty, one value stands for a list of one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


@lru_cache(maxsize=4096)
def _pattern(text: str, ignore_case: bool) -> re.Pattern[str]:
    escaped = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped + r"\Z", re.IGNORECASE | re.DOTALL if ignore_case else re.DOTALL)


def matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """True if `text` fits `pattern`, in which `*` and `?` are wildcards."""
    return _pattern(pattern, ignore_case).match(text) is not None


def _applies(
    statement: Statement, caller: Caller, action: str, resource: str, context: Mapping[str, str], *, when_unknown: bool
) -> bool:
    return (
        _has_principal(statement, caller, when_unknown=when_unknown)
        and _has_element(statement, "Action", action, ignore_case=True)
        and _has_element(statement, "Resource", resource, ignore_case=False)
        and _fulfils(statement.get("Condition") or {}, context, when_unknown=when_unknown)
    )


def _has_principal(statement: Statement, caller: Caller, *, when_unknown: bool) -> bool:
    if "NotPrincipal" in statement:
        return when_unknown
    names = principals(statement)
    if "*" in names:
        return True
    if caller.is_anonymous:
        return False
    own = {caller.account, f"arn:aws:iam::{caller.account}:root", caller.arn, caller.role_arn}
    return any(name in own for name in names)


def _has_element(statement: Statement, element: str, value: str, *, ignore_case: bool) -> bool:
    def found(name: str) -> bool:
        return any(matches(str(entry), value, ignore_case=ignore_case) for entry in as_list(statement.get(name)))

    if f"Not{element}" in statement:
        return not found(f"Not{element}")
    return found(element)


def _equal(wanted: str, actual: str) -> bool:
    return wanted == actual


def _equal_ignoring_case(wanted: str, actual: str) -> bool:
    return wanted.lower() == actual.lower()


_POSITIVE: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": _equal_ignoring_case,
    "StringLike": matches,
    "ArnEquals": matches,
    "ArnLike": matches,
    "Bool": _equal_ignoring_case,
}
_NEGATIVE: dict[str, Callable[[str, str], bool]] = {
    "StringNotEquals": _equal,
    "StringNotEqualsIgnoreCase": _equal_ignoring_case,
    "StringNotLike": matches,
    "ArnNotEquals": matches,
    "ArnNotLike": matches,
}


OPERATORS = frozenset({*_POSITIVE, *_NEGATIVE, *(f"{name}IfExists" for name in (*_POSITIVE, *_NEGATIVE)), "Null"})
"""Condition operators that the sandbox can evaluate."""


def _fulfils(conditions: Mapping[str, Any], context: Mapping[str, str], *, when_unknown: bool) -> bool:
    results = (
        _holds(operator, [str(entry) for entry in as_list(wanted)], context.get(key.lower()))
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )
    return all(when_unknown if result is None else result for result in results)


def _holds(operator: str, wanted: Iterable[str], actual: str | None) -> bool | None:
    """None = can't be told: a key or an operator that the sandbox does not know. "" = the request has no such key."""
    name = operator.rpartition(":")[2]
    if actual is None:
        return None
    if name == "Null":
        return any((value.lower() == "true") == (actual == "") for value in wanted)
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    if name in _POSITIVE:
        return optional if actual == "" else any(_POSITIVE[name](value, actual) for value in wanted)
    if name in _NEGATIVE:
        return actual == "" or not any(_NEGATIVE[name](value, actual) for value in wanted)
    return None
