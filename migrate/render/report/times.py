"""When the steps of a report were under way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from migrate.render.report.model import ReportStep
from migrate.state.model import Attempt


def moment(text: str) -> dt.datetime:
    """A recorded time."""
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def busy_minutes(steps: Iterable[ReportStep]) -> float | None:
    """Minutes in which at least one of the steps, or an earlier attempt, was under way; None when none has ended."""
    spans = sorted(span for step in steps for span in spans_of(step))
    if not spans:
        return None
    total, (begun, ended) = 0.0, spans[0]
    for start, end in spans[1:]:
        if start > ended:
            total, begun = total + (ended - begun).total_seconds(), start
        ended = max(ended, end)
    return (total + (ended - begun).total_seconds()) / 60


def spans_of(step: ReportStep) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """When the attempts of a step began and ended, as far as both are recorded."""
    for one in attempts_of(step):
        if one.started and one.ended:
            yield moment(one.started), moment(one.ended)


def attempts_of(step: ReportStep) -> tuple[Attempt | ReportStep, ...]:
    """Every attempt that is remembered, the step itself being the last one."""
    return (*step.earlier, step)


def starts(steps: Iterable[ReportStep]) -> list[str]:
    """When the attempts of the steps began."""
    return [one.started for step in steps for one in attempts_of(step) if one.started]
