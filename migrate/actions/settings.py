"""One handler for every setting of a table: read it, and change it when it is not as desired.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from migrate.actions import setting_writes as writes
from migrate.actions.base import (
    Absent,
    Again,
    Blocked,
    Context,
    Done,
    InProgress,
    Observation,
    Running,
    Satisfied,
    Step,
    next_look,
    seconds_since,
)
from migrate.actions.base import StepResult as Result
from migrate.actions.places import Places
from migrate.actions.setting_access import setting_access
from migrate.aws import autoscaling, dynamodb, kms
from migrate.aws.session import Account
from migrate.core.access import Access, allow
from migrate.core.codec import Json
from migrate.core.errors import NotFound
from migrate.observe.normalise import TableReads, normalise_spec
from migrate.observe.scaling import table_of
from migrate.plan.model import Action
from migrate.plan.settings import BY_NAME, SETTINGS
from migrate.state.model import OwnedResource

_GRACE = 60.0
"""Seconds for which a read may lag behind a write."""


@dataclass(frozen=True)
class Reading:
    """A setting as it is now. Not settled: AWS is still changing the table or the setting."""

    value: Json
    is_settled: bool = True


class SettingHandler:
    """Handler of `setting.<name>`: params are `table`, `before` and `after` (values as `plan/settings.py` reads them).

    Setting a value that is there already changes nothing, so a repeated start is harmless.
    """

    slot: str | None = "control"

    def __init__(self, name: str) -> None:
        self.name = name

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, table = places.of(action.side), action.params["table"]
        yield allow(place.side, "dynamodb:DescribeTable", place.table(table))
        if self.name == "encryption":
            yield from places.encrypted_with(action.side, (action.params["after"] or {}).get("key"))
        yield from setting_access(self.name, place, table, action.params["before"], action.params["after"])

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """A setting is nothing to own."""
        return ()

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        reading = read(context.account(step.side), step.params["table"], self.name)
        if self._is_as_wished(step, reading):
            return Satisfied() if reading.is_settled else InProgress("")
        return Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        reading = read(context.account(step.side), step.params["table"], self.name)
        if not self._is_as_wished(step, reading):  # writing a stream or a TTL over itself would turn it off
            self._write(step, context, reading.value, step.params["after"])
        return None

    def poll(self, step: Step, context: Context) -> Result:
        """See `ActionHandler.poll`."""
        reading = read(context.account(step.side), step.params["table"], self.name)
        elapsed = seconds_since(step.started, context.clock)
        if not self._is_as_wished(step, reading):
            # Right after the start a read may still show what was before: with nothing to turn off, that is no answer.
            is_off_first = step.params["before"] is not None or elapsed > _GRACE
            if self.name == "ttl" and reading.is_settled and step.params["after"] is not None and is_off_first:
                return Blocked(
                    f"TTL of {step.params['table']} was on for another attribute and has been turned off",
                    "DynamoDB takes one TTL change an hour: run the same command again in an hour",
                )
            is_half_way = self.name == "stream" and reading.is_settled
            return Again() if is_half_way else Running(next_look(elapsed))
        return Done() if reading.is_settled else Running(next_look(elapsed))

    def undo(self, step: Step, context: Context) -> None:
        """Back to `before`. Of tags, those that this action brought are removed, and no others."""
        account, table, before = context.account(step.side), step.params["table"], step.params["before"]
        now = read(account, table, self.name).value
        if self.name == "tags":
            brought = {**(step.params["after"] or {}), **step.params.get("own", {})}
            writes.tags(account, table, now, before)
            writes.remove_tags(account, table, set(brought) - set(before or {}))
        elif now != before:
            self._write(step, context, now, before)

    def _is_as_wished(self, step: Step, reading: Reading) -> bool:
        after = step.params["after"]
        if self.name != "tags":
            return bool(reading.value == after)
        wanted = {**(after or {}), **step.params.get("own", {})}
        seen = reading.value or {}
        return all(seen.get(key) == value for key, value in wanted.items())

    def _write(self, step: Step, context: Context, before: Json, after: Json) -> None:
        account, table = context.account(step.side), step.params["table"]
        if self.name == "tags":
            writes.tags(account, table, before, {**(after or {}), **step.params.get("own", {})})
            return
        writes.WRITES[self.name](account, table, before, after)


def read(account: Account, table: str, name: str) -> Reading:
    """The setting `name` of a table as it is now. Raises `NotFound` when there is no such table."""
    reads = _reads(account, table, name)
    value = BY_NAME[name].read(normalise_spec(reads))
    if name == "tags":
        value = dict(reads.tags)
    return Reading(value, _is_settled(reads))


def _reads(account: Account, table: str, name: str) -> TableReads:
    described = dynamodb.describe_table(account, table)
    if described is None:
        raise NotFound(f"there is no table {table} in {account.id} {account.region}")
    return TableReads(table=described, **_more(account, table, name, described))


def _more(account: Account, table: str, name: str, described: dict[str, Any]) -> dict[str, Any]:
    """What the setting needs beside DescribeTable."""
    arn = described["TableArn"]
    if name == "ttl":
        return {"ttl": dynamodb.describe_ttl(account, table)}
    if name == "recovery":
        return {"recovery": dynamodb.describe_recovery(account, table)}
    if name == "tags":
        return {"tags": dynamodb.list_tags(account, arn)}
    if name == "kinesis":
        return {"kinesis": dynamodb.describe_kinesis(account, table)}
    if name == "resource-policy":
        policy = dynamodb.get_resource_policy(account, arn)
        return {"policy": policy[0] if policy else None}
    if name == "contributor-insights":
        found = dynamodb.list_contributor_insights(account)
        return {"insights": [entry for entry in found if entry.get("TableName") == table]}
    if name == "auto-scaling":
        return {"scaling": _scaling(account, table)}
    if name == "encryption":
        return {"key_manager": _key_manager(account, described)}
    return {}


def _scaling(account: Account, table: str) -> dict[str, list[dict[str, Any]]]:
    everything = autoscaling.describe(account)
    return {kind: [one for one in found if table_of(one["ResourceId"]) == table] for kind, found in everything.items()}


def _key_manager(account: Account, described: dict[str, Any]) -> str | None:
    arn = (described.get("SSEDescription") or {}).get("KMSMasterKeyArn")
    facts = kms.describe_key(account, arn) if arn else None
    return facts.get("KeyManager") if facts else None


def _is_settled(reads: TableReads) -> bool:
    indexes = reads.table.get("GlobalSecondaryIndexes") or []
    states = [
        reads.table.get("TableStatus"),
        *(index.get("IndexStatus", "ACTIVE") for index in indexes),
        (reads.table.get("SSEDescription") or {}).get("Status", "ENABLED"),
        reads.ttl.get("TimeToLiveStatus", "ENABLED"),
        *(one.get("ContributorInsightsStatus") for one in reads.insights),
        *(one.get("DestinationStatus") for one in reads.kinesis),
    ]
    return all(state in ("ACTIVE", "ENABLED", "DISABLED", "FAILED") for state in states)


def handlers() -> dict[str, SettingHandler]:
    """A handler for each setting, by action kind."""
    return {f"setting.{setting.name}": SettingHandler(setting.name) for setting in SETTINGS}
