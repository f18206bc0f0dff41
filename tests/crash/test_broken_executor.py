"""The suite must be able to fail: executors that lack one part of the loop are caught by the same sweep."""

from __future__ import annotations

import dataclasses
import functools
import uuid
from typing import Any

import pytest

from migrate.actions.base import Step
from migrate.apply import run
from migrate.apply.executor import Executor
from migrate.apply.ledger import Ledger
from migrate.plan.model import Action
from migrate.state.model import Status, StepRecord
from tests.crash.cases import CASES
from tests.crash.death import Moment
from tests.crash.life import Stage, live
from tests.crash.sweep import calm_life, sweep

CREATING = ("target CreateBucket", "source ExportTableToPointInTime", "target ImportTable")


class RandomTokens(Executor):
    """Uses tokens that nobody has written down, as botocore does when it is given none."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._tokens: dict[str, str] = {}

    def _step(self, action: Action, record: StepRecord) -> Step:
        token = self._tokens.setdefault(action.address, uuid.uuid4().hex)
        return dataclasses.replace(super()._step(action, record), token=token)


class QuietLedger(Ledger):
    """Does not write down what is about to be started."""

    def __init__(self, ledger: Ledger) -> None:
        self.__dict__.update(ledger.__dict__)

    def write(self, record: StepRecord, *args: Any, **more: Any) -> None:
        if record.status is not Status.STARTING:
            super().write(record, *args, **more)


class Unsaid(Executor):
    """Calls AWS without saying so first."""

    def __init__(self, plan: Any, ledger: Ledger, *args: Any) -> None:
        super().__init__(plan, QuietLedger(ledger), *args)


def lives_of(broken: type[Executor], stage: Stage, monkeypatch: pytest.MonkeyPatch) -> str:
    """What goes wrong when `broken` dies right after each call that makes something."""
    calm = calm_life(stage, "new-table")
    with monkeypatch.context() as patch:
        patch.setattr(run, "Executor", broken)
        sound = live(stage, CASES["new-table"])
        assert sound.end["tables"] == calm.end["tables"]  # it works as long as nobody dies
        deaths = [(Moment(n, is_after=True),) for n, name in enumerate(sound.effects, 1) if name in CREATING]
        assert len(deaths) == len(CREATING)
        _, wrong = sweep(calm, deaths, functools.partial(live, stage, CASES["new-table"]))
    return "\n".join(wrong)


def test_tokens_that_are_not_recorded_are_caught_as_a_second_export(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = lives_of(RandomTokens, stage, monkeypatch)
    assert "(source ExportTableToPointInTime): " in wrong
    twice = ["arn:aws:dynamodb:eu-west-1:111111111111:table/orders COMPLETED"] * 2
    assert f"/exports: {twice}" in wrong


def test_calls_without_a_word_before_them_are_caught_as_forgotten_things(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = lives_of(Unsaid, stage, monkeypatch)
    assert "forgotten: s3://transfer/" in wrong
    assert "forgotten: arn:aws:dynamodb:eu-west-1:222222222222:table/orders" in wrong
