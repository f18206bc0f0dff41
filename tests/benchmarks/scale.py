"""2,000 tables in one manifest: every figure that is promised for them. `python -m tests.benchmarks.scale [TABLES]`.

Reading is measured against a stub that answers every call after 20 ms and takes next to no CPU (`tests/stubs`), and
against the sandbox with the same latency injected, whose own CPU stands beside the figure: it takes that from the same
machine. The bound of reading is calls x latency / parallelism of the account with more calls or, at AWS's own rates,
what the slowest rate allows.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from migrate.aws.limits import Pacer, least_seconds
from migrate.cli.main import collect_rarely
from migrate.cli.world import Observed, World, observe, open_world, read_manifest, state_or_new
from migrate.core.clock import SystemClock
from migrate.manifest.model import Manifest
from migrate.observe.reader import WORKERS
from migrate.plan.build import build
from migrate.plan.planfile import plan_document
from migrate.render.document import json_text
from migrate.render.plan_markdown import plan_markdown
from migrate.render.plan_text import plan_text
from migrate.render.style import Style
from migrate.strategies.registry import by_name
from tests.benchmarks import scheduling
from tests.benchmarks.planning import ENVIRONMENT, make_tables, request, run, write_manifest
from tests.stubs.account_server import account_server, calls_of

LATENCY = 0.02
ROUNDS = 5
"""Of planning and rendering: a shared machine's speed varies by half."""

RATED = 100
"""Tables that are read at AWS's rates."""


def main() -> None:
    """Print the figures."""
    os.environ |= ENVIRONMENT
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with account_server(tables, LATENCY) as url:
            manifest = write_manifest(folder, url, tables)
            _plan_command(folder, manifest, url, tables)
        with account_server(tables) as url:
            _pure_part(read_manifest(str(write_manifest(folder, url, tables))), tables)
        with account_server(RATED, LATENCY) as url:
            _at_aws_rates(read_manifest(str(write_manifest(folder, url, RATED))))
        _in_sandbox(folder, tables)
    print()
    sys.argv[1:] = []
    scheduling.main()


def _plan_command(folder: Path, manifest: Path, url: str, tables: int) -> None:
    began = time.perf_counter()
    cpu, peak, _ = run(folder, [sys.executable, "-m", "migrate", "plan", str(manifest)])
    took = time.perf_counter() - began
    calls = calls_of(url)
    _line(f"migrate plan, {tables:,} tables, {LATENCY * 1000:.0f} ms a call", took, _bound(calls))
    print(f"    calls {sum(calls.values()):,}, CPU {cpu:.1f} s, peak {peak:.0f} MiB")


def _bound(calls: Counter[str]) -> float:
    """Seconds of the account with more calls."""
    accounts: Counter[str] = Counter()
    for name, count in calls.items():
        accounts[name.split("/")[0]] += count
    return max(accounts.values()) * LATENCY / WORKERS


def _pure_part(manifest: Manifest, tables: int) -> None:
    """CPU of planning and rendering, in this process."""
    world = open_world(manifest, read_only=True)
    seen = observe(world)
    gc.collect()
    runs = sorted((_rendered(world, seen) for _ in range(ROUNDS)), key=lambda parts: sum(parts.values()))
    shares = ", ".join(f"{name} {seconds:.2f}" for name, seconds in runs[0].items())
    best, usual = (sum(parts.values()) for parts in (runs[0], runs[ROUNDS // 2]))
    print(f"planning and rendering, {tables:,} tables: {best:.2f} s of CPU ({shares}); median {usual:.2f}")
    print(f"    peak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def _rendered(world: World, seen: Observed) -> dict[str, float]:
    state, style = state_or_new(None, world.manifest), Style(False)
    inventory = dataclasses.replace(seen.inventory)  # without the digest that an earlier round has left behind
    collect_rarely()
    began = time.process_time()
    marks: dict[str, float] = {}
    plan = build(world.manifest, seen.mappings, inventory, state, by_name(), prices=world.prices)
    marks["plan"] = time.process_time()
    plan_text(plan, style)
    marks["text"] = time.process_time()
    json_text(plan_document(plan))
    marks["JSON"] = time.process_time()
    plan_markdown(plan)
    marks["Markdown"] = time.process_time()
    ends = [began, *marks.values()]
    return {name: ends[number + 1] - ends[number] for number, name in enumerate(marks)}


def _at_aws_rates(manifest: Manifest) -> None:
    """With the pacing that AWS's own endpoints get."""
    world = open_world(manifest, read_only=True)
    for account in (world.source, world.target):
        account.pacer = Pacer(SystemClock())
    seen = observe(world)
    least = least_seconds("DescribeContinuousBackups", RATED)
    _line(f"reads of {RATED} tables at AWS's rates (DescribeContinuousBackups: 10 a second)", seen.seconds, least)


def _in_sandbox(folder: Path, tables: int) -> None:
    command = [sys.executable, "-m", "migrate.sandbox", "--with-parent"]
    sandbox = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert sandbox.stdout is not None
        endpoint = json.loads(sandbox.stdout.readline())["endpoint_url"]
        make_tables(endpoint, tables)
        _delay(endpoint)
        request(endpoint, "calls", "DELETE")
        manifest = write_manifest(folder, endpoint, tables)
        before = _cpu_of(sandbox.pid)
        began = time.perf_counter()
        run(folder, [sys.executable, "-m", "migrate", "plan", str(manifest)])
        took, own = time.perf_counter() - began, _cpu_of(sandbox.pid) - before
        calls: list[Any] = [one for one in request(endpoint, "calls") if one["service"] != "sts"]
        bound = _bound(Counter(f"{one['account']}/{one['operation']}" for one in calls))
        _line(f"migrate plan, {tables:,} tables in the sandbox, {LATENCY * 1000:.0f} ms a call", took, bound)
        print(f"    calls {len(calls):,}; the sandbox's own CPU: {own:.1f} s, {own / len(calls) * 1000:.1f} ms a call")
    finally:
        sandbox.terminate()
        sandbox.wait()


def _delay(endpoint: str) -> None:
    import urllib.request

    rules = json.dumps({"rules": [{"kind": "delay", "seconds": LATENCY}]}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/sandbox/faults", data=rules, method="POST")).close()


def _cpu_of(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _line(what: str, took: float, bound: float) -> None:
    print(f"{what}: {took:.1f} s, bound {bound:.1f} s, ratio {took / bound:.2f}")


if __name__ == "__main__":
    main()
