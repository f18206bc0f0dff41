"""Kinesis destinations of tables: state only.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_EnableKinesisStreamingDestination.html: the
stream must exist in the same account and Region; a table has at most one active destination here (AWS: two). Not
emulated: records in the stream.
"""

from __future__ import annotations

import time
from typing import Any

from migrate.sandbox.front import Call, operation
from migrate.sandbox.lifecycle import must_be_idle
from migrate.sandbox.refusals import Refused
from migrate.sandbox.settings import Timing
from migrate.sandbox.values import invalid

_PRECISIONS = ("MILLISECOND", "MICROSECOND")
_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long a destination is ENABLING or DISABLING."""
    global _timing
    _timing = timing


@operation("EnableKinesisStreamingDestination", "TableName StreamArn EnableKinesisStreamingConfiguration")
def enable(call: Call) -> dict[str, Any]:
    """API_EnableKinesisStreamingDestination."""
    table, arn = call.table(), call.body["StreamArn"]
    must_be_idle(table)
    _check_stream(call, arn)
    if any(_status(state) in ("ENABLING", "ACTIVE", "DISABLING") for state in _states(table).values()):
        raise Refused("ResourceInUseException", f"Table already has an active Kinesis stream destination: {table.name}")
    precision = _precision(call.body.get("EnableKinesisStreamingConfiguration", {}), "MILLISECOND")
    _states(table)[arn] = {"on": True, "until": time.time() + _timing.settings, "precision": precision}
    return _answer(table, arn, "EnableKinesisStreamingConfiguration")


@operation("DisableKinesisStreamingDestination", "TableName StreamArn EnableKinesisStreamingConfiguration")
def disable(call: Call) -> dict[str, Any]:
    """API_DisableKinesisStreamingDestination."""
    table, arn = call.table(), call.body["StreamArn"]
    state = _active(table, arn)
    state.update(on=False, until=time.time() + _timing.settings)
    return _answer(table, arn, "EnableKinesisStreamingConfiguration")


@operation("UpdateKinesisStreamingDestination", "TableName StreamArn UpdateKinesisStreamingConfiguration")
def update(call: Call) -> dict[str, Any]:
    """API_UpdateKinesisStreamingDestination: another precision."""
    table, arn = call.table(), call.body["StreamArn"]
    state = _active(table, arn)
    wanted = _precision(call.body.get("UpdateKinesisStreamingConfiguration", {}), state["precision"])
    if wanted == state["precision"]:
        raise invalid(
            f"Invalid Request: Precision is already set to the desired value of {wanted} for tableId: {table.table_id}"
        )
    state["precision"] = wanted
    return _answer(table, arn, "UpdateKinesisStreamingConfiguration")


@operation("DescribeKinesisStreamingDestination", "TableName")
def describe(call: Call) -> dict[str, Any]:
    """API_DescribeKinesisStreamingDestination."""
    table = call.table()
    found = [
        {
            "StreamArn": arn,
            "DestinationStatus": _status(state),
            "ApproximateCreationDateTimePrecision": state["precision"],
        }
        for arn, state in _states(table).items()
    ]
    return {"TableName": table.name, "KinesisDataStreamDestinations": found}


def _states(table: Any) -> dict[str, dict[str, Any]]:
    if not hasattr(table, "kinesis"):
        table.kinesis = {}
    states: dict[str, dict[str, Any]] = table.kinesis
    return states


def _active(table: Any, arn: str) -> dict[str, Any]:
    state = _states(table).get(arn)
    if state is None or _status(state) != "ACTIVE":
        raise Refused(
            "ResourceNotFoundException", f"Table is not in a valid state to change this Kinesis destination: {arn}"
        )
    return state


def _status(state: dict[str, Any]) -> str:
    changing = time.time() < state["until"]
    if state["on"]:
        return "ENABLING" if changing else "ACTIVE"
    return "DISABLING" if changing else "DISABLED"


def _precision(given: dict[str, Any], default: str) -> str:
    wanted: str = given.get("ApproximateCreationDateTimePrecision", default)
    if wanted not in _PRECISIONS:
        raise invalid(
            f"1 validation error detected: Value '{wanted}' at 'approximateCreationDateTimePrecision' "
            "failed to satisfy constraint"
        )
    return wanted


def _answer(table: Any, arn: str, configuration: str) -> dict[str, Any]:
    state = _states(table)[arn]
    return {
        "TableName": table.name,
        "StreamArn": arn,
        "DestinationStatus": _status(state),
        configuration: {"ApproximateCreationDateTimePrecision": state["precision"]},
    }


def _check_stream(call: Call, arn: str) -> None:
    from moto.kinesis.models import kinesis_backends

    streams = kinesis_backends[call.request.account][call.request.region].streams.values()
    if all(stream.arn != arn for stream in streams):
        raise invalid(f"Table is not able to use this stream: it does not exist in this account and Region: {arn}")
