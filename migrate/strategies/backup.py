"""Strategy `backup`: a recovery point of AWS Backup, copied into a vault of the target account and restored there.

Reads nothing from the source table, and carries local indexes. Mode `copy` needs both accounts in one organization;
mode `air-gapped` puts the recovery point into a vault that is shared with any account, and keeps it for 7 days.
https://docs.aws.amazon.com/aws-backup/latest/devguide/create-cross-account-backup.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/logicallyairgappedvault.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from migrate.core.codec import Json
from migrate.core.frozen import replace
from migrate.core.table import AWS_OWNED, CUSTOMER_MANAGED
from migrate.manifest.backuprules import AIR_GAPPED_DAYS
from migrate.plan import costs
from migrate.plan.creation import describe
from migrate.plan.desired import as_restored
from migrate.plan.model import Action, Change, Estimate, Risk, Side, ref
from migrate.plan.strategy import ProtectRequest, Recipe, Standing, TableRequest, Verdict
from migrate.state.model import OwnedResource, Status
from migrate.strategies import backup_protect, backup_shared
from migrate.strategies.backup_options import LATEST
from migrate.strategies.backup_setup import Setup
from migrate.strategies.backup_verdict import judge

_MAKERS = {"backup": "source", "copy-job": "target"}
"""Actions that make a recovery point, and where it is removed; an air-gapped vault lets go of nothing."""


class BackupRestore:
    """See the module."""

    name = "backup"
    kinds = frozenset({"backup-job", "copy-job", "restore-job"})
    first_options: Mapping[str, Any] = MappingProxyType({"create": True})

    def verdict(self, request: TableRequest) -> Verdict:
        """See `Strategy.verdict`."""
        return judge(request)

    def costs(self, request: TableRequest) -> Mapping[str, Estimate]:
        """See `Strategy.costs`."""
        setup = Setup(request)
        if setup.is_copied_already:
            return {"restore": costs.restore(request)}
        days = setup.options.days or costs.stored_days(request)
        is_locked = setup.options.is_air_gapped
        at, copied = ("source", max(AIR_GAPPED_DAYS, days)) if is_locked else ("target", days)
        backup = {} if setup.options.point else {"backup": costs.recovery_point(request, days, at="source")}
        copy = costs.recovery_point(request, copied, at=at, is_sent=not is_locked)
        return {**backup, "copy-job": copy, "restore": costs.restore(request)}

    def moment(self, request: TableRequest) -> str:
        """See `Strategy.moment`."""
        return "since the recovery point was made" if Setup(request).options.point else "from the backup on"

    def load(self, request: TableRequest) -> Recipe:
        """See `Strategy.load`."""
        setup = Setup(request)
        load = _load(setup)
        shared = backup_shared.prerequisites(setup)
        is_tidy = request.cleanup == "after-verify"
        return Recipe(
            load=tuple(load),
            loaded=as_restored(request.source.spec, request.desired.encryption),
            cleanup=tuple(_removals(setup, {action.address for action in load})) if is_tidy else (),
            shared=tuple(shared),
            shared_cleanup=tuple(backup_shared.removals(setup, shared)) if is_tidy else (),
            needs_user=tuple(_needs_user(setup)),
        )

    def leftovers(self, request: TableRequest) -> Recipe:
        """See `Strategy.leftovers`: recovery points and set-up of an earlier plan that are still owned."""
        if request.cleanup != "after-verify":
            return Recipe()
        setup = Setup(request)
        return Recipe(cleanup=tuple(_removals(setup)), shared_cleanup=tuple(backup_shared.removals(setup)))

    def protect(self, request: ProtectRequest) -> Standing:
        """See `Protector.protect`."""
        return backup_protect.protect(request)


def _load(setup: Setup) -> list[Action]:
    """What is not done yet of: back up, copy, restore."""
    request = setup.request
    jobs: list[Action] = []
    if setup.is_copied_already:
        point: Json = setup.options.point
    else:
        copy = _copy(setup)
        point = ref(copy.address, "recovery_point_arn")
        if not _is_reusable(request, copy, "restore"):
            backup = [] if setup.options.point else [_backup(setup)]
            jobs = [*(one for one in backup if not _is_reusable(request, one, "copy-job")), copy]
    removal = [_remove_partial(request)] if request.is_partial else []
    return _chained([*jobs, *removal, _restore(setup, point)], backup_shared.prerequisites(setup))


def _backup(setup: Setup) -> Action:
    request, options = setup.request, setup.options
    return Action(
        address=request.address("backup"),
        kind="backup-job",
        side=Side.SOURCE,
        change=Change.MOVE,
        title=f"back up into vault {options.source_vault}",
        params={
            "table_arn": request.source.arn,
            "vault": options.source_vault,
            "role_arn": setup.role_arn("source"),
            "delete_after_days": options.days,
            "tags": {},
        },
        risk=Risk.COST,
        undo="recovery-point-removal",
        why="a consistent copy as of one moment, without reading from the live table",
    )


def _copy(setup: Setup) -> Action:
    """The copy job. With `latest`, of the recovery point that an earlier run has begun with, as long as it is there."""
    request = setup.request
    if setup.options.point != LATEST:
        return _copy_of(setup, setup.options.point or ref(request.address("backup"), "recovery_point_arn"))
    record = request.state.record(request.address("copy-job"))
    candidates = [_copy_of(setup, point.arn) for point in setup.points]
    begun = (one for one in candidates if record is not None and one.digest == record.action_digest)
    load = request.state.record(request.address("restore"))
    return next(begun, candidates[0]) if load is None or load.status is not Status.DONE else candidates[0]


def _copy_of(setup: Setup, point: Json) -> Action:
    options, request = setup.options, setup.request
    side, vault, days = "target", options.target_vault, options.days
    risk, title = Risk.COST, f"copy into vault {vault} of {setup.account('target').id}"
    if options.is_air_gapped:
        side, vault, days = "source", options.air_gapped_vault, options.days or AIR_GAPPED_DAYS
        risk, title = Risk.IRREVERSIBLE, f"copy into air-gapped vault {vault}, where it stays for {days} days"
    if options.point:
        title = f"{title}: {_named(setup, point)}"
    return Action(
        address=request.address("copy-job"),
        kind="copy-job",
        side=Side.SOURCE,
        change=Change.MOVE,
        title=title,
        params={
            "recovery_point_arn": point,
            "source_vault": options.source_vault,
            "destination_vault": vault,
            "destination_vault_arn": setup.vault_arn(side, vault),
            "destination_side": side,
            "role_arn": setup.role_arn("source"),
            "delete_after_days": days,
        },
        risk=risk,
        undo="none: it is locked for its minimum retention" if options.is_air_gapped else "recovery-point-removal",
        why="encrypted anew with the key of that vault",
    )


def _restore(setup: Setup, point: Json) -> Action:
    request, options = setup.request, setup.options
    spec = as_restored(request.source.spec, request.desired.encryption)
    local = len(spec.local_indexes)
    indexes = f"; {local} local index{'es' if local != 1 else ''}" if local else ""
    return Action(
        address=request.address("restore"),
        kind="restore-job",
        side=Side.TARGET,
        change=Change.MOVE,
        title=f"restore table {request.target_name} ({describe(spec)}{indexes})",
        params={
            "recovery_point_arn": point,
            "vault": options.air_gapped_vault if options.is_air_gapped else options.target_vault,
            "vault_account_id": setup.account("source").id if options.is_air_gapped else None,
            "role_arn": setup.role_arn("target"),
            "table": request.target_name,
            "source_table_arn": request.source.arn,
            "encryption": _encryption(request),
        },
        risk=Risk.COST,
        undo="table-removal",
        why="creates the table with its key, indexes, billing and encryption, and nothing else",
    )


def _encryption(request: TableRequest) -> Json:
    """Always said: a restore without it tries the source table's key, which the target account cannot use."""
    wanted = request.desired.encryption
    if wanted.kind == AWS_OWNED:
        return {"type": "Default", "key_arn": None}
    return {"type": "KMS", "key_arn": wanted.key if wanted.kind == CUSTOMER_MANAGED else None}


