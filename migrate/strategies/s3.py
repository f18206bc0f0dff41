"""Strategy `s3`: export to S3 in the source account, import from S3 in the target account.

Reads nothing from the source table (it needs point-in-time recovery) and consumes no write capacity in the target.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.HowItWorks.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.HowItWorks.html
"""

from __future__ import annotations

from collections.abc import Iterable

from migrate.plan.creation import creation_parameters, describe
from migrate.plan.desired import RECOVERY_DAYS, as_loaded, is_recovery_ours
from migrate.plan.model import Action, Change, Estimate, Risk, Side, ref
from migrate.plan.prices import GIB, JSON_FACTOR, PRICES, scan_units
from migrate.plan.strategy import Recipe, TableRequest, Verdict
from migrate.state.model import OwnedResource, Status
from migrate.strategies import s3_bucket
from migrate.strategies.s3_verdict import judge


class ExportImport:
    """See the module."""

    name = "s3"

    def verdict(self, request: TableRequest) -> Verdict:
        """See `Strategy.verdict`."""
        return judge(request)

    def estimate(self, request: TableRequest) -> Estimate:
        """See `Strategy.estimate`. A tiny table already takes 10 to 15 minutes each way."""
        gib = request.source.size_bytes / GIB
        json_gib = gib * JSON_FACTOR
        minutes = (12 + gib / 1024 * 60) + (8 + gib / 1024 * 60)
        dollars = gib * PRICES.export_gib + json_gib * PRICES.import_gib
        dollars += json_gib * PRICES.s3_gib_month / 30
        if request.source.spec.recovery_days is None:
            dollars += gib * PRICES.recovery_gib_month / 30
        if request.inventory.source.region != request.inventory.target.region:
            dollars += json_gib * PRICES.transfer_gib
        units = 0
        if request.verify != "none":
            units = 2 * scan_units(request.source.size_bytes)  # verify reads consistently, at twice the price
            dollars += 2 * units * PRICES.read_unit
        return Estimate(round(minutes, 1), round(dollars, 6), units)

    def load(self, request: TableRequest) -> Recipe:
        """See `Strategy.load`."""
        export = _export(request)
        is_done = _is_reusable(request, export)
        before = [] if is_done else [*_recovery(request), export]
        load = [*before, *_import(request, () if is_done else (export.address,))]
        shared = s3_bucket.prerequisites(request)
        is_tidy = request.cleanup == "after-verify"
        return Recipe(
            load=tuple(load),
            loaded=as_loaded(request.desired),
            cleanup=(_delete_export(request), *_restore_recovery(request, load)) if is_tidy else (),
            shared=tuple(shared),
            shared_cleanup=tuple(s3_bucket.removals(request, shared)) if is_tidy else (),
            needs_user=tuple(_left_to_user(request)),
        )

    def leftovers(self, request: TableRequest) -> Recipe:
        """See `Strategy.leftovers`: export files and grants of an earlier plan that are still owned."""
        if request.cleanup != "after-verify" or not request.options.get("bucket"):
            return Recipe()
        files = [_delete_export(request)] if _owned(request, "export") else []
        return Recipe(cleanup=(*files, *_restore_recovery(request)), shared_cleanup=tuple(s3_bucket.removals(request)))


def _recovery(request: TableRequest) -> list[Action]:
    if request.source.spec.recovery_days is not None:
        return []
    return [
        Action(
            address=request.address("source-recovery"),
            kind="setting.recovery",
            side=Side.SOURCE,
            change=Change.UPDATE,
            title=f"point-in-time recovery: off -> on ({RECOVERY_DAYS} days)",
            params={"table": request.source.name, "before": None, "after": RECOVERY_DAYS},
            risk=Risk.SOURCE_WRITE,
            undo="setting.recovery",
            why="an export to S3 needs it; it does not touch the table's items or throughput",
        )
    ]


