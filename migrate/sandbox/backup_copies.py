"""StartCopyJob, DescribeCopyJob, ListCopyJobs.

https://docs.aws.amazon.com/aws-backup/latest/devguide/API_StartCopyJob.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/create-cross-account-backup.html

The copy keeps ResourceArn and tags of its source. What only the destination can tell (its policy, its key, whether the
vault exists) makes the job FAILED; what is wrong with the source is refused at the call.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from migrate.sandbox import backup_access, clock
from migrate.sandbox.backup_access import JobFailed
from migrate.sandbox.backup_points import check_lifecycle, expire_in_time, must_be_usable, shown_lifecycle
from migrate.sandbox.backup_settings import is_cross_account_on
from migrate.sandbox.backup_store import RecoveryPoint, account_in, shelf, vault_of
from migrate.sandbox.backup_work import Job, doom_of, find, leave, line_up, once, select
from migrate.sandbox.jobs import STARTING, schedule
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation
from migrate.sandbox.settings import Timing

_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long a copy takes."""
    global _timing
    _timing = timing


@dataclass(eq=False)
class CopyJob(Job):
    """One copy job. `made` is the recovery point in the destination, once the job runs."""

    source: RecoveryPoint = field(kw_only=True)
    destination_arn: str = field(kw_only=True)
    lifecycle: dict[str, Any] = field(default_factory=dict, kw_only=True)
    made: RecoveryPoint | None = field(default=None, kw_only=True)
    ordered_by: str = field(default="", kw_only=True)

    @property
    def source_arn(self) -> str:
        """For the filter of the list."""
        return self.source.arn

    def describe(self) -> dict[str, Any]:
        """API_CopyJob."""
        shown = {
            **self.common(),
            "CopyJobId": self.id,
            "SourceBackupVaultArn": self.source.vault.arn,
            "SourceRecoveryPointArn": self.source.arn,
            "DestinationBackupVaultArn": self.destination_arn,
            "DestinationRecoveryPointLifecycle": shown_lifecycle(self.lifecycle),
            "ResourceArn": self.resource_arn,
            "ResourceName": self.resource_arn.rpartition("/")[2],
            "State": self.state,
            "IsParent": False,
            "BackupSizeInBytes": self.source.snapshot.size if self.source.snapshot else 0,
        }
        if self.ordered_by:
            shown["CreatedByBackupJobId"] = self.ordered_by
        if self.made is not None:
            shown["DestinationRecoveryPointArn"] = self.made.arn
            shown["DestinationVaultType"] = self.made.vault.kind
            if self.made.vault.key_arn:
                shown["DestinationEncryptionKeyArn"] = self.made.vault.key_arn
        return shown


@operation(
    "backup",
    "StartCopyJob",
    "RecoveryPointArn SourceBackupVaultName DestinationBackupVaultArn IamRoleArn IdempotencyToken Lifecycle",
)
def start(call: Call) -> dict[str, Any]:
    job = once(call, _accept)
    return {"CopyJobId": job.id, "CreationDate": job.created, "IsParent": False}


def _accept(call: Call) -> CopyJob:
    body = call.body
    vault = shelf(call.account, call.region).vault(body["SourceBackupVaultName"])
    source = vault.points.get(body["RecoveryPointArn"])
    if source is None:
        raise Refused(
            "ResourceNotFoundException", f"Recovery point {body['RecoveryPointArn']} is not in vault {vault.name}."
        )
    destination = vault_of(body["DestinationBackupVaultArn"])
    _check_source(source, body["DestinationBackupVaultArn"])
    if destination is None and account_in(body["DestinationBackupVaultArn"]) == call.account:
        raise Refused("ResourceNotFoundException", f"Backup vault does not exist: {body['DestinationBackupVaultArn']}")
    if account_in(body["DestinationBackupVaultArn"]) != call.account and not is_cross_account_on(call.account):
        raise Refused("InvalidParameterValueException", "Cross-account backup is not enabled for the organization.")
    check_lifecycle(body.get("Lifecycle"))
    backup_access.check_role(body["IamRoleArn"], call.account)
    return order(source, body["DestinationBackupVaultArn"], body["IamRoleArn"], body.get("Lifecycle"), doom_of(call))


