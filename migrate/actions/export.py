"""Export a table to S3, and check what was written.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions.base import (
    Absent,
    Blocked,
    Context,
    Done,
    Failed,
    InProgress,
    Observation,
    ReadOnlyHandler,
    Running,
    Satisfied,
    Step,
    StepResult,
    next_look,
    seconds_since,
)
from migrate.actions.export_check import check_export
from migrate.actions.places import LATER, Places
from migrate.aws import objects, transfer
from migrate.core.access import Access, allow, anywhere
from migrate.core.errors import StepError
from migrate.core.events import Progress
from migrate.plan.model import Action
from migrate.state.model import OwnedResource

WRITING = "s3:PutObject PutObjectAcl AbortMultipartUpload"
_BY_SERVICE = "DynamoDB writes the files of an export with the permissions of the caller"

DEADLINE = 48 * 3600.0
"""Seconds after which a wait is given up and asked about: exports of 100 TB have been seen to take a day."""


class ExportHandler:
    """Kind `export`: params `table_arn`, `bucket`, `bucket_owner`, `prefix`, `encryption_key`.

    An earlier attempt is found by its token, which DescribeExport keeps for 90 days (the service itself remembers
    tokens for 8 hours only).
    """

    slot: str | None = "export"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        params, who, table = action.params, places.of(action.side).side, action.params["table_arn"]
        yield allow(who, "dynamodb:ExportTableToPointInTime", table)
        yield allow(who, "dynamodb:DescribeExport", f"{table}/export/*", wide=LATER)
        yield anywhere(who, "dynamodb:ListExports")
        yield from places.items_of(action.side, table.rpartition("/")[2])
        files = places.target.objects(params["bucket"], params["prefix"])
        yield allow(who, WRITING, files, when=_BY_SERVICE)
        yield places.written_by(who, params["bucket"], files, WRITING)
        if params["encryption_key"]:
            yield allow(who, "kms:GenerateDataKey Decrypt DescribeKey", params["encryption_key"], when=_BY_SERVICE)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """Something below the prefix; which folder is known once AWS has named the export."""
        id = f"s3://{step.params['bucket']}/{step.params['prefix']}/?token={step.token}"
        return (OwnedResource(id, "export", "target", step.address, proof={"token": step.token}),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        found = self._describe(step, context) if step.handle else self._find(step, context)
        if found is None:
            return Absent()
        if found.get("ExportStatus") == "COMPLETED":
            return Satisfied(found["ExportArn"])
        return InProgress(found["ExportArn"])

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        params: dict[str, Any] = {
            "TableArn": step.params["table_arn"],
            "S3Bucket": step.params["bucket"],
            "S3BucketOwner": step.params["bucket_owner"],
            "S3Prefix": step.params["prefix"],
            "ExportFormat": "DYNAMODB_JSON",
            "ClientToken": step.token,
            "S3SseAlgorithm": "AES256",
        }
        if step.params["encryption_key"]:
            params |= {"S3SseAlgorithm": "KMS", "S3SseKmsKeyId": step.params["encryption_key"]}
        return str(transfer.start_export(context.account(step.side), **params)["ExportArn"])

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        elapsed = seconds_since(step.started, context.clock)
        found = self._describe(step, context)
        if found is None:
            return Running(next_look(elapsed))  # not visible yet, right after the start
        folder = _folder(step, found["ExportArn"])
        owned = OwnedResource(folder, "export", "target", step.address, True, {"export_arn": found["ExportArn"]})
        status = found.get("ExportStatus")
        if status == "COMPLETED":
            return Done(_outputs(found), owned=(owned,))
        if status == "FAILED":
            return Failed(_failure(step, found), owned=(owned,))
        if elapsed > DEADLINE:
            return Blocked(
                f"the export {found['ExportArn']} runs for {elapsed / 3600:.0f} hours",
                "exports cannot be cancelled; ask AWS support, and run the same command again to go on waiting",
            )
        progress = Progress(total_items=found.get("ItemCount"), message="exporting")
        return Running(next_look(elapsed), progress, owned=(owned,))

    def undo(self, step: Step, context: Context) -> None:
        """Delete the files of this very export, as it stands in `step.owned`."""
        for resource in step.owned:
            if resource.kind == "export" and resource.is_confirmed:
                delete_folder(context, resource.id)

    def _describe(self, step: Step, context: Context) -> dict[str, Any] | None:
        return transfer.describe_export(context.account(step.side), str(step.handle))

    def _find(self, step: Step, context: Context) -> dict[str, Any] | None:
        account = context.account(step.side)
        for summary in transfer.list_exports(account, step.params["table_arn"]):
            found = transfer.describe_export(account, summary["ExportArn"])
            if found is not None and found.get("ClientToken") == step.token:
                return found
        return None


class ExportCheckHandler(ReadOnlyHandler):
    """Kind `export-check`: params `bucket`, `bucket_owner`, `manifest_key`, `item_count`. Reads every exported file."""

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, bucket = places.of(action.side), action.params["bucket"]
        yield allow(place.side, "s3:ListBucket", place.bucket(bucket))
        yield allow(
            place.side, "s3:GetObject", place.objects(bucket, places.export_prefix(action.params["manifest_key"]))
        )
        yield from places.objects_of(bucket, "Decrypt")

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        return check_export(step, context)


def delete_folder(context: Context, url: str) -> None:
    """Delete every object below `s3://bucket/folder/` of the target account. Idempotent."""
    bucket, folder = url.removeprefix("s3://").split("/", 1)
    if not folder.rstrip("/"):
        raise ValueError(f"{url} is a whole bucket")
    keys = [entry["Key"] for entry in objects.list_objects(context.target, bucket, folder)]
    failed = objects.delete_objects(context.target, bucket, keys)
    if failed:
        raise RuntimeError(f"{len(failed)} objects below {url} could not be deleted, first {failed[0][0]}")


def is_empty(context: Context, url: str) -> bool:
    """True when nothing is below `s3://bucket/folder/`."""
    bucket, folder = url.removeprefix("s3://").split("/", 1)
    return not any(True for _ in objects.list_objects(context.target, bucket, folder))


def _folder(step: Step, arn: str) -> str:
    return f"s3://{step.params['bucket']}/{step.params['prefix']}/AWSDynamoDB/{arn.rsplit('/', 1)[-1]}/"


def _outputs(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "export_arn": found["ExportArn"],
        "manifest_key": found["ExportManifest"],
        "item_count": found["ItemCount"],
        "billed_bytes": found.get("BilledSizeBytes", 0),
        "export_time": json.loads(json.dumps(found.get("ExportTime"), default=str)),
    }


_ADVICE = {
    "S3NoSuchBucket": "check the bucket's name and that it belongs to the account in S3BucketOwner",
    "S3AccessDenied": "the bucket policy must let the source account's caller s3:PutObject, s3:PutObjectAcl and "
    "s3:AbortMultipartUpload, its own IAM policy must too, and a KMS key needs kms:GenerateDataKey and kms:Decrypt",
    "AccessDenied": "the bucket policy, the caller's IAM policy and the KMS key's policy must all allow the export",
}


def _failure(step: Step, found: Mapping[str, Any]) -> StepError:
    code = str(found.get("FailureCode", ""))
    return StepError(
        f"the export of {step.params['table_arn']} failed: {code or 'no code given'}",
        f"{found.get('FailureMessage', '')} ({found['ExportArn']})",
        _ADVICE.get(code, "mend the cause; the next apply starts a new export under a new token"),
        kind=code,
    )
