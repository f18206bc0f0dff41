"""Figures of the item path: canonical form, digests, and a scan of a canned server. Run with `python -m`."""

from __future__ import annotations

import json
import multiprocessing
import time
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

from migrate.core.clock import SystemClock
from migrate.core.item import canonical_item, item_digest, key_digest
from migrate.data.scan import parallel_scan
from migrate.data.transport import Credentials, Endpoint, ScanPage, Transport
from migrate.verify.compare import ScanSide, verify_tables
from migrate.verify.digests import TableDigest

Item = dict[str, dict[str, Any]]
KEYS = ("pk", "sk")
PAGE_ITEMS, PAGES = 2500, 16


def rich_item(number: int) -> Item:
    """15 attributes of ten types, about 400 bytes as DynamoDB counts and 600 on the wire."""
    return {
        "pk": {"S": f"customer#{number:08d}"},
        "sk": {"S": f"order#{number * 7:010d}"},
        "created": {"N": str(1700000000000 + number)},
        "total": {"N": f"{number % 1000}.{number % 89 + 10}1"},
        "status": {"S": "SHIPPED"},
        "paid": {"BOOL": True},
        "note": {"NULL": True},
        "email": {"S": f"user{number}@example.com"},
        "tags": {"SS": ["red", "green", "blue"]},
        "scores": {"NS": ["3", "1", "2.5"]},
        "blob": {"B": "AAECAwQFBgcICQoLDA0ODw=="},
        "address": {"M": {"street": {"S": "Main Street 12"}, "city": {"S": "Springfield"}, "zip": {"N": "12345"}}},
        "lines": {"L": [{"S": "a1"}, {"N": "2"}, {"M": {"sku": {"S": "X-99"}, "qty": {"N": "3"}}}]},
        "version": {"N": "4"},
        "description": {"S": "x" * 60},
    }


def flat_item(number: int) -> Item:
    """15 attributes, strings and numbers only, about 400 bytes on the wire."""
    plain: Item = {f"attr{n}": {"S": "value of a thing"} if n % 2 else {"N": str(number * 13 + n)} for n in range(13)}
    return {"pk": {"S": f"c#{number}"}, "sk": {"S": f"o#{number}"}, **plain}


def best_us(work: Callable[[Any], object], subjects: list[Any]) -> float:
    """Least time of 15 rounds, microseconds each: the other processes of the machine only ever add."""
    rounds = []
    for _ in range(15):
        started = time.perf_counter()
        for subject in subjects:
            work(subject)
        rounds.append(time.perf_counter() - started)
    return min(rounds) / len(subjects) * 1e6


def measure_items() -> None:
    for name, make in (("rich", rich_item), ("flat", flat_item)):
        items = [make(number) for number in range(1000)]
        texts = [json.dumps(item, separators=(",", ":")) for item in items]
        print(
            f"{name}: {len(texts[0])} bytes of JSON; us per item: "
            f"json.loads {best_us(json.loads, texts):.1f}, canonical {best_us(canonical_item, items):.1f}, "
            f"item digest {best_us(item_digest, items):.1f}, "
            f"key digest {best_us(lambda item: key_digest(item, KEYS), items):.1f}"
        )


def serve_canned_pages(make: Callable[[int], Item], answers_to: Connection) -> None:
    """A process that answers every Scan with one of `PAGES` prepared pages."""
    bodies = []
    for page in range(PAGES):
        items = [make(number) for number in range(page * PAGE_ITEMS, (page + 1) * PAGE_ITEMS)]
        answer: dict[str, Any] = {"Items": items, "Count": len(items), "ConsumedCapacity": {"CapacityUnits": 128.5}}
        if page + 1 < PAGES:
            answer["LastEvaluatedKey"] = {"page": {"N": str(page + 1)}}
        bodies.append(json.dumps(answer, separators=(",", ":")).encode())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = bodies[int(request.get("ExclusiveStartKey", {"page": {"N": "0"}})["page"]["N"])]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-amz-crc32", str(zlib.crc32(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    answers_to.send(server.server_address[1])
    server.serve_forever()


def measure_scans(name: str, make: Callable[[int], Item]) -> None:
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve_canned_pages, args=(make, theirs), daemon=True)
    process.start()
    endpoint = Endpoint(f"http://127.0.0.1:{mine.recv()}", "eu-west-1", lambda: Credentials("AKID", "secret"))
    with Transport(endpoint) as transport:
        for workers in (1, 4):
            scan_once(f"{name}, {workers} thread(s), pages dropped", transport, workers, lambda _segment, _page: None)
            digest = TableDigest(KEYS, 65536)
            scan_once(f"{name}, {workers} thread(s), digested", transport, workers, digesting(digest))
        side = ScanSide(transport, "t", KEYS)
        started = time.perf_counter()
        report = verify_tables(side, side, clock=SystemClock(), segments=2, workers=2)
        seconds = time.perf_counter() - started
        both = report.source_items + report.target_items
        print(f"  {name}, verify: {both} items of both sides in {seconds:.1f} s, {both / seconds:,.0f} items/s")
    process.terminate()
    process.join()


def digesting(digest: TableDigest) -> Callable[[int, ScanPage], None]:
    return lambda _segment, page: digest.add(page.items)


def scan_once(title: str, transport: Transport, workers: int, consume: Callable[[int, ScanPage], None]) -> None:
    started, cpu = time.perf_counter(), time.process_time()
    totals = parallel_scan(transport, "t", segments=workers, workers=workers, consume=consume)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(f"  {title}: {totals.items / seconds:,.0f} items/s, {cpu / totals.items * 1e6:.1f} us CPU per item")


if __name__ == "__main__":
    measure_items()
    measure_scans("rich", rich_item)
    measure_scans("flat", flat_item)