def _check_source(source: RecoveryPoint, destination_arn: str) -> None:
    must_be_usable(source)
    if destination_arn == source.vault.arn:
        raise Refused("InvalidParameterValueException", "Source and destination vault are the same.")
    if source.is_cold:
        raise Refused(
            "InvalidRequestException", f"Recovery point {source.arn} is in cold storage, it cannot be copied."
        )
    if source.is_managed_by_dynamodb and destination_arn.split(":")[3:5] != [source.vault.region, source.vault.account]:
        raise Refused(
            "InvalidParameterValueException",
            f"Recovery point {source.arn} was made without the advanced features for DynamoDB backups: it cannot be "
            "copied to another account or Region.",
        )


def order(
    source: RecoveryPoint,
    destination_arn: str,
    role_arn: str,
    lifecycle: dict[str, Any] | None,
    doom: tuple[str, str] | None = None,
) -> CopyJob:
    """A new copy job, which begins as soon as no other job of the same table runs."""
    vault = source.vault
    job = CopyJob(
        vault.account,
        vault.region,
        source.resource_arn,
        role_arn,
        _timing.copy_job,
        doom,
        source.created_by,
        source=source,
        destination_arn=destination_arn,
        lifecycle=dict(lifecycle or {}),
    )
    source.holders += 1
    job.shelf.jobs[job.id] = job
    line_up(job, _begin)
    return job


def order_all(source: RecoveryPoint, copies: list[dict[str, Any]], ordered_by: Job) -> None:
    """The copy actions of a plan's rule."""
    for wish in copies:
        destination, doom = wish["DestinationBackupVaultArn"], None
        try:
            _check_source(source, destination)
        except Refused as refusal:
            doom = "FAILED", str(refusal.message)
        job = order(source, destination, ordered_by.role_arn, wish.get("Lifecycle"), doom)
        job.ordered_by = ordered_by.id


def _begin(job: CopyJob) -> None:
    job.run()
    try:
        found = vault_of(job.destination_arn)
        vault = backup_access.check_copy(job.source.vault, found, job.destination_arn, job.role_arn)
        days = job.lifecycle.get("DeleteAfterDays", -1)
        if vault.is_air_gapped and not (vault.min_days or 0) <= days <= (vault.max_days or 0):
            raise JobFailed(
                f"Copy job failed. The retention of {days} days is not between the {vault.min_days} and "
                f"{vault.max_days} days that the vault {vault.name} allows."
            )
        job.made = RecoveryPoint(
            vault.new_point_arn(), vault, job.resource_arn, job.role_arn, clock.moment(), job.lifecycle
        )
        job.made.created_by, job.made.source_vault_arn = job.created_by, job.source.vault.arn
        job.made.tags, job.made.snapshot = dict(job.source.tags), copy.copy(job.source.snapshot)
        vault.points[job.made.arn] = job.made
    except JobFailed as failure:
        job.doom = job.doom or ("FAILED", str(failure))
    schedule(job.seconds, partial(_finish, job))


def _finish(job: CopyJob) -> None:
    with STARTING:
        state, message = job.doom or ("COMPLETED", "")
        job.end(state, message)
        job.source.holders -= 1
        if job.made is not None and state in ("COMPLETED", "PARTIAL"):
            job.made.status, job.made.status_message, job.made.completed = state, message, job.completed
            expire_in_time(job.made)
        elif job.made is not None:
            job.made.vault.points.pop(job.made.arn, None)
        leave(job)


@operation("backup", "DescribeCopyJob", "CopyJobId")
def describe(call: Call) -> dict[str, Any]:
    return {"CopyJob": find(call, CopyJob, "CopyJobId").describe()}


@operation(
    "backup",
    "ListCopyJobs",
    "ByResourceArn ByState ByCreatedBefore ByCreatedAfter ByResourceType ByDestinationVaultArn ByCompleteBefore "
    "ByCompleteAfter BySourceRecoveryPointArn NextToken MaxResults",
)
def list_all(call: Call) -> dict[str, Any]:
    by = {
        "ByResourceArn": "resource_arn",
        "ByState": "state",
        "ByDestinationVaultArn": "destination_arn",
        "BySourceRecoveryPointArn": "source_arn",
    }
    return call.page("CopyJobs", [job.describe() for job in select(call, CopyJob, by)])
