"""Keeps Spark's classes as a JVM has loaded them: a start then takes 5 s of CPU in place of 8. For `make test`.

`python -m tests.spark.classes` writes them into the environment of MIGRATE_SPARK_PYTHON, or of this interpreter.
https://docs.oracle.com/en/java/javase/17/docs/specs/man/java.html (-XX:ArchiveClassesAtExit)
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from migrate.sandbox.spark_process import CLASSES, jvm_options
from tests.spark.running import lacking, python, submit

SCRIPT = """
from pyspark import SparkContext
context = SparkContext.getOrCreate()
context.parallelize([[1], [2]], 2).foreachPartition(list)
context.stop()
"""


def main() -> None:
    """Run a small job, and keep what its JVM has loaded."""
    if lacking():
        print(lacking())
        return
    classes = submit().parents[1] / CLASSES
    classes.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "job.py").write_text(SCRIPT)
        options = f"{jvm_options(submit())} -XX:ArchiveClassesAtExit={classes}"
        subprocess.run(
            ["env", f"PYSPARK_PYTHON={python()}", "SPARK_LOCAL_IP=127.0.0.1", str(submit()), "--master", "local[2]",
             "--driver-java-options", options, "--conf", "spark.ui.enabled=false", "job.py"],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
