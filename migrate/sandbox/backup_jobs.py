"""StartBackupJob, StopBackupJob, DescribeBackupJob, ListBackupJobs.

https://docs.aws.amazon.com/aws-backup/latest/devguide/API_StartBackupJob.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/advanced-ddb-backup.html

The recovery point shows the table as it is when the job begins to run, which is at the call unless another job of the
table runs. Without advanced features it is one of DynamoDB's own (arn:aws:dynamodb:). A resource type that is not opted
in is refused; AWS opts in by itself in some cases. Not emulated: resources other than tables, backups straight into an
air-gapped vault, BackupOptions, Index.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from migrate.sandbox import backup_access, backup_snapshot, clock
from migrate.sandbox.backup_access import JobFailed
from migrate.sandbox.backup_copies import order_all
from migrate.sandbox.backup_points import check_lifecycle, expire_in_time, shown_lifecycle
from migrate.sandbox.backup_store import RecoveryPoint, Vault, shelf
from migrate.sandbox.backup_work import ENDED, Job, doom_of, find, leave, line_up, once, select
from migrate.sandbox.jobs import STARTING, schedule
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation
from migrate.sandbox.settings import Timing

_START_WINDOW = 480
_MOST_TAGS = 50
_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long a backup takes."""
    global _timing
    _timing = timing


@dataclass(eq=False)
class BackupJob(Job):
    """One backup job. `copies` are the copy actions of the plan that ordered it."""

    vault: Vault = field(kw_only=True)
    point: RecoveryPoint = field(kw_only=True)
    tags: dict[str, str] = field(default_factory=dict, kw_only=True)
    start_by: float = field(default=0.0, kw_only=True)
    copies: list[dict[str, Any]] = field(default_factory=list, kw_only=True)

    @property
    def vault_name(self) -> str:
        """For the filter of the list."""
        return self.vault.name

    def describe(self) -> dict[str, Any]:
        """API_BackupJob."""
        shown = {
            **self.common(),
            **self.percent,
            "BackupJobId": self.id,
            "BackupVaultName": self.vault.name,
            "BackupVaultArn": self.vault.arn,
            "VaultType": self.vault.kind,
            "RecoveryPointArn": self.point.arn,
            "ResourceArn": self.resource_arn,
            "ResourceName": self.resource_arn.rpartition("/")[2],
            "State": self.state,
            "IsEncrypted": True,
            "IsParent": False,
            "StartBy": clock.at(self.start_by),
            "RecoveryPointLifecycle": shown_lifecycle(self.point.lifecycle),
        }
        if self.vault.key_arn:
            shown["EncryptionKeyArn"] = self.vault.key_arn
        if self.point.snapshot is not None:
            shown["BackupSizeInBytes"] = self.point.snapshot.size
        return shown


@operation(
    "backup",
    "StartBackupJob",
    "BackupVaultName ResourceArn IamRoleArn IdempotencyToken StartWindowMinutes CompleteWindowMinutes Lifecycle "
    "RecoveryPointTags",
)
def start(call: Call) -> dict[str, Any]:
    job = once(call, _accept)
    return {
        "BackupJobId": job.id,
        "RecoveryPointArn": job.point.arn,
        "CreationDate": job.created,
        "IsParent": False,
    }


def _accept(call: Call) -> BackupJob:
    body, kept = call.body, shelf(call.account, call.region)
    vault = kept.vault(body["BackupVaultName"])
    arn = body["ResourceArn"]
    parts = arn.split(":", 5)
    if parts[:3] != ["arn", "aws", "dynamodb"] or len(parts) < 6 or not parts[5].startswith("table/"):
        raise Refused("InvalidParameterValueException", f"Invalid ARN, or not the ARN of a DynamoDB table: {arn}")
    if parts[3:5] != [call.region, call.account]:
        raise Refused("InvalidParameterValueException", f"The resource is not of this account and Region: {arn}")
    if backup_snapshot.find_table(arn) is None:
        raise Refused("ResourceNotFoundException", f"The table does not exist: {arn}")
    if vault.is_air_gapped:
        raise Refused("InvalidRequestException", "A backup cannot go into an air-gapped vault; copy it there.")
    if not kept.opted_in["DynamoDB"]:
        raise Refused(
            "InvalidRequestException", f"The resource type DynamoDB is not opted in to AWS Backup in {call.region}."
        )
    window = body.get("StartWindowMinutes", _START_WINDOW)
    if window < 60:
        raise Refused("InvalidParameterValueException", "StartWindowMinutes must be at least 60")
    check_lifecycle(body.get("Lifecycle"))
    backup_access.check_role(body["IamRoleArn"], call.account)
    return order(vault, arn, body["IamRoleArn"], body, doom=doom_of(call), minutes=window)


