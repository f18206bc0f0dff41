"""The global indexes of a table that is loaded: those that are missing, one at a time, and those that differ."""

from __future__ import annotations

from migrate.core.codec import Json
from migrate.core.diagnostics import Diagnostic, error, warning
from migrate.core.table import Index, TableSpec
from migrate.plan.creation import attribute_definitions, index_parameters
from migrate.plan.diff import foreign_indexes, missing_indexes
from migrate.plan.model import Action, Change, Risk, Side
from migrate.plan.strategy import TableRequest
from migrate.plan.words import index_words


def index_actions(request: TableRequest, observed: TableSpec) -> list[Action]:
    """The indexes that are missing, one at a time. Each names the attributes of those that are there by then."""
    there = [*request.desired.local_indexes.values(), *observed.global_indexes.values()]
    actions = []
    for name, index in missing_indexes(request.desired, observed).items():
        there.append(index)
        actions.append(_index_action(request, name, index, attribute_definitions(request.desired, there)))
    return actions


def _index_action(request: TableRequest, name: str, index: Index, attributes: Json) -> Action:
    return Action(
        address=request.address(f"index.{name}"),
        kind="index",
        side=Side.TARGET,
        change=Change.CREATE,
        title=f"global index {name}: {index_words(index)}",
        params={
            "table": request.target_name,
            "index": name,
            "creation": index_parameters(name, index, request.desired),
            "attributes": attributes,
        },
        risk=Risk.COST,
        undo="none: drop it by hand if it is not wanted",
        why="DynamoDB fills it from the table",
    )


def index_problems(request: TableRequest, observed: TableSpec) -> list[Diagnostic]:
    """What is wrong with the indexes of the observed table, and is not ours to change."""
    extra, otherwise = foreign_indexes(request.desired, observed)
    found = [
        warning(
            f"the global index {name} exists only in the target table {request.target_name}",
            address=request.address(f"index.{name}"),
            why="this migration did not make it, so it is left alone",
        )
        for name in extra
    ]
    found += [
        error(
            f"the global index {name} of the target table {request.target_name} has another key or projection",
            address=request.address(f"index.{name}"),
            hint="drop it by hand; the next plan creates it as it should be",
        )
        for name in otherwise
    ]
    return found
