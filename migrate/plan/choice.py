"""Which strategy moves a table: the one that the manifest names, or with `auto` the best of those that can; and why.

`auto` goes by `prefer`. `simplicity` is the order of the registry: what needs least. `cost` and `time` compare the
middles of the estimates; between equals the simpler one is taken. What has begun to move a table goes on with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from migrate.core.diagnostics import Diagnostic, error
from migrate.core.frozen import replace
from migrate.manifest.model import Manifest, TableMapping
from migrate.plan.figures import about, dollars_words, minutes_words
from migrate.plan.model import Estimate
from migrate.plan.strategy import Strategy, TableRequest, Verdict, load_record
from migrate.plan.verification import verification
from migrate.state.model import Status, StepRecord

Strategies = Mapping[str, Strategy]

ASKED_FOR = frozenset({"backup", "glue", "emr"})
"""Strategies that need so much set-up, or cost so much more, that `auto` takes them only where the manifest names
them."""

VERIFY = "verify"
"""Name of the action that compares both tables, in its address."""


@dataclass(frozen=True)
class Candidate:
    """A strategy, asked about one table. `request` has its options; verdict and estimate are worked out when needed."""

    strategy: Strategy
    request: TableRequest

    @property
    def name(self) -> str:
        """Of the strategy."""
        return self.strategy.name

    @functools.cached_property
    def verdict(self) -> Verdict:
        """May it move the table?"""
        return self.strategy.verdict(self.request)

    @functools.cached_property
    def moving(self) -> Mapping[str, Estimate]:
        """What its actions take, by name, without the verification."""
        return {name: part for name, part in self._costs.items() if name != VERIFY}

    @functools.cached_property
    def _costs(self) -> Mapping[str, Estimate]:
        return self.strategy.costs(self.request)

    @functools.cached_property
    def parts(self) -> Mapping[str, Estimate]:
        """What its actions take, by name, and the verification, unless a run of its own verifies."""
        if self.request.verify == "none" or VERIFY in self._costs:
            return self._costs
        return {**self.moving, VERIFY: verification(self.request, is_copied=self.name == "copy")}

    @functools.cached_property
    def estimate(self) -> Estimate:
        """The whole move."""
        return Estimate.together(self.parts.values())


@dataclass(frozen=True)
class Choice:
    """The chosen strategy, which may still be refused, or None with `reasons`; and all that were considered."""

    chosen: Candidate | None
    considered: Sequence[Candidate] = ()
    prefer: str = "simplicity"
    unnamed: Sequence[str] = ()
    """Strategies that `auto` left out because the manifest does not name them."""

    reasons: tuple[Diagnostic, ...] = ()

    @property
    def why(self) -> str:
        """Why this one, and why not each other one. Works out the estimates of all."""
        if self.chosen is None:
            return ""
        others = [one for one in self.considered if one is not self.chosen]
        rank = {"cost": "the cheapest", "time": "the fastest"}.get(self.prefer)
        rivals = [one for one in others if one.verdict.is_usable]
        found = [self.chosen.verdict.why, *([f"{rank} of those that can"] if rank and rivals else [])]
        found += [against(one) for one in others]
        if self.unnamed:
            found.append(f"not considered: name {', '.join(f'strategies.{name}' for name in self.unnamed)}")
        return "; ".join(found)


def choose(manifest: Manifest, mapping: TableMapping, request: TableRequest, strategies: Strategies) -> Choice:
    """The strategy for one table. Pure."""
    if mapping.strategy != "auto":
        strategy = strategies.get(mapping.strategy)
        if strategy is None:
            return Choice(None, reasons=(_unknown(mapping, strategies),))
        return Choice(Candidate(strategy, asked(manifest, mapping.strategy, mapping, request)))
    unnamed = [name for name in strategies if name in ASKED_FOR and name not in manifest.strategies]
    considered = [
        Candidate(strategy, asked(manifest, name, mapping, request))
        for name, strategy in strategies.items()
        if name not in unnamed
    ]
    chosen = preferred(going_on(considered, request), mapping.prefer)
    if chosen is None and request.target_name in request.inventory.target_tables:
        chosen = next(iter(going_on(considered, request)), None)  # perhaps it was loaded earlier: the caller sees
    if chosen is not None:
        return Choice(chosen, considered, mapping.prefer, unnamed)
    reasons = tuple(reason for one in considered for reason in (*one.verdict.reasons, *one.verdict.warnings))
    return Choice(None, considered, mapping.prefer, unnamed, reasons)


def preferred(candidates: Iterable[Candidate], prefer: str) -> Candidate | None:
    """The best of those that can, or None. Looks at no more of them than it must."""
    usable: Iterator[Candidate] = (one for one in candidates if one.verdict.is_usable)
    if prefer not in _FIGURES:
        return next(usable, None)
    return min(usable, key=_FIGURES[prefer], default=None)  # the first of equals


_FIGURES: Mapping[str, Callable[[Candidate], float]] = {
    "cost": lambda one: one.estimate.dollars,
    "time": lambda one: one.estimate.minutes,
}


def going_on(candidates: Sequence[Candidate], request: TableRequest) -> Sequence[Candidate]:
    """Those that have begun to move this table, if any have: prices and sizes may have changed in between."""
    begun = {one.kind for one in _begun(request)}
    found = [one for one in candidates if begun & one.strategy.kinds]
    is_open = load_record(request.target_name, request.state) is None
    if is_open and not any(one.verdict.is_usable for one in found):
        return candidates  # nothing is in the target yet, and what was begun cannot go on
    return found or candidates


def _begun(request: TableRequest) -> list[StepRecord]:
    load = load_record(request.target_name, request.state)
    if load is not None:
        is_there = request.target_name in request.inventory.target_tables
        return [load] if is_there or load.status is not Status.DONE else []
    file = request.state.files.get(request.target_name)
    return [one for one in (file.steps.values() if file else ()) if one.status is not Status.UNDONE]


def against(one: Candidate) -> str:
    """Why it was not taken: it cannot, or what it would take."""
    if not one.verdict.is_usable:
        return f"{one.name} cannot: {one.verdict.reasons[0].summary}"
    minutes, dollars = about(minutes_words(one.estimate.took)), about(dollars_words(one.estimate.cost))
    reads = sum(part.source_read_units for part in one.moving.values())
    words = [f"{one.name} would take {minutes}", f"cost {'nothing more' if dollars == '$0' else dollars}"]
    words += [f"read {reads:,} unit{'s' if reads != 1 else ''} from the live table"] if reads else []
    return f"{', '.join(words[:-1])} and {words[-1]}"


def asked(manifest: Manifest, name: str, mapping: TableMapping, request: TableRequest) -> TableRequest:
    """The request with the options that the manifest gives to that strategy."""
    own = mapping.options if mapping.strategy == name else {}
    return replace(request, options=manifest.strategy_options(name, own))


def _unknown(mapping: TableMapping, strategies: Strategies) -> Diagnostic:
    return error(
        f"strategy {mapping.strategy} is not available in this version",
        address=f"{mapping.address}.strategy",
        hint=f"available: {', '.join(sorted(strategies))}",
    )
