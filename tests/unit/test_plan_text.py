"""A plan of many tables stays readable, and hides nothing that must be read."""

from __future__ import annotations

import dataclasses

from migrate.plan.model import Action, Change, Estimate, Plan, PlannedAccount, PlannedTable, Risk, Side
from migrate.render.many_tables import MANY_TABLES
from migrate.render.plan_text import plan_text
from migrate.render.style import Style

GIB = 2**30
PLAIN = Style(False)


def plan_of(count: int, size: int = GIB) -> Plan:
    """That many tables, each exported, imported and cleaned up after."""
    actions: list[Action] = []
    tables = []
    for number in range(count):
        name = f"t{number}"
        steps = (
            ("export", Change.MOVE, Risk.COST),
            ("import", Change.MOVE, Risk.COST),
            ("recovery", Change.UPDATE, Risk.SOURCE_WRITE),
            ("export-removal", Change.DELETE, Risk.DESTRUCTIVE),
        )
        for kind, change, risk in steps:
            known = kind if kind != "recovery" else "setting.recovery"
            actions.append(Action(f"{name}/{kind}", known, Side.TARGET, change, f"{kind} of {name}", risk=risk))
        estimate = Estimate(20.0, 1.0)
        remark = ("recovery stays on",)
        tables.append(PlannedTable(name, name, "s3", bytes=size, is_move=True, estimate=estimate, needs_user=remark))
    account = PlannedAccount("111111111111", "eu-west-1")
    return Plan("m", "l", account, account, "d", "i", tables=tuple(tables), actions=tuple(actions))


def test_up_to_some_tables_every_action_is_shown() -> None:
    text = plan_text(plan_of(MANY_TABLES), PLAIN)
    assert all(f"import of t{number}" in text for number in range(MANY_TABLES))


def test_of_many_tables_each_is_a_line_with_its_counts() -> None:
    text = plan_text(plan_of(2000), PLAIN)
    assert len(text.splitlines()) < 2020
    (line,) = [line for line in text.splitlines() if line.startswith("  t1999 -> t1999 ")]
    assert line.endswith("[~1 -1 >2]")
    assert "import of t1999" not in text
    assert "needs you (2,000 tables): recovery stays on" in text
    assert "changes the source of 2,000 tables" in text
    assert "add -v" in text


def test_with_v_everything_is_shown() -> None:
    text = plan_text(plan_of(60), PLAIN, is_whole=True)
    assert all(f"import of t{number}" in text for number in range(60))


def test_a_table_that_is_deleted_is_never_shown_in_short() -> None:
    plan = plan_of(60)
    removal = Action("t7/table-removal", "table-removal", Side.TARGET, Change.DELETE, "delete table t7, partly filled")
    text = plan_text(dataclasses.replace(plan, actions=(*plan.actions, removal)), PLAIN)
    assert "delete table t7, partly filled" in text
    assert "import of t7" in text
    assert "import of t8" not in text


def test_how_far_each_of_many_tables_is() -> None:
    text = plan_text(plan_of(60), PLAIN, frozenset({"t3/export", "t3/import"}))
    assert next(line for line in text.splitlines() if "2 of 4 done" in line).startswith("  t3 ")


def test_many_tables_take_the_time_that_the_quotas_of_the_account_allow() -> None:
    """50 imports at a time of 8 minutes or more each: not what the longest table takes."""
    assert "About 5.4 h" in plan_text(plan_of(2000), PLAIN)
    assert "About 20 min" in plan_text(plan_of(2), PLAIN)
