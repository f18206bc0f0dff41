"""What the actions of strategy `backup` change in a simulated world."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from migrate.core.table import AWS_MANAGED, AWS_OWNED, CUSTOMER_MANAGED, Encryption
from migrate.plan.desired import as_restored
from migrate.plan.effects import owned_removal
from migrate.plan.model import Side
from migrate.plan.world import Result, Turn, new_table, owned
from migrate.state.model import OwnedResource


def _backup_job(turn: Turn) -> Result:
    return _point(turn, "source", turn.params["vault"])


def _copy_job(turn: Turn) -> Result:
    return _point(turn, str(turn.params.get("destination_side", "target")), turn.params["destination_vault"])


def _point(turn: Turn, side: str, vault: str) -> Result:
    where = turn.world.before.source if side == "source" else turn.world.before.target
    arn = f"arn:{where.partition}:backup:{where.region}:{where.id}:recovery-point:{turn.record.token}"
    made = OwnedResource(arn, "recovery-point", side, turn.action.address, is_confirmed=True, proof={"vault": vault})
    return {"recovery_point_arn": arn, "backup_size_bytes": 0}, (made,), ()


def _restore_job(turn: Turn) -> Result:
    source = turn.world.tables[Side.SOURCE][turn.world.sources[turn.action.owner]]
    wanted = turn.params["encryption"]
    managed = AWS_MANAGED if wanted["type"] == "KMS" else AWS_OWNED
    encryption = Encryption(CUSTOMER_MANAGED if wanted.get("key_arn") else managed, wanted.get("key_arn"))
    made = new_table(turn, turn.params["table"], as_restored(source.spec, encryption))
    resource = owned(turn.action, made.arn, "table", table_id=made.table_id)
    point = turn.params["recovery_point_arn"]
    return {"table_arn": made.arn, "table_id": made.table_id, "recovery_point_arn": point}, (resource,), ()


EFFECTS: Mapping[str, Callable[[Turn], Result]] = {
    "backup-job": _backup_job,
    "copy-job": _copy_job,
    "restore-job": _restore_job,
    "restore-check": lambda _turn: ({}, (), ()),
    "recovery-point-removal": owned_removal,
}
