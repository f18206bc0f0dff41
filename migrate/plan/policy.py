"""Policy gates: what an organization allows, held against a plan before its first write. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from migrate.core.diagnostics import Diagnostic, error, warning
from migrate.manifest.model import Side
from migrate.manifest.policy import ApprovalRule, Policy
from migrate.plan.model import Change, Plan, PlannedAccount, PlannedTable, Risk

_MOST_NAMES = 10


@dataclass(frozen=True)
class Approval:
    """A table that moves because somebody with a name has approved; `rule` is where the policy asks for it."""

    table: str
    by: str
    rule: str


def broken_policy(plan: Plan, policies: Iterable[Policy], approved: Collection[str] | None) -> list[Diagnostic]:
    """Every gate of every policy that the plan breaks, each with its place in the policy.

    `approved` are the names of those who approved. None: nobody was asked yet (a plan that is only shown), so that a
    missing approval is a warning.
    """
    return [finding for policy in policies for gate in _GATES for finding in gate(plan, policy)] + [
        finding for policy in policies for finding in _approvals(plan, policy, approved)
    ]


def given_approvals(plan: Plan, policies: Iterable[Policy], approved: Collection[str]) -> list[Approval]:
    """The approvals that the plan needed and got, for the journal."""
    return [
        Approval(
            table.target, next(name for name in rule.by if name in approved), str(policy.locate(address) or address)
        )
        for policy in policies
        for address, rule in _rules(policy)
        for table in _covered(plan, rule)
        if set(rule.by) & set(approved)
    ]


def _accounts(plan: Plan, policy: Policy) -> Iterator[Diagnostic]:
    sides: tuple[tuple[Side, PlannedAccount], ...] = (("source", plan.source), ("target", plan.target))
    for side, account in sides:
        for gate, word, value in (("accounts", "account", account.id), ("regions", "Region", account.region)):
            allowed = (policy.accounts if gate == "accounts" else policy.regions).get(side)
            if allowed is not None and value not in allowed:
                what = f"the {side} {word} {value} is not one that the policy allows"
                yield _broken(policy, f"{gate}.{side}", what, f"allowed: {_list(allowed)}")


def _strategies(plan: Plan, policy: Policy) -> Iterator[Diagnostic]:
    allowed = policy.strategies
    if allowed is None:
        return
    for strategy in dict.fromkeys(table.strategy for table in _moving(plan) if table.strategy not in allowed):
        names = [table.source for table in _moving(plan) if table.strategy == strategy]
        what = f"strategy {strategy} is not one that the policy allows; it would move {_list(names)}"
        yield _broken(policy, "strategies", what, f"allowed: {_list(allowed)}")


def _deletions(plan: Plan, policy: Policy) -> Iterator[Diagnostic]:
    found = [one.address for one in plan.actions if one.change is Change.DELETE or one.risk is Risk.DESTRUCTIVE]
    if policy.never_delete and found:
        hint = "`cleanup: keep` in the manifest keeps what the migration makes for itself"
        yield _broken(policy, "never_delete", f"the plan deletes, and the policy forbids it: {_list(found)}", hint)


def _dollars(plan: Plan, policy: Policy) -> Iterator[Diagnostic]:
    dollars = sum(table.estimate.dollars for table in _moving(plan))
    if policy.max_dollars is not None and dollars > policy.max_dollars:
        what = f"the plan costs about ${dollars:,.2f}, and the policy allows ${policy.max_dollars:,.2f}"
        yield _broken(policy, "max_dollars", what, "move fewer tables at a time: --only TABLE")


def _source_reads(plan: Plan, policy: Policy) -> Iterator[Diagnostic]:
    most = policy.max_source_read_units
    if most is None:
        return
    over = [
        f"{table.source} ({table.estimate.source_read_units:,})"
        for table in _moving(plan)
        if table.estimate.source_read_units > most
    ]
    if over:
        what = f"more read units than the {most:,} that the policy allows would be taken from {_list(over)}"
        hint = "strategy s3 reads a table only to compare it, and with `verify: none` not at all"
        yield _broken(policy, "max_source_read_units", what, hint)


_GATES: Sequence[Callable[[Plan, Policy], Iterator[Diagnostic]]] = (
    _accounts,
    _strategies,
    _deletions,
    _dollars,
    _source_reads,
)


def _approvals(plan: Plan, policy: Policy, approved: Collection[str] | None) -> Iterator[Diagnostic]:
    for address, rule in _rules(policy):
        names = [table.target for table in _covered(plan, rule)]
        if not names or set(rule.by) & set(approved or ()):
            continue
        what = f"{_list(names)} may be changed only with the approval of {' or '.join(rule.by)}"
        hint = "migrate apply ... --approve NAME   names who has approved"
        if approved is None:
            yield warning(what, address=address, hint=hint, location=policy.locate(address))
        else:
            why = f"approved by {_list(sorted(approved))}" if approved else "nobody has approved"
            yield _broken(policy, address, what, hint, why)


def _rules(policy: Policy) -> Iterator[tuple[str, ApprovalRule]]:
    return ((f"approvals[{index}].tables", rule) for index, rule in enumerate(policy.approvals))


def _covered(plan: Plan, rule: ApprovalRule) -> list[PlannedTable]:
    """The tables of the rule in which the plan changes something."""
    return [
        table
        for table in plan.tables
        if rule.covers(table.source, table.target)
        and any(action.change is not Change.READ for action in plan.of_owner(table.target))
    ]


def _moving(plan: Plan) -> list[PlannedTable]:
    return [table for table in plan.tables if table.is_move]


def _broken(policy: Policy, address: str, what: str, hint: str, why: str = "") -> Diagnostic:
    return error(what, address=address, why=why, hint=hint, location=policy.locate(address))


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return (", ".join(names[:_MOST_NAMES]) or "none") + more
