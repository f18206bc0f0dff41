"""Back a table up into a vault of its own account.

https://docs.aws.amazon.com/aws-backup/latest/devguide/advanced-ddb-backup.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate.actions.backup_base import (
    USABLE,
    claimed,
    ended,
    job_look,
    patient_with_new_roles,
    recovery_point,
    role_access,
    since,
    waiting,
)
from migrate.actions.base import (
    Absent,
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
)
from migrate.actions.places import LATER, Places, new_role
from migrate.aws import backup_jobs
from migrate.core.access import Access, allow, anywhere, pass_role
from migrate.core.errors import StepError
from migrate.plan.model import Action
from migrate.state.model import OwnedResource
from migrate.strategies.backup_policies import SERVICE

_GOING_ON = ("CREATED", "PENDING", "RUNNING", "ABORTING")


class BackupJobHandler:
    """Kind `backup-job`: params `table_arn`, `vault`, `role_arn`, `delete_after_days`, `tags`.

    A lost job is found by the token in the tags of its recovery point; and the same token gives back the same job.
    """

    slot: str | None = "backup"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, role = places.of(action.side), action.params["role_arn"]
        yield allow(place.side, "backup:StartBackupJob", place.vault(action.params["vault"]))
        yield anywhere(place.side, "backup:DescribeBackupJob ListBackupJobs")
        points = place.arn("backup", "recovery-point:*")
        yield allow(place.side, "backup:DescribeRecoveryPoint", points, wide=LATER)
        yield allow(place.side, "backup:TagResource", points, wide=LATER, when="the recovery point is made with tags")
        yield allow(place.side, "backup:ListTags", points, wide=LATER, when="a run was stopped while it began the job")
        yield pass_role(place.side, role, SERVICE)
        yield new_role(place.side, role)
        yield from role_access(role, action, places)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The recovery point."""
        return (claimed(step, "source", step.params["vault"]),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        job = self._describe(step, context) if step.handle else self._find(step, context)
        if job is None:
            return InProgress(step.handle) if step.handle else Absent()
        if job["State"] == "COMPLETED" and self._point(job, step, context) is not None:
            return Satisfied(job["BackupJobId"])
        if job["State"] == "COMPLETED" and not step.handle:
            return Absent()  # somebody has deleted what it made
        return InProgress(job["BackupJobId"])

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        ours = {"migrate:lineage": context.lineage, "migrate:address": step.address, "migrate:token": step.token}
        params: dict[str, Any] = {
            "BackupVaultName": step.params["vault"],
            "ResourceArn": step.params["table_arn"],
            "IamRoleArn": step.params["role_arn"],
            "IdempotencyToken": step.token,
            "RecoveryPointTags": {**(step.params.get("tags") or {}), **ours},
        }
        if step.params.get("delete_after_days"):
            params["Lifecycle"] = {"DeleteAfterDays": step.params["delete_after_days"]}
        with patient_with_new_roles(context.account(step.side), step.params["role_arn"], context.clock):
            return backup_jobs.start_backup(context.account(step.side), **params)

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`. Done only when the recovery point can be used."""
        account = context.account(step.side)
        job = self._describe(step, context)
        if job is None or job["State"] in _GOING_ON:
            return waiting(step, context, account, job or {}, "backing up")
        arn, vault = str(job.get("RecoveryPointArn") or ""), step.params["vault"]
        point = self._point(job, step, context)
        owned = (recovery_point(step, "source", arn, vault),) if point is not None else ()
        if job["State"] != "COMPLETED":
            return Failed(ended(f"the backup of {step.params['table_arn']}", job["State"], job), owned)
        if point is None or point["Status"] == "CREATING":
            return Running(job_look(seconds_since(step.started, context.clock), account))
        if point["Status"] not in USABLE or ":dynamodb:" in arn:
            return Failed(_unusable(arn, point["Status"]), owned)
        outputs = {"recovery_point_arn": arn, "backup_size_bytes": point.get("BackupSizeInBytes", 0)}
        return Done({**outputs, "created": job["CreationDate"].isoformat()}, owned=owned)

    def undo(self, step: Step, context: Context) -> None:
        """Delete the recovery point that this very job made."""
        for resource in step.owned:
            if resource.kind == "recovery-point" and resource.is_confirmed:
                backup_jobs.delete_recovery_point(context.source, resource.proof["vault"], resource.id)

    def _describe(self, step: Step, context: Context) -> dict[str, Any] | None:
        return backup_jobs.describe_backup(context.account(step.side), str(step.handle))

    def _find(self, step: Step, context: Context) -> dict[str, Any] | None:
        account = context.account(step.side)
        for job in backup_jobs.list_backups(account, step.params["table_arn"], step.params["vault"], since(step)):
            tags = backup_jobs.list_tags(account, job["RecoveryPointArn"]) if job.get("RecoveryPointArn") else {}
            if tags.get("migrate:token") == step.token:
                return job
        return None

    def _point(self, job: dict[str, Any], step: Step, context: Context) -> dict[str, Any] | None:
        arn = job.get("RecoveryPointArn")
        account = context.account(step.side)
        return backup_jobs.describe_recovery_point(account, step.params["vault"], arn) if arn else None


def _unusable(arn: str, status: str) -> StepError:
    if ":dynamodb:" in arn:
        return StepError(
            f"the recovery point {arn} is one of DynamoDB, which cannot leave its account",
            "advanced features (full management) of AWS Backup for DynamoDB were off when it was taken",
            "aws backup update-region-settings --resource-type-management-preference DynamoDB=true, then apply again",
        )
    return StepError(f"the recovery point {arn} is {status}", "it cannot be copied", "run the same command again")
