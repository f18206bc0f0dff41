"""What a source account has, for a first manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from migrate.aws import dynamodb, errors
from migrate.aws.session import Account
from migrate.core.clock import Clock
from migrate.core.errors import AwsError
from migrate.core.table import KeySchema
from migrate.observe.normalise import TableReads, normalise_spec
from migrate.observe.reader import Reader


@dataclass(frozen=True)
class FoundTable:
    """A table as DescribeTable shows it; sizes are AWS's own, hours old. `notes` say what a mover should know."""

    name: str
    keys: KeySchema
    items: int
    size_bytes: int
    notes: tuple[str, ...] = ()


def account_id(account: Account) -> str:
    """The account that the credentials belong to (sts GetCallerIdentity), whatever id `account` was made with."""
    return str(errors.call(account, "sts", "GetCallerIdentity")["Account"])


def find_tables(account: Account, patterns: Sequence[str], clock: Clock) -> list[FoundTable]:
    """The tables of the account whose name matches one of `patterns` (`*` and `?`; none: all), sorted by name.

    Calls ListTables, and DescribeTable once for each. Raises the `AwsError` of the first read that fails.
    """
    names = dynamodb.list_tables(account)
    names = [name for name in names if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]
    with Reader(clock) as reader:
        for name in names:
            reader.ask(dynamodb.describe_table, account, name)
        answers = [reader.answer(dynamodb.describe_table, account, name) for name in names]
    for answer in answers:
        if isinstance(answer, AwsError):
            raise answer
    return [_found(answer) for answer in answers if isinstance(answer, dict)]


def _found(table: Mapping[str, Any]) -> FoundTable:
    keys = normalise_spec(TableReads(table)).keys
    return FoundTable(
        table["TableName"], keys, table.get("ItemCount", 0), table.get("TableSizeBytes", 0), tuple(_notes(table))
    )


def _notes(table: Mapping[str, Any]) -> Iterator[str]:
    for field, words in (("GlobalSecondaryIndexes", "global indexes"), ("LocalSecondaryIndexes", "local indexes")):
        names = [index["IndexName"] for index in table.get(field) or []]
        if names:
            yield f"{words}: {', '.join(names)}"
    if (table.get("StreamSpecification") or {}).get("StreamEnabled"):
        yield "has a stream: its readers stay with the source"
    if table.get("Replicas"):
        yield f"a global table, with replicas in {', '.join(one.get('RegionName', '') for one in table['Replicas'])}"
