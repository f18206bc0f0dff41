"""ExportTableToPointInTime, DescribeExport, ListExports as AWS answers them, in place of moto's.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ExportTableToPointInTime.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.HowItWorks.html

The content is the table as it is at the call. Not emulated, and refused with a ValidationException: incremental
exports, ION, filters, and an ExportTime more than a minute ago (the sandbox keeps no history). A table that is deleted
while it is exported does not hold the export up.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.s3.models import FakeBucket, s3_backends

from migrate.sandbox import transfer_access
from migrate.sandbox.callers import Caller
from migrate.sandbox.export_files import ExportedLine, folder, snapshot, timestamp, write_all
from migrate.sandbox.jobs import STARTING, Tokens, new_job_id, schedule
from migrate.sandbox.lifecycle import table_named
from migrate.sandbox.requests import current_caller
from migrate.sandbox.settings import Timing
from migrate.sandbox.transfer_access import Encryption, TransferFailed
from migrate.sandbox.transfer_requests import check_time, paginate, refuse, validate

MAX_CONCURRENT = 300
_ECHOED = ("S3Bucket", "S3BucketOwner", "S3Prefix", "S3SseKmsKeyId", "ExportType")


@dataclass
class Export:
    """One export, from the accepted call on; what DescribeExport knows about it."""

    arn: str
    table_arn: str
    table_id: str
    token: str
    request: Mapping[str, Any]
    caller: Caller
    started: datetime
    export_time: datetime
    lines: list[ExportedLine]
    billed: int
    status: str = "IN_PROGRESS"
    ended: datetime | None = None
    manifest: str = ""
    failure: TransferFailed | None = None
    items: int = field(init=False)

    def __post_init__(self) -> None:
        self.items = len(self.lines)

    @property
    def export_id(self) -> str:
        """The last part of the ARN, which names the folder in the bucket."""
        return self.arn.rpartition("/")[2]

    @property
    def place(self) -> str:
        """The export's folder in the bucket."""
        return folder(self.request.get("S3Prefix"), self.export_id)

    @property
    def algorithm(self) -> str:
        """`S3SseAlgorithm`; AES256 is what Describe and the manifest say when the call named none."""
        return str(self.request.get("S3SseAlgorithm") or "AES256")

    def open_bucket(self) -> FakeBucket:
        """The bucket, after a check of all that writing to it needs. Raises TransferFailed."""
        bucket = transfer_access.open_bucket(self.request["S3Bucket"], self.request.get("S3BucketOwner"), self.caller)
        transfer_access.check_writing(bucket, self.caller, f"{self.place}/_started", self.encryption(bucket))
        return bucket

    def encryption(self, bucket: FakeBucket) -> Encryption:
        """The encryption that the call asked for; empty if it named none."""
        asked = self.request.get("S3SseAlgorithm")
        if asked != "KMS":
            return Encryption(str(asked or ""))
        managed = transfer_access.managed_key(self.caller.account, bucket.region_name)
        return Encryption("aws:kms", str(self.request.get("S3SseKmsKeyId") or managed))


class _Shelf:
    """The exports of one account and Region."""

    def __init__(self) -> None:
        self.exports: dict[str, Export] = {}
        self.tokens = Tokens()


def install(timing: Timing) -> None:
    """Puts these three calls into moto; an export takes `timing.export` seconds."""

    def start(self: DynamoHandler) -> ActionResult:
        with STARTING:
            return ActionResult({"ExportDescription": _describe(_start(self, timing.export))})

    DynamoHandler.export_table_to_point_in_time = start
    DynamoHandler.describe_export = _describe_export
    DynamoHandler.list_exports = _list_exports


def _shelf(backend: DynamoDBBackend) -> _Shelf:
    if not hasattr(backend, "sandbox_exports"):
        backend.sandbox_exports = _Shelf()
    shelf: _Shelf = backend.sandbox_exports
    return shelf


def _start(handler: DynamoHandler, seconds: float) -> Export:
    request: dict[str, Any] = dict(handler.body)
    token = str(request.pop("ClientToken", None) or uuid.uuid4())
    shelf = _shelf(handler.dynamodb_backend)
    table = _find_table(handler, request)
    validate(request)
    arn, differs = shelf.tokens.find(token, request)
    if differs:
        refuse("ExportConflictException", "Duplicate request detected: the client token belongs to another export")
    if arn:
        return shelf.exports[arn]
    export = _accept(handler, shelf, table, request, token)
    shelf.exports[export.arn] = export
    shelf.tokens.keep(token, request, export.arn)
    _announce(export)
    schedule(seconds, partial(_finish, export))
    return export


def _find_table(handler: DynamoHandler, request: Mapping[str, Any]) -> Table:
    arn = str(request["TableArn"])
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "dynamodb" or not parts[5].startswith("table/"):
        refuse("ValidationException", f"Invalid TableArn: {arn}")
    if parts[4] != handler.current_account:
        refuse(
            "ValidationException", "This action is only supported by accounts that match the resource owner's account."
        )
    table = table_named(handler.dynamodb_backend, parts[5].removeprefix("table/"))
    if table is None or table.table_arn != arn:
        refuse("TableNotFoundException", f"Table not found: {arn}")
    return table


