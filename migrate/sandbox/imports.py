"""ImportTable, DescribeImport, ListImports as AWS answers them, in place of moto's.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ImportTable.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.HowItWorks.html

The table is there at once, in CREATING until the import ends. An import that fails before the first object is read
takes its table away again.
Not emulated, and refused with a ValidationException: CSV, ION, ZSTD, vector indexes. Never seen here: CANCELLED.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from migrate.sandbox import tables
from migrate.sandbox.callers import Caller
from migrate.sandbox.import_load import LOG_GROUP, Counts, load
from migrate.sandbox.import_requests import validate_import
from migrate.sandbox.jobs import STARTING, Tokens, new_job_id, schedule
from migrate.sandbox.lifecycle import mark_creating
from migrate.sandbox.requests import current_caller
from migrate.sandbox.settings import Timing
from migrate.sandbox.transfer_access import TransferFailed
from migrate.sandbox.transfer_requests import paginate, refuse

MAX_CONCURRENT = 50


@dataclass
class Import:
    """One import, from the accepted call on; what DescribeImport knows about it."""

    arn: str
    table: Table
    token: str
    request: Mapping[str, Any]
    caller: Caller
    counts: Counts
    started: datetime
    status: str = "IN_PROGRESS"
    ended: datetime | None = None
    failure: TransferFailed | None = None

    @property
    def import_id(self) -> str:
        """The last part of the ARN, which names the log stream."""
        return self.arn.rpartition("/")[2]


class _Shelf:
    """The imports of one account and Region."""

    def __init__(self) -> None:
        self.imports: dict[str, Import] = {}
        self.tokens = Tokens()


def install(timing: Timing) -> None:
    """Puts these three calls into moto; an import takes `timing.load` seconds."""

    def start(self: DynamoHandler) -> ActionResult:
        with STARTING:
            return ActionResult({"ImportTableDescription": _describe(_start(self, timing.load))})

    DynamoHandler.import_table = start
    DynamoHandler.describe_import = _describe_import
    DynamoHandler.list_imports = _list_imports


def _shelf(backend: DynamoDBBackend) -> _Shelf:
    if not hasattr(backend, "sandbox_imports"):
        backend.sandbox_imports = _Shelf()
    shelf: _Shelf = backend.sandbox_imports
    return shelf


def _start(handler: DynamoHandler, seconds: float) -> Import:
    request: dict[str, Any] = dict(handler.body)
    token = str(request.pop("ClientToken", None) or uuid.uuid4())
    backend = handler.dynamodb_backend
    shelf = _shelf(backend)
    validate_import(request, json.loads(handler.raw_body))
    arn, differs = shelf.tokens.find(token, request)
    if differs:
        refuse("ImportConflictException", "Duplicate request detected: the client token belongs to another import")
    if arn:
        return shelf.imports[arn]
    if sum(job.status == "IN_PROGRESS" for job in shelf.imports.values()) >= MAX_CONCURRENT:
        refuse("LimitExceededException", f"Too many imports in progress: the limit is {MAX_CONCURRENT}")
    job = _accept(handler, request, token)
    shelf.imports[job.arn] = job
    shelf.tokens.keep(token, request, job.arn)
    schedule(seconds, partial(_finish, job, backend))
    return job


def _accept(handler: DynamoHandler, request: Mapping[str, Any], token: str) -> Import:
    table = tables.create(handler.dynamodb_backend, dict(request["TableCreationParameters"]), math.inf)
    return Import(
        arn=f"{table.table_arn}/import/{new_job_id()}",
        table=table,
        token=token,
        request=request,
        caller=current_caller(),
        counts=Counts(),
        started=datetime.now(timezone.utc),
    )


def _finish(job: Import, backend: DynamoDBBackend) -> None:
    try:
        load(job.table, job.request, job.caller, job.arn, job.counts)
        if job.counts.errors:
            raise TransferFailed("ItemValidationError", "Some of the items failed validation checks.")
        job.status = "COMPLETED"
    except TransferFailed as failure:
        job.failure, job.status = failure, "FAILED"
        if not job.counts.begun and backend.tables.get(job.table.name) is job.table:
            del backend.tables[job.table.name]
    job.ended = datetime.now(timezone.utc)
    mark_creating(job.table, 0)


def _describe(job: Import) -> dict[str, Any]:
    described: dict[str, Any] = {
        "ImportArn": job.arn,
        "ImportStatus": job.status,
        "TableArn": job.table.table_arn,
        "TableId": job.table.table_id,
        "ClientToken": job.token,
        "S3BucketSource": job.request["S3BucketSource"],
        "ErrorCount": job.counts.errors,
        "CloudWatchLogGroupArn": _log_group_arn(job),
        "InputFormat": job.request["InputFormat"],
        "InputCompressionType": job.request.get("InputCompressionType") or "NONE",
        "TableCreationParameters": job.request["TableCreationParameters"],
        "StartTime": job.started,
        "ProcessedSizeBytes": job.counts.processed_bytes,
        "ProcessedItemCount": job.counts.processed,
        "ImportedItemCount": job.counts.imported,
    }
    if job.ended:
        described["EndTime"] = job.ended
    if job.failure:
        described |= {"FailureCode": job.failure.code, "FailureMessage": job.failure.message}
    return described


def _log_group_arn(job: Import) -> str:
    return f"arn:aws:logs:{job.table.region_name}:{job.table.account_id}:log-group:{LOG_GROUP}:*"


def _describe_import(self: DynamoHandler) -> ActionResult:
    arn = str(self.body["ImportArn"])
    job = _shelf(self.dynamodb_backend).imports.get(arn)
    if job is None:
        refuse("ImportNotFoundException", f"Import not found: {arn}")
    return ActionResult({"ImportTableDescription": _describe(job)})


def _list_imports(self: DynamoHandler) -> ActionResult:
    oldest = datetime.now(timezone.utc) - timedelta(days=90)
    found = [
        job
        for job in _shelf(self.dynamodb_backend).imports.values()
        if self.body.get("TableArn") in (None, job.table.table_arn) and job.started > oldest
    ]
    page, token = paginate(found, self.body.get("PageSize"), self.body.get("NextToken"))
    summaries = [
        {
            "ImportArn": job.arn,
            "ImportStatus": job.status,
            "TableArn": job.table.table_arn,
            "S3BucketSource": job.request["S3BucketSource"],
            "CloudWatchLogGroupArn": _log_group_arn(job),
            "InputFormat": job.request["InputFormat"],
            "StartTime": job.started,
            **({"EndTime": job.ended} if job.ended else {}),
        }
        for job in page
    ]
    return ActionResult({"ImportSummaryList": summaries, **({"NextToken": token} if token else {})})
