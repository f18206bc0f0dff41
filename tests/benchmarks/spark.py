"""The limits of the Spark job, beside `copy`, on the same cores, at the same stub. `python -m tests.benchmarks.spark`.

Needs the extra `spark` (or MIGRATE_SPARK_PYTHON) and Linux. Start-up is left out everywhere.

**By the clock** (ROUNDS, 3): items a second between the first and the last request that the stub sees. "Per core" is
the job on `local[n]` beside a copy with n worker processes. What comes on top of n cores (driver, JVM, coordinator,
stub, work bucket) shares the machine with them in both, so these figures are only as good as the machine is quiet.

**By the CPU**: two runs at the same time, each at a stub of its own, and the CPU that all processes of each spend on an
item over SECONDS (30). Another neighbour slows both, so a busy machine hardly changes their ratio.

ROUNDS=0 leaves the clock out.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3

from migrate.data.copy import copy_table
from migrate.data.transform import TransformSpec
from migrate.data.transport import Endpoint, Transport
from migrate.spark.arguments import JobSpec
from migrate.spark.transforming import written
from tests.benchmarks.copying import credentials, job_of, spec_of
from tests.benchmarks.items import rich_item
from tests.benchmarks.processes import cpu_of_family, peaks_of_family
from tests.spark.running import BUCKET, Submitted, lacking
from tests.stubs.canned_server import TICK, canned_server

SMALL, LARGE, ENDLESS = 200_000, 2_000_000, 1_000_000_000
WARM_SECONDS = 5.0
REGION = "eu-west-1"
THREE_STEPS = TransformSpec(
    ({"rename": {"email": "mail"}}, {"drop": ["note", "blob"]}, {"set": {"schema": {"N": "2"}}}),
    (("pk", "S"), ("sk", "S")),
    ("pk", "sk"),
)
TRANSFORMED = {"transform": f"s3://{BUCKET}/transform/three", "transform_digest": THREE_STEPS.digest}


def client_of(url: str) -> Any:
    """S3 of the target account in the sandbox."""
    keys = {"aws_access_key_id": "222222222222", "aws_secret_access_key": "secret"}
    return boto3.client("s3", endpoint_url=url, region_name=REGION, **keys)


@contextmanager
def work_bucket() -> Iterator[str]:
    """The URL of a sandbox, in a process of its own, with the job's bucket and the transform in it."""
    command = [sys.executable, "-m", "migrate.sandbox", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url: str = json.loads(process.stdout.readline())["endpoint_url"]
        s3 = client_of(url)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=BUCKET, Key="transform/three", Body=written(THREE_STEPS))
        yield url
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Begun:
    """A run that goes on until its block ends."""

    pid: int
    bench: Bench


