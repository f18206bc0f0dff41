"""A DynamoDB in a process of its own that answers prepared pages as fast as it can, and counts the units it charged."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

Item = dict[str, dict[str, Any]]
PAGE_ITEMS, KINDS = 2500, 4
READ_UNITS, WRITE_UNITS = 0.05, 1.0
"""Per item of 400 bytes: an eventually consistent read, a write."""

TICK = 0.1


class CannedTable:
    """Any table: `items<N>` has N items, dealt evenly to the segments; every page looks like one of `KINDS`."""

    def __init__(self, make: Callable[[int], Item]) -> None:
        self.kinds = [
            [json.dumps(make(kind * PAGE_ITEMS + n), separators=(",", ":")).encode() for n in range(PAGE_ITEMS)]
            for kind in range(KINDS)
        ]
        self.full = [b'{"Items":[' + b",".join(items) for items in self.kinds]
        self.checksums = [zlib.crc32(body) for body in self.full]
        self.units: dict[str, Counter[int]] = {"read": Counter(), "write": Counter()}

    def answer(self, operation: str, body: bytes) -> tuple[bytes, int]:
        """Body and CRC32."""
        if operation == "Scan":
            return self.scan(json.loads(body))
        if operation == "BatchWriteItem":
            units = body.count(b'{"PutRequest":') * WRITE_UNITS or body.count(b'{"PutRequest": ') * WRITE_UNITS
            self.charge("write", units)
            text = b'{"UnprocessedItems":{},"ConsumedCapacity":[{"TableName":"t","CapacityUnits":%.1f}]}' % units
        else:
            ticks = {side: sorted(found.items()) for side, found in self.units.items()}
            for found in self.units.values():
                found.clear()
            text = json.dumps(ticks).encode()
        return text, zlib.crc32(text)

    def scan(self, request: dict[str, Any]) -> tuple[bytes, int]:
        items, segments = int(request["TableName"].removeprefix("items")), request["TotalSegments"]
        mine = items // segments + (request["Segment"] < items % segments)
        done = int(request.get("ExclusiveStartKey", {"pk": {"S": "0"}})["pk"]["S"])
        count = max(0, min(PAGE_ITEMS, request.get("Limit", PAGE_ITEMS), mine - done))
        units = max(0.5, count * READ_UNITS)
        self.charge("read", units)
        last = ""
        if done + count < mine:
            last = f',"LastEvaluatedKey":{{"pk":{{"S":"{done + count}"}}}}'
        tail = f'],"Count":{count},"ConsumedCapacity":{{"TableName":"t","CapacityUnits":{units}}}{last}}}'.encode()
        kind = done // PAGE_ITEMS % KINDS
        head, checksum = self.full[kind], self.checksums[kind]
        if count < PAGE_ITEMS:
            head = b'{"Items":[' + b",".join(self.kinds[kind][:count])
            checksum = zlib.crc32(head)
        return head + tail, zlib.crc32(tail, checksum)

    def charge(self, side: str, units: float) -> None:
        self.units[side][int(time.monotonic() / TICK)] += units  # type: ignore[assignment]


class _Connection(asyncio.Protocol):
    def __init__(self, table: CannedTable, seconds: float) -> None:
        self.table = table
        self.seconds = seconds
        self.buffer = bytearray()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self.buffer[:end]).lower()
            size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(self.buffer) < end + 4 + size:
                return
            body = bytes(self.buffer[end + 4 : end + 4 + size])
            del self.buffer[: end + 4 + size]
            name = head.partition(b"dynamodb_20120810.")[2].partition(b"\r\n")[0].strip()
            operation = {b"scan": "Scan", b"batchwriteitem": "BatchWriteItem"}.get(name, "Stats")
            answer, checksum = self.table.answer(operation, body)
            parts = (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
                b"Content-Length: %d\r\nx-amz-crc32: %d\r\n\r\n" % (len(answer), checksum),
                answer,
            )
            if self.seconds:
                asyncio.get_running_loop().call_later(self.seconds, self.transport.writelines, parts)
            else:
                self.transport.writelines(parts)


def _serve(make: Callable[[int], Item], seconds: float, answers_to: Connection) -> None:
    async def run() -> None:
        table = CannedTable(make)
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(table, seconds), "127.0.0.1", 0)
        answers_to.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def canned_server(make: Callable[[int], Item], seconds: float = 0.0) -> Iterator[str]:
    """The URL of a server that lives as long as the block, and takes so many seconds for every answer."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(make, seconds, theirs), daemon=True)
    process.start()
    theirs.close()  # so that a server that cannot start is noticed
    try:
        yield f"http://127.0.0.1:{mine.recv()}"
    finally:
        process.kill()
        process.join()
