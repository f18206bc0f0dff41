"""Check an export before anything is built on it: manifests, their checksums, the md5 of every data file, the counts.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from migrate.actions.base import Context, Done, Failed, Step, StepResult
from migrate.aws import objects
from migrate.core.errors import Interrupted, StepError
from migrate.core.events import Progress

MOST_FILES = 50_000
"""Objects that one import may read (DynamoDB service quotas)."""

READERS = 8
_RETRY = "the next apply makes a new export"


class BadExport(Exception):
    """The export cannot be trusted; the text says what is wrong."""


def check_export(step: Step, context: Context) -> StepResult:
    """Read and check everything. Done has `items`, `files`, `bytes` and `data_prefix`, which the import reads."""
    try:
        summary = json.loads(_manifest(step, context, step.params["manifest_key"]))
        lines = _manifest(step, context, summary["manifestFilesS3Key"]).decode().splitlines()
        files = [json.loads(line) for line in lines if line]
        prefix = _data_prefix(step, files)
        _check_counts(step, summary, files)
        _check_no_strangers(step, context, prefix, files)
        size = _check_files(step, context, files)
    except BadExport as bad:
        return Failed(StepError(f"the export of {step.address.split('/')[0]} is not sound", str(bad), _RETRY))
    return Done({"items": summary["itemCount"], "files": len(files), "bytes": size, "data_prefix": prefix})


def _manifest(step: Step, context: Context, key: str) -> bytes:
    """A manifest file whose bytes match their checksum file (`.md5`; the AWS guide calls it `.checksum`)."""
    content = _read(step, context, key)
    if content is None:
        raise BadExport(f"{key} is missing")
    stem = key.removesuffix(".json")
    written = _read(step, context, f"{stem}.md5") or _read(step, context, f"{stem}.checksum")
    if written is None:
        raise BadExport(f"{stem}.md5 is missing")
    digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest())
    if written.strip() != digest:
        raise BadExport(f"{key} does not match its checksum")
    return content


def _read(step: Step, context: Context, key: str) -> bytes | None:
    return objects.read(context.target, step.params["bucket"], key, owner=step.params["bucket_owner"])


def _data_prefix(step: Step, files: list[dict[str, Any]]) -> str:
    """The folder of the data files, with its slash: an import reads everything below it, so it must be exact."""
    folder = str(step.params["manifest_key"]).rsplit("/", 1)[0] + "/data/"
    outside = [file["dataFileS3Key"] for file in files if not file["dataFileS3Key"].startswith(folder)]
    if outside:
        raise BadExport(f"{outside[0]} is not below {folder}")
    return folder


def _check_counts(step: Step, summary: dict[str, Any], files: list[dict[str, Any]]) -> None:
    listed, total, described = sum(f["itemCount"] for f in files), summary["itemCount"], step.params["item_count"]
    if not listed == total == described:
        raise BadExport(f"the files list {listed} items, the manifest {total}, and DynamoDB says {described}")
    if len(files) > MOST_FILES:
        raise BadExport(
            f"it has {len(files)} files, and an import reads at most {MOST_FILES}: use strategy glue or copy"
        )


def _check_no_strangers(step: Step, context: Context, prefix: str, files: list[dict[str, Any]]) -> None:
    listed = {file["dataFileS3Key"] for file in files}
    found = objects.list_objects(context.target, step.params["bucket"], prefix, owner=step.params["bucket_owner"])
    strangers = [entry["Key"] for entry in found if entry["Key"] not in listed]
    if strangers:
        raise BadExport(f"{strangers[0]} lies among the data files, and the import would read it")


def _check_files(step: Step, context: Context, files: list[dict[str, Any]]) -> int:
    """Compare the md5 of every file; the sum of their sizes in bytes."""
    size = 0
    with ThreadPoolExecutor(max_workers=READERS) as pool:
        for done, (file, found) in enumerate(_digests(pool, step, context, files), start=1):
            key = file["dataFileS3Key"]
            if found is None:
                raise BadExport(f"{key} is missing")
            if found[0] != file["md5Checksum"]:
                raise BadExport(f"{key} does not match its md5")
            size += found[1]
            context.on_progress(step.address, Progress(bytes=size, message=f"{done} of {len(files)} files"))
    return size


def _digests(
    pool: ThreadPoolExecutor, step: Step, context: Context, files: list[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], tuple[str, int] | None]]:
    def read(file: dict[str, Any]) -> tuple[str, int] | None:
        if context.should_stop():
            raise Interrupted("stopped while checking the export")
        bucket, owner = step.params["bucket"], step.params["bucket_owner"]
        return objects.stream_md5(context.target, bucket, file["dataFileS3Key"], owner=owner)

    yield from zip(files, pool.map(read, files), strict=True)
