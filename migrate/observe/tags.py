"""The tags of many tables: a hundred at a time where that is allowed, since table by table AWS allows ten a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from migrate.aws import dynamodb, tagging
from migrate.aws.session import Account
from migrate.core.diagnostics import Diagnostic, note
from migrate.core.errors import AwsError
from migrate.observe.reader import Reader

MANY = 50
"""Above so many tables the list of the whole account is worth it."""

PROBES = 3
"""Tables without tags in that list whose own list is read too: an answer that leaves tables out is not believed."""


def is_listed(side: str, tables: int) -> bool:
    """True where the tags of so many tables are read from the account's list.

    Only the source's are: what of the target is ours is decided by its tags, and the list shows a new tag late.
    """
    return side == "source" and tables > MANY


@dataclass
class TableTags:
    """Tags of tables of one account."""

    reader: Reader
    account: Account
    is_listed: bool
    problems: list[Diagnostic]
    known: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """By ARN, from the account's list; of every other table its own list is read."""

    def ask(self) -> None:
        """Begin to read the account's list."""
        if self.is_listed:
            self.reader.ask(tagging.table_tags, self.account)

    def ask_rest(self, arns: Sequence[str]) -> None:
        """Begin to read the tags of those tables that the account's list does not tell. Waits for that list."""
        if self.is_listed:
            self._take_list(arns)
        for arn in arns:
            if arn not in self.known:
                self.reader.ask(dynamodb.list_tags, self.account, arn)

    def answer(self, arn: str) -> Mapping[str, str] | AwsError:
        """The tags of a table, or why they could not be read."""
        return self.known[arn] if arn in self.known else self.reader.answer(dynamodb.list_tags, self.account, arn)

    def _take_list(self, arns: Sequence[str]) -> None:
        found = self.reader.answer(tagging.table_tags, self.account)
        if isinstance(found, AwsError):
            text = f"{found.summary}: tags are read table by table, ten a second"
            self.problems.append(note(text, address=f"accounts.{self.account.side}", why=found.why, hint=found.hint))
            return
        absent = [arn for arn in arns if arn not in found]
        for arn in absent[:PROBES]:
            self.reader.ask(dynamodb.list_tags, self.account, arn)
        self.known = {arn: found[arn] for arn in arns if arn in found}
        if not any(self.reader.answer(dynamodb.list_tags, self.account, arn) for arn in absent[:PROBES]):
            self.known |= {arn: {} for arn in absent}
