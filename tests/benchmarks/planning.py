"""What planning many tables costs: calls, seconds, memory. `python -m tests.benchmarks.planning [TABLES]`.

Runs the command line as a process against a sandbox process. Also prints the CPU seconds of `--help`, `--version` and
`validate`. The peer in the same run is a Python process that only imports boto3.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ENVIRONMENT = {**os.environ, "AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox", "NO_COLOR": "1"}


def main() -> None:
    """Print the figures."""
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        sandbox = subprocess.Popen(
            [sys.executable, "-m", "migrate.sandbox", "--with-parent"], stdout=subprocess.PIPE, text=True
        )
        try:
            assert sandbox.stdout is not None
            endpoint = json.loads(sandbox.stdout.readline())["endpoint_url"]
            make_tables(endpoint, tables)
            manifest = write_manifest(Path(folder), endpoint, tables)
            report(Path(folder), manifest, endpoint, tables)
        finally:
            sandbox.terminate()
            sandbox.wait()


def report(folder: Path, manifest: Path, endpoint: str, tables: int) -> None:
    """Run each command and print what it took."""
    print(f"{'command':<28} {'CPU s':>7} {'peak MiB':>9}")
    line("python -c 'import boto3'", *run(folder, [sys.executable, "-c", "import boto3"])[:2])
    migrate = [sys.executable, "-m", "migrate"]
    line("migrate --help", *run(folder, [*migrate, "--help"])[:2])
    line("migrate --version", *run(folder, [*migrate, "--version"])[:2])
    line(f"migrate validate ({tables})", *run(folder, [*migrate, "validate", str(manifest)])[:2])
    request(endpoint, "calls", "DELETE")
    cpu, peak, output = run(folder, [*migrate, "plan", str(manifest), "--json", "--out", "plan.json"])
    line(f"migrate plan ({tables})", cpu, peak)
    line(f"show --markdown ({tables})", *run(folder, [*migrate, "show", "plan.json", "--markdown"])[:2])
    print(f"actions planned: {len(json.loads(output)['actions'])}")
    calls = [call for call in request(endpoint, "calls") if call["service"] != "sts"]
    repeated = Counter(json.dumps([c["account"], c["operation"], c["params"]], sort_keys=True) for c in calls)
    print(
        f"reads: {len(calls)}, {len(calls) / tables:.2f} a table, made twice: {sum(n > 1 for n in repeated.values())}"
    )


def line(name: str, cpu: float, peak: float) -> None:
    """One row."""
    print(f"{name:<28} {cpu:>7.2f} {peak:>9.0f}")


def run(folder: Path, command: list[str]) -> tuple[float, float, str]:
    """CPU seconds, peak memory in MiB, and the output of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    program = (
        "import resource,subprocess,sys;"
        "done=subprocess.run(sys.argv[1:],capture_output=True,text=True);"
        "peak=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss;"
        "sys.stderr.write(done.stderr);print(peak);print(done.stdout);sys.exit(done.returncode)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command], cwd=folder, env=ENVIRONMENT | {"PYTHONPATH": os.getcwd()},
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{command} failed: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak, _, output = done.stdout.partition("\n")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, int(peak) / 1024, output


def request(endpoint: str, path: str, method: str = "GET") -> Any:
    """A control request to the sandbox."""
    with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/sandbox/{path}", method=method)) as answer:
        return json.loads(answer.read() or "null")


def make_tables(endpoint: str, tables: int) -> None:
    """That many tables with an index, in the source account; 2,000 take some seconds."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "dynamodb", endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="111111111111",
        aws_secret_access_key="sandbox", config=Config(parameter_validation=False),
    )  # fmt: skip

    def make(number: int) -> None:
        client.create_table(
            TableName=f"table-{number:04d}",
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk", "gsi")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-gsi",
                    "KeySchema": [{"AttributeName": "gsi", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(tables)))


def write_manifest(folder: Path, endpoint: str, tables: int) -> Path:
    """A manifest that names every table."""
    sides = "\n".join(
        f'  {side}: {{id: "{account}", region: eu-west-1, '
        f'role: "arn:aws:iam::{account}:role/MigrateSandbox", endpoint_url: "{endpoint}"}}'
        for side, account in (("source", "111111111111"), ("target", "222222222222"))
    )
    names = "\n".join(
        f"  - name: table-{n:04d}\n    strategy: s3\n    target:\n      tags: {{team: t{n}}}" for n in range(tables)
    )
    path = folder / "manifest.yaml"
    path.write_text(
        f"version: 1\nname: many\naccounts:\n{sides}\n"
        f"strategies:\n  s3: {{bucket: migration-222222222222, create_bucket: true}}\ntables:\n{names}\n"
    )
    return path


if __name__ == "__main__":
    main()