def _export(request: TableRequest) -> Action:
    bucket, prefix = request.options["bucket"], s3_bucket.prefix(request)
    before = [*s3_bucket.prerequisites(request), *_recovery(request)]
    return Action(
        address=request.address("export"),
        kind="export",
        side=Side.SOURCE,
        change=Change.MOVE,
        title=f"export to s3://{bucket}/{prefix}/",
        params={
            "table_arn": request.source.arn,
            "bucket": bucket,
            "bucket_owner": request.inventory.target.id,
            "prefix": prefix,
            "encryption_key": s3_bucket.encryption_key(request),
        },
        needs=tuple(action.address for action in before),
        risk=Risk.COST,
        undo="export-removal",
        why="a consistent copy as of one moment, without reading from the live table",
    )


def _import(request: TableRequest, needs: tuple[str, ...]) -> list[Action]:
    check = _check(request, needs)
    actions = [check, *([_remove_partial(request, check)] if request.is_partial else [])]
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
        needs=tuple(action.address for action in actions),
        risk=Risk.COST,
        undo="table-removal",
        why="creates the table with its key, indexes, billing and encryption",
    )
    return [*actions, load]


def _check(request: TableRequest, needs: tuple[str, ...]) -> Action:
    export = request.address("export")
    return Action(
        address=request.address("export-check"),
        kind="export-check",
        side=Side.TARGET,
        change=Change.READ,
        title=f"check the export{'' if needs else ' that is there already'}: manifests, md5 of every file, item counts",
        params={
            "bucket": request.options["bucket"],
            "bucket_owner": request.inventory.target.id,
            "manifest_key": ref(export, "manifest_key"),
            "item_count": ref(export, "item_count"),
        },
        needs=needs,
        undo="nothing to undo: it only reads",
    )


def _is_reusable(request: TableRequest, export: Action) -> bool:
    """True when an earlier plan has made this very export and no import has used its files up."""
    record = request.state.record(export.address)
    load = request.state.record(request.address("import"))
    check = request.state.record(request.address("export-check"))
    if record is None or record.status is not Status.DONE or record.action_digest != export.digest:
        return False
    if not _owned(request, "export") or (check is not None and check.status is Status.FAILED):
        return False
    return load is None or load.status is not Status.DONE


def _owned(request: TableRequest, kind: str) -> list[OwnedResource]:
    file = request.state.files.get(request.target_name)
    return [resource for resource in (file.owned.values() if file else ()) if resource.kind == kind]


def _delete_export(request: TableRequest) -> Action:
    return Action(
        address=request.address("export-removal"),
        kind="export-removal",
        side=Side.TARGET,
        change=Change.DELETE,
        title="delete the exported files",
        params={"of": request.address("export")},
        risk=Risk.DESTRUCTIVE,
        undo="none: the files are gone; a new export makes new ones",
        why="only what this migration wrote",
    )


def _restore_recovery(request: TableRequest, planned: Iterable[Action] = ()) -> list[Action]:
    """Turn off in the source what `planned`, or an earlier plan, has turned on for the export."""
    address = request.address("source-recovery")
    is_ours = any(action.address == address for action in planned) or is_recovery_ours(
        request.source, request.target_name, request.state
    )
    if request.options.get("source_pitr", "keep") != "restore" or not is_ours:
        return []
    return [
        Action(
            address=request.address("source-recovery-off"),
            kind="setting.recovery",
            side=Side.SOURCE,
            change=Change.UPDATE,
            title="point-in-time recovery: on -> off, as it was",
            params={"table": request.source.name, "before": RECOVERY_DAYS, "after": None},
            risk=Risk.SOURCE_WRITE,
            undo="setting.recovery",
            why="source_pitr: restore; discards the recovery history since the migration began",
        )
    ]


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


def _left_to_user(request: TableRequest) -> list[str]:
    is_turned_on = request.source.spec.recovery_days is None or is_recovery_ours(
        request.source, request.target_name, request.state
    )
    if is_turned_on and request.options.get("source_pitr", "keep") == "keep":
        monthly = request.source.size_bytes / GIB * PRICES.recovery_gib_month
        cost = f"about ${monthly:.2f}" if monthly >= 0.01 else "less than a cent"
        return [
            f"point-in-time recovery stays on in the source ({cost} a month): "
            "strategies.s3.source_pitr: restore turns it off again"
        ]
    return []
