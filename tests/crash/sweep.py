"""Many lives of one case, each with its own death, compared with the life that nothing disturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.crash.cases import CASES
from tests.crash.death import Moment
from tests.crash.life import Ending, Stage, live

_calm: dict[tuple[Stage, str], Ending] = {}


def calm_life(stage: Stage, name: str) -> Ending:
    """The life of the case that nothing disturbs; lived once in each process."""
    if (stage, name) not in _calm:
        _calm[stage, name] = live(stage, CASES[name])
    return _calm[stage, name]


def boundaries(effects: list[str], begins_with: str = "") -> list[Moment]:
    """Every moment, from the effect `begins_with` on, at which a death leaves another world.

    After each effect, and before each call to AWS. Before a write of the state the world is as after the effect that
    went before, so only the first write has a moment before it.
    """
    found = [Moment(1, is_after=False)]
    for number, name in enumerate(effects, start=1):
        if number > 1 and name.startswith(("source", "target")):
            found.append(Moment(number, is_after=False))
        found.append(Moment(number, is_after=True))
    first = effects.index(begins_with) if begins_with else 0
    return [moment for moment in found if moment.number > first]


def problems(calm: Ending, ending: Ending) -> list[str]:
    """What is not as in the undisturbed life."""
    found = [f"forgotten: {id}" for id in ending.lost] + [f"gone: {id}" for id in ending.foreign]
    return found + list(_differences(calm.end, ending.end, ""))


def sweep(
    calm: Ending, deaths: Iterable[tuple[Moment, ...]], live_with: Callable[..., Ending]
) -> tuple[int, list[str]]:
    """How many lives were lived, and a text for each that ended otherwise."""
    tried, wrong = 0, []
    for moments in deaths:
        tried += 1
        try:
            found = problems(calm, live_with(*moments))
        except AssertionError as error:
            found = [str(error)]
        if found:
            where = ", ".join(f"{moment} ({_name(calm, moment)})" for moment in moments)
            wrong.append(f"death {where}: " + "; ".join(found))
    return tried, wrong


def _name(calm: Ending, moment: Moment) -> str:
    if moment.effect:
        return moment.effect
    return calm.effects[moment.number - 1] if moment.number <= len(calm.effects) else "later"


def _differences(calm: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(calm, dict) and isinstance(other, dict):
        for key in sorted({*calm, *other}):
            yield from _differences(calm.get(key), other.get(key), f"{path}/{key}")
    elif calm != other:
        yield f"{path}: {other}, and undisturbed {calm}"
