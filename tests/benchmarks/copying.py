"""What copying costs the client, at a stub that answers at once. `python -m tests.benchmarks.copying`.

With arguments, only these tables:
ceiling: CPU per item of scan plus write, by transport, beside a plain loop of boto3 in eight threads;
size: time and memory against the number of items;
rate: how well a set rate is held, over `RATE_SECONDS` (60);
transform: CPU per item with transforms of three steps, beside the same copy without.
"""

from __future__ import annotations

import contextlib
import gc
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from migrate.aws.items import TRANSPORTS
from migrate.data.copy import CopyJob, copy_table
from migrate.data.endpoints import EndpointSpec
from migrate.data.transform import TransformSpec
from migrate.data.transport import Credentials, Endpoint, Transport
from tests.benchmarks.items import rich_item
from tests.benchmarks.peers_clients import boto3_copy
from tests.benchmarks.processes import family, peak_memory
from tests.stubs.canned_server import TICK, canned_server

RE_KEYED = {"rename": {"pk": "customer"}}
FUNCTION = """
def convert(item):
    item.put("cents", item.value("total") * 100)
    return item
"""
SIZES = (10_000, 100_000, 1_000_000)
RATES: tuple[tuple[str, float], ...] = (("write", 500.0), ("write", 5000.0), ("read", 100.0))


def credentials() -> Credentials:
    return Credentials("AKID", "secret")


def spec_of(url: str, transport: str = "lean") -> EndpointSpec:
    return EndpointSpec(url, "eu-west-1", credentials, open_transport=TRANSPORTS[transport])


def job_of(items: int, folder: str, processes: int) -> CopyJob:
    return CopyJob(f"items{items}", "t", ("pk", "sk"), Path(folder), processes=processes)


def boto3_loop(url: str, items: int) -> None:
    boto3_copy(url, f"items{items}", "t")


def plain_lean_loop(url: str, items: int) -> None:
    """The lean transport alone, one request after the other: what mixing, books and threads add to."""
    gc.set_threshold(200_000, 50, 1000)
    with Transport(Endpoint(url, "eu-west-1", credentials)) as transport:
        start = None
        while True:
            page = transport.scan_raw(f"items{items}", segment=0, total_segments=1, start_key=start)
            for first in range(0, len(page.items), 25):
                transport.batch_write_raw("t", page.items[first : first + 25])
            start = page.last_key
            if start is None:
                return


def whole_copy(transport: str, processes: int, *steps: dict[str, Any]) -> Callable[[str, int], None]:
    return _Copy(transport, processes, steps)


