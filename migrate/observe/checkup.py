"""Look at what no plan depends on and a night can fail of: credentials, clocks, quotas, triggers, writers, permissions.

Read-only, each read made once. A read that is refused or fails is a fact too (`Unread`): it is never taken for good
news. What the plan depends on is in the inventory and is not read again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from migrate.aws import dynamodb, iam, kms, metrics, quotas, transfer, triggers
from migrate.aws.session import Account
from migrate.core.clock import Clock
from migrate.core.errors import AwsError
from migrate.observe.identity import service_time
from migrate.observe.inventory import KeyFacts
from migrate.observe.reader import Reader

WINDOW_MINUTES = 15
"""For how long back CloudWatch is asked for writers."""

SIMULATED_AT_ONCE = 50
"""Actions of one SimulatePrincipalPolicy: each is answered for each resource, up to 100 answers a page."""

T = TypeVar("T")


@dataclass(frozen=True)
class Unread:
    """Something that could not be read: what was refused, why, and what would let it be read."""

    summary: str
    why: str = ""
    hint: str = ""


@dataclass(frozen=True)
class CredentialFacts:
    """How long the credentials of an account work: they renew themselves, or end in `seconds_left` (None: unknown)."""

    renews: bool
    is_temporary: bool
    seconds_left: float | None = None


@dataclass(frozen=True)
class Trigger:
    """A Lambda function that reads a stream. `state` is Enabled, Disabled, Creating, ..."""

    stream: str
    id: str
    function: str
    state: str


@dataclass(frozen=True)
class Asked:
    """Actions that `principal` (the ARN of a role; '': whoever we are) needs on resources (ARNs, or `*`).

    `context` are condition keys and their values; `when` says in which case, if not in every one.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principal: str = ""
    context: tuple[tuple[str, str], ...] = ()
    when: str = ""


@dataclass(frozen=True)
class Decision:
    """What IAM says to one action on one resource. `decision` is allowed, explicitDeny or implicitDeny."""

    action: str
    resource: str
    decision: str
    when: str = ""
    is_organization_against: bool = False
    missing: tuple[str, ...] = ()
    """Condition keys that decide, and whose values the simulation does not know."""


@dataclass(frozen=True)
class Simulated:
    """Decisions on one principal; '' and none for a caller that IAM does not simulate (a root user)."""

    principal: str
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True)
class SideQuestions:
    """What to look at in one account: services whose quotas count, KMS keys, tables that may be written to,
    permissions. `makes_tables` is True when it gets new tables, `has_streams` when who reads streams matters."""

    services: tuple[str, ...] = ()
    makes_tables: bool = False
    has_streams: bool = False
    keys: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    permissions: tuple[Asked, ...] = ()


@dataclass(frozen=True)
class SideCheckup:
    """What was found in one account. None where nobody asked.

    `clock_ahead` is in seconds: AWS's clock is so far ahead of this machine's. `quotas` are by service and QuotaName,
    `keys` by ARN, `written` are write units by table over the last `WINDOW_MINUTES`.
    """

    credentials: CredentialFacts | Unread
    clock_ahead: float | Unread | None = None
    quotas: Mapping[str, Mapping[str, float] | Unread] = field(default_factory=dict)
    limits: Mapping[str, int] | Unread | None = None
    table_count: int | Unread | None = None
    transfers: Mapping[str, int] | Unread | None = None
    triggers: tuple[Trigger, ...] | Unread = ()
    """Of all streams of the account."""

    keys: Mapping[str, KeyFacts | Unread | None] = field(default_factory=dict)
    written: Mapping[str, float] | Unread | None = None
    permissions: Mapping[str, Simulated | Unread] = field(default_factory=dict)
    """By the principal of the question."""