def _is_reusable(request: TableRequest, action: Action, consumer: str) -> bool:
    """True when an earlier plan has done this very job, its recovery point is still ours, and no load has used it up.

    A consumer that did not find the recovery point shows that it is gone: then the job is done anew.
    """
    record, used = request.state.record(action.address), request.state.record(request.address(consumer))
    load = request.state.record(request.address("restore"))
    if record is None or record.status is not Status.DONE or record.action_digest != action.digest:
        return False
    is_lost = used is not None and used.error is not None and used.error.kind == "NotFound"
    is_used = load is not None and load.status is Status.DONE
    return bool(_owned(request, action.address)) and not is_lost and not is_used


def _removals(setup: Setup, planned: Collection[str] = ()) -> Iterator[Action]:
    """The removal of recovery points that are ours, or that `planned` actions are going to make."""
    request = setup.request
    vaults = {"source": setup.options.source_vault, "target": setup.options.target_vault}
    for name, side in _MAKERS.items():
        maker = request.address(name)
        if setup.options.is_air_gapped and side == "target":
            continue
        if maker in planned or _owned(request, maker):
            yield Action(
                address=request.address(f"recovery-point-removal.{side}"),
                kind="recovery-point-removal",
                side=Side(side),
                change=Change.DELETE,
                title=f"delete the recovery point in vault {vaults[side]}",
                params={"of": maker, "vault": vaults[side]},
                risk=Risk.DESTRUCTIVE,
                undo="none: it is gone; a new backup makes a new one",
                why="made by this migration",
            )