class Bench:
    """A stub and a work bucket, and what runs against them."""

    _numbers = itertools.count()

    def __init__(self, stub: str, sandbox: str) -> None:
        self.stub = stub
        self.sandbox = sandbox

    def job(self, items: int, cores: int) -> float:
        """Items a second while it moves."""
        self.units_seen()
        with self._submitted(items, cores) as submitted:
            assert submitted.wait(600) == 0, submitted.log()
        return items / self._seconds()

    def copy(self, items: int, processes: int) -> float:
        """Items a second while it moves."""
        self.units_seen()
        process = self._copying(items, processes)
        process.join()
        assert process.exitcode == 0
        return items / self._seconds()

    def memory(self, items: int) -> tuple[float, float]:
        """Peak MB of the job's largest Python worker, and of its driver with the JVM."""
        with self._submitted(items, 2) as submitted, peaks_of_family(submitted.process.pid, _is_worker) as peaks:
            assert submitted.wait(600) == 0, submitted.log()
        return peaks[0], peaks[1]

    @contextmanager
    def endless_job(self, cores: int, **more: str) -> Iterator[Begun]:
        """A job that moves for as long as the block lasts."""
        self.units_seen()
        with self._submitted(ENDLESS, cores, **more) as submitted:
            self._wait_for_writes()
            yield Begun(submitted.process.pid, self)

    @contextmanager
    def endless_copy(self, processes: int) -> Iterator[Begun]:
        """A copy that moves for as long as the block lasts."""
        self.units_seen()
        process = self._copying(ENDLESS, processes)
        try:
            self._wait_for_writes()
            assert process.pid is not None
            yield Begun(process.pid, self)
        finally:
            process.kill()  # its workers end with it
            process.join()

    def rate(self, units: float, seconds: float) -> tuple[float, float]:
        """Percent of a set write rate that the stub has seen: over so many seconds, and in the fullest 5 of them."""
        self.units_seen()
        with self._submitted(ENDLESS, 2, write_units=units):
            seen = self._wait_for_writes()
            time.sleep(seconds)
            seen |= {tick: value + seen.get(tick, 0.0) for tick, value in self.units_seen().items()}
        counts = [seen.get(min(seen) + n, 0.0) for n in range(int(seconds / TICK))]
        window = int(5 / TICK)
        fullest = max(sum(counts[n : n + window]) for n in range(len(counts) - window + 1))
        return sum(counts) / seconds / units * 100, fullest / 5 / units * 100

    def units_seen(self) -> dict[int, float]:
        """Items written since the last time, by `TICK`."""
        with Transport(Endpoint(self.stub, REGION, credentials)) as asking:
            return dict(json.loads(asking.request("Stats", b"{}"))["write"])

    @contextmanager
    def _submitted(self, items: int, cores: int, **more: Any) -> Iterator[Submitted]:
        spec = JobSpec(
            "copy", f"s3://{BUCKET}/run-{next(self._numbers)}", REGION, "t", REGION, "pk", "sk", f"items{items}",
            REGION, work_endpoint=self.sandbox, source_endpoint=self.stub, target_endpoint=self.stub, segments=16,
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            submitted = Submitted(replace(spec, **more), Path(folder), cores=str(cores))
            try:
                yield submitted
            finally:
                if submitted.process.poll() is None:
                    submitted.kill()

    def _copying(self, items: int, processes: int) -> Any:
        process = multiprocessing.get_context("spawn").Process(target=_copy, args=(self.stub, items, processes))
        process.start()
        return process

    def _wait_for_writes(self) -> dict[int, float]:
        for _ in range(600):
            if seen := self.units_seen():
                return seen
            time.sleep(0.5)
        raise AssertionError("nothing is written")

    def _seconds(self) -> float:
        ticks = self.units_seen()
        return (max(ticks) - min(ticks) + 1) * TICK


def _copy(stub: str, items: int, processes: int) -> None:
    os.setsid()  # like the job: Linux shares the cores among sessions, then among processes (man 7 sched, autogroup)
    with tempfile.TemporaryDirectory() as folder:
        copy_table(spec_of(stub), spec_of(stub), job_of(items, folder, processes))


def _is_worker(pid: int) -> bool:
    try:
        return b"pyspark.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def side_by_side(runs: Sequence[Begun], seconds: float) -> list[float]:
    """Microseconds of CPU per item of each, over the same time."""
    time.sleep(WARM_SECONDS)
    before = [(run.bench.units_seen(), cpu_of_family(run.pid))[1] for run in runs]
    time.sleep(seconds)
    spent = [cpu_of_family(run.pid) - used for run, used in zip(runs, before, strict=True)]
    return [cpu / sum(run.bench.units_seen().values()) * 1e6 for run, cpu in zip(runs, spent, strict=True)]


def by_the_clock(bench: Bench, rounds: int) -> None:
    """Print job beside copy, and two cores beside one."""
    ratios = []
    print(f"items/s by the clock, {LARGE:,} items of 612 bytes of JSON")
    for _ in range(rounds):
        copies, jobs = [], []
        for n in (1, 2):
            copies.append(bench.copy(LARGE, n))
            jobs.append(bench.job(LARGE, n))
        ratios.append((jobs[1] / copies[1], jobs[0] / copies[0], jobs[1] / jobs[0]))
        print(
            f"  copy 1: {copies[0]:,.0f}, copy 2: {copies[1]:,.0f}, "
            f"job local[1]: {jobs[0]:,.0f}, job local[2]: {jobs[1]:,.0f}; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    two, one, growth = (statistics.median(column) for column in zip(*ratios, strict=True))
    limit("job / copy per core, by the clock", f"{two:.2f} on two cores, {one:.2f} on one", "at least 0.7")
    limit("local[2] / local[1]", f"{growth:.2f}", "at least 1.7")


def by_the_cpu(stubs: Sequence[str], sandbox: str, seconds: float) -> None:
    """Print job beside copy, and a transform beside none."""
    here, there = (Bench(stub, sandbox) for stub in stubs)
    with here.endless_job(1) as job, there.endless_copy(1) as copy:
        plain, copied = side_by_side([job, copy], seconds)
    limit("job / copy per core, by the CPU", f"{copied / plain:.2f} ({plain:.1f} and {copied:.1f} us)", "at least 0.7")
    with here.endless_job(1) as job, there.endless_job(1, **TRANSFORMED) as other:
        plain, transformed = side_by_side([job, other], seconds)
    figure = f"{transformed / plain:.2f} times the CPU ({transformed:.1f} and {plain:.1f} us)"
    limit("transform of three steps", figure, "at most 2.5")


def limit(what: str, figure: str, wanted: str) -> None:
    """One line of the table."""
    print(f"{what:<36} {figure:<44} {wanted}", flush=True)


def main() -> None:
    """Print the table."""
    if lacking():
        raise SystemExit(lacking())
    rounds, seconds = int(os.environ.get("ROUNDS", "3")), float(os.environ.get("SECONDS", "30"))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with ExitStack() as stack:
        stubs = [stack.enter_context(canned_server(rich_item)) for _ in range(2)]
        sandbox = stack.enter_context(work_bucket())
        bench = Bench(stubs[0], sandbox)
        if rounds:
            by_the_clock(bench, rounds)
        by_the_cpu(stubs, sandbox, seconds)
        for what, small, large in zip(
            ("peak MB of a Python worker", "peak MB of driver and JVM"),
            bench.memory(SMALL), bench.memory(LARGE), strict=True,
        ):  # fmt: skip
            limit(what, f"{small:.0f} at {SMALL:,}, {large:.0f} at {LARGE:,} items", "flat")
        for units in (500.0, 5000.0):
            held, fullest = bench.rate(units, 30)
            limit(
                f"{units:,.0f} write units/s, all tasks",
                f"{held:.1f} % in 30 s, {fullest:.1f} % in the fullest 5 s",
                "",
            )


if __name__ == "__main__":
    main()