def look_at(account: Account, questions: SideQuestions, reader: Reader, clock: Clock) -> Callable[[], SideCheckup]:
    """Begin every read of one account; calling the result waits for the answers."""
    ask = _Asking(reader, account)
    now = clock.now()
    answers: dict[str, Callable[[], Any]] = {
        "credentials": ask(_credentials, now),
        "clock_ahead": ask(_clock_ahead, clock),
        "quotas": _each(ask, quotas.service_quotas, questions.services),
        "keys": _each(ask, _key, questions.keys),
    }
    if questions.makes_tables:
        answers |= {"limits": ask(quotas.capacity_limits), "table_count": ask(_table_count)}
    if questions.makes_tables or questions.written:
        answers["transfers"] = ask(transfer.transfers_in_progress)
    if questions.has_streams:
        answers["triggers"] = ask(_triggers)
    if questions.written:
        begin = now - dt.timedelta(minutes=WINDOW_MINUTES)
        answers["written"] = ask(metrics.written_units, questions.written, begin, now)
    asked = {one.principal for one in questions.permissions}
    simulated = {
        who: ask(_permissions, who, tuple(one for one in questions.permissions if one.principal == who))
        for who in sorted(asked)
    }
    answers["permissions"] = lambda: {who: answer() for who, answer in simulated.items()}
    return lambda: SideCheckup(**{name: answer() for name, answer in answers.items()})


@dataclass(frozen=True)
class _Asking:
    """Begins a read of an account; the result, called, is its answer, with failures as `Unread`."""

    reader: Reader
    account: Account

    def __call__(self, function: Callable[..., T], *arguments: Any) -> Callable[[], T | Unread]:
        self.reader.ask(function, self.account, *arguments)

        def answer() -> T | Unread:
            found = self.reader.answer(function, self.account, *arguments)
            return Unread(found.summary, found.why, found.hint) if isinstance(found, AwsError) else found

        return answer


def _each(ask: _Asking, function: Callable[..., T], names: Sequence[str]) -> Callable[[], dict[str, T | Unread]]:
    asked = {name: ask(function, name) for name in names}
    return lambda: {name: answer() for name, answer in asked.items()}


def _credentials(account: Account, now: dt.datetime) -> CredentialFacts:
    lifetime = account.lifetime()
    left = (lifetime.ends - now).total_seconds() if lifetime.ends else None
    return CredentialFacts(lifetime.renews, lifetime.is_temporary, left)


def _clock_ahead(account: Account, clock: Clock) -> float | None:
    before = clock.now()
    theirs = service_time(account)
    ours = before + (clock.now() - before) / 2
    return None if theirs is None else (theirs - ours).total_seconds() + 0.5  # their second, cut off


def _table_count(account: Account) -> int:
    return len(dynamodb.list_tables(account))


def _triggers(account: Account) -> tuple[Trigger, ...]:
    found = triggers.event_source_mappings(account)
    names = ("EventSourceArn", "UUID", "FunctionArn", "State")
    return tuple(Trigger(*(str(one.get(name) or "") for name in names)) for one in found)


def _key(account: Account, arn: str) -> KeyFacts | None:
    key = kms.describe_key(account, arn)
    if key is None:
        return None
    policy = kms.get_key_policy(account, key["Arn"])
    state, manager = key.get("KeyState") or "Enabled", key.get("KeyManager") or "CUSTOMER"
    return KeyFacts(arn, key["Arn"], manager, state, policy=policy, id=arn)


def _permissions(account: Account, who: str, wanted: Sequence[Asked]) -> Simulated:
    principal = who or iam.principal_arn(account, account.caller)
    if not principal:
        return Simulated("")
    found: list[Decision] = []
    for one in wanted:
        for start in range(0, len(one.actions), SIMULATED_AT_ONCE):
            some = one.actions[start : start + SIMULATED_AT_ONCE]
            answers = iam.simulate(account, principal, some, one.resources, dict(one.context))
            found += [decision for answer in answers for decision in _decisions(answer, one.when)]
    return Simulated(principal, tuple(found))


def _decisions(found: Mapping[str, Any], when: str) -> Iterator[Decision]:
    """Of one action: for each resource where IAM tells them apart."""
    of_organization = found.get("OrganizationsDecisionDetail") or {}
    is_against = of_organization.get("AllowedByOrganizations") is False
    whole = {"EvalResourceName": found.get("EvalResourceName"), "EvalResourceDecision": found["EvalDecision"]}
    for part in found.get("ResourceSpecificResults") or [{**whole, **found}]:
        missing = part.get("MissingContextValues") or found.get("MissingContextValues") or ()
        yield Decision(
            action=found["EvalActionName"],
            resource=part.get("EvalResourceName") or "*",
            decision="explicitDeny" if is_against else part["EvalResourceDecision"],
            when=when,
            is_organization_against=is_against,
            missing=tuple(missing),
        )
