"""Rules on `share`: principals that need no resource policy, and such as are named twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.core.diagnostics import Diagnostic
from migrate.manifest.document import Document, Path

_PRINCIPAL = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::(root|(?:role|user)/.+))?\Z")


def check_shares(document: Document) -> Iterator[Diagnostic]:
    """Principals of the target account itself, and entries that say the same principal again."""
    target = document.get(("accounts", "target", "id"))
    for index, _ in document.mappings(("tables",)):
        seen: dict[str, Path] = {}
        for number, share in document.mappings(("tables", index, "share")):
            path: Path = ("tables", index, "share", number, "principal")
            principal = share.get("principal")
            found = _PRINCIPAL.match(principal) if isinstance(principal, str) else None
            if found is None:
                continue  # the schema says what it must be
            if found[1] == target:
                why = "within an account, IAM policies decide; a resource policy is for other accounts"
                hint = "give the role or user an IAM policy, and remove this entry"
                yield document.error(path, f"is of the target account {target} itself", why=why, hint=hint)
            who = f"{found[1]}:{found[2] or 'root'}"
            if who in seen:
                first = document.location(seen[who])
                yield document.error(path, f"is named already at {first}", hint="join the two: `access` takes a list")
            seen.setdefault(who, path)
