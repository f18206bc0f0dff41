"""Strategy `copy`: parallel Scan in the source account, BatchWriteItem in the target account, from this machine.

Needs no infrastructure, carries local indexes, and reads the live table: items written while it runs may be missed.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.ParallelScan
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from migrate.core.diagnostics import Diagnostic
from migrate.core.frozen import replace
from migrate.core.table import Index, TableFacts, TableSpec
from migrate.data.scan import choose_segments
from migrate.plan import costs
from migrate.plan.costs import GIB, scan_units
from migrate.plan.creation import describe, table_parameters
from migrate.plan.desired import as_loaded
from migrate.plan.model import Action, Change, Estimate, Range, Risk, Side, ref
from migrate.plan.strategy import Recipe, TableRequest, Verdict
from migrate.plan.transforms import transform_params
from migrate.state.model import Status
from migrate.strategies import copy_cost
from migrate.strategies.copy_existing import against_existing, conflict_words, look, must_be_empty, notes, write_mode
from migrate.strategies.copy_indexes import IndexChoice, choose_indexes
from migrate.strategies.copy_warm import Warmth, choose_warmth, taken_at_once, useless_warmth, warm_up, warming_costs
from migrate.strategies.source_reasons import unfit_source, unproven_keys

WORKERS = 8
NO_SNAPSHOT = "stop the writers of the source first: a scan is no snapshot, and misses what changes behind it"


class Copy:
    """See the module."""

    name = "copy"
    kinds = frozenset({"copy"})
    first_options: Mapping[str, Any] = MappingProxyType({})

    def verdict(self, request: TableRequest) -> Verdict:
        """See `Strategy.verdict`."""
        units = scan_units(request.source.size_bytes)
        why = f"no bucket and no import; reads about {units:,} unit{'s' if units != 1 else ''} from the live table"
        target = request.inventory.target_tables.get(request.target_name)
        return Verdict(
            reasons=tuple(_reasons(request)),
            warnings=useless_warmth(request),
            why=why,
            against_existing=tuple(against_existing(request, target)) if target else None,
        )

    def costs(self, request: TableRequest) -> Mapping[str, Estimate]:
        """See `Strategy.costs`."""
        table, load = load_costs(request)
        return {**table, "copy": load}

    def moment(self, request: TableRequest) -> str:
        """See `Strategy.moment`."""
        return "from the first read on"

    def load(self, request: TableRequest) -> Recipe:
        """See `Strategy.load`."""
        indexes = chosen_indexes(request)
        warmth = choose_warmth(request, indexes.present)
        if request.existing is not None:
            loaded, first = request.existing.spec, look(request)
        else:
            loaded = created_spec(request.desired, indexes.present)
            first = None if made_earlier(request) else table_action(request, loaded, indexes, warmth)
        before = [*([first] if first else []), *warm_up(request, warmth, first)]
        return Recipe(
            load=(*before, _copy(request, before[-1:])),
            loaded=loaded,
            needs_user=(NO_SNAPSHOT, *notes(request)),
            is_tagged=True,
            verify=_verify(request),
        )

    def leftovers(self, request: TableRequest) -> Recipe:
        """See `Strategy.leftovers`: a copy makes nothing for itself in AWS."""
        return Recipe(verify=_verify(request))


def created_spec(desired: TableSpec, indexes: Mapping[str, Index]) -> TableSpec:
    """What CreateTable carries. The stream comes after the load: it would repeat every item to its readers."""
    loaded = as_loaded(desired)
    return replace(loaded, table_class=desired.table_class, tags=desired.tags, global_indexes=indexes)


def _reasons(request: TableRequest) -> Iterator[Diagnostic]:
    yield from unproven_keys(request)
    yield from unfit_source(
        request,
        vectors="this version cannot create them on the target",
        unreadable="its items cannot be read",
    )


def chosen_indexes(request: TableRequest) -> IndexChoice:
    """The choice; for a table that is there, what it has."""
    made = request.existing or made_earlier(request)
    return IndexChoice(made.spec.global_indexes) if made else choose_indexes(request)


def made_earlier(request: TableRequest) -> TableFacts | None:
    """The target table, when it was made for this very load."""
    done = request.state.record(request.address("table"))
    target = request.inventory.target_tables.get(request.target_name)
    is_made = done is not None and done.status is Status.DONE and target is not None
    return target if is_made and done and target and done.outputs.get("table_id") == target.table_id else None


def load_costs(
    request: TableRequest, cores: Range = copy_cost.CORES, *, is_read: bool = True
) -> tuple[dict[str, Estimate], Estimate]:
    """What a table takes that is made for the load (its warmth, the indexes that come after), by the names of the
    actions; and what reading and writing every item takes."""
    indexes = chosen_indexes(request)
    warmth = choose_warmth(request, indexes.present)
    at_once = (warmth.table or taken_at_once(request)).write or costs.TABLE_WRITES.low
    load = copy_cost.copying(request, indexes.present.values(), at_once, cores, is_read=is_read)
    table = {f"index.{name}": one for name, one in indexes.after.items()}
    if warmth.dollars:
        is_there = request.existing is not None or made_earlier(request) is not None
        table |= warming_costs(request, warmth) if is_there else {"table": warmth.estimate}
    return table, load


def table_action(request: TableRequest, created: TableSpec, indexes: IndexChoice, warmth: Warmth) -> Action:
    """CreateTable, for a load that fills the table itself."""
    local = len(created.local_indexes)
    words = f"; {local} local index{'es' if local != 1 else ''}" if local else ""
    return Action(
        address=request.address("table"),
        kind="table",
        side=Side.TARGET,
        change=Change.CREATE,
        title=f"table {request.target_name} ({describe(created)}{words})",
        params={"creation": warmth.added_to(table_parameters(request.target_name, created))},
        risk=Risk.COST if warmth.dollars else Risk.NONE,
        undo="table-removal",
        why="with its key, indexes, billing, encryption, table class and tags",
        details=tuple(text for text in (indexes.why, warmth.why) if text),
    )


def _copy(request: TableRequest, before: list[Action]) -> Action:
    segments = request.options.get("segments", "auto")
    if segments == "auto":
        segments = choose_segments(request.source.size_bytes, WORKERS)
    is_existing = request.existing is not None
    mode = write_mode(request)
    transport = request.options.get("transport", "lean")
    # What the table is now is known from the step that made it, or that looked at it.
    known_from = request.address("look" if is_existing else "table")
    return Action(
        address=request.address("copy"),
        kind="copy",
        side=Side.BOTH,
        change=Change.MOVE,
        title=f"copy every item ({segments} segments{copy_cost.rate_words(request)}){conflict_words(request)}",
        params={
            "source_table": request.source.name,
            "source_arn": request.source.arn,
            "target_table": request.target_name,
            "table_id": ref(known_from, "table_id"),
            "keys": [key.name for key in request.desired.keys.attributes],
            "segments": segments,
            "size_bytes": request.source.size_bytes // GIB * GIB,
            **transform_params(request.transform),
            **(
                {"is_existing": True, "write_mode": mode, "must_be_empty": must_be_empty(request)}
                if is_existing
                else {}
            ),
        },
        tuning={**copy_cost.rates(request), **({} if transport == "lean" else {"transport": transport})},
        needs=tuple(action.address for action in before),
        risk=Risk.IRREVERSIBLE if is_existing else Risk.COST,
        undo="none: what is written into a table that was there before stays" if is_existing else "table-removal",
        why="resumes to the page; an item that DynamoDB refuses is kept in a file and named, never dropped",
    )


def _verify(request: TableRequest) -> dict[str, object]:
    """What the verification has to know of a transform, and of a table that had items before."""
    params: dict[str, object] = transform_params(request.transform)
    if request.existing is None or must_be_empty(request):
        return params
    return {**params, "existing": write_mode(request), "kept": ref(request.address("copy"), "kept")}
