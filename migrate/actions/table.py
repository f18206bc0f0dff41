"""The target table of strategies that write its items themselves: create it, or look at the one that is there.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions.base import (
    Absent,
    Conflicting,
    Context,
    Done,
    Failed,
    InProgress,
    Observation,
    ReadOnlyHandler,
    Running,
    Satisfied,
    Step,
    StepResult,
    next_look,
    seconds_since,
    was_just_started,
)
from migrate.actions.load import is_active, key_of, remove_table, table_arn
from migrate.actions.places import Places
from migrate.aws import dynamodb
from migrate.aws.session import Account
from migrate.core.access import Access, allow
from migrate.core.errors import StepError
from migrate.observe.normalise import TableReads, normalise_spec
from migrate.plan.model import Action
from migrate.state.model import OwnedResource

LINEAGE_TAG = "migrate:lineage"
TOKEN_TAG = "migrate:token"


class TableHandler:
    """Kind `table`: params `creation` (the parameters of CreateTable, without our own tags).

    CreateTable has no client token, so the attempt's token is a tag that is set with the creation itself: it tells our
    table from one that somebody else has made meanwhile.
    """

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, creation = places.of(action.side), action.params["creation"]
        names = "CreateTable TagResource DescribeTable ListTagsOfResource"
        yield allow(place.side, f"dynamodb:{names}", place.table(creation["TableName"]))
        yield from places.encrypted_with(action.side, key_of(creation))

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The table."""
        return (OwnedResource(table_arn(context.account(step.side), _name(step)), "table", "target", step.address),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`. A table without the attempt's token is a conflict."""
        account = context.account(step.side)
        table = dynamodb.describe_table(account, _name(step))
        if table is None:
            return Absent()
        if dynamodb.list_tags(account, table["TableArn"]).get(TOKEN_TAG) == step.token:
            return Satisfied() if is_active(table) and _is_warm(table) else InProgress("")
        if was_just_started(step, context):
            return InProgress("")  # tags are eventually consistent; `poll` does not end before they are there
        return Conflicting(_not_ours(step, account))

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        creation = dict(step.params["creation"])
        ours = {LINEAGE_TAG: context.lineage, "migrate:address": step.address, TOKEN_TAG: step.token}
        own = [{"Key": key, "Value": value} for key, value in ours.items()]
        dynamodb.create_table(context.account(step.side), **{**creation, "Tags": [*creation.get("Tags", []), *own]})
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        account = context.account(step.side)
        table = dynamodb.describe_table(account, _name(step))
        is_ours = table is not None and dynamodb.list_tags(account, table["TableArn"]).get(TOKEN_TAG) == step.token
        if table is not None and not is_ours and not was_just_started(step, context):
            return Failed(_not_ours(step, account), released=(table["TableArn"],))
        if table is None or not is_active(table) or not _is_warm(table) or not is_ours:
            return Running(next_look(seconds_since(step.started, context.clock)))
        proof = {"table_id": table["TableId"]}
        owned = OwnedResource(table["TableArn"], "table", "target", step.address, True, proof)
        return Done({"table_arn": table["TableArn"], "table_id": table["TableId"]}, owned=(owned,))

    def undo(self, step: Step, context: Context) -> None:
        """Delete the table, if it is the very one that this action made."""
        for resource in step.owned:
            if resource.kind == "table":
                remove_table(context.account(step.side), _name(step), resource.proof.get("table_id", ""))


class TableLookHandler(ReadOnlyHandler):
    """Kind `table-look`: params `table`, `table_id`, `keys` ([name, type], partition first), `must_be_empty`.

    The last look at a table of somebody else before its first item is written. Claims nothing, changes nothing.
    """

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, table = places.of(action.side), action.params["table"]
        yield allow(place.side, "dynamodb:DescribeTable", place.table(table))
        if action.params["must_be_empty"]:
            yield allow(place.side, "dynamodb:Scan", place.table(table))
            yield from places.items_of(action.side, table)

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        account, name = context.account(step.side), step.params["table"]
        table = dynamodb.describe_table(account, name)
        if table is None or table["TableId"] != step.params["table_id"]:
            found = "is gone" if table is None else "is another one than planned: it was made anew"
            return Failed(_changed(name, account, found))
        keys = [[key.name, key.type] for key in normalise_spec(TableReads(table)).keys.attributes]
        if keys != step.params["keys"]:
            return Failed(_changed(name, account, f"has another key than planned: {keys}"))
        if not is_active(table):
            return Running(next_look(seconds_since(step.started, context.clock)))
        if step.params["must_be_empty"] and dynamodb.has_items(account, name):
            return Failed(not_empty(name, account))
        return Done({"table_arn": table["TableArn"], "table_id": table["TableId"]})


def _is_warm(table: Mapping[str, Any]) -> bool:
    """Nothing of the table is still being pre-warmed."""
    every = [table, *(table.get("GlobalSecondaryIndexes") or [])]
    return all((one.get("WarmThroughput") or {}).get("Status", "ACTIVE") == "ACTIVE" for one in every)


def _changed(name: str, account: Account, found: str) -> StepError:
    return StepError(
        f"the table {name} in {account.id} {account.region} {found}",
        "it was there when the plan was made; nothing was written to it",
        "migrate plan   looks again",
    )


def not_empty(name: str, account: Account) -> StepError:
    """Why a table of somebody else that has items is not filled."""
    return StepError(
        f"the table {name} in {account.id} {account.region} has items",
        "nothing says what becomes of them, and this migration did not make the table; nothing was written to it",
        "say `into: existing` and `on_conflict: keep` or `overwrite` under strategies.copy, or empty the table",
    )


def _not_ours(step: Step, account: Account) -> StepError:
    return StepError(
        f"the table {_name(step)} exists in {account.id} {account.region}, and this migration did not make it",
        "it appeared after the plan was made",
        "migrate plan   shows what can be done",
    )


def _name(step: Step) -> str:
    name: str = step.params["creation"]["TableName"]
    return name
