"""The objects of a full export, as AWS lays them out below the prefix.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
(the page draws `manifest-*.checksum`; real exports carry `.md5`)
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from migrate.sandbox.rows import WRITES

ITEMS_PER_FILE = 5_000
_NAME_LENGTH = 26
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
Write = Callable[[str, bytes], str]
"""Stores an object (key, bytes) and returns its ETag."""


@dataclass(frozen=True)
class ExportedLine:
    """One item: its line in the data file, and the partition key's bytes, which choose the file."""

    partition_key: bytes
    text: bytes


def snapshot(table: Any) -> tuple[list[ExportedLine], int]:
    """Every item as a line, all from one moment, and the table's size."""
    with WRITES:
        found, billed = list(table.rows.walk()), table.rows.total_bytes
    return [ExportedLine(key[1].encode("utf-8", "surrogatepass"), _line(text)) for key, (text, _) in found], billed


def _line(item: str) -> bytes:
    """An item (JSON text) as a line of a data file."""
    line = json.dumps({"Item": json.loads(item)}, ensure_ascii=False, separators=(",", ":"))
    return line.encode("utf-8") + b"\n"


def folder(prefix: str | None, export_id: str) -> str:
    """The export's folder, without a slash at the end."""
    start = f"{prefix.rstrip('/')}/" if prefix and prefix.strip("/") else ""
    return f"{start}AWSDynamoDB/{export_id}"


def write_all(
    place: str, export_id: str, lines: Sequence[ExportedLine], summary: Mapping[str, Any], write: Write
) -> str:
    """Writes data files, then the manifests, in AWS's order; returns the key of manifest-summary.json."""
    entries = [_write_data_file(place, part, write) for part in _split(lines, export_id)]
    files_key = f"{place}/manifest-files.json"
    _write_with_checksum(files_key, "".join(json.dumps(entry) + "\n" for entry in entries), write)
    summary_key = f"{place}/manifest-summary.json"
    _write_with_checksum(summary_key, json.dumps({**summary, "manifestFilesS3Key": files_key}), write)
    return summary_key


def timestamp(moment: datetime) -> str:
    """A moment as the manifests write it: ISO 8601, UTC, milliseconds."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _split(lines: Sequence[ExportedLine], export_id: str) -> list[list[bytes]]:
    """At least two files, items spread by partition key; every other export has an empty file, which AWS writes too."""
    count = max(2, -(-len(lines) // ITEMS_PER_FILE))
    parts: list[list[bytes]] = [[] for _ in range(count)]
    for entry in lines:
        digest = hashlib.blake2b(entry.partition_key, digest_size=8).digest()
        parts[int.from_bytes(digest, "big") % count].append(entry.text)
    if int(export_id[-1], 16) % 2 == 0:
        parts.append([])
    return parts


def _write_data_file(place: str, part: Sequence[bytes], write: Write) -> dict[str, Any]:
    key = f"{place}/data/{''.join(secrets.choice(_BASE32) for _ in range(_NAME_LENGTH))}.json.gz"
    body = gzip.compress(b"".join(part), compresslevel=6, mtime=0)
    etag = write(key, body)
    return {"itemCount": len(part), "md5Checksum": _md5(body), "etag": etag, "dataFileS3Key": key}


def _write_with_checksum(key: str, text: str, write: Write) -> None:
    body = text.encode("utf-8")
    write(key, body)
    write(key.removesuffix(".json") + ".md5", _md5(body).encode("ascii"))


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode("ascii")