class _Copy:
    def __init__(self, transport: str, processes: int, steps: tuple[dict[str, Any], ...]) -> None:
        self.transport, self.processes = transport, processes
        keys = (("customer", "S"), ("sk", "S"))
        self.transform = TransformSpec(steps, keys, ("pk", "sk"), {"t.py": FUNCTION}) if steps else None

    def __call__(self, url: str, items: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            spec = spec_of(url, self.transport)
            copy_table(spec, spec, replace(job_of(items, folder, self.processes), transform=self.transform))


def cpu_of(work: Callable[[str, int], None], url: str, items: int) -> tuple[float, float]:
    """Microseconds of CPU (with children) and of wall time per item, in a fresh process that is warm already."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_measured, args=(work, url, items, theirs))
    process.start()
    cpu, wall = mine.recv()
    process.join()
    return cpu / items * 1e6, wall / items * 1e6


def _measured(work: Callable[[str, int], None], url: str, items: int, answer_to: Connection) -> None:
    work(url, 100)  # imports, service model, first connections
    cpu, wall = _cpu(), time.perf_counter()
    work(url, items)
    answer_to.send((_cpu() - cpu, time.perf_counter() - wall))


def _cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def ceiling() -> None:
    """(b) CPU per item."""
    runs: list[tuple[str, Callable[[str, int], None], int]] = [
        ("boto3 loop, 8 threads", boto3_loop, 20_000),
        ("lean transport, bare loop", plain_lean_loop, 200_000),
        ("copy, lean, threads of one process", whole_copy("lean", 0), 200_000),
        ("copy, lean, 1 worker process", whole_copy("lean", 1), 400_000),
        ("copy, lean, 2 worker processes", whole_copy("lean", 2), 400_000),
        ("copy, boto3 transport, 2 worker processes", whole_copy("boto3", 2), 20_000),
        ("boto3 loop, 8 threads (again)", boto3_loop, 20_000),
    ]
    print(f"{'scan + write, 15 attributes, 612 bytes of JSON':<46} {'CPU us/item':>12} {'items/s':>9} {'of boto3':>9}")
    with canned_server(rich_item) as url:
        reference = 0.0
        for name, work, items in runs:
            cpu, wall = cpu_of(work, url, items)
            reference = reference or cpu
            print(f"{name:<46} {cpu:>12.1f} {1e6 / wall:>9,.0f} {cpu / reference:>9.3f}", flush=True)


def transform() -> None:
    """(e) CPU per item with a transform; the limit is 2.5 times the copy without."""
    filtered, written = {"filter": "attribute_exists(email) AND total >= 0"}, {"set": {"schema": {"N": "2"}}}
    runs: list[tuple[str, tuple[dict[str, Any], ...]]] = [
        ("as they are", ()),
        ("rename a key, filter, set", (RE_KEYED, filtered, written)),
        ("rename a key, filter, Python function", (RE_KEYED, filtered, {"python": "t.py:convert"})),
        ("as they are (again)", ()),
    ]
    print(f"{'copy of 15 attributes, 1 worker process':<46} {'CPU us/item':>12} {'items/s':>9} {'of plain':>9}")
    with canned_server(rich_item) as url:
        plain = 0.0
        for name, steps in runs:
            cpu, wall = cpu_of(whole_copy("lean", 1, *steps), url, 200_000)
            plain = plain or cpu
            print(f"{name:<46} {cpu:>12.1f} {1e6 / wall:>9,.0f} {cpu / plain:>9.2f}", flush=True)


def size() -> None:
    """(c) time and memory by size, two worker processes."""
    print(f"{'items':>10} {'seconds':>8} {'us/item':>8} {'CPU us/item':>12} {'peak MB, all processes':>23}")
    with canned_server(rich_item) as url:
        stub = family(os.getpid())[1:]
        for items in SIZES:
            with tempfile.TemporaryDirectory() as folder, peak_memory(os.getpid(), stub) as peak:
                spec, cpu, began = spec_of(url), _cpu(), time.perf_counter()
                copy_table(spec, spec, job_of(items, folder, 2))
                wall, cpu = time.perf_counter() - began, _cpu() - cpu
            figures = f"{wall:>8.1f} {wall / items * 1e6:>8.1f} {cpu / items * 1e6:>12.1f}"
            print(f"{items:>10,} {figures} {peak[0]:>23.0f}", flush=True)


def rate(seconds: float) -> None:
    """(d) a set rate, as the service has seen it: over the whole time, and in the fullest 5 s."""
    print(f"{'set':>18} {'seconds':>8} {'held, %':>8} {'fullest 5 s, %':>15}")
    with canned_server(rich_item) as url:
        for side, units in RATES:
            counts = _units_seen(url, side, units, seconds)
            whole = sum(counts) / (len(counts) * TICK) / units * 100
            window = int(5 / TICK)
            fullest = max(sum(counts[n : n + window]) for n in range(len(counts) - window + 1)) / 5 / units * 100
            print(f"{units:>8,.0f} {side:<5}/s {len(counts) * TICK:>9.0f} {whole:>8.1f} {fullest:>15.1f}", flush=True)


def _units_seen(url: str, side: str, units: float, seconds: float) -> list[float]:
    """Units in each tick, from the first request on."""
    ended = threading.Event()
    with tempfile.TemporaryDirectory() as folder, Transport(Endpoint(url, "eu-west-1", credentials)) as asking:
        asking.request("Stats", b"{}")
        job = replace(job_of(100_000_000, folder, 2), **{f"{side}_units": units})  # type: ignore[arg-type]
        copying = threading.Thread(target=_copy_until, args=(spec_of(url), job, ended))
        copying.start()
        time.sleep(seconds + 3)
        ticks = dict(json.loads(asking.request("Stats", b"{}"))[side])
        ended.set()
        copying.join()
    first = min(ticks)
    return [ticks.get(first + n, 0.0) for n in range(int(seconds / TICK))]


def _copy_until(spec: EndpointSpec, job: CopyJob, ended: threading.Event) -> None:
    from migrate.core.errors import Interrupted

    with contextlib.suppress(Interrupted):
        copy_table(spec, spec, job, should_stop=ended.is_set)


def main() -> None:
    """Print the tables that are asked for."""
    wanted = sys.argv[1:] or ["ceiling", "size", "rate", "transform"]
    if "ceiling" in wanted:
        ceiling()
    if "size" in wanted:
        size()
    if "transform" in wanted:
        transform()
    if "rate" in wanted:
        rate(float(os.environ.get("RATE_SECONDS", "60")))


if __name__ == "__main__":
    main()