def _accept(handler: DynamoHandler, shelf: _Shelf, table: Table, request: Mapping[str, Any], token: str) -> Export:
    now = datetime.now(timezone.utc)
    window = table.continuous_backups["PointInTimeRecoveryDescription"]
    if window["PointInTimeRecoveryStatus"] != "ENABLED":
        refuse(
            "PointInTimeRecoveryUnavailableException",
            f"Point in time recovery is not enabled for table '{table.name}'",
        )
    export_time = check_time(request.get("ExportTime"), window.get("EarliestRestorableDateTime"), now)
    if sum(export.status == "IN_PROGRESS" for export in shelf.exports.values()) >= MAX_CONCURRENT:
        refuse("LimitExceededException", f"Too many exports in progress: the limit is {MAX_CONCURRENT}")
    lines, billed = snapshot(table)
    return Export(
        arn=f"{table.table_arn}/export/{new_job_id()}",
        table_arn=table.table_arn,
        table_id=table.table_id,
        token=token,
        request=request,
        caller=current_caller(),
        started=now,
        export_time=export_time,
        lines=lines,
        billed=billed,
    )


def _announce(export: Export) -> None:
    """AWS writes an empty object first, to see whether it may; if not, the export fails later, not at the call."""
    try:
        bucket = export.open_bucket()
    except TransferFailed as failure:
        export.failure = failure
        return
    _put(export, bucket, f"{export.place}/_started", b"")


def _finish(export: Export) -> None:
    try:
        if export.failure:
            raise export.failure
        bucket = export.open_bucket()
        ended = datetime.now(timezone.utc)
        export.manifest = write_all(
            export.place,
            export.export_id,
            export.lines,
            _summary(export, ended),
            lambda key, body: _put(export, bucket, key, body),
        )
        export.ended, export.status = ended, "COMPLETED"
    except TransferFailed as failure:
        export.failure = failure
        export.ended, export.status = datetime.now(timezone.utc), "FAILED"
    export.lines = []


def _put(export: Export, bucket: FakeBucket, key: str, body: bytes) -> str:
    encryption = export.encryption(bucket)
    stored = s3_backends[bucket.account_id][bucket.partition].put_object(
        bucket.name, key, body, encryption=encryption.algorithm or None, kms_key_id=encryption.key or None
    )
    return str(stored.etag).strip('"')


def _summary(export: Export, ended: datetime) -> dict[str, Any]:
    return {
        "version": "2020-06-30",
        "exportArn": export.arn,
        "startTime": timestamp(export.started),
        "endTime": timestamp(ended),
        "tableArn": export.table_arn,
        "tableId": export.table_id,
        "exportTime": timestamp(export.export_time),
        "s3Bucket": export.request["S3Bucket"],
        "s3Prefix": export.request.get("S3Prefix"),
        "s3SseAlgorithm": export.algorithm,
        "s3SseKmsKeyId": export.request.get("S3SseKmsKeyId"),
        "billedSizeBytes": export.billed,
        "itemCount": export.items,
        "outputFormat": "DYNAMODB_JSON",
    }


def _describe(export: Export) -> dict[str, Any]:
    described: dict[str, Any] = {
        "ExportArn": export.arn,
        "ExportStatus": export.status,
        "StartTime": export.started,
        "TableArn": export.table_arn,
        "TableId": export.table_id,
        "ExportTime": export.export_time,
        "ClientToken": export.token,
        "S3SseAlgorithm": export.algorithm,
        "ExportFormat": "DYNAMODB_JSON",
        **{name: export.request[name] for name in _ECHOED if export.request.get(name)},
    }
    if export.ended:
        described["EndTime"] = export.ended
    if export.status == "COMPLETED":
        described |= {
            "ExportManifest": export.manifest,
            "ItemCount": export.items,
            "BilledSizeBytes": export.billed,
        }
    if export.status == "FAILED" and export.failure:
        described |= {"FailureCode": export.failure.code, "FailureMessage": export.failure.message}
    return described


def _describe_export(self: DynamoHandler) -> ActionResult:
    arn = str(self.body["ExportArn"])
    export = _shelf(self.dynamodb_backend).exports.get(arn)
    if export is None:
        refuse("ExportNotFoundException", f"Export not found: {arn}")
    return ActionResult({"ExportDescription": _describe(export)})


def _list_exports(self: DynamoHandler) -> ActionResult:
    oldest = datetime.now(timezone.utc) - timedelta(days=90)
    found = [
        export
        for export in _shelf(self.dynamodb_backend).exports.values()
        if self.body.get("TableArn") in (None, export.table_arn) and export.started > oldest
    ]
    page, token = paginate(found, self.body.get("MaxResults"), self.body.get("NextToken"))
    summaries = [
        {
            "ExportArn": export.arn,
            "ExportStatus": export.status,
            **({"ExportType": export.request["ExportType"]} if export.request.get("ExportType") else {}),
        }
        for export in page
    ]
    return ActionResult({"ExportSummaries": summaries, **({"NextToken": token} if token else {})})
