"""What a running copy says of itself, as text."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.data.live import LiveRate, LiveReaction, LiveStatus
from migrate.render.style import plural, size

_SHOWN = 3


def live_lines(live: LiveStatus) -> Iterator[str]:
    """How far, how fast, and what was done about throttles and faults lately."""
    speed = f"{live.items_per_second:,.0f} items/s"
    segments = f"{live.segments_done} of {plural(live.segments, 'segment')}"
    yield f"{plural(live.items, 'item')}, {size(live.bytes)}, {segments}, {speed} at {live.written}"
    if live.rejected:
        yield f"{plural(live.rejected, 'item')} refused by DynamoDB, kept in dead-letters.jsonl"
    if live.worker_deaths:
        yield f"{plural(live.worker_deaths, 'worker')} died and {'was' if live.worker_deaths == 1 else 'were'} replaced"
    for side, rate in live.rates.items():
        yield f"{side:<5}  {_rate(rate)}"
        for one in rate.reactions[-_SHOWN:]:
            yield f"       {one.done}"
            yield f"       {_reasons(one)}"
    if live.problem:
        yield live.problem


def _rate(rate: LiveRate) -> str:
    if rate.allowed == 0:
        return "paused (migrate throttle changes it)"
    allowed = f"at most {rate.allowed:,.0f}" if rate.allowed is not None else "no limit of ours"
    held = f", held at {rate.held:,.0f}" if rate.held is not None and rate.held != rate.allowed else ""
    return f"{rate.current:,.0f} units/s ({allowed}{held})"


def _reasons(one: LiveReaction) -> str:
    counts = ", ".join(f"{count:,} x {reason.removeprefix('fault: ')}" for reason, count in sorted(one.reasons.items()))
    return f"  {counts}, {one.since} to {one.until}"
