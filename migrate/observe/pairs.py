"""Source and target tables side by side: only what is needed to compare their items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.aws import dynamodb
from migrate.aws.session import Account
from migrate.core.clock import Clock
from migrate.core.diagnostics import Diagnostic, error
from migrate.core.errors import AwsError
from migrate.core.table import KeySchema, Throughput
from migrate.observe.normalise import TableReads, normalise_spec
from migrate.observe.reader import Reader
from migrate.observe.resources import failed_read


@dataclass(frozen=True)
class TablePair:
    """Two tables that both exist. `items` and `size_bytes` are AWS's estimates for the source, hours old."""

    source: str
    target: str
    source_keys: KeySchema
    target_keys: KeySchema
    target_arn: str
    target_id: str
    items: int = 0
    size_bytes: int = 0
    source_capacity: Throughput | None = None
    """Provisioned; None for an on-demand table."""

    target_capacity: Throughput | None = None


def describe_pairs(
    source: Account, target: Account, names: Sequence[tuple[str, str]], clock: Clock
) -> tuple[list[TablePair], list[Diagnostic]]:
    """The pairs (source name, target name) of which both tables can be read, and what is wrong with the others.

    Calls DescribeTable once for each table, and nothing else. Raises `CredentialsExpired`.
    """
    pairs: list[TablePair] = []
    problems: list[Diagnostic] = []
    with Reader(clock) as reader:
        for here, there in names:
            reader.ask(dynamodb.describe_table, source, here)
            reader.ask(dynamodb.describe_table, target, there)
        for here, there in names:
            first = _described(reader, source, here, problems)
            second = _described(reader, target, there, problems)
            if first is not None and second is not None:
                pairs.append(_pair(first, second))
    return pairs, problems


def _described(reader: Reader, account: Account, name: str, problems: list[Diagnostic]) -> Mapping[str, Any] | None:
    found = reader.answer(dynamodb.describe_table, account, name)
    if isinstance(found, AwsError):
        problems.append(failed_read(f"tables.{name}", found))
        return None
    if found is None:
        hint = "check the name, and id and region under accounts.source"
        if account.side == "target":
            hint = "migrate apply makes it; --only TABLE leaves it out"
        what = f"there is no table {name} in the {account.side}, {account.id} {account.region}"
        problems.append(error(what, address=f"tables.{name}", hint=hint))
    return found


def _pair(source: Mapping[str, Any], target: Mapping[str, Any]) -> TablePair:
    here, there = normalise_spec(TableReads(source)), normalise_spec(TableReads(target))
    return TablePair(
        source=source["TableName"],
        target=target["TableName"],
        source_keys=here.keys,
        target_keys=there.keys,
        target_arn=target.get("TableArn", ""),
        target_id=target.get("TableId", ""),
        items=source.get("ItemCount", 0),
        size_bytes=source.get("TableSizeBytes", 0),
        source_capacity=here.provisioned,
        target_capacity=there.provisioned,
    )
