"""Strategy `s3`: export to S3 in the source account, import from S3 in the target account.

Reads nothing from the source table (it needs point-in-time recovery) and consumes no write capacity in the target.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.HowItWorks.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.HowItWorks.html
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from migrate.plan import costs
from migrate.plan.creation import creation_parameters, describe
from migrate.plan.desired import as_loaded
from migrate.plan.model import Action, Change, Estimate, Risk, Side, ref
from migrate.plan.strategy import Recipe, TableRequest, Verdict
from migrate.strategies import s3_bucket
from migrate.strategies.s3_export import export_actions, export_costs, export_removals, left_to_user
from migrate.strategies.s3_verdict import judge


class ExportImport:
    """See the module."""

    name = "s3"
    kinds = frozenset({"export", "import"})
    first_options: Mapping[str, Any] = MappingProxyType({"bucket": "NAME", "create_bucket": True})

    def verdict(self, request: TableRequest) -> Verdict:
        """See `Strategy.verdict`."""
        return judge(request)

    def costs(self, request: TableRequest) -> Mapping[str, Estimate]:
        """See `Strategy.costs`."""
        return {**export_costs(request), "import": costs.import_files(request)}

    def moment(self, request: TableRequest) -> str:
        """See `Strategy.moment`."""
        return "from the export on"

    def load(self, request: TableRequest) -> Recipe:
        """See `Strategy.load`."""
        load = _import(request, export_actions(request))
        shared = s3_bucket.prerequisites(request)
        is_tidy = request.cleanup == "after-verify"
        return Recipe(
            load=tuple(load),
            loaded=as_loaded(request.desired),
            cleanup=tuple(export_removals(request, load)) if is_tidy else (),
            shared=tuple(shared),
            shared_cleanup=tuple(s3_bucket.removals(request, shared)) if is_tidy else (),
            needs_user=tuple(left_to_user(request)),
        )

    def leftovers(self, request: TableRequest) -> Recipe:
        """See `Strategy.leftovers`: export files and grants of an earlier plan that are still owned."""
        if request.cleanup != "after-verify" or not request.options.get("bucket"):
            return Recipe()
        return Recipe(cleanup=tuple(export_removals(request)), shared_cleanup=tuple(s3_bucket.removals(request)))


def _import(request: TableRequest, exported: list[Action]) -> list[Action]:
    """All actions of the load; the last of `exported` checks the export."""
    check = exported[-1]
    last = [check, *([_remove_partial(request, check)] if request.is_partial else [])]
    spec = as_loaded(request.desired)
    load = Action(
        address=request.address("import"),
        kind="import",
        side=Side.TARGET,
        change=Change.MOVE,
        title=f"import table {request.target_name} ({describe(spec)})",
        params={
            "table": request.target_name,
            "bucket": request.options["bucket"],
            "bucket_owner": request.inventory.target.id,
            "data_prefix": ref(check.address, "data_prefix"),
            "item_count": ref(check.address, "items"),
            "creation": creation_parameters(request.target_name, spec),
        },
        needs=tuple(action.address for action in last),
        risk=Risk.COST,
        undo="table-removal",
        why="creates the table with its key, indexes, billing and encryption",
    )
    return [*exported, *last[1:], load]


def _remove_partial(request: TableRequest, check: Action) -> Action:
    load = request.state.record(request.address("import"))
    return Action(
        address=request.address("table-removal"),
        kind="table-removal",
        side=Side.TARGET,
        change=Change.DELETE,
        title=f"delete table {request.target_name}, left partly filled by the failed import",
        params={"of": request.address("import"), "table": request.target_name, "attempt": load.attempt if load else 0},
        needs=(check.address,),
        risk=Risk.DESTRUCTIVE,
        undo="none: the import fills a fresh table",
        why="made by this migration; an import needs a table that does not exist",
    )
