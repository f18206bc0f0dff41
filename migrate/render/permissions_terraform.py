"""Needs as Terraform, one file for each account, laid out as `terraform fmt` does. Pure.

Statements for the policies of buckets, keys and vaults are data sources, to be merged into the policy that is there: a
resource here would replace all of it.
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from migrate.actions.needs import Needs, PrincipalNeeds
from migrate.core.access import RUNNER, Grant
from migrate.core.codec import Json
from migrate.render.permissions import policies, short_name


def configurations(needs: Needs, migration: str, notes: Sequence[str]) -> dict[str, str]:
    """File name -> text."""
    found = {}
    for side in ("source", "target", RUNNER):
        own = [one for one in needs.principals if one.side == side]
        grants = [one for one in needs.grants if one.side == side]
        if own or grants:
            blocks = [*_head(side, migration, notes), *_principals(own, migration), *_grants(grants)]
            found[f"{side}.tf"] = "\n\n".join(blocks) + "\n"
    return found


def _head(side: str, migration: str, notes: Sequence[str]) -> Iterator[str]:
    lines = [f"What migrate needs in the {side} account for {migration}: attach the policies to who is named.", *notes]
    yield "\n".join(f"# {line}" for line in lines)


def _principals(own: Sequence[PrincipalNeeds], migration: str) -> Iterator[str]:
    for one in own:
        if one.made_by:
            yield f"# {one.principal}: made by {one.made_by}"
        elif one.who.startswith("arn:"):
            yield from _role(one, migration)
        else:
            for policy in policies(one, migration):
                name = _name(policy.name)
                yield _document(name, policy.statements, policy.reasons)
                yield _block("aws_iam_policy", name, {"name": policy.name, "description": f"For {one.title}"}, name)


def _role(one: PrincipalNeeds, migration: str) -> Iterator[str]:
    role = _name(short_name(one))
    yield _document(f"{role}_trust", [grant.statement for grant in one.trust], {})
    source = f"data.aws_iam_policy_document.{role}_trust.json"
    lines = [
        f'resource "aws_iam_role" "{role}" {{',
        f"  name               = {_text(one.principal.rpartition('/')[2])}",
    ]
    yield "\n".join([*lines, f"  assume_role_policy = {source}", "}"])
    for policy in policies(one, migration):
        name = _name(policy.name)
        yield _document(name, policy.statements, policy.reasons)
        lines = [f'resource "aws_iam_role_policy" "{name}" {{', f"  name   = {_text(policy.name)}"]
        lines += [f"  role   = aws_iam_role.{role}.id", f"  policy = data.aws_iam_policy_document.{name}.json", "}"]
        yield "\n".join(lines)


def _grants(grants: Sequence[Grant]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for one in grants:
        name = _name(f"{one.kind}-{one.resource.rpartition(':')[2]}")
        seen[name] = seen.get(name, 0) + 1
        by = f"made by {one.made_by}" if one.made_by else "merge it into the policy that is there"
        unique = name if seen[name] == 1 else f"{name}_{seen[name]}"
        yield f"# {one.kind} of {one.resource}: {by}\n{_document(unique, [one.statement], {})}"


def _block(kind: str, name: str, values: Mapping[str, str], document: str) -> str:
    width = max(map(len, (*values, "policy")))
    lines = [f"  {key:<{width}} = {_text(value)}" for key, value in values.items()]
    lines.append(f"  {'policy':<{width}} = data.aws_iam_policy_document.{document}.json")
    return "\n".join([f'resource "{kind}" "{name}" {{', *lines, "}"])


def _document(name: str, statements: Sequence[Mapping[str, Json]], reasons: Mapping[str, str]) -> str:
    body = "\n\n".join(_statement(one, reasons.get(str(one.get("Sid")), "")) for one in statements)
    return f'data "aws_iam_policy_document" "{name}" {{\n{body}\n}}'


def _statement(one: Mapping[str, Json], reason: str) -> str:
    parts = [f"    sid = {_text(str(one['Sid']))}"] if one.get("Sid") else []
    parts.append(_list("actions", one["Action"]))
    if "Resource" in one:
        parts.append(_list("resources", one["Resource"]))
    for kind, who in (one.get("Principal") or {}).items():
        parts.append(_nested("principals", {"type": _text(kind)}, "identifiers", who))
    for test, wanted in (one.get("Condition") or {}).items():
        for variable, values in wanted.items():
            given = {"test": _text(test), "variable": _text(variable)}
            parts.append(_nested("condition", given, "values", values))
    comment = f"  # {reason}\n" if reason else ""
    return f"{comment}  statement {{\n" + "\n\n".join(parts) + "\n  }"


def _list(name: str, values: Json, indent: str = "    ") -> str:
    listed = [values] if isinstance(values, str) else list(values)
    lines = [f"{indent}  {_text(str(value))}," for value in listed]
    return "\n".join([f"{indent}{name} = [", *lines, f"{indent}]"])


def _nested(block: str, given: Mapping[str, str], name: str, values: Json) -> str:
    width = max(map(len, given))
    lines = [f"      {key:<{width}} = {value}" for key, value in given.items()]
    return "\n".join([f"    {block} {{", *lines, "", _list(name, values, "      "), "    }"])


def _text(value: str) -> str:
    """A quoted string; `${` is IAM's own and not to be filled in."""
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