def _remove_partial(request: TableRequest) -> Action:
    load = request.state.record(request.address("restore"))
    return Action(
        address=request.address("table-removal"),
        kind="table-removal",
        side=Side.TARGET,
        change=Change.DELETE,
        title=f"delete table {request.target_name}, left by the failed restore",
        params={"of": request.address("restore"), "table": request.target_name, "attempt": load.attempt if load else 0},
        risk=Risk.DESTRUCTIVE,
        undo="none: the restore makes a fresh table",
        why="made by this migration; a restore needs a table that does not exist",
    )


def _needs_user(setup: Setup) -> Iterator[str]:
    options, request = setup.options, setup.request
    if options.is_air_gapped and not setup.is_copied_already:
        days = options.days or AIR_GAPPED_DAYS
        cost = costs.gib(request) * request.source_prices.backup_gb_month * days / 30
        price = f"about ${cost:.2f}" if cost >= 0.01 else "less than a cent"
        yield (
            f"nobody can delete what is in the air-gapped vault {options.air_gapped_vault} for {AIR_GAPPED_DAYS} days: "
            f"the recovery point stays for {days} days ({price}), and the vault until it is empty "
            "(`migrate cleanup` removes it then)"
        )
    if request.cleanup == "keep" and not setup.is_copied_already:
        until = f"for {options.days} days" if options.days else "until you delete them (`migrate cleanup` does)"
        monthly = costs.gib(request) * (request.source_prices.backup_gb_month + request.target_prices.backup_gb_month)
        price = f"about ${monthly:.2f}" if monthly >= 0.01 else "less than a cent"
        yield f"the recovery points of this move stay in their vaults {until}, at {price} a month"
    if options.point:
        point = next((p for p in setup.points if p.arn == options.point or options.point == LATEST), None)
        yield (
            f"the target gets the table as of {point.created if point and point.created else 'the recovery point'}: "
            "verify names every item that was written to the source since then (`verify: none` leaves it out)"
        )


def _named(setup: Setup, point: Json) -> str:
    """A recovery point in words."""
    found = next((one for one in setup.points if one.arn == point), None)
    name = str(point).rpartition(":")[2]
    return f"recovery point {name}{f' of {found.created}' if found and found.created else ''}"


def _owned(request: TableRequest, address: str) -> list[OwnedResource]:
    file = request.state.files.get(request.target_name)
    points = (one for one in (file.owned.values() if file else ()) if one.kind == "recovery-point")
    return [one for one in points if one.address == address]


def _chained(actions: list[Action], shared: list[Action]) -> list[Action]:
    """One after the other, and all of them after what they share."""
    needs: tuple[str, ...] = tuple(action.address for action in shared)
    chained: list[Action] = []
    for action in actions:
        chained.append(replace(action, needs=needs))
        needs = (action.address,)
    return chained
