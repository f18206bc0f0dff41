"""Death of the applier at each effect that the Spark job's engines add: one run of the job, and the same end."""

from __future__ import annotations

import pytest

from tests.crash.cases import SPARK_CASES
from tests.crash.death import Moment
from tests.crash.life import Ending, Stage, live
from tests.crash.sweep import sweep

pytestmark = [pytest.mark.usefixtures("without_java"), pytest.mark.slow]
START = "target StartJobRun"


@pytest.mark.parametrize("name", SPARK_CASES)
def test_a_death_at_an_effect_of_the_engine_changes_nothing_about_the_end(name: str, stage: Stage) -> None:
    case = SPARK_CASES[name]
    calm = live(stage, case)
    assert (calm.lost, calm.foreign, calm.runs) == ([], [], 1)
    at = case.deaths(calm.effects)
    names = [calm.effects[number - 1] for number in at]
    assert set(names) == set(case.deaths_at)

    def live_once(*moments: Moment) -> Ending:
        """What has happened is found, and not done again; nor is a run of the job started twice."""
        ending = live(stage, case, *moments)
        for name in {*names, START}:
            lost = sum(moment.effect == name and not moment.is_after for moment in moments)
            assert ending.effects.count(name) == calm.effects.count(name) + lost
        return ending

    # One life dies before each of them, another after each: every life runs the job.
    deaths = [
        tuple(
            Moment(calm.effects[:number].count(name), is_after=is_after, effect=name)
            for number, name in zip(at, names, strict=True)
        )
        for is_after in (False, True)
    ]
    tried, wrong = sweep(calm, deaths, live_once)
    assert tried == len(deaths)
    assert not wrong, "\n".join(wrong)
