"""The job as engines start it: the uploaded script and its archive, through spark-submit, in a process of its own.

`MIGRATE_SPARK_PYTHON` names another interpreter than this one, to run the job on the Spark that is installed there.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION, SOURCE_ACCOUNT, TARGET_ACCOUNT
from migrate.sandbox.spark_process import jvm_options
from migrate.spark import archive
from migrate.spark.arguments import JobSpec, as_list

BUCKET = "spark-work"


def needs_spark() -> list[Any]:
    """Marks what starts Spark: skipped on a machine that has none, and failed there in CI (see tests/conftest.py)."""
    return [pytest.mark.spark]


def python() -> str:
    """The interpreter that runs the job."""
    return os.environ.get("MIGRATE_SPARK_PYTHON", sys.executable)


def submit() -> Path:
    """Its spark-submit."""
    return Path(python()).with_name("spark-submit")


@functools.cache
def lacking() -> str:
    """What this machine lacks to start Spark, and how to get it; "" when it has all."""
    if not submit().exists():
        return f"needs Spark: {submit()} does not exist; pip install -e '.[dev,spark]', as `make test` does"
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if java is None or not Path(java).exists():
        return f"needs Java 17: there is no {java or 'java on the PATH'}"
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', said)
    # Newer ones have no security manager any more, which Spark's Hadoop client asks for.
    if found is None or not 17 <= int(found[1]) < 24:
        return f"needs Java 17: {java} is {said.splitlines()[0] if said else 'silent about its version'}"
    return ""


def role(account: str) -> str:
    return f"arn:aws:iam::{account}:role/MigrateSandbox"


def spec_in(sandbox: Sandbox, mode: str, folder: str, **more: Any) -> JobSpec:
    """A job from the sandbox's source account to its target account, each by its role."""
    url = sandbox.endpoint_url
    given: dict[str, Any] = {
        "source_table": "orders", "source_region": REGION, "source_role": role(SOURCE_ACCOUNT), "source_endpoint": url,
        "target_table": "copied", "target_region": REGION, "target_role": role(TARGET_ACCOUNT), "target_endpoint": url,
        "work": f"s3://{BUCKET}/{folder}", "work_region": REGION, "work_endpoint": url, "partition_key": "pk",
        "patience": 20.0, "token": "a-token",
    }  # fmt: skip
    return JobSpec(mode=mode, **{**given, **more})


class Submitted:
    """A run of the job."""

    def __init__(
        self, spec: JobSpec, folder: Path, cores: str = "2", environment: dict[str, str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "job.py").write_bytes(archive.script())
        (folder / "migrate.zip").write_bytes(archive.build().content)
        self._log = folder / "log"
        command = [
            str(submit()), "--master", f"local[{cores}]", "--driver-java-options", jvm_options(submit()),
            "--conf", "spark.ui.enabled=false", "--py-files", "migrate.zip",
            "job.py", "--JOB_NAME", "as-glue-adds", *as_list(spec), "--TempDir", "s3://nowhere/",
        ]  # fmt: skip
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "SPARK"))}
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=clean
                | {"PYSPARK_PYTHON": python(), "PYSPARK_DRIVER_PYTHON": python(), "SPARK_LOCAL_IP": "127.0.0.1"}
                | {"AWS_ACCESS_KEY_ID": TARGET_ACCOUNT, "AWS_SECRET_ACCESS_KEY": "secret"}
                | (environment or {}),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, seconds: float = 120) -> int:
        """The exit status; when it takes longer, nothing of it is left and this fails."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(self.log()) from None

    def fails(self, why: str) -> None:
        """It must end with a failure whose words are in its log."""
        assert self.wait() != 0, self.log()
        assert why in self.log(), self.log()

    def kill(self) -> None:
        """SIGKILL to all that it started: driver, JVM, Python workers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def log(self) -> str:
        return self._log.read_text(errors="replace")


def run(spec: JobSpec, folder: Path, **options: Any) -> str:
    """The log of a run that must succeed."""
    submitted = Submitted(spec, folder, **options)
    assert submitted.wait() == 0, submitted.log()
    return submitted.log()
