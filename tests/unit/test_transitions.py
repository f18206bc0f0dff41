"""How a step's record changes: when an attempt is the same one, and when a new token is needed."""

from __future__ import annotations

import dataclasses

import pytest

from migrate.apply import transitions
from migrate.core.errors import StepError
from migrate.plan.model import Action, Change, Side
from migrate.state.model import MOST_ATTEMPTS, Attempt, Status, StepRecord

LINEAGE, PLAN = "lineage", "plan-1"
ACTION = Action("orders/export", "export", Side.SOURCE, Change.MOVE, "export", {"bucket": "b"})
OTHER = dataclasses.replace(ACTION, params={"bucket": "another"})
NOW = "2026-11-22T13:05:09.120Z"
ENDED = [Status.DONE, Status.FAILED, Status.UNDONE]
UNFINISHED = [Status.PENDING, Status.STARTING, Status.RUNNING]


def begin(record: StepRecord | None = None, action: Action = ACTION, plan: str = PLAN) -> StepRecord:
    return transitions.begin(record, action, plan, LINEAGE)


def test_the_first_attempt() -> None:
    record = begin()
    assert (record.attempt, record.status, record.plan_id) == (1, Status.PENDING, PLAN)
    assert len(record.token) == 32


def test_tokens_are_computed_and_not_drawn() -> None:
    assert begin().token == begin().token


@pytest.mark.parametrize("status", UNFINISHED)
def test_unfinished_work_of_the_same_intent_keeps_its_token_even_in_another_plan(status: Status) -> None:
    dead = dataclasses.replace(begin(), status=status, handle="arn")
    record = begin(dead, plan="plan-2")
    assert (record.token, record.attempt, record.handle) == (dead.token, 1, "arn")
    assert record.plan_id == "plan-2"


@pytest.mark.parametrize("status", ENDED)
def test_after_a_recorded_end_a_new_attempt_has_a_new_token(status: Status) -> None:
    ended = dataclasses.replace(begin(), status=status, handle="arn", outputs={"x": 1})
    record = begin(ended)
    assert record.attempt == 2
    assert record.token != ended.token
    assert (record.status, record.handle, dict(record.outputs)) == (Status.PENDING, None, {})


def test_how_attempts_ended_is_remembered() -> None:
    failed = transitions.failed(transitions.starting(begin(), NOW), StepError("refused"), NOW, {"seen": 3})
    assert dict(failed.outputs) == {"seen": 3}
    second = begin(failed, plan="plan-2")
    assert second.earlier == (Attempt(1, Status.FAILED, PLAN, StepError("refused"), NOW, NOW),)
    third = begin(transitions.done(second, {}, NOW), plan="plan-3")
    assert [(one.attempt, one.status, one.plan_id) for one in third.earlier] == [
        (1, Status.FAILED, PLAN),
        (2, Status.DONE, "plan-2"),
    ]


def test_a_record_does_not_grow_for_ever() -> None:
    record = begin()
    for _ in range(3 * MOST_ATTEMPTS):
        record = begin(transitions.failed(record, StepError("refused"), NOW))
    assert [one.attempt for one in record.earlier] == list(range(2 * MOST_ATTEMPTS + 1, 3 * MOST_ATTEMPTS + 1))


@pytest.mark.parametrize("status", [*UNFINISHED, *ENDED])
def test_another_intent_never_takes_over_a_token_or_a_handle(status: Status) -> None:
    before = dataclasses.replace(begin(), status=status, handle="arn")
    record = begin(before, OTHER)
    assert record.attempt == 2
    assert record.token != before.token
    assert record.handle is None


def test_words_do_not_make_another_intent() -> None:
    running = dataclasses.replace(begin(), status=Status.RUNNING)
    reworded = dataclasses.replace(ACTION, title="Export", why="because", details=("more",), needs=("x",))
    assert begin(running, reworded).token == running.token


def test_tokens_differ_by_lineage_and_address() -> None:
    elsewhere = dataclasses.replace(ACTION, address="carts/export")
    tokens = {begin().token, begin(action=elsewhere).token, transitions.begin(None, ACTION, PLAN, "other").token}
    assert len(tokens) == 3


@pytest.mark.parametrize("status", list(Status))
def test_done_counts_for_this_plan_and_this_intent_only(status: Status) -> None:
    record = dataclasses.replace(begin(), status=status)
    assert transitions.is_done(record, ACTION, PLAN) == (status is Status.DONE)
    assert not transitions.is_done(record, ACTION, "plan-2")
    assert not transitions.is_done(record, OTHER, PLAN)
    assert not transitions.is_done(None, ACTION, PLAN)


def test_a_life() -> None:
    starting = transitions.starting(begin(), NOW)
    running = transitions.running(starting, "arn", "later")
    done = transitions.done(running, {"items": 3}, "at the end")
    assert [starting.status, running.status, done.status] == [Status.STARTING, Status.RUNNING, Status.DONE]
    assert (done.started, done.ended, done.handle) == (NOW, "at the end", "arn")
    assert done.outputs == {"items": 3}


def test_a_failure_keeps_the_reason_and_a_new_start_drops_it() -> None:
    failed = transitions.failed(transitions.starting(begin(), NOW), StepError("no"), "later")
    assert (failed.status, failed.error, failed.ended) == (Status.FAILED, StepError("no"), "later")
    assert transitions.starting(failed, NOW).error is None