def order(
    vault: Vault,
    arn: str,
    role_arn: str,
    wish: dict[str, Any],
    *,
    minutes: int = _START_WINDOW,
    doom: tuple[str, str] | None = None,
    created_by: dict[str, str] | None = None,
) -> BackupJob:
    """A new backup job, which begins as soon as its table has no other one. `wish` is a request or a plan's rule."""
    kept = shelf(vault.account, vault.region)
    point_arn = vault.new_point_arn()
    if not kept.managed["DynamoDB"]:
        point_arn = f"{arn}/backup/{int(clock.now() * 1000):014d}-{secrets.token_hex(4)}"
    point = RecoveryPoint(point_arn, vault, arn, role_arn, clock.moment(), dict(wish.get("Lifecycle") or {}))
    point.created_by = created_by
    job = BackupJob(
        vault.account,
        vault.region,
        arn,
        role_arn,
        _timing.backup,
        doom,
        created_by,
        vault=vault,
        point=point,
        tags=dict(wish.get("RecoveryPointTags") or {}),
        start_by=clock.now() + 60 * minutes,
        copies=list(wish.get("CopyActions") or []),
    )
    kept.jobs[job.id] = job
    schedule(60 * minutes, partial(_expire, job))
    line_up(job, _begin)
    return job


def _begin(job: BackupJob) -> None:
    job.run()
    point = job.point
    point.vault.points[point.arn] = point
    try:
        _take(job)
    except JobFailed as failure:
        job.doom = job.doom or ("FAILED", str(failure))
    schedule(job.seconds, partial(_finish, job))


def _take(job: BackupJob) -> None:
    table = backup_snapshot.find_table(job.resource_arn)
    if table is None:
        raise JobFailed(f"The table does not exist: {job.resource_arn}")
    backup_access.must_allow(job.role_arn, job.resource_arn, "dynamodb:DescribeTable", "dynamodb:StartAwsBackupJob")
    usable = [backup_access.can_use_key(job.role_arn, key) for key in (table.key_arn, job.vault.key_arn)]
    job.point.tags = {tag["Key"]: tag["Value"] for tag in table.tags} | job.tags
    if len(job.point.tags) > _MOST_TAGS:
        raise JobFailed(f"The recovery point would have {len(job.point.tags)} tags, more than {_MOST_TAGS}.")
    job.point.snapshot = backup_snapshot.take(table, with_items=all(usable))


def _finish(job: BackupJob) -> None:
    with STARTING:
        if job.state in ENDED:
            return
        state, message = job.doom or ("COMPLETED", "")
        job.end(state, message)
        if state in ("COMPLETED", "PARTIAL"):
            job.point.status, job.point.completed = state, job.completed
            job.point.status_message = message
            expire_in_time(job.point)
        else:
            job.point.vault.points.pop(job.point.arn, None)
        leave(job)
        if state == "COMPLETED" and job.copies:
            order_all(job.point, job.copies, job)


def _expire(job: BackupJob) -> None:
    """The start window of a job that still waits is over."""
    with STARTING:
        if job.began is None and job.state not in ENDED:
            job.end("EXPIRED", "Backup job expired before it was started: another job of the resource was running.")
            leave(job)


@operation("backup", "StopBackupJob", "BackupJobId")
def stop(call: Call) -> dict[str, Any]:
    job: BackupJob = find(call, BackupJob, "BackupJobId")
    if job.state in ENDED:
        raise Refused("InvalidRequestException", f"The job has ended: {job.state}")
    job.end("ABORTED", "The job was stopped.")
    job.point.vault.points.pop(job.point.arn, None)
    leave(job)
    return {}


@operation("backup", "DescribeBackupJob", "BackupJobId")
def describe(call: Call) -> dict[str, Any]:
    described: dict[str, Any] = find(call, BackupJob, "BackupJobId").describe()
    return described


@operation(
    "backup",
    "ListBackupJobs",
    "ByResourceArn ByState ByBackupVaultName ByCreatedBefore ByCreatedAfter ByResourceType ByCompleteAfter "
    "ByCompleteBefore NextToken MaxResults",
)
def list_all(call: Call) -> dict[str, Any]:
    by = {"ByResourceArn": "resource_arn", "ByState": "state", "ByBackupVaultName": "vault_name"}
    return call.page("BackupJobs", [job.describe() for job in select(call, BackupJob, by)])
