"""What PutBucketPolicy refuses (MalformedPolicy).

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html

Not emulated: whether a principal exists (AWS refuses a role that doesn't), which condition key fits which action.
"""

from __future__ import annotations

import json
import re
from typing import Any

from moto.s3.exceptions import S3ClientError

from migrate.sandbox.bucket_requests import BUCKET_LEVEL, OBJECT_LEVEL
from migrate.sandbox.policy_verdicts import Statement, as_list, matches, principals

_PRINCIPAL = re.compile(r"\*|\d{12}|arn:aws[\w-]*:(iam|sts)::\d{12}:(root|(role|user|assumed-role|federated-user)/.+)")
_MAX_BYTES = 20_480


class MalformedPolicy(S3ClientError):
    """400 MalformedPolicy, with S3's reason."""

    code = "MalformedPolicy"


def check_bucket_policy(policy: bytes, bucket: str) -> None:
    """Raises MalformedPolicy unless S3 would take `policy` for the bucket of that name."""
    if len(policy) > _MAX_BYTES:
        raise MalformedPolicy(f"Policy exceeds the maximum allowed document size of {_MAX_BYTES} bytes.")
    try:
        document = json.loads(policy)
    except ValueError as error:
        raise MalformedPolicy("Policies must be valid JSON and the first byte must be '{'") from error
    if not isinstance(document, dict):
        raise MalformedPolicy("Policies must be valid JSON and the first byte must be '{'")
    if document.get("Version", "2012-10-17") not in ("2012-10-17", "2008-10-17"):
        raise MalformedPolicy("The policy must contain a valid version string")
    entries = as_list(document.get("Statement"))
    if not entries:
        raise MalformedPolicy("Missing required field Statement")
    for entry in entries:
        _check_statement(entry, bucket)


def _check_statement(entry: Any, bucket: str) -> None:
    if not isinstance(entry, dict):
        raise MalformedPolicy("Policy has invalid statement")
    if entry.get("Effect") not in ("Allow", "Deny"):
        raise MalformedPolicy("Missing required field Effect" if "Effect" not in entry else "Invalid effect")
    for name in ("Principal", "Action", "Resource"):
        if name not in entry and f"Not{name}" not in entry:
            raise MalformedPolicy(f"Missing required field {name}")
    _check_principal(entry)
    _check_actions(entry)
    _check_resources(entry, bucket)
    _check_fit(entry, bucket)


def _check_principal(entry: Statement) -> None:
    principal = entry.get("Principal", "*")
    if not isinstance(principal, dict) and principal != "*":
        raise MalformedPolicy("Invalid principal in policy")
    if not all(_PRINCIPAL.fullmatch(name) for name in principals(entry)):
        raise MalformedPolicy("Invalid principal in policy")


def _check_actions(entry: Statement) -> None:
    for action in as_list(entry.get("Action")) + as_list(entry.get("NotAction")):
        if action != "*" and not str(action).lower().startswith("s3:"):
            raise MalformedPolicy("Policy has invalid action")


def _check_resources(entry: Statement, bucket: str) -> None:
    for resource in as_list(entry.get("Resource")) + as_list(entry.get("NotResource")):
        _, _, path = str(resource).partition(":::")
        name = path.partition("/")[0]
        if not str(resource).startswith("arn:aws:s3:::") or not matches(name, bucket):
            raise MalformedPolicy("Policy has invalid resource")


def _check_fit(entry: Statement, bucket: str) -> None:
    """Every action must fit at least one resource: objects' actions need `bucket/*`, the bucket's own the bucket."""
    resources = [str(resource).partition(":::")[2] for resource in as_list(entry.get("Resource"))]
    if not resources:
        return
    has_bucket = any(matches(resource, bucket) for resource in resources)
    has_objects = any("/" in resource or "*" in resource for resource in resources)
    for action in as_list(entry.get("Action")):
        wants_bucket = action in BUCKET_LEVEL
        wants_object = action in OBJECT_LEVEL
        if (wants_bucket and not has_bucket) or (wants_object and not has_objects):
            raise MalformedPolicy("Action does not apply to any resource(s) in statement")
