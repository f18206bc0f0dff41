"""When a schedule expression of AWS runs next: `cron(...)` with six fields, and `rate(...)`.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html

Numbers, names (MON, JAN), `*`, `?`, lists, ranges and steps. Not emulated: L, W and #.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\(([^()]+)\)")
_DAYS_AHEAD = 366 * 5


class InvalidSchedule(ValueError):
    """The expression says nothing, or what the sandbox does not understand."""


@dataclass(frozen=True)
class Schedule:
    """One expression, parsed. `every` is a rate; the sets are the values of a cron expression's fields."""

    every: timedelta | None = None
    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    years: frozenset[int] = frozenset()
    zone: ZoneInfo | timezone = timezone.utc

    def after(self, moment: datetime) -> datetime | None:
        """The first run after a moment; None if there is none within five years."""
        if self.every is not None:
            return moment + self.every
        local = moment.astimezone(self.zone)
        for ahead in range(_DAYS_AHEAD):
            day = (local + timedelta(days=ahead)).replace(hour=0, minute=0, second=0, microsecond=0)
            for run in self._runs_on(day):
                if run > local:
                    return run.astimezone(timezone.utc)
        return None

    def _runs_on(self, day: datetime) -> list[datetime]:
        fits = (
            day.day in self.days
            and day.month in self.months
            and day.year in self.years
            and day.isoweekday() % 7 + 1 in self.weekdays
        )
        if not fits:
            return []
        return [day.replace(hour=hour, minute=minute) for hour in sorted(self.hours) for minute in sorted(self.minutes)]


def parse(expression: str, zone: str) -> Schedule:
    """The schedule of an expression in a time zone. Raises InvalidSchedule."""
    rate = _RATE.fullmatch(expression)
    if rate and int(rate[1]):
        return Schedule(every=timedelta(**{f"{rate[2]}s": int(rate[1])}))
    cron = _CRON.fullmatch(expression)
    fields = cron[1].split() if cron else []
    if len(fields) != 6:
        raise InvalidSchedule(f"Invalid schedule expression: {expression}")
    if (fields[2] == "?") == (fields[4] == "?"):
        raise InvalidSchedule(f"Either day of month or day of week must be '?': {expression}")
    try:
        where = timezone.utc if zone in ("UTC", "Etc/UTC") else ZoneInfo(zone)
        minutes, hours, days, months, weekdays, years = (
            _values(field.upper(), low, high, names) for field, (low, high, names) in zip(fields, _LIMITS, strict=True)
        )
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise InvalidSchedule(f"Invalid schedule expression: {expression}, {zone}: {error}") from error
    return Schedule(None, minutes, hours, days, months, weekdays, years, where)


_LIMITS: list[tuple[int, int, tuple[str, ...]]] = [
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (1, 7, _DAYS),
    (1970, 2199, ()),
]


def _values(field: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        else:
            start, dash, end = span.partition("-")
            first = _number(start, names)
            last = _number(end, names) if dash else (high if step else first)
        if not low <= first <= last <= high:
            raise ValueError(f"{part} is not between {low} and {high}")
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, names: tuple[str, ...]) -> int:
    return names.index(text) + 1 if text in names else int(text)
