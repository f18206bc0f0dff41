"""Small parts of the page: verdicts, lists of facts, tables of steps."""

from __future__ import annotations

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
from migrate.render.report.times import moment
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

_CLASS_OF = {change: name for change, name, _ in KINDS}
_STATUS_TONES = {"done": "", "failed": "bad", "running": "warn", "pending": "", "overtaken": "", "undone": ""}
_STATUS_WORDS = {"running": "no end recorded", "pending": "not begun", "overtaken": "overtaken by a later plan"}


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


def table(heads: Sequence[tuple[str, str]], rows: Iterable[Sequence[Content]]) -> Html:
    """A table. `heads` are (words, class): `n` for numbers, `t` for what must stay on a line."""
    head = tag("tr", *(tag("th", words, class_=name or None, scope="col") for words, name in heads))
    cells = [
        tag("tr", *(tag("td", cell, class_=name or None) for cell, (_, name) in zip(row, heads, strict=True)))
        for row in rows
    ]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *cells)), class_="scroll")


def legend() -> Html:
    """What the colours mean."""
    kinds = [tag("span", tag("i", class_=f"mark {name}"), words) for _, name, words in KINDS]
    return tag("p", *kinds, tag("span", tag("i", class_="mark bad"), "failed ×"), class_="legend")


def steps_table(steps: Sequence[ReportStep]) -> Html:
    """Steps with their times and attempts; times of the same day as the first are written without it."""
    heads = [("Step", ""), ("Begun (UTC)", "t"), ("Ended (UTC)", "t"), ("Took", "n"), ("Result", "")]
    return table(heads, [row for step in steps for row in _step_rows(step)])


def _step_rows(step: ReportStep) -> Iterator[Sequence[Content]]:
    name = step.address.split("/", 1)[-1]
    for one in step.earlier:
        words = joined(text(f"attempt {one.attempt}: {one.status.value}"), _error(one))
        yield _timed(tag("small", f"{name}, earlier"), one, words)
    side = f"{step.side}: " if step.side else ""
    title = joined(
        tag("i", class_=f"mark {_CLASS_OF.get(step.change, 'make')}"),
        name,
        tag("small", f"{side}{step.title}") if step.title != step.address else "",
        tag("small", tag("span", step.handle, class_="mono")) if step.handle else "",
    )
    said = _STATUS_WORDS.get(step.status, step.status)
    tone = _STATUS_TONES.get(step.status, "")
    result: Content = tag("span", said, class_=f"pill {tone}") if tone else said
    which = f", attempt {step.attempt}" if step.attempt > 1 else ""
    yield _timed(title, step, joined(result, which, _error(step)))


def _timed(name: Content, one: ReportStep | Attempt, result: Content) -> Sequence[Content]:
    took = lasting(moment(one.started), moment(one.ended)) if one.started and one.ended else ""
    return name, _time(one.started), _time(one.ended), took, result


def _time(recorded: str | None) -> str:
    return clock_time(recorded) if recorded else "–"


def _error(one: ReportStep | Attempt) -> Html:
    if one.error is None:
        return Html("")
    lines = [one.error.summary, one.error.why, one.error.hint]
    return joined(*(tag("small", line, class_="lines") for line in lines if line))
