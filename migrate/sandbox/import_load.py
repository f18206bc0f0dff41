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

from moto.dynamodb.limits import HASH_KEY_MAX_LENGTH, RANGE_KEY_MAX_LENGTH
from moto.dynamodb.models.table import Table
from moto.logs.models import logs_backends
from moto.s3.models import FakeBucket, FakeKey

from migrate.sandbox.callers import Caller
from migrate.sandbox.table_store import Put, putter
from migrate.sandbox.transfer_access import TransferFailed, check_listing, check_reading, open_bucket

LOG_GROUP = "/aws-dynamodb/imports"
MAX_OBJECTS = 50_000
_INVALID = "One or more parameter values were invalid: "


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
    put = putter(table)
    for stored in objects:
        _load_object(table, stored, request.get("InputCompressionType") == "GZIP", put, counts, log)
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
    put: Put,
    counts: Counts,
    log: _Log,
) -> None:
    check = _ItemCheck(table)
    index = 0
    try:
        for index, text in enumerate(_lines(stored.value, is_gzip)):
            counts.processed_bytes += len(text) + 1
            document = json.loads(text)
            counts.processed += 1
            try:
                put(check.checked(document))
                counts.imported += 1
            except ValueError as error:
                counts.errors += 1
                log.add(stored.name, index, str(error))
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


class _ItemCheck:
    """Whether an item has the keys of the table, and of its indexes, in the right type."""

    def __init__(self, table: Table) -> None:
        types = {entry["AttributeName"]: entry["AttributeType"] for entry in table.attr}
        self._keys = [
            (entry["AttributeName"], types[entry["AttributeName"]], _limit(entry["KeyType"])) for entry in table.schema
        ]
        self._index_keys = [
            (key["AttributeName"], types[key["AttributeName"]], index.name, _limit(key["KeyType"]))
            for index in table.global_indexes
            for key in index.schema
        ]

    def checked(self, document: Any) -> dict[str, Any]:
        """The attributes, once the keys are right. Raises ValueError with AWS's words if they are not."""
        attributes = document.get("Item") if isinstance(document, dict) else None
        if not isinstance(attributes, dict):
            raise ValueError("The record has no Item")
        for name, wanted, limit in self._keys:
            _check_key(attributes, name, wanted, limit)
        for name, wanted, index, limit in self._index_keys:
            _check_index_key(attributes, name, wanted, index, limit)
        return attributes


def _limit(key_type: str) -> int:
    return int(HASH_KEY_MAX_LENGTH if key_type == "HASH" else RANGE_KEY_MAX_LENGTH)


def _check_key(item: Mapping[str, Any], name: str, wanted: str, limit: int) -> None:
    if name not in item:
        raise ValueError(f"{_INVALID}Missing the key {name} in the item")
    actual, value = _typed(item[name])
    if actual != wanted:
        raise ValueError(f"{_INVALID}Type mismatch for key {name} expected: {wanted} actual: {actual}")
    if len(value) == 0:
        raise ValueError(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            f"empty {'binary' if wanted == 'B' else 'string'} value. Key: {name}"
        )
    _check_length(value, wanted, name, limit)


def _check_index_key(item: Mapping[str, Any], name: str, wanted: str, index: str, limit: int) -> None:
    if name not in item:
        return
    actual, value = _typed(item[name])
    if actual != wanted:
        raise ValueError(
            f"{_INVALID}Type mismatch for Index Key {name} Expected: {wanted} Actual: {actual} IndexName: {index}"
        )
    if len(value) == 0:
        raise ValueError(
            "One or more parameter values are not valid. A value specified for a secondary index key is not "
            f"supported. The AttributeValue for a key attribute cannot contain an empty value. IndexName: {index}, "
            f"IndexKey: {name}"
        )
    _check_length(value, wanted, name, limit)


def _typed(value: Any) -> tuple[str, str]:
    """Type and content of a value that could be a key."""
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("Supplied AttributeValue must contain exactly one of the supported datatypes")
    ((kind, content),) = value.items()
    return kind, content if isinstance(content, str) else str(content)


def _check_length(value: str, kind: str, name: str, limit: int) -> None:
    size = len(value) * 3 // 4 - value[-2:].count("=") if kind == "B" else len(value.encode("utf-8"))
    if size > limit:
        raise ValueError(f"{_INVALID}Size of key {name} has exceeded the maximum size limit of {limit} bytes")


def _write_log(table: Table, log: _Log) -> None:
    if not log.events:
        return
    backend = logs_backends[table.account_id][table.region_name]
    if LOG_GROUP not in backend.groups:
        backend.create_log_group(LOG_GROUP, {})
    stream = f"{log.import_arn.rpartition('/')[2]}/error"
    backend.create_log_stream(LOG_GROUP, stream)
    backend.put_log_events(LOG_GROUP, stream, log.events)
