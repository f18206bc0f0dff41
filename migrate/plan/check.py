"""One check of `migrate doctor`, and what all of them are made from."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migrate.manifest.model import Manifest
from migrate.observe.checkup import SideCheckup, SideQuestions, Unread
from migrate.observe.inventory import AccountFacts, Inventory
from migrate.plan.model import Action, Plan, PlannedTable

ACCESS_DENIED = "AccessDenied"
"""`Check.cause` of a check that failed for a permission."""

_NAMED = 5


class Result(str, enum.Enum):
    """How a check came out. UNKNOWN: what it rests on could not be read; that is never OK."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One line of the checkup.

    `account` is source, target or migration (what belongs to no account). `name` is the same in every run. `details`
    are the single findings behind the summary, `fix` is the next command or what to change. `cause` as in `Diagnostic`.
    """

    account: str
    name: str
    result: Result
    summary: str
    details: tuple[str, ...] = ()
    why: str = ""
    fix: str = ""
    cause: str | None = None


@dataclass(frozen=True)
class Patient:
    """One account of a migration, with what the plan does there and what was found."""

    side: str
    account: AccountFacts
    asked: SideQuestions
    found: SideCheckup
    manifest: Manifest
    inventory: Inventory
    plan: Plan

    @property
    def moved(self) -> list[PlannedTable]:
        """The tables whose items are still to be moved."""
        return [table for table in self.plan.tables if table.is_move]

    def actions(self, *kinds: str) -> list[Action]:
        """The planned actions of these kinds."""
        return [action for action in self.plan.actions if action.kind in kinds]

    def check(
        self,
        name: str,
        result: Result,
        summary: str,
        *,
        details: Iterable[str] = (),
        why: str = "",
        fix: str = "",
        cause: str | None = None,
    ) -> Check:
        """A check of this account."""
        return Check(self.side, name, result, summary, tuple(details), why, fix, cause)

    def unread(self, name: str, unread: Unread, assumed: str = "") -> Check:
        """What could not be looked up; `assumed` says what is taken for granted without it."""
        summary = f"{unread.summary}; {assumed}" if assumed else unread.summary
        return self.check(name, Result.UNKNOWN, summary, why=unread.why, fix=unread.hint)


def named(names: Sequence[str]) -> str:
    """Some names in a sentence: `a, b and 12 more`."""
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def counted(count: int, noun: str) -> str:
    """`1 table`, `2 tables`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
