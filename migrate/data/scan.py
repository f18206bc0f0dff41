"""How many segments a table is cut into."""

from __future__ import annotations

_SEGMENT_BYTES = 2 << 30
_SEGMENTS_PER_WORKER = 4
_SMALL_TABLE_BYTES = 4 << 20
_LARGEST_SEGMENTS = 100_000


def choose_segments(size_bytes: int, workers: int) -> int:
    """How many segments to cut a table of that size into: enough to keep every worker busy to the end.

    A small table gets one per worker; larger ones at least four per worker and at most 2 GiB in each, so that none
    is a long tail. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.ParallelScan
    """
    if size_bytes <= _SMALL_TABLE_BYTES:
        return max(1, workers)
    by_size = -(-size_bytes // _SEGMENT_BYTES)
    return max(1, min(max(by_size, _SEGMENTS_PER_WORKER * workers), _LARGEST_SEGMENTS))
