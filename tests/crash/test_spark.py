"""Death of the applier at each effect that the Spark job's engines add: one run of the job, and the same end."""

from __future__ import annotations

import pytest

from tests.crash.cases import SPARK_CASES
from tests.crash.death import Moment
from tests.crash.life import Ending, Stage, live
from tests.crash.sweep import sweep
from tests.spark.running import needs_spark

pytestmark = [*needs_spark(), pytest.mark.slow]
START = "target StartJobRun"


@pytest.mark.parametrize("name", SPARK_CASES)
def test_a_death_at_an_effect_of_the_engine_changes_nothing_about_the_end(name: str, stage: Stage) -> None:
    case = SPARK_CASES[name]
    calm = live(stage, case)
    assert (calm.lost, calm.foreign, calm.runs) == ([], [], 1)
    at = case.deaths(calm.effects)
    assert {calm.effects[number - 1] for number in at} == set(case.deaths_at)
    deaths = [(Moment(number, is_after=is_after),) for number in at for is_after in (False, True)]

    def live_once(moment: Moment) -> Ending:
        """What has happened is found, and not done again; nor is a run of the job started twice."""
        ending = live(stage, case, moment)
        effect = calm.effects[moment.number - 1]
        for one in {effect, START}:
            was_lost = one == effect and not moment.is_after
            assert ending.effects.count(one) == calm.effects.count(one) + was_lost
        return ending

    tried, wrong = sweep(calm, deaths, live_once)
    assert tried == len(deaths)
    assert not wrong, "\n".join(wrong)
