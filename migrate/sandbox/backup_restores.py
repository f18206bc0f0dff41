"""StartRestoreJob, DescribeRestoreJob, ListRestoreJobs, ListRestoreJobsByProtectedResource.

https://docs.aws.amazon.com/aws-backup/latest/devguide/API_StartRestoreJob.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-dynamodb.html

The table is there, in CREATING, while the job runs, and ACTIVE when it is COMPLETED. A role that may not use the
vault's or the table's key gets an empty table and a job that is COMPLETED, as AWS documents. Not emulated: restore
testing, CopySourceTagsToRestoredResource (refused, for AWS does not support it for DynamoDB), the metadata that
DynamoDB's own restores know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import dynamodb_backends

from migrate.sandbox import backup_access, backup_snapshot, clock, ram_shares
from migrate.sandbox.backup_access import JobFailed
from migrate.sandbox.backup_points import must_be_usable
from migrate.sandbox.backup_store import RecoveryPoint, shelf
from migrate.sandbox.backup_work import RESOURCE_TYPE, Job, doom_of, find, once, select
from migrate.sandbox.jobs import STARTING, schedule
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation
from migrate.sandbox.settings import Timing

_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
_TABLE_NAME, _ENCRYPTION, _KEY = "targettablename", "encryptiontype", "kmsmasterkeyarn"
_KNOWN = {_TABLE_NAME, _ENCRYPTION, _KEY, "aws:backup:request-id"}
_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long a restore takes."""
    global _timing
    _timing = timing


@dataclass(eq=False)
class RestoreJob(Job):
    """One restore job; `metadata` has its names in lower case."""

    point: RecoveryPoint = field(kw_only=True)
    metadata: dict[str, str] = field(kw_only=True)
    table: Any = field(default=None, kw_only=True)

    def describe(self) -> dict[str, Any]:
        """API_DescribeRestoreJob."""
        shown = {
            **self.common(),
            **self.percent,
            "RestoreJobId": self.id,
            "RecoveryPointArn": self.point.arn,
            "RecoveryPointCreationDate": self.point.created,
            "BackupVaultArn": self.point.vault.arn,
            "SourceResourceArn": self.resource_arn,
            "Status": self.state,
            "IsParent": False,
            "BackupSizeInBytes": self.point.snapshot.size if self.point.snapshot else 0,
        }
        if self.table is not None:
            shown["CreatedResourceArn"] = self.table.table_arn
        return shown


@operation(
    "backup",
    "StartRestoreJob",
    "RecoveryPointArn Metadata IamRoleArn IdempotencyToken ResourceType CopySourceTagsToRestoredResource",
)
def start(call: Call) -> dict[str, Any]:
    return {"RestoreJobId": once(call, _accept).id}


def _accept(call: Call) -> RestoreJob:
    body = call.body
    point = _readable_point(call, body["RecoveryPointArn"])
    must_be_usable(point)
    if body.get("ResourceType", RESOURCE_TYPE) != RESOURCE_TYPE:
        raise _invalid(f"The recovery point is of the resource type {RESOURCE_TYPE}, not {body['ResourceType']}")
    if body.get("CopySourceTagsToRestoredResource"):
        raise _invalid("CopySourceTagsToRestoredResource is not supported for DynamoDB")
    if not body.get("IamRoleArn"):
        raise Refused("MissingParameterValueException", "IamRoleArn is required")
    metadata = _checked(body["Metadata"])
    backup_access.check_role(body["IamRoleArn"], call.account)
    job = RestoreJob(
        call.account,
        call.region,
        point.resource_arn,
        body["IamRoleArn"],
        _timing.restore,
        doom_of(call),
        point=point,
        metadata=metadata,
        state="PENDING",
    )
    point.holders += 1
    _begin(job)
    return job


def _readable_point(call: Call, arn: str) -> RecoveryPoint:
    """A recovery point of the account, or of an air-gapped vault that is shared with it."""
    own = shelf(call.account, call.region).points()
    shared = (
        point for vault in ram_shares.vaults_shared_with(call.account, call.region) for point in vault.points.values()
    )
    found = next((point for points in (own, shared) for point in points if point.arn == arn), None)
    if found is None:
        raise Refused("ResourceNotFoundException", f"Recovery point does not exist: {arn}")
    return found


