"""Pre-warm a table, or an index of it, that is there: asked for by the manifest, charged once, never lowered again.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/update-warm-throughput.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


class WarmThroughputHandler:
    """Kind `warm-throughput`: params `table`, `index` (None: the table itself), `throughput` (API form).

    What is at least as warm as asked for counts as done: AWS raises it by itself too, and charges only an increase.
    """

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        yield allow(place.side, "dynamodb:DescribeTable UpdateTable", place.table(action.params["table"]))

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """Nothing to own."""
        return ()

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        found = _described(step, context).get("WarmThroughput") or {}
        if any(found.get(name, 0) < units for name, units in step.params["throughput"].items()):
            return Absent()
        return Satisfied() if found.get("Status", "ACTIVE") == "ACTIVE" else InProgress("")

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        wish: dict[str, Any] = {"WarmThroughput": step.params["throughput"]}
        index = step.params["index"]
        change = {"GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": index, **wish}}]} if index else wish
        dynamodb.update_table(context.account(step.side), step.params["table"], **change)
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        if isinstance(self.observe(step, context), Satisfied):
            return Done()
        return Running(next_look(seconds_since(step.started, context.clock)))

    def undo(self, step: Step, context: Context) -> None:
        """Cannot be: warm throughput is never lowered."""
        raise NotImplementedError("warm throughput can never be lowered")


def _described(step: Step, context: Context) -> Mapping[str, Any]:
    account, name, index = context.account(step.side), step.params["table"], step.params["index"]
    table = dynamodb.describe_table(account, name)
    parts = (
        [table]
        if index is None
        else [one for one in (table or {}).get("GlobalSecondaryIndexes") or [] if one["IndexName"] == index]
    )
    if not parts or parts[0] is None:
        what = f"index {index} of {name}" if index else f"table {name}"
        raise NotFound(f"there is no {what} in {account.id} {account.region}")
    return parts[0]
