"""Small objects in S3, written and removed only if nobody else was faster.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html

The bucket may belong to any account, so no owner is named. All objects are held in memory.
"""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

from migrate.aws.errors import call, pages, translated
from migrate.aws.session import Account
from migrate.core.errors import Conflict, NotFound

SERVICE = "s3"
NO_BUCKET = "NoSuchBucket"
_REFUSED = ("PreconditionFailed", "412")
_WRITER = "writer"


class Stored(NamedTuple):
    """An object: its bytes, its ETag, and who wrote it (see `put`)."""

    data: bytes
    etag: str
    writer: str


def get(account: Account, bucket: str, key: str) -> Stored | None:
    """The object, None when it does not exist. Raises `NotFound` when there is no such bucket."""
    try:
        answer = call(account, SERVICE, "GetObject", Bucket=bucket, Key=key)
    except NotFound as error:
        if error.code == NO_BUCKET:
            raise
        return None
    with translated(account, SERVICE, "GetObject", f"s3://{bucket}/{key}"), contextlib.closing(answer["Body"]) as body:
        data: bytes = body.read()
    return Stored(data, answer["ETag"], answer.get("Metadata", {}).get(_WRITER, ""))


def put(account: Account, bucket: str, key: str, data: bytes, *, expected: str | None, writer: str) -> str | None:
    """Write an object that still has the ETag `expected` (None: that does not exist). Its new ETag; None when refused.

    The client repeats a request whose answer was lost, and then meets its own object: `writer`, kept as the object's
    metadata, tells that from somebody else's. Raises `Conflict` when another request for the same object was under way
    (409): the same call again decides.
    """
    condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
    try:
        answer = call(
            account, SERVICE, "PutObject", Bucket=bucket, Key=key, Body=data, Metadata={_WRITER: writer}, **condition
        )
    except NotFound as error:
        if error.code == NO_BUCKET:
            raise
        return None  # the object that was to be replaced is gone
    except Conflict as error:
        if error.code in _REFUSED:
            return None
        raise
    etag: str = answer["ETag"]
    return etag


def delete(account: Account, bucket: str, key: str, expected: str) -> bool:
    """Remove an object that still has the ETag `expected`; False when it has not. Raises `Conflict` as `put` does."""
    try:
        call(account, SERVICE, "DeleteObject", Bucket=bucket, Key=key, IfMatch=expected)
    except NotFound as error:
        if error.code == NO_BUCKET:
            raise
        return False
    except Conflict as error:
        if error.code in _REFUSED:
            return False
        raise
    return True


def children(account: Account, bucket: str, prefix: str) -> tuple[list[str], list[str]]:
    """Keys directly below `prefix` (which ends with `/` or is empty), and the prefixes of what is deeper; sorted."""
    found: tuple[list[str], list[str]] = [], []
    for page in pages(
        account,
        SERVICE,
        "ListObjectsV2",
        token=("ContinuationToken", "NextContinuationToken"),
        Bucket=bucket,
        Prefix=prefix,
        Delimiter="/",
    ):
        found[0].extend(one["Key"] for one in page.get("Contents", []))
        found[1].extend(one["Prefix"] for one in page.get("CommonPrefixes", []))
    return found


def is_versioned(account: Account, bucket: str) -> bool:
    """True when versioning is on, so that what is overwritten can be had back."""
    answer: dict[str, Any] = call(account, SERVICE, "GetBucketVersioning", Bucket=bucket)
    return bool(answer.get("Status") == "Enabled")
