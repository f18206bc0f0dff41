"""What the Gantt chart shows: a row for each step of a few tables, or for each of many tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from migrate.core.errors import StepError
from migrate.render.report.model import RUNNING, Report, ReportStep
from migrate.render.report.steps import STEP_FAILED
from migrate.render.report.times import attempts_of, moment
from migrate.render.report.words import lasting

MOST_STEPS = 80
"""Steps up to which each has a row of its own; with more, each table has one."""


@dataclass(frozen=True)
class Bar:
    """An attempt, or several of one kind that followed each other. `is_open`: no end is recorded."""

    begun: dt.datetime
    ended: dt.datetime
    change: str
    is_failed: bool
    is_open: bool
    title: str
    count: int = 1


@dataclass(frozen=True)
class Row:
    """A line of the chart. A heading has no bars of its own."""

    label: str
    bars: tuple[Bar, ...] = ()
    is_heading: bool = False
    is_run: bool = False


@dataclass(frozen=True)
class Timeline:
    """The rows, and whether each step has one."""

    rows: tuple[Row, ...]
    is_detailed: bool


def timeline_of(report: Report) -> Timeline | None:
    """The chart's rows; None when nothing was ever begun."""
    groups = [("shared", report.shared), *((table.target, table.steps) for table in report.tables)]
    begun = [(name, [step for step in steps if step.started or step.earlier]) for name, steps in groups]
    begun = [(name, steps) for name, steps in begun if steps]
    if not begun:
        return None
    until = _last(report, (step for _, steps in begun for step in steps))
    is_detailed = sum(len(steps) for _, steps in begun) <= MOST_STEPS
    rows = list(_runs(report, until))
    for name, steps in begun:
        if is_detailed:
            rows.append(Row(name, is_heading=True))
            rows += [Row(step.address.split("/", 1)[-1], tuple(_bars(step, until))) for step in steps]
        else:
            rows.append(Row(name, tuple(bar for step in steps for bar in _bars(step, until))))
    return Timeline(tuple(rows), is_detailed)


def _last(report: Report, steps: Iterable[ReportStep]) -> dt.datetime:
    """Up to when what has no end is drawn: until now, or until the last thing that is known to have happened."""
    if report.outcome == RUNNING:
        return moment(report.written)
    known = [time for step in steps for one in attempts_of(step) for time in (one.started, one.ended) if time]
    return max(map(moment, [*known, *(run.ended for run in report.runs if run.ended)]))


def _runs(report: Report, until: dt.datetime) -> Iterator[Row]:
    """When a process was there to carry it out: between runs, only AWS may have worked."""
    bars = []
    for number, run in enumerate(report.runs, 1):
        begun, following = moment(run.begun), report.runs[number : number + 1]
        limit = moment(following[0].begun) if following else until
        ended = moment(run.ended) if run.ended else max(begun, min(limit, until))
        title = f"run {number}: {run.outcome or 'its end is not recorded'}, {lasting(begun, ended)}, by {run.by or '?'}"
        bars.append(Bar(begun, ended, "run", run.outcome == "failed", run.ended is None, title))
    if bars:
        yield Row("runs", tuple(bars), is_run=True)


def _bars(step: ReportStep, until: dt.datetime) -> Iterator[Bar]:
    name = step.address.split("/", 1)[-1]
    for one in step.earlier:
        if one.started:
            begun = moment(one.started)
            ended = moment(one.ended) if one.ended else begun
            yield _bar(step, name, one.attempt, one.status.value, begun, ended, one.error, is_open=one.ended is None)
    if step.started:
        begun = moment(step.started)
        ended = moment(step.ended) if step.ended else max(begun, until)
        yield _bar(step, name, step.attempt, step.status, begun, ended, step.error, is_open=step.ended is None)


def _bar(
    step: ReportStep,
    name: str,
    attempt: int,
    status: str,
    begun: dt.datetime,
    ended: dt.datetime,
    error: StepError | None,
    *,
    is_open: bool,
) -> Bar:
    is_failed = status in (STEP_FAILED, "overtaken")
    said = "done" if status == "done" else "failed" if is_failed else "no end recorded" if is_open else status
    which = f", attempt {attempt}" if attempt > 1 or step.earlier else ""
    took = "" if is_open else f" in {lasting(begun, ended)}"
    why = f": {error.summary}" if error and is_failed else ""
    return Bar(begun, ended, step.change, is_failed, is_open, f"{name}{which}: {said}{took}{why}")


def condensed(bars: Sequence[Bar], within: dt.timedelta) -> list[Bar]:
    """Bars of one row, in order; those of one kind that follow each other closely are drawn as one."""
    found: list[Bar] = []
    for bar in sorted(bars, key=lambda one: one.begun):
        last = found[-1] if found else None
        if last and _is_alike(last, bar) and bar.begun - last.ended <= within and bar.ended - last.begun <= 4 * within:
            ended, count = max(last.ended, bar.ended), last.count + bar.count
            title = f"{count} steps in {lasting(last.begun, ended)}"
            found[-1] = Bar(last.begun, ended, bar.change, False, False, title, count)
        else:
            found.append(bar)
    return found


def _is_alike(one: Bar, other: Bar) -> bool:
    return one.change == other.change and not (one.is_failed or other.is_failed or one.is_open or other.is_open)