def _checked(given: dict[str, str]) -> dict[str, str]:
    metadata = {name.lower(): value for name, value in given.items()}
    unknown = sorted(set(metadata) - _KNOWN)
    if unknown:
        raise _invalid(f"Unsupported restore metadata for DynamoDB: {', '.join(unknown)}")
    if not _NAME.fullmatch(metadata.get(_TABLE_NAME, "")):
        raise _invalid("The restore metadata need targetTableName: 3 to 255 letters, digits, '_', '-' or '.'")
    if metadata.get(_ENCRYPTION) not in (None, "Default", "KMS"):
        raise _invalid(f"Invalid encryptionType: {metadata[_ENCRYPTION]}; it is Default or KMS")
    if _KEY in metadata and metadata.get(_ENCRYPTION) != "KMS":
        raise _invalid("kmsMasterKeyArn needs encryptionType KMS")
    return metadata


def _begin(job: RestoreJob) -> None:
    job.run()
    try:
        if job.doom is None:
            job.table = _make_table(job)
    except JobFailed as failure:
        job.doom = ("FAILED", str(failure))
    except JsonRESTError as refusal:
        job.doom = ("FAILED", str(refusal.message))
    schedule(job.seconds, partial(_finish, job))


def _make_table(job: RestoreJob) -> Any:
    name = job.metadata[_TABLE_NAME]
    arn = f"arn:aws:dynamodb:{job.region}:{job.account}:table/{name}"
    backup_access.must_allow(job.role_arn, arn, "dynamodb:DescribeTable", "dynamodb:RestoreTableFromAwsBackup")
    return backup_snapshot.begin(job.point, job.account, name, _encryption(job))


def _encryption(job: RestoreJob) -> dict[str, Any]:
    """SSESpecification of the new table. Without encryptionType it is the key of the source table."""
    wanted = job.metadata.get(_ENCRYPTION)
    if wanted == "Default":
        return {}
    if wanted == "KMS":
        key = job.metadata.get(_KEY)
        return {"Enabled": True, "SSEType": "KMS", **({"KMSMasterKeyId": key} if key else {})}
    source = job.resource_arn.split(":")
    if [job.region, job.account] != source[3:5]:
        raise JobFailed(
            "The restore metadata have no encryptionType: the key of the original table cannot be used in another "
            "account or Region."
        )
    key_arn = job.point.snapshot.key_arn if job.point.snapshot else None
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key_arn} if key_arn else {}


def _finish(job: RestoreJob) -> None:
    with STARTING:
        try:
            keys = [job.point.vault.key_arn, job.table.key_arn] if job.table else []
            usable = [backup_access.can_use_key(job.role_arn, key) for key in keys]
        except JobFailed as failure:
            usable, job.doom = [], job.doom or ("FAILED", str(failure))
        state, message = job.doom or ("COMPLETED", "")
        job.end(state, message)
        job.point.holders -= 1
        if state == "COMPLETED":
            assert job.point.snapshot is not None
            backup_snapshot.fill(job.table, job.point.snapshot, with_items=all(usable))
            job.point.restored = clock.moment()
        elif job.table is not None:
            tables = dynamodb_backends[job.account][job.region].tables
            if tables.get(job.table.name) is job.table:
                del tables[job.table.name]


@operation("backup", "DescribeRestoreJob", "RestoreJobId")
def describe(call: Call) -> dict[str, Any]:
    described: dict[str, Any] = find(call, RestoreJob, "RestoreJobId").describe()
    return described


@operation(
    "backup",
    "ListRestoreJobs",
    "ByStatus ByCreatedBefore ByCreatedAfter ByResourceType ByCompleteBefore ByCompleteAfter NextToken MaxResults",
)
def list_all(call: Call) -> dict[str, Any]:
    return call.page("RestoreJobs", [job.describe() for job in select(call, RestoreJob, {"ByStatus": "state"})])


@operation(
    "backup",
    "ListRestoreJobsByProtectedResource",
    "ResourceArn ByStatus ByRecoveryPointCreationDateAfter ByRecoveryPointCreationDateBefore NextToken MaxResults",
)
def list_by_resource(call: Call) -> dict[str, Any]:
    wanted = call.body
    jobs: list[RestoreJob] = select(call, RestoreJob, {"ResourceArn": "resource_arn", "ByStatus": "state"})
    after, before = (wanted.get(f"ByRecoveryPointCreationDate{way}") for way in ("After", "Before"))
    found = [
        job.describe()
        for job in jobs
        if (after is None or job.point.created >= after) and (before is None or job.point.created <= before)
    ]
    return call.page("RestoreJobs", found)


def _invalid(message: str) -> Refused:
    return Refused("InvalidParameterValueException", message)
