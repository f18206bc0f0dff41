"""Resource policies of tables: kept, checked when they are put, and obeyed; those of streams are kept only.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-considerations.html (20 KB, RevisionId),
.../rbac-cross-account-access.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html (an explicit Deny wins;
another account needs an Allow). A policy with a condition operator that `policy_verdicts` does not know is refused when
it is put. Not emulated: identity policies (everybody may do everything in the own account unless a policy denies it),
the wait of 15 s between updates, NotResource, readers of streams, ConfirmRemoveSelfResourceAccess (accepted, without
effect).
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from moto.dynamodb.models.table import ResourcePolicy

from migrate.sandbox.front import Call, operation
from migrate.sandbox.policy_verdicts import OPERATORS, as_list
from migrate.sandbox.refusals import Refused

_LONGEST = 20 * 1024
_KNOWN_MEMBERS = {"Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "Condition"}


@operation("PutResourcePolicy", "ResourceArn Policy ExpectedRevisionId ConfirmRemoveSelfResourceAccess")
def put_resource_policy(call: Call) -> dict[str, Any]:
    """API_PutResourcePolicy: the same policy again keeps its revision."""
    arn = _resource(call)
    text = call.body["Policy"]
    check_policy(text)
    current = call.backend.resource_policies.get(arn)
    _check_revision(call, current)
    if current is not None and json.loads(current.policy_doc) == json.loads(text):
        return {"RevisionId": current.revision_id}
    return {"RevisionId": attach(call.backend, arn, text)}


@operation("GetResourcePolicy", "ResourceArn")
def get_resource_policy(call: Call) -> dict[str, Any]:
    """API_GetResourcePolicy."""
    arn = _resource(call)
    policy = call.backend.resource_policies.get(arn)
    if policy is None:
        raise _none_found(arn)
    return {"Policy": policy.policy_doc, "RevisionId": policy.revision_id}


@operation("DeleteResourcePolicy", "ResourceArn ExpectedRevisionId")
def delete_resource_policy(call: Call) -> dict[str, Any]:
    """API_DeleteResourcePolicy: deleting what is not there succeeds without a revision."""
    arn = _resource(call)
    current = call.backend.resource_policies.get(arn)
    _check_revision(call, current)
    if current is None:
        return {}
    del call.backend.resource_policies[arn]
    return {"RevisionId": current.revision_id}


def _resource(call: Call) -> str:
    """The table or stream that the call is about."""
    arn = str(call.body["ResourceArn"])
    table_arn, is_stream, label = arn.partition("/stream/")
    table = call.owned_table(table_arn)
    if is_stream and label != getattr(table, "latest_stream_label", None):
        raise Refused("ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found")
    return arn if is_stream else str(table.table_arn)


def attach(backend: Any, arn: str, text: str) -> str:
    """Sets the policy of a table; returns its new revision."""
    policy = ResourcePolicy(arn, text)
    policy.revision_id = str(uuid.uuid4().int >> 64)
    backend.resource_policies[arn] = policy
    return policy.revision_id


def check_policy(text: str) -> None:
    """Refuses a policy that is no policy, is too long, or uses what the sandbox can't evaluate."""
    try:
        policy = json.loads(text)
    except ValueError as error:
        raise Refused("ValidationException", f"Policy document is not valid JSON: {error}") from error
    if len(text.encode()) > _LONGEST:
        raise Refused("LimitExceededException", "The policy document exceeds 20 KB")
    found = _problem(policy)
    if found:
        raise Refused("ValidationException", f"Invalid policy document: {found}")


def _problem(policy: Any) -> str | None:
    """Why a document can't be used, or None."""
    if not isinstance(policy, dict) or not as_list(policy.get("Statement")):
        return "no Statement"
    return next((found for entry in as_list(policy["Statement"]) if (found := _problem_of(entry))), None)


def _problem_of(statement: Any) -> str | None:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        return "a statement needs Effect Allow or Deny"
    unknown = sorted(set(statement) - _KNOWN_MEMBERS)
    if unknown:
        return f"unsupported member {unknown[0]}"
    if not {"Principal", "Resource"} <= set(statement) or not {"Action", "NotAction"} & set(statement):
        return "a statement needs Principal, Action and Resource"
    operators = sorted(set(statement.get("Condition", {})) - OPERATORS)
    return f"unsupported condition operator {operators[0]}" if operators else None


def _check_revision(call: Call, current: Any) -> None:
    wanted = call.body.get("ExpectedRevisionId")
    if wanted is None:
        return
    actual = "NO_POLICY" if current is None else current.revision_id
    if wanted != actual:
        raise _none_found(call.body["ResourceArn"])


def _none_found(arn: str) -> Refused:
    return Refused("PolicyNotFoundException", f"Resource-based policy not found for the provided ResourceArn: {arn}")
