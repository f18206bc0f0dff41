"""The status of many tables: what runs and what failed is shown, the rest is counted."""

from __future__ import annotations

from migrate.core.errors import StepError
from migrate.render.many_tables import MANY_TABLES
from migrate.render.status import DONE, FAILED, PENDING, RUNNING, MigrationStatus, StepStatus, TableStatus
from migrate.render.status_text import status_text
from migrate.render.style import Style

PLAIN = Style(False)


def table(name: str, *steps: str, error: StepError | None = None) -> TableStatus:
    found = tuple(
        StepStatus(f"{name}/s{number}", "export", status, error=error if status == FAILED else None)
        for number, status in enumerate(steps)
    )
    order = (FAILED, RUNNING, PENDING, DONE)
    return TableStatus(name, name, next(status for status in order if status in steps), found)


def status_of(*tables: TableStatus) -> MigrationStatus:
    return MigrationStatus("m", "l", "111111111111", "222222222222", None, tables, ())


def test_of_many_tables_only_those_are_shown_that_something_happens_to() -> None:
    quiet = [table(f"d{n}", DONE, DONE) for n in range(40)]
    quiet += [table(f"w{n}", DONE, PENDING) for n in range(20)] + [table(f"n{n}", PENDING) for n in range(10)]
    busy = (table("busy", DONE, RUNNING), table("broken", FAILED, PENDING, error=StepError("no more room")))
    text = status_text(status_of(*quiet, *busy), PLAIN)
    assert "70 other tables: 40 done, 20 begun and waiting, 10 not begun" in text
    assert "busy" in text
    assert "no more room" in text
    assert "w7" not in text
    assert "w7" in status_text(status_of(*quiet, *busy), PLAIN, is_whole=True)


def test_a_few_tables_are_all_shown() -> None:
    text = status_text(status_of(*(table(f"n{n}", PENDING) for n in range(MANY_TABLES))), PLAIN)
    assert all(f"n{n}" in text for n in range(MANY_TABLES))
    assert "other tables" not in text
