"""The export of a table to S3, its check and its removal: for the strategies that load from one.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.HowItWorks.html
"""

from __future__ import annotations

from collections.abc import Iterable

from migrate.plan import costs
from migrate.plan.desired import RECOVERY_DAYS, is_recovery_ours
from migrate.plan.model import Action, Change, Estimate, Risk, Side, ref
from migrate.plan.strategy import TableRequest, load_record
from migrate.state.model import OwnedResource, Status
from migrate.strategies import s3_bucket


def export_actions(request: TableRequest) -> list[Action]:
    """Export (unless an earlier one can be used) and check, in order."""
    export = _export(request)
    before = [] if _is_reusable(request, export) else [*_recovery(request), export]
    return [*before, _check(request, (export.address,) if before else ())]


def export_costs(request: TableRequest) -> dict[str, Estimate]:
    """What they take, by the names in their addresses."""
    is_new = request.source.spec.recovery_days is None
    return {**({"source-recovery": costs.recovery(request)} if is_new else {}), "export": costs.export(request)}


def export_removals(request: TableRequest, planned: Iterable[Action] = ()) -> list[Action]:
    """Delete the files and turn recovery off again, as far as this migration or `planned` is behind it."""
    planned = list(planned)
    is_made = bool(planned) or bool(_owned(request))
    return [*([_delete_export(request)] if is_made else []), *_restore_recovery(request, planned)]


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
    load = load_record(request.target_name, request.state)
    check = request.state.record(request.address("export-check"))
    if record is None or record.status is not Status.DONE or record.action_digest != export.digest:
        return False
    if not _owned(request) or (check is not None and check.status is Status.FAILED):
        return False
    return load is None or load.status is not Status.DONE


def _owned(request: TableRequest) -> list[OwnedResource]:
    file = request.state.files.get(request.target_name)
    return [resource for resource in (file.owned.values() if file else ()) if resource.kind == "export"]


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


def left_to_user(request: TableRequest) -> list[str]:
    """What the owner of the source should know when recovery stays on."""
    is_turned_on = request.source.spec.recovery_days is None or is_recovery_ours(
        request.source, request.target_name, request.state
    )
    if is_turned_on and request.options.get("source_pitr", "keep") == "keep":
        monthly = costs.gib(request) * request.source_prices.recovery_gb_month
        cost = f"about ${monthly:.2f}" if monthly >= 0.01 else "less than a cent"
        return [
            f"point-in-time recovery stays on in the source ({cost} a month): "
            "strategies.s3.source_pitr: restore turns it off again"
        ]
    return []
