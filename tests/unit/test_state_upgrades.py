"""State files of older versions are brought up to date; of newer ones, refused."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.core.codec import decode
from migrate.core.errors import StateUnusable
from migrate.state.model import StepFile
from migrate.state.upgrades import upgrade


def rename_table(value: dict[str, Any]) -> dict[str, Any]:
    return {"name" if key == "table" else key: item for key, item in value.items()}


def count_from_one(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "serial": value["serial"] + 1}


UPGRADES = {-1: count_from_one, 0: rename_table}
OLD = {"format_version": -1, "table": "orders", "lineage": "l", "serial": 6}


def test_an_old_file_goes_through_every_upgrade_in_order() -> None:
    assert decode(StepFile, upgrade(OLD, UPGRADES, newest=1)) == StepFile("orders", "l", serial=7)
    assert OLD["serial"] == 6


def test_a_file_of_this_version_stays_as_it_is() -> None:
    value = {"format_version": 1, "table": "orders"}
    assert upgrade(value, UPGRADES, newest=1) == value


def test_a_gap_in_the_upgrades_is_refused() -> None:
    with pytest.raises(StateUnusable, match="unknown version"):
        upgrade(OLD, {0: rename_table}, newest=1)


@pytest.mark.parametrize("version", [None, "1", 1.0, True])
def test_a_file_without_a_version_is_refused(version: object) -> None:
    with pytest.raises(StateUnusable, match="format_version"):
        upgrade({"format_version": version})


def test_a_file_of_a_newer_version_is_refused() -> None:
    with pytest.raises(StateUnusable, match="newer version"):
        upgrade({"format_version": 2}, UPGRADES, newest=1)
