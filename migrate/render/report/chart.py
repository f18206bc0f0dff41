"""The timeline as SVG in the page: no script, no image; colours come from the page's style."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from migrate.core.printable import printable
from migrate.render.report.markup import Html, joined, tag, text
from migrate.render.report.scale import Scale, Tick
from migrate.render.report.timeline import Bar, Row, Timeline, condensed
from migrate.render.report.words import took

WIDTH, LABEL, RIGHT = 1000, 190, 12
PLOT = WIDTH - LABEL - RIGHT
AXIS = 34
ROWS_A_PART = 48
"""Rows of one drawing: each has an axis of its own, and none is torn by the end of a page."""

_LONGEST_LABEL = 27
_CLASSES = {">": "move", "<=": "read", "+": "make", "~": "set", "-": "cut", "run": "run"}
_NARROWEST = 1.6


def chart(timeline: Timeline) -> Html:
    """All parts of the chart."""
    spans = [(bar.begun, bar.ended) for row in timeline.rows if not row.is_run for bar in row.bars]
    scale = Scale(spans, PLOT)
    height = 17 if timeline.is_detailed else 14
    parts = list(_parts(timeline.rows))
    return joined(
        *(_drawing(rows, scale, height, f"Timeline, part {at} of {len(parts)}") for at, rows in enumerate(parts, 1))
    )


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """The rows in parts; one begins with a heading, where there are headings."""
    start = 0
    while start < len(rows):
        end = min(start + ROWS_A_PART, len(rows))
        if end < len(rows):
            headings = [at for at in range(start + 1, end + 1) if rows[at].is_heading]
            end = headings[-1] if headings and headings[-1] - start > ROWS_A_PART // 3 else end
        yield rows[start:end]
        start = end


def _drawing(rows: Sequence[Row], scale: Scale, height: int, name: str) -> Html:
    bottom = AXIS + height * len(rows)
    lines = [*_axis(scale, bottom)]
    for at, row in enumerate(rows):
        lines.append(_row(row, scale, AXIS + height * at, height, is_odd=at % 2 == 1))
    return Html(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {bottom + 4}" role="img" aria-label="{text(name)}">'
        f"{''.join(lines)}</svg>"
    )


def _axis(scale: Scale, bottom: int) -> Iterator[Html]:
    for left, right, seconds in scale.gaps():
        x = LABEL + left
        yield Html(
            f'<g class="gap"><title>nothing ran for {took(seconds / 60)}</title>'
            f'<rect x="{x:.1f}" y="{AXIS - 4}" width="{right - left:.1f}" height="{bottom - AXIS + 4}"/>'
            f'<text x="{x + (right - left) / 2:.1f}" y="11">{text(_short(seconds))}</text></g>'
        )
    yield from (_tick(tick, bottom) for tick in scale.ticks())


def _tick(tick: Tick, bottom: int) -> Html:
    x = LABEL + tick.x
    date = f'<text class="date" x="{x:.1f}" y="11">{text(tick.date)}</text>' if tick.date else ""
    return Html(
        f'<g class="tick">{date}<text x="{x:.1f}" y="25">{tick.label}</text>'
        f'<path d="M{x:.1f} {AXIS - 5}V{bottom}"/></g>'
    )


def _row(row: Row, scale: Scale, top: int, height: int, *, is_odd: bool) -> Html:
    middle = top + height - 4.5
    if row.is_heading:
        return Html(f'<text class="head" x="0" y="{middle}">{_label(row.label)}</text>')
    back = f'<rect class="odd" x="0" y="{top}" width="{WIDTH}" height="{height}"/>' if is_odd else ""
    per_second = scale.stretches[0].right / (scale.stretches[0].ended - scale.stretches[0].begun).total_seconds()
    bars = condensed(row.bars, dt.timedelta(seconds=2.5 / per_second))
    return Html(
        f'{back}<text class="name" x="0" y="{middle}">{_label(row.label)}</text>'
        f"{''.join([_bar(bar, scale, top, height) for bar in bars])}"
    )


def _bar(bar: Bar, scale: Scale, top: int, height: int) -> str:
    left = LABEL + scale.x(bar.begun)
    width = max(LABEL + scale.x(bar.ended) - left - 0.6, _NARROWEST)  # bars that follow each other stay apart
    kind = _CLASSES.get(bar.change, "make")
    state = " bad" if bar.is_failed else " open" if bar.is_open else ""
    inset, tall = (5, height - 10) if kind == "run" else (3, height - 6)
    mark = f'<text class="x" x="{left + width + 2:.1f}" y="{top + height - 4.5}">×</text>' if bar.is_failed else ""
    return (
        f'<rect class="{kind}{state}" x="{left:.1f}" y="{top + inset}" width="{width:.1f}" height="{tall}" rx="1.5">'
        f"<title>{text(bar.title)}</title></rect>{mark}"
    )


def _label(name: str) -> Html:
    """A name that fits, whole on hover. Long names differ at their ends: something of the middle is left out."""
    shown = printable(name)
    if len(shown) <= _LONGEST_LABEL:
        return text(shown)
    end = (_LONGEST_LABEL - 1) // 3
    return joined(f"{shown[: _LONGEST_LABEL - 1 - end]}…{shown[-end:]}", tag("title", shown))


def _short(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172800 else f"{seconds / 86400:.0f} d"
