"""Death at every effect of every case: the next runs reach the same end, with no second job and nothing forgotten."""

from __future__ import annotations

import functools
import random
from typing import Any

import pytest

from tests.crash.cases import CASES
from tests.crash.death import Moment
from tests.crash.life import Stage, live
from tests.crash.sweep import boundaries, calm_life, sweep

SHARES = 4
"""Each case's boundaries are shared out, so that several processes can work on them."""


@pytest.mark.parametrize("name", CASES)
def test_without_a_death_everything_arrives_and_nothing_is_left_to_do(name: str, stage: Stage) -> None:
    ending = calm_life(stage, name)
    assert (ending.lost, ending.foreign) == ([], [])
    assert ending.runs == CASES[name].runs
    assert ending.end["next plan"] == []
    assert ending.end["is_finished"]
    assert set(ending.end["steps"].values()) == {"done"}
    tables = ending.end["tables"]
    for place, table in tables.items():
        if place.startswith("111111111111"):
            arrived = tables.get(place.replace("111111111111", "222222222222"), {"items": []})["items"]
            assert CASES[name].has_arrived(table["items"], arrived)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("name", CASES)
def test_a_death_at_any_effect_changes_nothing_about_the_end(
    name: str, share: int, stage: Stage, record_property: Any
) -> None:
    case, calm = CASES[name], calm_life(stage, name)
    deaths = [(moment,) for moment in boundaries(calm.effects, case.begins_with)[share::SHARES]]
    tried, wrong = sweep(calm, deaths, functools.partial(live, stage, case))
    counts = {"boundaries tried": tried, "passed": tried - len(wrong)}
    record_property("figures", {"of": f"crash {name}", "counts": counts})
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_deaths_in_a_row_change_nothing_either(name: str, stage: Stage, record_property: Any) -> None:
    case, calm = CASES[name], calm_life(stage, name)
    dice = random.Random(f"two deaths of {name}")
    deaths = []
    for _ in range(case.pairs):
        first, second = sorted(dice.sample(range(1, len(calm.effects) + 1), 2))
        deaths.append((Moment(first, dice.random() < 0.5), Moment(second, dice.random() < 0.5)))
    tried, wrong = sweep(calm, deaths, functools.partial(live, stage, case))
    counts = {"pairs tried": tried, "passed": tried - len(wrong)}
    record_property("figures", {"of": f"crash {name}, twice", "counts": counts})
    assert not wrong, "\n".join(wrong)
