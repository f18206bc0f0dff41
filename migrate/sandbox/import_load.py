"""The work of an import: read every object below the prefix, check each item, store the good ones, log the bad ones.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Format.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Validation.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.BestPractices.html

A line that is no JSON ends the reading of its object and counts as one error; so does an object in another compression
than the import was told. Not emulated: objects that change during the import, a limit on the number of logged errors.
"""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.dynamodb.models.table import Table
from moto.logs.models import logs_backends
from moto.s3.models import FakeBucket, FakeKey

from migrate.sandbox.callers import Caller
from migrate.sandbox.items import store
from migrate.sandbox.keys import check_keys
from migrate.sandbox.refusals import Refused
from migrate.sandbox.transfer_access import TransferFailed, check_listing, check_reading, open_bucket
from migrate.sandbox.values import canonical_item, invalid

LOG_GROUP = "/aws-dynamodb/imports"
MAX_OBJECTS = 50_000


@dataclass
class Counts:
    """How far an import came. `begun` says that it read at least one object, so that its table stays."""

    begun: bool = False
    processed: int = 0
    imported: int = 0
    errors: int = 0
    processed_bytes: int = 0


@dataclass
class _Log:
    bucket: str
    import_arn: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def add(self, key: str, index: int, message: str) -> None:
        event = {
            "itemS3Pointer": {"bucket": self.bucket, "key": key, "itemIndex": index},
            "importArn": self.import_arn,
            "errorMessages": [message],
        }
        self.events.append({"timestamp": int(time.time() * 1000), "message": json.dumps(event)})


def load(table: Table, request: Mapping[str, Any], caller: Caller, import_arn: str, counts: Counts) -> None:
    """Fills the table. Raises TransferFailed for what ends the import as a whole; bad items only count as errors."""
    source = request["S3BucketSource"]
    bucket = open_bucket(source["S3Bucket"], source.get("S3BucketOwner"), caller)
    objects = _objects(bucket, caller, source.get("S3KeyPrefix") or "")
    for stored in objects:
        check_reading(bucket, caller, stored)
    log = _Log(bucket.name, import_arn)
    counts.begun = True
    for stored in objects:
        _load_object(table, stored, request.get("InputCompressionType") == "GZIP", counts, log)
    _write_log(table, log)


def _objects(bucket: FakeBucket, caller: Caller, prefix: str) -> list[FakeKey]:
    check_listing(bucket, caller, prefix)
    found = [stored for name, stored in bucket.keys.items() if name.startswith(prefix) and isinstance(stored, FakeKey)]
    if not found:
        raise TransferFailed("S3NoSuchKey", "The specified key does not exist: no object below the prefix")
    if len(found) > MAX_OBJECTS:
        raise TransferFailed("S3ObjectLimitExceeded", f"More than {MAX_OBJECTS} objects below the prefix")
    return found


def _load_object(
    table: Table,
    stored: FakeKey,
    is_gzip: bool,
    counts: Counts,
    log: _Log,
) -> None:
    index = 0
    try:
        for index, text in enumerate(_lines(stored.value, is_gzip)):
            counts.processed_bytes += len(text) + 1
            document = json.loads(text)
            counts.processed += 1
            try:
                _store(table, document)
                counts.imported += 1
            except Refused as error:
                counts.errors += 1
                log.add(stored.name, index, error.message)
    except _MALFORMED as error:
        counts.processed += 1
        counts.errors += 1
        log.add(stored.name, index, f"Malformed object, the rest of it was skipped: {error}")


_MALFORMED = (ValueError, OSError, EOFError, zlib.error)


def _lines(body: bytes, is_gzip: bool) -> Iterator[str]:
    content = gzip.decompress(body) if is_gzip else body
    for entry in content.split(b"\n"):
        if entry.strip():
            yield entry.decode("utf-8")


def _store(table: Table, document: Any) -> None:
    """Puts the item of one line. Raises Refused for one that DynamoDB would not take."""
    if not isinstance(document, dict) or not isinstance(document.get("Item"), dict):
        raise invalid("The record has no Item")
    item, size = canonical_item(document["Item"])
    check_keys(table, item)
    store(table, item, size)


def _write_log(table: Table, log: _Log) -> None:
    if not log.events:
        return
    backend = logs_backends[table.account_id][table.region_name]
    if LOG_GROUP not in backend.groups:
        backend.create_log_group(LOG_GROUP, {})
    stream = f"{log.import_arn.rpartition('/')[2]}/error"
    backend.create_log_stream(LOG_GROUP, stream)
    backend.put_log_events(LOG_GROUP, stream, log.events)
