"""Small parts of the page: verdicts, lists of facts, tables of steps."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence

from migrate.render.report.markup import Content, Html, joined, tag, text
from migrate.render.report.model import (
    COUNTED,
    FAILED,
    INTERRUPTED,
    PLANNED,
    PROTECTED,
    RUNNING,
    UNKNOWN,
    UNVERIFIED,
    VERIFIED,
    WAITING,
    ReportStep,
)
from migrate.render.report.times import attempts_of, moment
from migrate.render.report.words import NOT_RECORDED, clock_time, lasting
from migrate.state.model import Attempt

TONES = {
    VERIFIED: ("good", "verified"),
    COUNTED: ("warn", "counted only"),
    UNVERIFIED: ("warn", "not verified"),
    PROTECTED: ("note", "protected"),
    FAILED: ("bad", "failed"),
    RUNNING: ("note", "running"),
    INTERRUPTED: ("warn", "not finished"),
    WAITING: ("warn", "not finished"),
    PLANNED: ("note", "planned only"),
    UNKNOWN: ("warn", "unknown"),
}
"""How each verdict looks, and its short name."""

KINDS = (
    (">", "move", "moves items"),
    ("<=", "read", "reads and checks"),
    ("+", "make", "creates"),
    ("~", "set", "changes"),
    ("-", "cut", "removes"),
)
"""What steps do, with the colour and the words of each."""

_MARKS = {change: tag("i", class_=f"mark {name}") for change, name, _ in KINDS}
_STATUS_TONES = {"done": "", "failed": "bad", "running": "warn", "pending": "", "overtaken": "", "undone": ""}
_STATUS_WORDS = {"running": "no end recorded", "pending": "not begun", "overtaken": "overtaken by a later plan"}


@functools.cache
def pill(verdict: str) -> Html:
    """A verdict in a word."""
    tone, words = TONES[verdict]
    return tag("span", words, class_=f"pill {tone}")


def facts(pairs: Iterable[tuple[str, Content]]) -> Html:
    """Names and values; what has no value was not recorded."""
    rows = [joined(tag("dt", name), tag("dd", NOT_RECORDED if value in (None, "") else value)) for name, value in pairs]
    return tag("dl", *rows)


def bullets(lines: Iterable[Content]) -> Html:
    """A list; nothing when it is empty."""
    items = [tag("li", line) for line in lines]
    return tag("ul", *items) if items else Html("")


def table(heads: Sequence[tuple[str, str]], rows: Iterable[Sequence[Content]], class_: str = "") -> Html:
    """A table. `heads` are (words, class): `n` for numbers, `t` for what must stay on a line."""
    head = tag("tr", *(tag("th", words, class_=name or None, scope="col") for words, name in heads))
    begin = [f'<td class="{name}">' if name else "<td>" for _, name in heads]
    lines = [
        f"<tr>{''.join([f'{td}{text(cell)}</td>' for td, cell in zip(begin, row, strict=True)])}</tr>" for row in rows
    ]
    body = tag("table", tag("thead", head), Html(f"<tbody>{''.join(lines)}</tbody>"), class_=class_ or None)
    return tag("div", body, class_="scroll")


def legend(*, has_failed: bool, has_open: bool) -> Html:
    """What the colours mean."""
    kinds = [tag("span", tag("i", class_=f"mark {name}"), words) for _, name, words in KINDS]
    failed = tag("span", tag("i", class_="mark fail"), "failed ×") if has_failed else ""
    without_end = tag("span", tag("i", class_="mark dashed"), "no end recorded") if has_open else ""
    return tag("p", *kinds, failed, without_end, class_="legend")


def steps_table(steps: Sequence[ReportStep]) -> Html:
    """Steps with their times and attempts. A day that is that of all times is said once."""
    times = [time for step in steps for one in attempts_of(step) for time in (one.started, one.ended) if time]
    days = {time[:10] for time in times}
    day = days.pop() if len(days) == 1 else ""
    heads = [("Step", ""), (f"Begun {day or '(UTC)'}", "t"), ("Ended", "t"), ("Took", "n"), ("Result", "")]
    return table(heads, [row for step in steps for row in _step_rows(step, day)], "steps")


def _step_rows(step: ReportStep, day: str) -> Iterator[Sequence[Content]]:
    name = step.address.split("/", 1)[-1]
    for one in step.earlier:
        title = joined(tag("small", f"{name}, attempt {one.attempt}"), _error(one))
        yield _timed(title, one, one.status.value, day)
    side = f"{step.side}: " if step.side else ""
    title = joined(
        _MARKS[step.change],
        name,
        tag("small", f"{side}{step.title}") if step.title != step.address else "",
        tag("small", tag("span", step.handle, class_="mono")) if step.handle else "",
        _error(step),
    )
    said = _STATUS_WORDS.get(step.status, step.status)
    tone = _STATUS_TONES.get(step.status, "")
    result: Content = tag("span", said, class_=f"pill {tone}") if tone else said
    which = f", attempt {step.attempt}" if step.attempt > 1 else ""
    yield _timed(title, step, joined(result, which), day)


def _timed(name: Content, one: ReportStep | Attempt, result: Content, day: str) -> Sequence[Content]:
    took = lasting(moment(one.started), moment(one.ended)) if one.started and one.ended else ""
    return name, _time(one.started, day), _time(one.ended, day), took, result


def _time(recorded: str | None, day: str) -> str:
    return clock_time(recorded).removeprefix(day).lstrip() if recorded else "–"


def _error(one: ReportStep | Attempt) -> Html:
    if one.error is None:
        return Html("")
    lines = [one.error.summary, one.error.why, one.error.hint]
    return joined(*(tag("small", line, class_="lines") for line in lines if line))
