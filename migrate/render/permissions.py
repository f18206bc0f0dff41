"""Needs as IAM policy documents: statements with a Sid that says why, cut to the size that AWS takes. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.actions.needs import Needs, PrincipalNeeds
from migrate.core.access import RUNNER, Grant, Permission
from migrate.core.codec import Json, canonical

FORMAT_VERSION = 1
VERSION = "2012-10-17"
LARGEST = 6144
"""Characters of a managed policy, blanks not counted."""

MOST_POLICIES = 10
"""Managed policies of one principal, unless AWS has raised the quota."""


@dataclass(frozen=True)
class Policy:
    """One policy document. `reasons` say, by Sid, why a statement is conditional or wide."""

    name: str
    statements: tuple[Mapping[str, Json], ...]
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def document(self) -> Json:
        """As IAM takes it."""
        return {"Version": VERSION, "Statement": list(self.statements)}


def short_name(one: PrincipalNeeds) -> str:
    """`source-caller`, `target-caller`, `runner`, or a role's name."""
    if one.who.startswith("arn:"):
        return f"role-{one.who.rpartition('/')[2]}"
    return one.who if one.who == RUNNER else f"{one.who}-caller"


def policies(one: PrincipalNeeds, migration: str) -> list[Policy]:
    """The policies of a principal, each small enough for a managed policy."""
    statements = _statements(one.permissions)
    parts = list(_parts([statement for statement, _ in statements]))
    reasons = {statement["Sid"]: reason for statement, reason in statements if reason}
    name = f"migrate-{migration}-{short_name(one)}"[:124]
    return [
        Policy(
            f"{name}-{number}" if len(parts) > 1 else name,
            tuple(part),
            {s["Sid"]: reasons[_root(s)] for s in part if _root(s) in reasons},
        )
        for number, part in enumerate(parts, start=1)
    ]


def most_policies(needs: Needs, migration: str) -> int:
    """How many policies the principal needs that needs most of them."""
    return max((len(policies(one, migration)) for one in needs.principals), default=0)


def trust_document(grants: Sequence[Grant]) -> Json:
    """The trust policy of a role."""
    return {"Version": VERSION, "Statement": [grant.statement for grant in grants]}


def permissions_document(
    needs: Needs, migration: str, *, basis: str, uses: Sequence[str], notes: Sequence[str]
) -> dict[str, Json]:
    """Everything, for `schemas/permissions.schema.json`. `basis`: accounts, manifest or plan."""
    return {
        "format_version": FORMAT_VERSION,
        "migration": migration,
        "basis": basis,
        "uses": list(uses),
        "notes": list(notes),
        "principals": [_principal(one, migration) for one in needs.principals],
        "resource_policies": [_grant(one) for one in needs.grants],
    }


def permission_files(needs: Needs, migration: str) -> dict[str, str]:
    """File name -> text: each policy by itself, to be given to AWS as it is. Nothing for roles that migrate makes."""
    found: dict[str, Json] = {}
    for one in needs.principals:
        if not one.made_by:
            found |= {f"{one.side}.{policy.name}.json": policy.document for policy in policies(one, migration)}
            if one.trust:
                found[f"{one.side}.{short_name(one)}.trust.json"] = trust_document(one.trust)
    return {name: json.dumps(value, indent=2, ensure_ascii=False) + "\n" for name, value in found.items()}


def _principal(one: PrincipalNeeds, migration: str) -> dict[str, Json]:
    return {
        "who": one.who,
        "title": one.title,
        "account": one.account,
        "principal": one.principal,
        "made_by": one.made_by,
        "trust_policy": trust_document(one.trust) if one.trust else None,
        "policies": [
            {"name": policy.name, "document": policy.document, "reasons": dict(policy.reasons)}
            for policy in policies(one, migration)
        ],
    }


def _grant(one: Grant) -> dict[str, Json]:
    return {
        "kind": one.kind,
        "side": one.side,
        "resource": one.resource,
        "made_by": one.made_by,
        "statement": one.statement,
    }


def reason_of(one: Permission) -> str:
    """Why it is conditional or wide, in words; '' when it is neither."""
    return "; ".join(text for text in (one.when and f"when {one.when}", one.wide) if text)


def _statements(permissions: Sequence[Permission]) -> list[tuple[dict[str, Any], str]]:
    """Statements with unique Sids, and the reason for each."""
    used: dict[str, int] = {}
    found = []
    for one in permissions:
        sid = _camel(f"when {one.when}" if one.when else one.wide or f"every run {one.actions[0].partition(':')[0]}")
        used[sid] = used.get(sid, 0) + 1
        statement: dict[str, Any] = {
            "Sid": sid if used[sid] == 1 else f"{sid}{used[sid]}",
            "Effect": "Allow",
            "Action": list(one.actions),
            "Resource": list(one.resources),
        }
        if one.condition:
            statement["Condition"] = one.condition
        found.append((statement, reason_of(one)))
    return found


def _parts(statements: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The statements in documents that are small enough; one that is too large by itself has its resources shared."""
    limit = LARGEST - len(canonical({"Version": VERSION, "Statement": []}))
    part: list[dict[str, Any]] = []
    size = 0
    for statement in (piece for one in statements for piece in _pieces(one, limit)):
        own = len(canonical(statement)) + 1
        if part and size + own > limit:
            yield part
            part, size = [], 0
        part.append(statement)
        size += own
    if part:
        yield part


def _pieces(statement: dict[str, Any], limit: int) -> Iterator[dict[str, Any]]:
    own = len(canonical({**statement, "Resource": []})) + 8
    pieces: list[list[str]] = [[]]
    size = own
    for resource in statement["Resource"]:
        if pieces[-1] and size + len(resource) + 3 > limit:
            pieces.append([])
            size = own
        pieces[-1].append(resource)
        size += len(resource) + 3
    for number, resources in enumerate(pieces):
        sid = statement["Sid"] if number == 0 else f"{statement['Sid']}Part{number + 1}"
        yield {**statement, "Sid": sid, "Resource": resources}


def _root(statement: Mapping[str, Any]) -> str:
    return re.sub(r"Part\d+$", "", str(statement["Sid"]))


def _camel(text: str) -> str:
    """A Sid: letters and digits only."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    return "".join(word[:1].upper() + word[1:] for word in words)[:80]
