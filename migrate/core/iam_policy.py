"""IAM policy documents as JSON text: statements by their Sid, and a look at whom they allow what. No evaluation."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from migrate.core.codec import Json, canonical

Statement = Mapping[str, Any]

SHARE = "MigrateShare"
"""How the Sids begin of statements that `share:` of some migration has put into a policy."""


def share_mark(lineage: str) -> str:
    """How the Sids begin of the statements of one migration's `share:`. A Sid has letters and digits only."""
    return f"{SHARE}{lineage[:12]}"


def statements(policy: str | None) -> list[Statement]:
    """The statements of a policy; none for None."""
    found = (json.loads(policy) if policy else {}).get("Statement", [])
    return list(found) if isinstance(found, list) else [found]


def with_statement(policy: str | None, ours: Statement) -> str:
    """`policy` with `ours` in place of the statement of the same Sid; everything else stays."""
    return _with(policy, [*_others(policy, str(ours["Sid"])), ours])


def without_statement(policy: str | None, sid: str) -> str | None:
    """`policy` without the statement `sid`; None when nothing else is in it."""
    kept = _others(policy, sid)
    return _with(policy, kept) if kept else None


def has_statement(policy: str | None, sid: str) -> bool:
    """True when the policy has a statement of that Sid."""
    return any(one.get("Sid") == sid for one in statements(policy))


def marked(policy: str | None, mark: str) -> list[Statement]:
    """The statements of a policy whose Sid begins with `mark`."""
    return [one for one in statements(policy) if _is_marked(one, mark)]


def with_marked(policy: str | None, mark: str, ours: Iterable[Statement]) -> str | None:
    """`policy` with `ours` in place of every statement with the mark; None when nothing is left in it."""
    kept = [*(one for one in statements(policy) if not _is_marked(one, mark)), *ours]
    return _with(policy, kept) if kept else None


def same(some: Iterable[Statement], others: Iterable[Statement]) -> bool:
    """True for the same statements in any order; one value and a list of it are the same, as services rewrite them."""
    first, second = ([canonical(_plain(one)) for one in group] for group in (some, others))
    return sorted(first) == sorted(second)


def contains(policy: str | None, wanted: Statement) -> bool:
    """True when the policy has this statement; one value and a list of it are the same, as services rewrite them."""
    return any(_plain(one) == _plain(wanted) for one in statements(policy))


def names(statement: Statement, principal: str) -> bool:
    """True when the statement is about everybody, or about an account id or service that `principal` is a part of."""
    who = statement.get("Principal", {})
    return who == "*" or any(one == "*" or principal in one for one in _principals(who))


def covers(statement: Statement, action: str) -> bool:
    """True when `action` is one of the statement's actions, wildcards included."""
    wanted = statement.get("Action", [])
    patterns = [wanted] if isinstance(wanted, str) else wanted
    return any(fnmatch.fnmatchcase(action.lower(), str(pattern).lower()) for pattern in patterns)


def allows(policy: str | None, principal: str, action: str = "") -> bool:
    """True when a statement allows the principal the action ('': anything)."""
    return any(
        one.get("Effect") == "Allow" and names(one, principal) and (not action or covers(one, action))
        for one in statements(policy)
    )


def denies(policy: str | None, principal: str, action: str) -> bool:
    """True when a statement without a condition denies the principal the action."""
    return any(
        one.get("Effect") == "Deny" and not one.get("Condition") and names(one, principal) and covers(one, action)
        for one in statements(policy)
    )


def _is_marked(statement: Statement, mark: str) -> bool:
    return str(statement.get("Sid", "")).startswith(mark)


def _plain(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    found = value if isinstance(value, list) else [value]
    return sorted(str(one) for one in found)


def _principals(who: Json) -> Iterator[str]:
    for value in who.values() if isinstance(who, Mapping) else [who]:
        yield from (value if isinstance(value, list) else [str(value)])


def _others(policy: str | None, sid: str) -> list[Statement]:
    return [one for one in statements(policy) if one.get("Sid") != sid]


def _with(policy: str | None, kept: list[Statement]) -> str:
    document = json.loads(policy) if policy else {"Version": "2012-10-17"}
    return canonical({**document, "Statement": kept})
