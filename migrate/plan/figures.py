"""Estimates in words, without false precision: a range where a figure is not known, one figure where its ends agree."""

from __future__ import annotations

from migrate.plan.model import Range

_CENT = 0.01


def minutes_words(minutes: Range) -> str:
    """`24 min`, `24-40 min`, `1.7-6.3 h`, `2-9 days`, `less than 1 min`."""
    size, unit = (1, "min") if minutes.high < 120 else (60, "h") if minutes.high < 72 * 60 else (24 * 60, "days")
    digits = 0 if unit == "min" or minutes.high / size >= 10 else 1
    low, high = (f"{value / size:,.{digits}f}" for value in (minutes.low, minutes.high))
    if float(high.replace(",", "")) == 0:
        return "less than 1 min"
    return _between(low, high, "", f" {unit}")


def dollars_words(dollars: Range) -> str:
    """`$0.31`, `$0.31-0.45`, `$1,230-2,050` (three digits that count), `less than $0.01`; nothing at all is `$0`."""
    if dollars.high <= 0:
        return "$0"
    if dollars.high < _CENT:
        return "less than $0.01"
    return _between(_amount(dollars.low, dollars.high), _amount(dollars.high, dollars.high), "$", "")


def about(words: str) -> str:
    """With a sign that it is an estimate, where the words do not say so."""
    return words if words.startswith("less") or words == "$0" else f"~{words}"


def estimate_words(minutes: Range, dollars: Range) -> str:
    """`~24-40 min, ~$0.31-0.45`; '' for what is free and done at once."""
    parts = [about(minutes_words(minutes))] if minutes.high >= 1 else []
    parts += [about(dollars_words(dollars))] if dollars.high >= _CENT else []
    return ", ".join(parts)


def _between(low: str, high: str, before: str, after: str) -> str:
    if low == high:
        return f"{before}{high}{after}"
    if float(low.replace(",", "")) == 0:
        return f"less than {before}{high}{after}"
    return f"{before}{low}-{high}{after}"


def _amount(dollars: float, most: float) -> str:
    """Cents below $100; above, what three digits of the greater figure tell."""
    if most < 100:
        return f"{dollars:,.2f}"
    step = 10 ** max(0, len(f"{most:.0f}") - 3)
    return f"{round(dollars / step) * step:,.0f}"
