"""S3 objects: list, read, write, digest, delete. See `s3.py` for what `owner` means."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from migrate.aws.errors import call, pages, translated
from migrate.aws.session import Account
from migrate.core.errors import NotFound

SERVICE = "s3"
BATCH = 1000
"""Most keys of one DeleteObjects."""

_BLOCK = 1 << 20


def list_objects(account: Account, bucket: str, prefix: str, *, owner: str | None = None) -> Iterator[dict[str, Any]]:
    """Every object below `prefix` in key order (Key, Size, ETag, LastModified), a page of 1,000 at a time."""
    found = pages(
        account,
        SERVICE,
        "ListObjectsV2",
        token=("ContinuationToken", "NextContinuationToken"),
        Bucket=bucket,
        Prefix=prefix,
        ExpectedBucketOwner=owner or account.id,
    )
    for page in found:
        yield from page.get("Contents", [])


def read(account: Account, bucket: str, key: str, *, owner: str | None = None) -> bytes | None:
    """The whole object, None when it (or the bucket) does not exist. For small objects: it is held in memory."""
    answer = _get(account, bucket, key, owner)
    if answer is None:
        return None
    with translated(account, SERVICE, "GetObject", f"s3://{bucket}/{key}"), contextlib.closing(answer["Body"]) as body:
        content: bytes = body.read()
    return content


def write(account: Account, bucket: str, key: str, content: bytes, *, owner: str | None = None) -> None:
    """Put an object. For small ones: it goes in one request."""
    call(account, SERVICE, "PutObject", Bucket=bucket, Key=key, Body=content, ExpectedBucketOwner=owner or account.id)


def size(account: Account, bucket: str, key: str, *, owner: str | None = None) -> int | None:
    """Bytes of an object; None when it does not exist."""
    try:
        answer = call(account, SERVICE, "HeadObject", Bucket=bucket, Key=key, ExpectedBucketOwner=owner or account.id)
    except NotFound:
        return None
    return int(answer["ContentLength"])


def stream_md5(account: Account, bucket: str, key: str, *, owner: str | None = None) -> tuple[str, int] | None:
    """MD5 (base64, as export manifests have it) and size in bytes of an object; None when it does not exist.

    Reads it to the end in blocks of 1 MiB, whatever its size.
    """
    answer = _get(account, bucket, key, owner)
    if answer is None:
        return None
    digest, size = hashlib.md5(usedforsecurity=False), 0
    with translated(account, SERVICE, "GetObject", f"s3://{bucket}/{key}"), contextlib.closing(answer["Body"]) as body:
        for block in body.iter_chunks(_BLOCK):
            digest.update(block)
            size += len(block)
    return base64.b64encode(digest.digest()).decode(), size


def delete_objects(
    account: Account, bucket: str, keys: Sequence[str], *, owner: str | None = None
) -> list[tuple[str, str]]:
    """Delete objects, 1,000 per call; those that could not be deleted, as (key, message). Absent ones count as deleted.

    In a bucket with versioning this only hides them.
    """
    failed: list[tuple[str, str]] = []
    for start in range(0, len(keys), BATCH):
        wish = {"Objects": [{"Key": key} for key in keys[start : start + BATCH]], "Quiet": True}
        answer = call(
            account, SERVICE, "DeleteObjects", Bucket=bucket, Delete=wish, ExpectedBucketOwner=owner or account.id
        )
        failed += [(e.get("Key", ""), e.get("Message") or e.get("Code", "")) for e in answer.get("Errors", [])]
    return failed


def _get(account: Account, bucket: str, key: str, owner: str | None) -> dict[str, Any] | None:
    try:
        return call(account, SERVICE, "GetObject", Bucket=bucket, Key=key, ExpectedBucketOwner=owner or account.id)
    except NotFound:
        return None
