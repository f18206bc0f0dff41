"""SimulatePrincipalPolicy: what a role's own policies say to an action on a resource.

Follows https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html: every action on every
resource, NoSuchEntity for a principal that does not exist, up to `MaxItems` results a page. A role without any policy
may do everything, as everywhere in the sandbox (see `callers.py`). Not emulated: users and groups, permission
boundaries, service control policies (OrganizationsDecisionDetail says that they allow all), policies of resources,
context entries of several values, MissingContextValues.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.responses import IamResponse

from migrate.sandbox.policy_verdicts import Verdict
from migrate.sandbox.service_roles import find_role, verdict_of
from migrate.sandbox.settings import Timing

_PAGE = 100
_WORDS = {Verdict.ALLOW: "allowed", Verdict.DENY: "explicitDeny", Verdict.SILENT: "implicitDeny"}


def install(_timing: Timing) -> None:
    """Teaches moto's IAM the operation. Idempotent."""
    IamResponse.simulate_principal_policy = _simulate


def _simulate(self: Any) -> ActionResult:
    principal = str(self._get_param("PolicySourceArn"))
    role = find_role(principal)
    if role is None:
        raise NotFoundException(f"Entity {principal} does not exist")
    actions = self._get_param("ActionNames") or []
    resources = self._get_param("ResourceArns") or ["*"]
    entries = self._get_param("ContextEntries") or []
    context = {one["ContextKeyName"].lower(): (one.get("ContextKeyValues") or [""])[0] for one in entries}
    found = [_result(role, action, resources, context) for action in actions]
    start, count = int(self._get_param("Marker") or 0), min(int(self._get_param("MaxItems") or _PAGE), _PAGE)
    answer: dict[str, Any] = {"EvaluationResults": found[start : start + count], "IsTruncated": False}
    if start + count < len(found):
        answer |= {"IsTruncated": True, "Marker": str(start + count)}
    return ActionResult(answer)


def _result(role: Any, action: str, resources: list[str], context: dict[str, str]) -> dict[str, Any]:
    """One EvaluationResult: for all resources together, and for each."""
    has_policies = bool(role.policies or role.managed_policies)
    said = {one: verdict_of(role, action, one, context) if has_policies else Verdict.ALLOW for one in resources}
    worst = next((one for one in (Verdict.DENY, Verdict.SILENT) if one in said.values()), Verdict.ALLOW)
    return {
        "EvalActionName": action,
        "EvalResourceName": resources[0],
        "EvalDecision": _WORDS[worst],
        "OrganizationsDecisionDetail": {"AllowedByOrganizations": True},
        "ResourceSpecificResults": [
            {"EvalResourceName": one, "EvalResourceDecision": _WORDS[verdict]} for one, verdict in said.items()
        ],
    }
