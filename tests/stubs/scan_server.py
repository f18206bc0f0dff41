"""A tiny DynamoDB that only knows Scan, over real HTTP, and can be told to misbehave. `TableServer` writes, too."""

from __future__ import annotations

import bisect
import json
import random
import ssl
import threading
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.core.clock import SystemClock
from migrate.data.transport import Credentials, Endpoint, Transport

if TYPE_CHECKING:
    from typing_extensions import Self

Item = dict[str, dict[str, Any]]
Fault = str
"""throttle, busy (500), damaged (wrong checksum), drop (connection closed), cut (half an answer), torn (half an answer
that says it is whole, without checksum), empty, short. A tuple: status, code, throttling reason, its resource."""

ALL_FAULTS: tuple[Fault, ...] = ("throttle", "busy", "damaged", "drop", "cut", "torn", "empty", "short")
REFUSALS = {
    "throttle": (400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"),
    "busy": (500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
}


class PatientClock(SystemClock):
    """Pauses take no time, but the clock moves as if they had."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


class ScanServer:
    """Tables on a port of 127.0.0.1. Use it as a context manager."""

    def __init__(
        self, key_names: tuple[str, ...] = ("pk",), page_items: int = 100, certificate: Path | None = None
    ) -> None:
        self.key_names = key_names
        self.page_items = page_items
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.canned: bytes | None = None
        """When set, the answer to everything."""

        self.choose_fault: Callable[[dict[str, Any]], Fault | tuple[Any, ...] | None] = lambda request: None
        self._tables: dict[str, list[tuple[str, Item]]] = {}
        self._segments: dict[tuple[str, int, int], list[tuple[str, Item]]] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def put_table(self, name: str, items: list[Item]) -> None:
        rows = sorted(((self._position(item), item) for item in items), key=lambda pair: pair[0])
        with self._lock:
            self._tables[name] = rows
            self._segments = {key: found for key, found in self._segments.items() if key[0] != name}

    def misbehave(self, rate: float, seed: int, faults: tuple[Fault, ...] = ALL_FAULTS) -> None:
        dice = random.Random(seed)
        self.choose_fault = lambda request: dice.choice(faults) if dice.random() < rate else None

    def transport(self, **options: Any) -> Transport:
        endpoint = Endpoint(self.url, "eu-west-1", lambda: Credentials("AKID", "secret", "token"))
        return Transport(endpoint, clock=options.pop("clock", PatientClock()), **options)

    @property
    def url(self) -> str:
        return f"{self._scheme}://localhost:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def note(self, request: dict[str, Any], headers: dict[str, str]) -> Fault | tuple[Any, ...] | None:
        with self._lock:
            self.requests.append(request)
            self.headers.append(headers)
            return self.choose_fault(request)

    def scan(self, request: dict[str, Any], fault: object) -> dict[str, Any]:
        """The answer of Scan: items in an order of their own per segment, as in DynamoDB."""
        total = request["TotalSegments"]
        rows = self._segment(request["TableName"], request["Segment"], total)
        start = request.get("ExclusiveStartKey")
        after = bisect.bisect_right(rows, self._position(start), key=lambda row: row[0]) if start else 0
        size = {"empty": 0, "short": 1}.get(str(fault), min(request.get("Limit", 10**9), self.page_items))
        page = [item for _, item in rows[after : after + size]]
        answer: dict[str, Any] = {"Count": len(page), "ConsumedCapacity": {"CapacityUnits": 0.5}}
        if request.get("Select") != "COUNT":
            answer["Items"] = page
        if after + size < len(rows):
            last = page[-1] if page else start or {name: {"S": ""} for name in self.key_names}
            answer["LastEvaluatedKey"] = {name: last[name] for name in self.key_names}
        return answer

    def write(self, operation: str, request: dict[str, Any], fault: object) -> tuple[int, dict[str, Any]]:
        """Status and answer of an operation that writes."""
        return 400, {"__type": "x#UnknownOperationException", "message": operation}

    def _segment(self, table: str, segment: int, total: int) -> list[tuple[str, Item]]:
        with self._lock:
            found = self._segments.get((table, segment, total))
            if found is None:
                found = [row for row in self._tables[table] if int(row[0][:10]) % total == segment]
                self._segments[table, segment, total] = found
            return found

    def _position(self, item: Item) -> str:
        key = json.dumps([item[name] for name in self.key_names])
        return f"{_hash(key):010d}{key}" if '""' not in key else ""


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())


def _handler_of(stub: ScanServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            fault = stub.note(request, dict(self.headers.items()))
            if fault == "drop":
                self.close_connection = True
                return
            if isinstance(fault, tuple) or fault in REFUSALS:
                status, code, *reason = fault if isinstance(fault, tuple) else REFUSALS[fault]
                refused: dict[str, Any] = {"__type": code, "message": "as told"}
                if reason:
                    resource = reason[1] if len(reason) > 1 else "arn:aws:dynamodb:::table/t"
                    refused["ThrottlingReasons"] = [{"reason": reason[0], "resource": resource}]
                self.answer(status, json.dumps(refused).encode(), fault)
                return
            if operation == "Scan":
                self.answer(200, stub.canned or json.dumps(stub.scan(request, fault)).encode(), fault)
                return
            status, answer = stub.write(operation, request, fault)
            if fault == "lost":
                self.close_connection = True
                return
            self.answer(status, json.dumps(answer).encode(), fault)

        def answer(self, status: int, body: bytes, fault: object) -> None:
            body = body[: len(body) // 2] if "torn" in str(fault) else body
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if "torn" not in str(fault):
                self.send_header("x-amz-crc32", str(zlib.crc32(body) ^ (fault == "damaged")))
            self.end_headers()
            self.close_connection = self.close_connection or fault == "cut"
            self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
