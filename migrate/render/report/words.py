"""Figures and times of the report in words."""

from __future__ import annotations

import datetime as dt

from migrate.render.style import duration, seconds

NOT_RECORDED = "not recorded"


def lasting(begun: dt.datetime, ended: dt.datetime) -> str:
    """`0.4 s`, `8 s`, `2 min 05 s`, `26.5 h`."""
    return took((ended - begun).total_seconds() / 60)


def took(minutes: float | None) -> str:
    """Minutes that something has taken, from tenths of a second to hours."""
    if minutes is None:
        return NOT_RECORDED
    if minutes * 60 < 10:
        return f"{minutes * 60:.1f} s"
    return seconds(minutes * 60) if minutes < 600 else duration(minutes)


def clock_time(text: str | None) -> str:
    """`2026-11-22 13:05:09` of a recorded time; all of them are UTC."""
    return f"{text[:10]} {text[11:19]}" if text else NOT_RECORDED


def number(count: int | None) -> str:
    """`1,204,331`, or that it is not recorded."""
    return NOT_RECORDED if count is None else f"{count:,}"
