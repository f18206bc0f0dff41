"""Needs as CloudFormation templates, one for each account. Pure.

Statements for the policies of buckets, keys and vaults stand in the template's metadata: a resource here would replace
the whole policy that is there, with what others have in it.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-managedpolicy.html
"""

from __future__ import annotations

from collections.abc import Sequence

from migrate.actions.needs import Needs, PrincipalNeeds
from migrate.core.access import RUNNER, Grant
from migrate.core.codec import Json
from migrate.render.permissions import Policy, policies, short_name, trust_document


def templates(needs: Needs, migration: str, notes: Sequence[str]) -> dict[str, str]:
    """File name -> YAML text."""
    import yaml

    found = {}
    for side in ("source", "target", RUNNER):
        template = _template(side, needs, migration, notes)
        if template:
            text = yaml.dump(template, Dumper=_plain_dumper(), sort_keys=False, width=120, allow_unicode=True)
            found[f"{side}.template.yaml"] = text
    return found


def _plain_dumper() -> type:
    """Without anchors, which CloudFormation does not take for the same object twice."""
    import yaml

    class Plain(yaml.SafeDumper):
        """See above."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    return Plain


def _template(side: str, needs: Needs, migration: str, notes: Sequence[str]) -> dict[str, Json] | None:
    own = [one for one in needs.principals if one.side == side]
    resources = {name: body for one in own for name, body in _resources(one, migration)}
    if not resources:
        return None
    metadata: dict[str, Json] = {"Notes": list(notes)} if notes else {}
    made = [f"{one.principal}: made by {one.made_by}" for one in own if one.made_by]
    if made:
        metadata["MadeByMigrate"] = made
    merge = [_merge(one) for one in needs.grants if one.side == side]
    if merge:
        metadata["StatementsForOtherPolicies"] = merge
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"What migrate needs in the {side} account for {migration}: attach the policies to who is named",
        **({"Metadata": metadata} if metadata else {}),
        "Resources": resources,
    }


def _merge(one: Grant) -> dict[str, Json]:
    by = {"MadeByMigrate": one.made_by} if one.made_by else {}
    return {"Kind": one.kind, "Resource": one.resource, **by, "Statement": one.statement}


def _resources(one: PrincipalNeeds, migration: str) -> list[tuple[str, Json]]:
    if one.made_by:
        return []
    found = policies(one, migration)
    if one.who.startswith("arn:"):
        return [(_logical(short_name(one)), _role(one, found))]
    return [(_logical(policy.name), _managed(policy, one.title)) for policy in found]


def _managed(policy: Policy, title: str) -> dict[str, Json]:
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        **_reasons(policy),
        "Properties": {
            "ManagedPolicyName": policy.name,
            "Description": f"For {title}",
            "PolicyDocument": policy.document,
        },
    }


def _role(one: PrincipalNeeds, found: Sequence[Policy]) -> dict[str, Json]:
    reasons = {sid: text for policy in found for sid, text in policy.reasons.items()}
    inline = [{"PolicyName": policy.name, "PolicyDocument": policy.document} for policy in found]
    return {
        "Type": "AWS::IAM::Role",
        **({"Metadata": {"Reasons": reasons}} if reasons else {}),
        "Properties": {
            "RoleName": one.principal.rpartition("/")[2],
            "AssumeRolePolicyDocument": trust_document(one.trust),
            **({"Policies": inline} if inline else {}),
        },
    }


def _reasons(policy: Policy) -> dict[str, Json]:
    return {"Metadata": {"Reasons": dict(policy.reasons)}} if policy.reasons else {}


def _logical(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.replace(".", "-").replace("_", "-").split("-"))
