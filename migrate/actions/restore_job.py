"""Restore a recovery point into a new table of the target account.

https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-dynamodb.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions.backup_base import ended, job_look, patient_with_new_roles, role_access, since, waiting
from migrate.actions.base import (
    Absent,
    Conflicting,
    Context,
    Done,
    Failed,
    InProgress,
    Observation,
    Running,
    Satisfied,
    Step,
    StepResult,
    seconds_since,
    was_just_started,
)
from migrate.actions.load import is_active, remove_table, table_arn
from migrate.actions.places import LATER, Places, new_role
from migrate.aws import backup_jobs, dynamodb
from migrate.aws.session import Account
from migrate.core.access import Access, allow, anywhere, pass_role
from migrate.core.errors import StepError
from migrate.plan.model import Action, is_ref
from migrate.state.model import OwnedResource
from migrate.strategies.backup_policies import SERVICE

_GOING_ON = ("PENDING", "RUNNING")


class RestoreJobHandler:
    """Kind `restore-job`: params `recovery_point_arn`, `vault`, `vault_account_id` (of a shared vault), `role_arn`,
    `table`, `source_table_arn`, `encryption` (`type` Default or KMS, `key_arn`).

    A lost job is that of the same recovery point and table since this attempt began; and the same token gives back the
    same job.
    """

    slot: str | None = "restore"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, params = places.target, action.params
        who, table, role, point = (
            place.side,
            place.table(params["table"]),
            params["role_arn"],
            params["recovery_point_arn"],
        )
        owner = places.source if params.get("vault_account_id") else place
        points = owner.arn("backup", "recovery-point:*") if is_ref(point) else point
        wide = LATER if is_ref(point) else ""
        yield allow(who, "backup:GetRecoveryPointRestoreMetadata StartRestoreJob", points, wide=wide)
        yield anywhere(who, "backup:DescribeRestoreJob ListRestoreJobs")
        yield allow(who, "dynamodb:DescribeTable", table)
        yield from places.encrypted_with(who, params["encryption"].get("key_arn"))
        yield allow(who, "dynamodb:DeleteTable", table, when="a restore has failed: its partly filled table goes")
        yield pass_role(who, role, SERVICE)
        yield new_role(who, role)
        yield from role_access(role, action, places)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The table."""
        arn = table_arn(context.target, step.params["table"])
        return (OwnedResource(arn, "table", "target", step.address),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`. A table that this attempt did not make is a conflict."""
        account = context.target
        job = backup_jobs.describe_restore(account, step.handle) if step.handle else self._find(step, account)
        if job is not None:
            done = job["Status"] == "COMPLETED"
            return Satisfied(job["RestoreJobId"]) if done else InProgress(job["RestoreJobId"])
        if step.handle:
            return InProgress(step.handle)
        # Right after a start, the token is the way to look: it gives back the job that this attempt began.
        if dynamodb.describe_table(account, step.params["table"]) is None or was_just_started(step, context):
            return Absent()
        return Conflicting(
            StepError(
                f"the table {step.params['table']} exists in {account.id} {account.region}, and this restore did not "
                "make it",
                "it appeared after the plan was made; a restore creates its table",
                "migrate plan   shows what can be done",
            )
        )

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`. The encryption is always said: AWS would try the source table's key otherwise."""
        params = step.params
        base = backup_jobs.restore_metadata(
            context.target, params["vault"], params["recovery_point_arn"], params.get("vault_account_id")
        )
        with patient_with_new_roles(context.target, params["role_arn"], context.clock):
            return backup_jobs.start_restore(
                context.target,
                RecoveryPointArn=params["recovery_point_arn"],
                IamRoleArn=params["role_arn"],
                IdempotencyToken=step.token,
                Metadata=metadata(base, params["table"], params["encryption"]),
            )

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        account = context.target
        job = backup_jobs.describe_restore(account, str(step.handle))
        if job is None or job["Status"] in _GOING_ON:
            return waiting(step, context, account, job or {}, "restoring")
        table = dynamodb.describe_table(account, step.params["table"])
        if job["Status"] != "COMPLETED":
            is_made = table is not None and _is_made_by(job, table)
            owned = (_owned(step, table),) if table is not None and is_made else ()
            released = () if is_made else (table_arn(account, step.params["table"]),)
            return Failed(ended(f"the restore of {step.params['table']}", job["Status"], job), owned, released)
        if table is None or not is_active(table) or (table.get("RestoreSummary") or {}).get("RestoreInProgress"):
            return Running(job_look(seconds_since(step.started, context.clock), account))
        outputs = {
            "table_arn": table["TableArn"],
            "table_id": table["TableId"],
            "recovery_point_arn": step.params["recovery_point_arn"],
            "bytes": job.get("BackupSizeInBytes", 0),
        }
        return Done(outputs, owned=(_owned(step, table),))

    def undo(self, step: Step, context: Context) -> None:
        """Delete the table, if it is the very one that this restore made."""
        for resource in step.owned:
            if resource.kind == "table":
                remove_table(context.target, step.params["table"], resource.proof.get("table_id", ""))

    def _find(self, step: Step, account: Account) -> dict[str, Any] | None:
        arn = table_arn(account, step.params["table"])
        table = dynamodb.describe_table(account, step.params["table"])
        for job in backup_jobs.list_restores(account, since(step)):
            is_ours = job["RecoveryPointArn"] == step.params["recovery_point_arn"]
            if not is_ours or job.get("CreatedResourceArn") != arn:
                continue
            if job["Status"] in _GOING_ON or (job["Status"] == "COMPLETED" and table and _is_made_by(job, table)):
                return job
        return None


def metadata(base: Mapping[str, str], table: str, encryption: Mapping[str, Any]) -> dict[str, str]:
    """StartRestoreJob's Metadata: what AWS gave, with our table and encryption in place of the original's."""
    ours = {"targetTableName": table, "encryptionType": str(encryption["type"])}
    if encryption.get("key_arn"):
        ours["kmsMasterKeyArn"] = str(encryption["key_arn"])
    replaced = {"targettablename", "encryptiontype", "kmsmasterkeyarn"}
    return {**{name: value for name, value in base.items() if name.lower() not in replaced}, **ours}


def _is_made_by(job: Mapping[str, Any], table: Mapping[str, Any]) -> bool:
    """True when the job says that it made this table, and the table is not older than the job."""
    is_named = job.get("CreatedResourceArn") == table["TableArn"]
    return bool(is_named and table["CreationDateTime"] >= job["CreationDate"])


def _owned(step: Step, table: Mapping[str, Any]) -> OwnedResource:
    proof = {"table_id": str(table["TableId"]), "restore_job": str(step.handle)}
    return OwnedResource(str(table["TableArn"]), "table", "target", step.address, True, proof)
