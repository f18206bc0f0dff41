"""The same copy by us and by others, side by side on one dynalite. `python -m tests.benchmarks.peers [ITEMS] [ROUNDS]`.

Installs what it compares with below `build/engines`; needs node, npm and a package index. Every contestant is started
from nothing, in turn, ROUNDS times; the table shows medians. Time, CPU and memory are those of the client's whole
process family. `server busy` is the share of the wall time in which dynalite worked for it: near 100 %, the server is
what the client waits for, and no faster client would end sooner with the same requests.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.core.item import canonical_item
from migrate.data.rawitems import BATCH_ITEMS
from migrate.data.transport import Credentials, Endpoint, Transport
from tests.benchmarks.items import rich_item
from tests.benchmarks.processes import Cost, cost_of, cpu_seconds
from tests.engines import CACHE, free_port, npm_packages, served

HERE, ROOT = Path(__file__).parent, Path(__file__).resolve().parents[2]
NODE_PACKAGES = ("dynalite@4.0.0", "copy-dynamodb-table@2.2.1")
DYNAMODUMP = "dynamodump==1.11.1"
REGION, SOURCE = "eu-west-1", "source"
KEYS = {"pk": "HASH", "sk": "RANGE"}
ACCOUNT = f'{{id: "000000000000", region: {REGION}, endpoint_url: "%s"}}'


@dataclass(frozen=True)
class Run:
    """One start of one contestant."""

    cost: Cost
    server_cpu: float
    wrong: int
    """Items of the target that are missing, extra or changed."""


@dataclass
class Contestant:
    """`commands` gives its command lines for a target table and an empty folder."""

    name: str
    commands: Callable[[Server, str, Path], list[list[str]]]
    makes_table: bool = False
    runs: list[Run] = field(default_factory=list)

    def median(self, figure: Callable[[Run], float]) -> float:
        return statistics.median(map(figure, self.runs))

    @property
    def wall(self) -> float:
        return self.median(lambda run: run.cost.wall)

    @property
    def cpu(self) -> float:
        return self.median(lambda run: run.cost.cpu)


class Server:
    """dynalite, with the source table in it."""

    def __init__(self, port: int, pid: int, modules: Path) -> None:
        self.port, self.pid = port, pid
        self.url = f"http://127.0.0.1:{port}"
        keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": os.devnull}
        self.environment = {**os.environ, **keys, "PYTHONPATH": str(ROOT), "NODE_PATH": str(modules)}
        self._transport = Transport(Endpoint(self.url, REGION, lambda: Credentials("AKID", "secret")))

    def create(self, table: str) -> None:
        """An empty table, ready."""
        self._ask(
            "CreateTable",
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in KEYS],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in KEYS.items()],
        )
        while self._ask("DescribeTable", TableName=table)["Table"]["TableStatus"] != "ACTIVE":
            time.sleep(0.1)

    def drop(self, table: str) -> None:
        self._ask("DeleteTable", TableName=table)

    def load(self, table: str, items: Sequence[Any]) -> None:
        for first in range(0, len(items), BATCH_ITEMS):
            batch = [json.dumps(item).encode() for item in items[first : first + BATCH_ITEMS]]
            assert not self._transport.batch_write_raw(table, batch).unprocessed

    def items(self, table: str) -> list[bytes]:
        """Every item, in canonical form."""
        found, start = [], None
        while True:
            page = self._transport.scan(table, start_key=start, consistent=True)
            found += [canonical_item(item) for item in page.items]
            start = page.last_key
            if start is None:
                return found

    def _ask(self, operation: str, **request: Any) -> Any:
        return json.loads(self._transport.request(operation, json.dumps(request).encode()))


def our_engine(server: Server, target: str, _folder: Path) -> list[list[str]]:
    return [[sys.executable, "-m", "tests.benchmarks.peers_clients", "engine", server.url, SOURCE, target]]


def our_command(server: Server, target: str, folder: Path) -> list[list[str]]:
    account = ACCOUNT % server.url
    (folder / "m.yaml").write_text(
        f"version: 1\nname: {target}\naccounts: {{source: {account}, target: {account}}}\n"
        f"tables: [{{name: {SOURCE}, strategy: copy, target: {{name: {target}}}}}]\n"
    )
    return [[sys.executable, "-m", "migrate", "apply", "m.yaml", "--auto-approve"]]


def boto3_loop(server: Server, target: str, _folder: Path) -> list[list[str]]:
    return [[sys.executable, "-m", "tests.benchmarks.peers_clients", "loop", server.url, SOURCE, target]]


def dynamodump(server: Server, target: str, _folder: Path) -> list[list[str]]:
    program = str(CACHE / "dynamodump" / "bin" / "dynamodump")
    where = ["--host", "127.0.0.1", "--port", str(server.port), "-r", REGION, "--accessKey", "AKID"]
    both = [program, *where, "--secretKey", "secret", "-s", SOURCE, "--dumpPath", "dump"]
    restore = ["-d", target, "--dataOnly", "--noConfirm", "--skipThroughputUpdate", "--billingMode", "PAY_PER_REQUEST"]
    return [[*both, "-m", "backup"], [*both, "-m", "restore", *restore]]


def copy_dynamodb_table(server: Server, target: str, _folder: Path) -> list[list[str]]:
    return [["node", str(HERE / "peers_copy.js"), server.url, SOURCE, target]]


def install_dynamodump() -> None:
    """In a virtual environment of its own: it pins an older boto3."""
    home = CACHE / "dynamodump"
    if not (home / "bin" / "dynamodump").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        subprocess.run([str(home / "bin" / "pip"), "install", "--quiet", DYNAMODUMP], check=True)


def measured(contestant: Contestant, server: Server, expected: set[bytes], target: str) -> Run:
    """Start it once, on a fresh table, and look at what has arrived."""
    if not contestant.makes_table:
        server.create(target)
    with tempfile.TemporaryDirectory() as folder:
        commands = contestant.commands(server, target, Path(folder))
        busy = cpu_seconds(server.pid)
        cost = cost_of(commands, Path(folder), server.environment)
        busy = cpu_seconds(server.pid) - busy
    arrived = server.items(target)
    server.drop(target)
    return Run(cost, busy, len(expected.symmetric_difference(arrived)) + len(arrived) - len(set(arrived)))


def report(contestants: Sequence[Contestant], items: int) -> None:
    """The table."""
    title = f"{items:,} items of about 400 bytes, median of {len(contestants[0].runs)}"
    print(f"{title:<46} {'wall s':>8} {'(all runs)':>18} {'CPU us/item':>12} {'peak MB':>8} {'server busy':>12}  items")
    for one in contestants:
        walls = " ".join(f"{run.cost.wall:.1f}" for run in one.runs)
        busy = one.median(lambda run: run.server_cpu / run.cost.wall)
        peak = one.median(lambda run: run.cost.peak_mb)
        wrong = max(run.wrong for run in one.runs)
        arrived = f"{wrong:,} DIFFER" if wrong else "all equal"
        print(
            f"{one.name:<46} {one.wall:>8.2f} {walls:>18} {one.cpu / items * 1e6:>12.1f} {peak:>8.0f} {busy:>12.0%}"
            f"  {arrived}"
        )


def limits(engine: Contestant, loop: Contestant, dump: Contestant, copy: Contestant) -> None:
    """The promises, and whether this run kept them."""
    for promise, ratio, most in (
        ("wall, of dynamodump's", engine.wall / dump.wall, 0.2),
        ("wall, of copy-dynamodb-table's", engine.wall / copy.wall, 1.0),
        ("CPU, of the boto3 loop's", engine.cpu / loop.cpu, 0.1),
    ):
        print(f"our engine, {promise:<32} {ratio:>6.3f}   limit {most:>4.2f}   {'met' if ratio <= most else 'NOT MET'}")


@contextlib.contextmanager
def dynalite() -> Iterator[Server]:
    modules, port = npm_packages("peers", *NODE_PACKAGES), free_port()
    command = ["node", str(HERE / "peers_server.js"), str(port)]
    with served(command, port, {"NODE_PATH": str(modules)}) as pid:
        yield Server(port, pid, modules)


def main() -> None:
    """Install, run in turn, print."""
    items = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    install_dynamodump()
    engine, command = Contestant("our engine", our_engine), Contestant("migrate apply", our_command, makes_table=True)
    loop, dump = Contestant("boto3 loop, 8 threads", boto3_loop), Contestant("dynamodump", dynamodump)
    copy = Contestant("copy-dynamodb-table", copy_dynamodb_table)
    contestants = [engine, command, loop, dump, copy]
    made = [rich_item(number) for number in range(items)]
    with dynalite() as server:
        server.create(SOURCE)
        server.load(SOURCE, made)
        expected = {canonical_item(item) for item in made}
        for turn in range(rounds):
            for number, contestant in enumerate(contestants):
                contestant.runs.append(measured(contestant, server, expected, f"target-{turn}-{number}"))
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    print(f"{time.strftime('%Y-%m-%d')}, {machine}, {', '.join((*NODE_PACKAGES, DYNAMODUMP))}\n")
    report(contestants, items)
    print()
    limits(engine, loop, dump, copy)


if __name__ == "__main__":
    main()
