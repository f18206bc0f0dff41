"""Create a global index on a table that has its items already.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.OnlineOps.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate.actions.base import (
    Absent,
    Context,
    Done,
    InProgress,
    Observation,
    Running,
    Satisfied,
    Step,
    StepResult,
    next_look,
    seconds_since,
)
from migrate.actions.places import Places
from migrate.aws import dynamodb
from migrate.core.access import Access, allow
from migrate.core.errors import NotFound
from migrate.plan.model import Action
from migrate.state.model import OwnedResource


class IndexHandler:
    """Kind `index`: params `table`, `index`, `creation` (an entry of GlobalSecondaryIndexes) and `attributes`."""

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        yield allow(place.side, "dynamodb:DescribeTable UpdateTable", place.table(action.params["table"]))

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """An index goes with its table."""
        return ()

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        status = self._status(step, context)
        if status is None:
            return Absent()
        return Satisfied() if status == "ACTIVE" else InProgress("")

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        dynamodb.update_table(
            context.account(step.side),
            step.params["table"],
            AttributeDefinitions=step.params["attributes"],
            GlobalSecondaryIndexUpdates=[{"Create": step.params["creation"]}],
        )
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        if self._status(step, context) == "ACTIVE":
            return Done()
        return Running(next_look(seconds_since(step.started, context.clock)))

    def undo(self, step: Step, context: Context) -> None:
        """Drop the index."""
        if self._status(step, context) is not None:
            update: list[dict[str, Any]] = [{"Delete": {"IndexName": step.params["index"]}}]
            dynamodb.update_table(context.account(step.side), step.params["table"], GlobalSecondaryIndexUpdates=update)

    def _status(self, step: Step, context: Context) -> str | None:
        account = context.account(step.side)
        table = dynamodb.describe_table(account, step.params["table"])
        if table is None:
            raise NotFound(f"there is no table {step.params['table']} in {account.id} {account.region}")
        for index in table.get("GlobalSecondaryIndexes") or []:
            if index["IndexName"] == step.params["index"]:
                return str(index.get("IndexStatus", "ACTIVE"))
        return None
