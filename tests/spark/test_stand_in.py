"""The stand-in that other tests run the job on has the outcome of Spark: the tests of the job hold for it, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.spark import test_job as on_spark
from tests.spark.conftest import World


@pytest.mark.usefixtures("without_java")
@pytest.mark.parametrize(
    "hold",
    [
        on_spark.test_a_copy_moves_every_item_and_a_second_run_reads_nothing,
        on_spark.test_an_export_is_loaded_then_verified_then_repaired,
        on_spark.test_an_export_that_was_changed_is_refused,
    ],
)
def test_without_java_the_job_ends_as_on_spark(
    world: World, tmp_path: Path, hold: Callable[[World, Path], None]
) -> None:
    hold(world, tmp_path)
