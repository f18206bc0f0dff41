"""All strategies side by side, table by table: which can, what each would take, and what it would ask of the user.

Nothing here is carried out. A strategy that the manifest does not name is judged with the options that it needs to
begin with, so that what it would take is known before it is set up; `auto` does not choose it for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.core.diagnostics import Diagnostic
from migrate.core.frozen import replace
from migrate.core.table import TableFacts
from migrate.manifest.model import Manifest, TableMapping
from migrate.manifest.prices import Prices
from migrate.observe.inventory import Inventory
from migrate.plan.build import table_request
from migrate.plan.choice import ASKED_FOR, Candidate, Strategies, asked, going_on, preferred
from migrate.plan.desired import Desired, as_it_was, desired_spec
from migrate.plan.diff import compare, missing_indexes
from migrate.plan.model import Action, Change, Estimate, PlannedAccount, Range, Risk
from migrate.plan.strategy import TableRequest
from migrate.plan.tables import Stage, stage_of
from migrate.state.model import State

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Option:
    """One strategy for one table. With `is_possible` False only `reasons` count.

    `is_auto`: `auto` would take it. `is_named`: the manifest says it. `source_read_units` are those of the move; every
    verification reads more. `downtime` are the minutes for which writers must stop, `writers` from when on.
    `set_again` are settings that the load does not bring and the plan applies after it; `left` is what no plan does;
    `to_write` is to be written into the manifest first; `made` is what the plan then makes before the load.
    """

    strategy: str
    is_possible: bool
    is_auto: bool = False
    is_named: bool = False
    reasons: tuple[str, ...] = ()
    estimate: Estimate | None = None
    source_read_units: int = 0
    downtime: Range | None = None
    writers: str = ""
    set_again: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    to_write: tuple[str, ...] = ()
    made: tuple[str, ...] = ()

    @property
    def took(self) -> Range:
        """Minutes."""
        return self.estimate.took if self.estimate else Range()

    @property
    def cost(self) -> Range:
        """Dollars."""
        return self.estimate.cost if self.estimate else Range()


@dataclass(frozen=True)
class ComparedTable:
    """One table. `note` says why there is nothing to compare, when there is not."""

    source: str
    target: str
    items: int = 0
    bytes: int = 0
    prefer: str = "simplicity"
    options: tuple[Option, ...] = ()
    note: str = ""

    @property
    def auto(self) -> Option | None:
        """What `auto` would take."""
        return next((one for one in self.options if one.is_auto), None)


@dataclass(frozen=True)
class Comparison:
    """All tables of a manifest. Each sum is in the order of the tables."""

    migration: str
    source: PlannedAccount
    target: PlannedAccount
    prices_of: str
    tables: tuple[ComparedTable, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    format_version: int = FORMAT_VERSION


def compare_strategies(
    manifest: Manifest,
    mappings: Iterable[TableMapping],
    inventory: Inventory,
    state: State,
    strategies: Strategies,
    prices: Prices,
) -> Comparison:
    """Every strategy for every table. Pure. The inventory should have what each of them asks for (`widened`)."""
    tables = inventory.source_tables
    seen = [(one, tables[one.source_name]) for one in mappings if one.source_name in tables]
    return Comparison(
        migration=manifest.name,
        source=PlannedAccount(inventory.source.id, inventory.source.region, manifest.source.profile or ""),
        target=PlannedAccount(inventory.target.id, inventory.target.region, manifest.target.profile or ""),
        prices_of=prices.words(inventory.source.region, inventory.target.region),
        tables=tuple(_table(manifest, one, source, inventory, state, strategies, prices) for one, source in seen),
        diagnostics=tuple(inventory.diagnostics),
    )


def widened(manifest: Manifest, strategies: Strategies) -> Manifest:
    """The manifest as if it named every strategy: what to look at for a comparison of all."""
    first = {
        name: {key: value for key, value in one.first_options.items() if value != "NAME"}
        for name, one in strategies.items()
    }
    return replace(manifest, strategies={**first, **manifest.strategies})


def _table(
    manifest: Manifest,
    mapping: TableMapping,
    source: TableFacts,
    inventory: Inventory,
    state: State,
    strategies: Strategies,
    prices: Prices,
) -> ComparedTable:
    desired = desired_spec(mapping, as_it_was(source, mapping.target_name, state), inventory)
    request = table_request(manifest, mapping, source, desired.spec, inventory, state, prices)
    found = ComparedTable(source.name, mapping.target_name, source.item_count, source.size_bytes, mapping.prefer)
    target = inventory.target_tables.get(mapping.target_name)
    stage = stage_of(target, mapping.target_name, state)
    if not mapping.is_moved:
        return replace(found, note="it is protected where it is, and not moved")
    if stage is Stage.LOADED:
        return replace(found, note="its items are in the target already")
    considered = [
        Candidate(one, asked(manifest, name, mapping, request))
        for name, one in strategies.items()
        if name not in ASKED_FOR or name in manifest.strategies
    ]
    chosen = None if stage is Stage.FOREIGN else preferred(going_on(considered, request), mapping.prefer)
    occupied = target if stage is Stage.FOREIGN else None
    options = []
    for name, strategy in strategies.items():
        candidate, to_write = _candidate(manifest, mapping, request, strategies, name)
        option = _option(candidate, desired, occupied, to_write)
        is_auto = chosen is not None and chosen.strategy is strategy
        options.append(replace(option, is_auto=is_auto, is_named=mapping.strategy == name))
    return replace(found, options=tuple(options))


def _candidate(
    manifest: Manifest, mapping: TableMapping, request: TableRequest, strategies: Strategies, name: str
) -> tuple[Candidate, tuple[str, ...]]:
    """The strategy with its options; and what to write into the manifest first, where that says nothing of it."""
    strategy, with_options = strategies[name], asked(manifest, name, mapping, request)
    is_said = name in manifest.strategies or (mapping.strategy == name and mapping.options)
    if is_said or not strategy.first_options:
        return Candidate(strategy, with_options), ()
    options = {**with_options.options, **strategy.first_options}
    return Candidate(strategy, replace(with_options, options=options)), (
        f"strategies.{name}: {_written(strategy.first_options)}",
    )


def _option(candidate: Candidate, desired: Desired, occupied: TableFacts | None, to_write: tuple[str, ...]) -> Option:
    found = (*candidate.verdict.reasons, *(one for one in desired.diagnostics if one.is_error))
    reasons = [one.summary for one in found]
    if occupied is not None:
        against = candidate.verdict.against_existing
        there = [f"the table {occupied.name} exists in the target account, and {candidate.name} fills only its own"]
        reasons += there if against is None else [one.summary for one in against]
    if reasons:
        return Option(candidate.name, is_possible=False, reasons=tuple(dict.fromkeys(reasons)))
    request = candidate.request
    if occupied is not None:
        request = replace(request, existing=occupied)
        candidate = Candidate(candidate.strategy, request)
    recipe = candidate.strategy.load(request)
    loaded = recipe.loaded or request.desired
    again = [f"index {name}" for name in missing_indexes(request.desired, loaded)]
    again += [change.setting.label for change in compare(request.desired, loaded)]
    return Option(
        strategy=candidate.name,
        is_possible=True,
        estimate=candidate.estimate.rounded,
        source_read_units=sum(one.source_read_units for one in candidate.moving.values()),
        downtime=candidate.estimate.rounded.took,
        writers=candidate.strategy.moment(request),
        set_again=tuple(again),
        left=(*desired.needs_user, *recipe.needs_user),
        to_write=to_write,
        made=tuple(_prerequisites((*recipe.shared, *recipe.load))),
    )


def _prerequisites(actions: Iterable[Action]) -> list[str]:
    """What the plan makes for the load, beside the table: `target: s3 bucket ...`."""
    made = [one for one in actions if one.owner == "shared" or one.risk is Risk.SOURCE_WRITE]
    return [f"{one.side.value}: {one.title}" for one in made if one.change in (Change.CREATE, Change.UPDATE)]


def _written(options: Mapping[str, Any]) -> str:
    """Options as one writes them: `{bucket: NAME, create_bucket: true}`."""
    words = {True: "true", False: "false"}
    return "{" + ", ".join(f"{key}: {words.get(value, value)}" for key, value in options.items()) + "}"


def totals(options: Sequence[Option]) -> tuple[Range, Range]:
    """Minutes of the longest (tables move side by side), and dollars of all."""
    took = [one.took for one in options]
    minutes = Range(max((one.low for one in took), default=0.0), max((one.high for one in took), default=0.0))
    return minutes, sum((one.cost for one in options), Range())
