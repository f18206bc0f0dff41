"""A full export in S3 as something that can be scanned: its data files are the segments, their lines the items.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from migrate.core.errors import Invalid, NotFound
from migrate.data.rawitems import BatchAnswer, PutAnswer, RawItem, RawPage, Refusals, ignore_refusal, item_of_line
from migrate.data.retry import check_stop
from migrate.data.transport import Endpoint, never
from migrate.spark.cloud import Store

_PAGE_BYTES = 1 << 20
_PART = 1 << 20
_RETRY = "make a new export"


@dataclass(frozen=True)
class DataFile:
    """One line of `manifest-files.json`."""

    key: str
    items: int
    md5: str


def read_manifest(store: Store) -> tuple[DataFile, ...]:
    """The data files of the export whose summary `store` is at, all of them there, counts right.

    Raises `Invalid` when the export cannot be trusted; the md5 of a data file is checked when it is read.
    """
    try:
        summary = json.loads(_manifest(store, store.prefix.rstrip("/")))
        lines = _manifest(store, str(summary["manifestFilesS3Key"])).decode().splitlines()
        files = _files(json.loads(line) for line in lines if line)
        total = int(summary["itemCount"])
    except (KeyError, TypeError, ValueError) as error:
        raise _unsound(f"a manifest cannot be read ({type(error).__name__}: {error})") from error
    if summary.get("outputFormat") != "DYNAMODB_JSON" or summary.get("exportType") == "INCREMENTAL_EXPORT":
        raise _unsound("it is no full export in DynamoDB JSON")
    listed = sum(one.items for one in files)
    if listed != total or len({one.key for one in files}) != len(files):
        raise _unsound(f"its {len(files)} files list {listed} items, the manifest says {total}")
    return files


def _files(entries: Iterable[Mapping[str, Any]]) -> tuple[DataFile, ...]:
    return tuple(DataFile(str(one["dataFileS3Key"]), int(one["itemCount"]), str(one["md5Checksum"])) for one in entries)


def open_export(
    store: Store, files: Sequence[DataFile], _endpoint: Endpoint, _connections: int, _patience: float
) -> ExportSource:
    """The `OpenTransport` of an export, whose objects the job reads with its own credentials."""
    return ExportSource(store, files)


class ExportSource:
    """An `ItemTransport` that only scans: `segment` is the number of a file, the last key a number of lines.

    A file is fetched as a whole, onto this machine's disk, and not one of its items is given before its md5 is right.
    """

    def __init__(self, store: Store, files: Sequence[DataFile]) -> None:
        self._store = store
        self._files = files
        self._open: dict[int, tuple[IO[bytes], int]] = {}

    def scan_raw(
        self,
        table: str,
        *,
        segment: int,
        total_segments: int,
        start_key: bytes | None = None,
        consistent: bool = False,
        limit: int | None = None,
        count_only: bool = False,
        should_stop: Callable[[], bool] = never,
        on_refusal: Refusals = ignore_refusal,
    ) -> RawPage:
        """See `ItemTransport.scan_raw`."""
        check_stop(should_stop)
        start = int(start_key or 0)
        lines, at = self._open.pop(segment, (None, 0))
        if lines is None or at != start:
            lines = self._fetch(self._files[segment])
            for _ in islice(lines, start):
                pass
        items, size = _page(lines, self._files[segment])
        read = start + len(items)
        if size < _PAGE_BYTES:
            lines.close()
            if read != self._files[segment].items:
                raise _unsound(f"{self._files[segment].key} has {read} items, not {self._files[segment].items}")
            return RawPage(items, None, 0.0, size)
        self._open[segment] = lines, read
        return RawPage(items, b"%d" % read, 0.0, size)

    def batch_write_raw(
        self,
        table: str,
        items: Sequence[RawItem],
        *,
        should_stop: Callable[[], bool] = never,
        on_refusal: Refusals = ignore_refusal,
    ) -> BatchAnswer:
        """An export cannot be written."""
        raise NotImplementedError

    def put_raw(
        self,
        table: str,
        item: RawItem,
        *,
        unless_exists: str,
        should_stop: Callable[[], bool] = never,
        on_refusal: Refusals = ignore_refusal,
    ) -> PutAnswer:
        """An export cannot be written."""
        raise NotImplementedError

    def close(self) -> None:
        """Forget the files that were fetched."""
        for lines, _ in self._open.values():
            lines.close()
        self._open.clear()

    def _fetch(self, file: DataFile) -> IO[bytes]:
        fetched = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the lines that are read from it)
        digest = hashlib.md5(usedforsecurity=False)
        try:
            with self._store.open_at(file.key) as body:
                while part := body.read(_PART):
                    digest.update(part)
                    fetched.write(part)
        except NotFound as error:
            raise _unsound(f"{file.key} is missing") from error
        if base64.b64encode(digest.digest()).decode() != file.md5:
            raise _unsound(f"{file.key} does not match its md5")
        fetched.seek(0)
        lines = gzip.GzipFile(fileobj=fetched, mode="rb")
        lines.myfileobj = fetched  # type: ignore[assignment]  # closed with it
        return lines  # type: ignore[return-value]


def _page(lines: IO[bytes], file: DataFile) -> tuple[list[RawItem], int]:
    """Items of about one page of a scan. Less only at the end of the file."""
    items: list[RawItem] = []
    size = 0
    for line in lines:
        try:
            items.append(item_of_line(line))
        except ValueError as error:
            raise _unsound(f"{file.key} has a line that is no item") from error
        size += len(line)
        if size >= _PAGE_BYTES:
            break
    return items, size


def _manifest(store: Store, key: str) -> bytes:
    """A manifest file whose bytes match their checksum file (`.md5`; the AWS guide calls it `.checksum`)."""
    content = store.read_at(key)
    if content is None:
        raise _unsound(f"{key} is missing")
    stem = key.removesuffix(".json")
    written = store.read_at(f"{stem}.md5") or store.read_at(f"{stem}.checksum")
    if written is None:
        raise _unsound(f"{stem}.md5 is missing")
    if written.strip() != base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()):
        raise _unsound(f"{key} does not match its checksum")
    return content


def _unsound(why: str) -> Invalid:
    return Invalid("the export is not sound", operation="GetObject", why=why, hint=_RETRY)
