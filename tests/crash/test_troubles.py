"""Throttling, server errors, lost answers and broken connections on everything: the same end, only later."""

from __future__ import annotations

from typing import Any

import pytest

from tests.crash.cases import CASES
from tests.crash.life import Stage, live
from tests.crash.sweep import calm_life, problems

KINDS = ("throttle", "error500", "lost-response", "hang-up", "delay")
SEEDS = range(4)


def troubles(seed: int) -> dict[str, object]:
    """About 15 % of all calls have one."""
    return {"seed": seed, "rules": [{"kind": kind, "rate": 0.03, "seconds": 0.01} for kind in KINDS]}


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["new-table", "two-tables", "drift"])
def test_troubles_change_nothing_about_the_end(
    name: str, seed: int, stage: Stage, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    calm = calm_life(stage, name)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    ending = live(stage, CASES[name], faults=troubles(seed), parallelism=4)
    found = problems(calm, ending)
    record_property("figures", {"of": f"troubles {name}", "counts": {"lives": 1, "same end": int(not found)}})
    assert not found, "\n".join(found)
