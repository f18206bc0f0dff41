"""The one embedded AWS of a test process. moto's data is global, so every test that needs AWS shares this server."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from migrate.sandbox.settings import Timing

if TYPE_CHECKING:
    from migrate.sandbox.server import Sandbox

settings.register_profile("untimed", deadline=None)  # no test passes or fails on time
settings.load_profile("untimed")

NOW = Timing(create=0, update=0, export=0, load=0, settings=0, backup=0, copy_job=0, restore=0, provision=0)


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[Sandbox]:
    """The server itself; ask for `sandbox` or `shared_sandbox` instead, which start empty."""
    from migrate.sandbox.server import Sandbox  # costs a second, which tests without AWS must not pay

    with Sandbox(NOW) as server:
        yield server


@pytest.fixture(scope="module")
def timing() -> Timing:
    """Nothing takes time; a module that tests transient states overrides this."""
    return NOW


@pytest.fixture
def sandbox(sandbox_server: Sandbox, timing: Timing) -> Sandbox:
    """An AWS that is empty at the start of the test."""
    return _emptied(sandbox_server, timing)


@pytest.fixture(scope="module")
def shared_sandbox(sandbox_server: Sandbox, timing: Timing) -> Sandbox:
    """An AWS that is empty at the start of the module, for one that furnishes it once and then mostly reads."""
    return _emptied(sandbox_server, timing)


@pytest.fixture
def without_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines of this process's sandbox run the job by Python alone: for what is done before and after."""
    from tests.stubs import spark

    monkeypatch.setenv("MIGRATE_SPARK_PYTHON", spark.install(tmp_path))


def _emptied(server: Sandbox, timing: Timing) -> Sandbox:
    server.reset()
    server.set_timing(timing)
    return server


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each of xdist's processes, which first get equal parts of the list, begins with its share of what takes long.

    In the order of files one process would get most of that, and the others would have nothing left to take from it.
    """
    processes: int = getattr(config, "workerinput", {}).get("workercount", 1)
    if processes == 1:
        return
    takes_long = [item for item in items if item.get_closest_marker("slow") or item.get_closest_marker("spark")]
    first = set(takes_long)
    others = [item for item in items if item not in first]
    dealt: list[pytest.Item] = []
    for number in range(processes):
        share = takes_long[number::processes]
        room = len(items) * (number + 1) // processes - len(dealt) - len(share)
        dealt += share + others[:room]
        del others[:room]
    items[:] = dealt


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A machine without Spark or Java skips what needs them; in CI nothing is skipped in silence."""
    if item.get_closest_marker("spark"):
        from tests.spark.running import lacking

        if lacking() and os.environ.get("CI", "false") not in ("", "false"):
            pytest.fail(f"{lacking()} (a failure, because CI is set)", pytrace=False)
        elif lacking():
            pytest.skip(lacking())


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What tests have counted (`record_property("figures", ...)`), added up: one line for each subject."""
    totals: dict[str, Counter[str]] = {}
    for report in (one for reports in terminalreporter.stats.values() for one in reports):
        if getattr(report, "when", "") == "call":
            for name, value in report.user_properties:
                if name == "figures":
                    totals.setdefault(value["of"], Counter()).update(value["counts"])
    if totals:
        terminalreporter.section("figures")
    for of, counts in sorted(totals.items()):
        terminalreporter.write_line(f"{of}: " + ", ".join(f"{number} {what}" for what, number in counts.items()))
