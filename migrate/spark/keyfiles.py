"""Files of keys as something that can be scanned: each file is a segment, and its pages are what BatchGetItem finds.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from migrate.core.clock import SystemClock
from migrate.core.errors import Invalid, Throttled
from migrate.data.rawitems import (
    BatchAnswer,
    PutAnswer,
    RawItem,
    RawPage,
    Refusals,
    get_body,
    ignore_refusal,
    key_of_line,
    raw_key,
    read_get_answer,
)
from migrate.data.retry import pause_after, wait
from migrate.data.transport import Endpoint, Transport, never
from migrate.spark.cloud import Store

KEYS_AT_ONCE = 100
Absent = Callable[[int, "bytes | None", int], None]


@dataclass(frozen=True)
class KeyFiles:
    """Where the keys are (names below the store's prefix), and who is told of keys that are not in the table."""

    store: Store
    names: Sequence[str]
    key_names: tuple[str, ...]
    consistent: bool
    note_absent: Absent


def open_keys(files: KeyFiles, endpoint: Endpoint, connections: int, patience: float) -> KeySource:
    """The `OpenTransport` of files of keys."""
    return KeySource(files, Transport(endpoint, connections=connections, patience=patience))


class KeySource:
    """An `ItemTransport` that only scans: `segment` is the number of a file, the last key a number of keys."""

    def __init__(self, files: KeyFiles, transport: Transport) -> None:
        self._files = files
        self._transport = transport
        self._keys: dict[int, list[RawItem]] = {}
        self._clock = SystemClock()

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
        start = int(start_key or 0)
        if segment not in self._keys:
            self._keys[segment] = self._read_keys(self._files.names[segment])
        keys = self._keys[segment]
        wanted = keys[start : start + min(KEYS_AT_ONCE, limit or KEYS_AT_ONCE)]
        items, units, size = self._get(table, wanted, should_stop, on_refusal)
        end = start + len(wanted)
        last_key = b"%d" % end if end < len(keys) else None
        self._files.note_absent(segment, last_key, len(wanted) - len(items))
        if last_key is None:
            del self._keys[segment]
        return RawPage(items, last_key, units, size)

    def batch_write_raw(
        self,
        table: str,
        items: Sequence[RawItem],
        *,
        should_stop: Callable[[], bool] = never,
        on_refusal: Refusals = ignore_refusal,
    ) -> BatchAnswer:
        """The source is never written."""
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
        """The source is never written."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def _read_keys(self, name: str) -> list[RawItem]:
        """In the order of the file, each once: DynamoDB refuses a request that asks twice."""
        found: dict[bytes, RawItem] = {}
        for number, line in enumerate((self._files.store.read(name) or b"").splitlines(), start=1):
            try:
                key = key_of_line(line)
                found.setdefault(raw_key(key, self._files.key_names), key)
            except (ValueError, TypeError) as error:
                where = f"s3://{self._files.store.bucket}/{self._files.store.prefix}{name}, line {number}"
                raise Invalid(f"{where} is no key", why=str(error), hint='write {"key": {...}} in wire form') from error
        return list(found.values())

    def _get(
        self, table: str, keys: Sequence[RawItem], should_stop: Callable[[], bool], on_refusal: Refusals
    ) -> tuple[list[RawItem], float, int]:
        items: list[RawItem] = []
        units, size, attempt = 0.0, 0, 0
        while keys:
            request = get_body(table, keys, consistent=self._files.consistent)
            body = self._transport.request("BatchGetItem", request, should_stop, table, on_refusal)
            answer = read_get_answer(body, table)
            items += answer.items
            units, size = units + answer.units, size + len(body)
            if answer.unprocessed:
                error = Throttled(f"{table}: {len(answer.unprocessed)} keys unprocessed", reason="UnprocessedKeys")
                attempt = 0 if answer.items else attempt + 1
                if attempt > 20:
                    raise error
                wait(self._clock, pause_after(error, attempt) / 4, should_stop)
            keys = answer.unprocessed
        return items, units, size
