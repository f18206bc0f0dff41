"""How the record of a step changes. Pure: the only place that decides attempts and tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from migrate.core.codec import Json
from migrate.core.errors import StepError
from migrate.plan.model import Action
from migrate.state.model import MOST_ATTEMPTS, Attempt, Status, StepRecord, token

UNFINISHED = (Status.PENDING, Status.STARTING, Status.RUNNING)


def is_done(record: StepRecord | None, action: Action, plan_id: str) -> bool:
    """True when this plan has carried the action out. What an earlier plan did does not count: the world moves on."""
    return (
        record is not None
        and record.status is Status.DONE
        and record.plan_id == plan_id
        and record.action_digest == action.digest
    )


def begin(record: StepRecord | None, action: Action, plan_id: str, lineage: str) -> StepRecord:
    """The record to go on with.

    An unfinished record of the same intent keeps its attempt, and with it its token: work that a dead run started is
    found again. After a recorded end, or for another intent, a new attempt begins; the one before is remembered.
    """
    if record is not None and record.status in UNFINISHED and record.action_digest == action.digest:
        return dataclasses.replace(record, plan_id=plan_id)
    attempt = record.attempt + 1 if record else 1
    return StepRecord(
        address=action.address,
        kind=action.kind,
        action_digest=action.digest,
        attempt=attempt,
        token=token(lineage, action.address, action.digest, attempt),
        plan_id=plan_id,
        earlier=_with_earlier(record) if record else (),
    )


def _with_earlier(record: StepRecord) -> tuple[Attempt, ...]:
    last = Attempt(record.attempt, record.status, record.plan_id, record.error, record.started, record.ended)
    return (*record.earlier, last)[-MOST_ATTEMPTS:]


def starting(record: StepRecord, now: str) -> StepRecord:
    """About to call AWS; written before the call."""
    return dataclasses.replace(record, status=Status.STARTING, started=record.started or now, error=None)


def running(record: StepRecord, handle: str | None, now: str) -> StepRecord:
    """AWS has answered; `handle` finds the work again."""
    return dataclasses.replace(record, status=Status.RUNNING, handle=handle, started=record.started or now)


def done(record: StepRecord, outputs: Mapping[str, Json], now: str) -> StepRecord:
    """Observed to be there."""
    return dataclasses.replace(
        record, status=Status.DONE, outputs=dict(outputs), started=record.started or now, ended=now, error=None
    )


def failed(record: StepRecord, error: StepError, now: str, outputs: Mapping[str, Json] | None = None) -> StepRecord:
    """Ended badly for good; the next attempt has a new token. `outputs` are what it found out all the same."""
    return dataclasses.replace(record, status=Status.FAILED, error=error, ended=now, outputs=dict(outputs or {}))
