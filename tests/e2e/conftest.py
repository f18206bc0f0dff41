"""One sandbox process per session (and one without Java), emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.world import ENVIRONMENT, World, control, sandbox
from tests.stubs import spark


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox(tmp_path_factory.mktemp("sandbox") / "log") as url:
        yield url


@pytest.fixture(scope="session")
def url_without_java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One more, whose engines run the job by Python alone (see tests/stubs/spark.py)."""
    folder = tmp_path_factory.mktemp("without-java")
    with sandbox(folder / "log", MIGRATE_SPARK_PYTHON=spark.install(folder)) as url:
        yield url


@pytest.fixture
def world(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An empty AWS with two accounts, and the current folder a fresh one."""
    control(url, "reset")
    monkeypatch.chdir(tmp_path)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "MIGRATE_STATE"):
        monkeypatch.delenv(name, raising=False)
    return World(url, tmp_path)
