"""What the Spark job moves beside `copy`, on the same cores, at the same stub. `python -m tests.benchmarks.spark`.

Needs the extra `spark` (or MIGRATE_SPARK_PYTHON) and Linux. Start-up is left out: the wall time is what the stub sees
between the first and the last second of requests, the CPU per item that of a table of ten times the size less that of
the small one. Wall times of two cores are only as good as the machine is quiet: server, driver and workers share it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3

from migrate.data.copy import copy_table
from migrate.data.transform import TransformSpec
from migrate.data.transport import Endpoint, Transport
from migrate.spark.arguments import JobSpec
from migrate.spark.transforming import written
from tests.benchmarks.copying import cpu_of, credentials, job_of, spec_of, whole_copy
from tests.benchmarks.items import rich_item
from tests.benchmarks.processes import cpu_of_family, peak_memory
from tests.spark.running import BUCKET, Submitted
from tests.stubs.canned_server import TICK, canned_server

SMALL, LARGE = 200_000, 2_000_000
REGION = "eu-west-1"
THREE_STEPS = TransformSpec(
    ({"rename": {"email": "mail"}}, {"drop": ["note", "blob"]}, {"set": {"schema": {"N": "2"}}}),
    (("pk", "S"), ("sk", "S")),
    ("pk", "sk"),
)


def client_of(url: str) -> Any:
    """S3 of the target account in the sandbox."""
    keys = {"aws_access_key_id": "222222222222", "aws_secret_access_key": "secret"}
    return boto3.client("s3", endpoint_url=url, region_name=REGION, **keys)


@contextmanager
def work_bucket() -> Iterator[str]:
    """The URL of a sandbox, in a process of its own, with the job's bucket in it."""
    command = [sys.executable, "-m", "migrate.sandbox", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url: str = json.loads(process.stdout.readline())["endpoint_url"]
        client_of(url).create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield url
    finally:
        process.kill()
        process.wait()


class Bench:
    """A stub and a work bucket, and what runs against them."""

    def __init__(self, stub: str, sandbox: str) -> None:
        self.stub = stub
        self.sandbox = sandbox
        self._runs = 0

    def job(self, items: int, cores: int, **more: str) -> tuple[float, float, float]:
        """Items a second while it moves, CPU seconds and peak MB of all its processes."""
        spec = replace(self._spec(items), **more)  # type: ignore[arg-type]
        self._units_seen()
        with tempfile.TemporaryDirectory() as folder:
            submitted = Submitted(spec, Path(folder), cores=str(cores))
            root = submitted.process.pid
            with peak_memory(root) as peak, cpu_of_family(root) as used:
                assert submitted.wait(280) == 0, submitted.log()
        return items / self._seconds(), sum(used.values()), peak[0]

    def copy(self, items: int, processes: int) -> float:
        """Items a second while it moves."""
        self._units_seen()
        with tempfile.TemporaryDirectory() as folder:
            copy_table(spec_of(self.stub), spec_of(self.stub), job_of(items, folder, processes))
        return items / self._seconds()

    def rate(self, units: float, seconds: float) -> tuple[float, float]:
        """Percent of a set write rate that the stub has seen: over so many seconds, and in the fullest 5 of them."""
        self._units_seen()
        with tempfile.TemporaryDirectory() as folder:
            submitted = Submitted(self._spec(100_000_000, write_units=units), Path(folder))
            seen: dict[int, float] = {}
            while not seen:
                assert submitted.process.poll() is None, submitted.log()
                time.sleep(0.5)
                seen = self._units_seen()
            time.sleep(seconds)
            seen |= {tick: value + seen.get(tick, 0.0) for tick, value in self._units_seen().items()}
            submitted.kill()
        counts = [seen.get(min(seen) + n, 0.0) for n in range(int(seconds / TICK))]
        window = int(5 / TICK)
        fullest = max(sum(counts[n : n + window]) for n in range(len(counts) - window + 1))
        return sum(counts) / seconds / units * 100, fullest / 5 / units * 100

    def _spec(self, items: int, write_units: float | None = None) -> JobSpec:
        self._runs += 1
        return JobSpec(
            "copy", f"s3://{BUCKET}/run-{self._runs}", REGION, "t", REGION, "pk", "sk", f"items{items}", REGION,
            work_endpoint=self.sandbox, source_endpoint=self.stub, target_endpoint=self.stub, segments=16,
            write_units=write_units,
        )  # fmt: skip

    def _seconds(self) -> float:
        ticks = self._units_seen()
        return (max(ticks) - min(ticks) + 1) * TICK

    def _units_seen(self) -> dict[int, float]:
        with Transport(Endpoint(self.stub, REGION, credentials)) as asking:
            return dict(json.loads(asking.request("Stats", b"{}"))["write"])


def main() -> None:
    """Print the table. ROUNDS (3) of wall times; 0 for CPU and memory only, which a busy machine hardly changes."""
    rounds = int(os.environ.get("ROUNDS", "3"))
    about = f"{LARGE:,} items of 612 bytes of JSON, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"items/s after start-up, {about}")
    with canned_server(rich_item) as stub, work_bucket() as sandbox:
        bench = Bench(stub, sandbox)
        for _ in range(rounds):
            began = time.perf_counter()
            rates = {f"copy {n}": bench.copy(LARGE, n) for n in (1, 2)}
            rates |= {f"job local[{n}]": bench.job(LARGE, n)[0] for n in (1, 2)}
            text = ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())
            ratios = (
                rates["job local[1]"] / rates["copy 1"],
                rates["job local[2]"] / rates["copy 2"],
                rates["job local[2]"] / rates["job local[1]"],
            )
            print(
                f"{text}; job/copy {ratios[0]:.2f} on one, {ratios[1]:.2f} on two; local[2]/local[1] {ratios[2]:.2f}"
                f" ({time.perf_counter() - began:.0f} s)",
                flush=True,
            )
        _, cpu, small = bench.job(SMALL, 2)
        _, more, large = bench.job(LARGE, 2)
        job = (more - cpu) / (LARGE - SMALL) * 1e6
        beside = [cpu_of(whole_copy("lean", 2), stub, size)[0] * size for size in (SMALL, LARGE)]
        copy = (beside[1] - beside[0]) / (LARGE - SMALL)
        print(f"CPU us/item: job {job:.1f}, copy {copy:.1f}: the job moves {copy / job:.2f} of what copy moves")
        client_of(sandbox).put_object(Bucket=BUCKET, Key="transform/three", Body=written(THREE_STEPS))
        said = {"transform": f"s3://{BUCKET}/transform/three", "transform_digest": THREE_STEPS.digest}
        few, many = (bench.job(size, 2, **said)[1] for size in (SMALL, LARGE))
        transformed = (many - few) / (LARGE - SMALL) * 1e6
        print(f"with a transform of three steps: {transformed:.1f} us/item, {transformed / job:.2f} times as much")
        for units in (500.0, 5000.0):
            held, fullest = bench.rate(units, 30)
            print(
                f"{units:,.0f} write units/s over all tasks: {held:.1f} % in 30 s, {fullest:.1f} % in the fullest 5 s"
            )
        print(f"peak memory of all processes: {SMALL:,} items {small:.0f} MB, {LARGE:,} items {large:.0f} MB")


if __name__ == "__main__":
    main()
