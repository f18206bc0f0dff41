"""Where a table's items live: in hash order, as JSON text, with running totals.

DynamoDB keeps items ordered by the hash of the partition key, then by sort key, and a parallel scan gives each
segment a range of hashes
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.ParallelScan). The same order here
makes a page cost only what it returns, and lets items come and go between two pages. Not emulated: DynamoDB's real
hash function; which segment has which item differs from AWS.
"""

from __future__ import annotations

import base64
import hashlib
import json
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from decimal import Decimal
from threading import RLock
from typing import Any

WRITES = RLock()
"""Held while items change or a page is read: DynamoDB's single-item operations are atomic, moto's are not."""

RowKey = tuple[int, str, Any]
Row = tuple[str, int]
"""JSON text of the item, size in bytes."""

_BUCKET_BITS = 10


class Rows:
    """The items of one table. Rows are never changed in place, so a copy may share them."""

    def __init__(self) -> None:
        self._rows: dict[RowKey, Row] = {}
        self._buckets: dict[int, list[RowKey]] = {}  # only those that had a row: most tables here hold a few items
        self.total_bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __deepcopy__(self, memo: Any) -> Rows:
        copied = Rows()
        copied._rows = dict(self._rows)
        copied._buckets = {number: list(bucket) for number, bucket in self._buckets.items()}
        copied.total_bytes = self.total_bytes
        return copied

    def get(self, key: RowKey) -> Row | None:
        """The row under this key."""
        return self._rows.get(key)

    def put(self, key: RowKey, row: Row) -> Row | None:
        """Stores a row; returns the one it replaced."""
        old = self._rows.get(key)
        if old is None:
            insort(self._buckets.setdefault(_bucket(key[0]), []), key)
        else:
            self.total_bytes -= old[1]
        self._rows[key] = row
        self.total_bytes += row[1]
        return old

    def remove(self, key: RowKey) -> Row | None:
        """Removes a row; returns it."""
        old = self._rows.pop(key, None)
        if old is not None:
            bucket = self._buckets[_bucket(key[0])]
            del bucket[bisect_left(bucket, key)]
            self.total_bytes -= old[1]
        return old

    def walk(self, segment: int = 0, segments: int = 1, after: RowKey | None = None) -> Iterator[tuple[RowKey, Row]]:
        """The rows of a segment in order, from behind a key (which need not exist any more)."""
        if not self._rows:
            return
        low, high = segment_range(segment, segments)
        first = max(low, after[0]) if after else low
        for number in range(_bucket(first), _bucket(high - 1) + 1):
            bucket = self._buckets.get(number)
            if not bucket:
                continue
            start = bisect_right(bucket, after) if after else 0
            for key in bucket[start:]:
                if key[0] >= high:
                    return
                if key[0] >= low:
                    yield key, self._rows[key]

    def partition(self, token: int, partition: str) -> Iterator[tuple[RowKey, Row]]:
        """The rows with one partition key, in the order of the sort key."""
        bucket = self._buckets.get(_bucket(token), [])
        for key in bucket[bisect_left(bucket, (token, partition)) :]:
            if key[:2] != (token, partition):
                return
            yield key, self._rows[key]


def segment_range(segment: int, segments: int) -> tuple[int, int]:
    """The hashes [low, high) of one segment of a parallel scan."""
    return (segment << 64) // segments, ((segment + 1) << 64) // segments


def row_key(partition: dict[str, Any], sort: dict[str, Any] | None) -> RowKey:
    """The place of an item; takes canonical key values."""
    ((kind, content),) = partition.items()
    text = kind + content
    token = int.from_bytes(hashlib.md5(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return token, text, 0 if sort is None else _sortable(sort)


def _sortable(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "N":
        return Decimal(content)
    return base64.b64decode(content) if kind == "B" else content.encode("utf-8", "surrogatepass")


def _bucket(token: int) -> int:
    return token >> (64 - _BUCKET_BITS)


def dump(item: dict[str, Any]) -> str:
    """The JSON text of a canonical item."""
    return json.dumps(item, separators=(",", ":"))
