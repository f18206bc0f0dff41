"""Spark in one Python process, without Java: for tests whose subject is who starts the job and reads what it leaves.

The sandbox's engines start it in place of spark-submit (`install`, MIGRATE_SPARK_PYTHON): the script and the archive
that were uploaded run as they are and move the items, in a second of CPU where Spark takes eight. A task is pickled
and gets four attempts; its last failure reaches the driver as a Py4JError with the traceback.

It does not show: a JVM, tasks side by side or twice at the same time, executors and workers that die, cloudpickle, the
shuffle on disk, spark-submit's settings. For these `tests/spark`, `tests/sandbox/test_spark_runs.py`,
`tests/e2e/test_spark_shows.py` and `test_spark_transforms.py` start real Spark; `tests/spark/test_stand_in.py` holds
this one to the same outcome.
"""

from __future__ import annotations

import itertools
import pickle
import runpy
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

SLOTS = 2
ATTEMPTS = 4
Task = Callable[[], Iterable[Any]]


def install(folder: Path) -> str:
    """Makes a `spark-submit` in `folder` that is this; returns what MIGRATE_SPARK_PYTHON has to say for it."""
    submit = folder / "spark-submit"
    submit.write_text(f'#!/bin/sh\nexec {sys.executable} -I {Path(__file__).resolve()} "$@"\n')
    submit.chmod(0o755)
    return str(folder / "python")


class Py4JError(Exception):
    """As in `py4j.protocol`: whatever the JVM says."""


class TaskContext:
    """Of the task that runs."""

    _current: TaskContext | None = None

    def __init__(self, attempt: int) -> None:
        self._attempt = attempt

    @classmethod
    def get(cls) -> TaskContext | None:
        """None in the driver."""
        return cls._current

    def taskAttemptId(self) -> int:
        """Never the same twice."""
        return self._attempt


class SparkContext:
    """The context, and its configuration."""

    defaultParallelism = SLOTS

    def __init__(self) -> None:
        self.applicationId = f"local-{time.time_ns()}"
        self._attempts = itertools.count()
        self._is_cancelled = threading.Event()

    @classmethod
    def getOrCreate(cls) -> SparkContext:
        """A new one: a job asks once."""
        return cls()

    def getConf(self) -> dict[str, str]:
        """What a job on one machine finds."""
        return {"spark.driver.host": "127.0.0.1"}

    def cancelAllJobs(self) -> None:
        """No attempt begins any more."""
        self._is_cancelled.set()

    def stop(self) -> None:
        """Nothing runs on."""

    def parallelize(self, values: Sequence[Any], slices: int) -> Partitions:
        """`values` in so many slices, cut as Spark cuts them."""
        ends = [len(values) * number // slices for number in range(slices + 1)]
        found = [partial(iter, values[start:end]) for start, end in itertools.pairwise(ends)]
        return Partitions(self, slices, lambda: list(found))

    def attempt(self, task: Task) -> list[Any]:
        """What the task makes, at its first attempt that succeeds. Raises Py4JError."""
        told = "Job cancelled as part of cancellation of all jobs"
        for _ in range(ATTEMPTS):
            if self._is_cancelled.is_set():
                break
            TaskContext._current = TaskContext(next(self._attempts))
            try:
                return list(task())
            except Exception:  # noqa: BLE001 (a task may fail with whatever it likes)
                told = f"Job aborted due to stage failure: Lost task: {traceback.format_exc()}"
            finally:
                TaskContext._current = None
        raise Py4JError(told)


class Partitions:
    """What Spark calls an RDD: partitions, and functions that are called when somebody asks for what they make."""

    def __init__(self, context: SparkContext, count: int, tasks: Callable[[], list[Task]]) -> None:
        self._context = context
        self._count = count
        self._tasks = tasks

    def getNumPartitions(self) -> int:
        return self._count

    def mapPartitionsWithIndex(self, make: Callable[[int, Iterator[Any]], Iterable[Any]]) -> Partitions:
        """`make` of each partition's number and values."""
        return self._mapped(make, lambda carried, number, values: carried(number, values))

    def mapPartitions(self, make: Callable[[Iterator[Any]], Iterable[Any]]) -> Partitions:
        """`make` of each partition's values."""
        return self._mapped(make, lambda carried, _, values: carried(values))

    def reduceByKey(self, add: Callable[[Any, Any], Any], count: int) -> Partitions:
        """The values of (key, value) pairs with the same key, added up; in so many partitions."""

        def tasks() -> list[Task]:
            found: list[dict[Any, Any]] = [{} for _ in range(count)]
            for key, value in self.collect():
                part = found[hash(key) % count]
                part[key] = add(part[key], value) if key in part else value
            return [part.items for part in found]

        return Partitions(self._context, count, tasks)

    def foreachPartition(self, work: Callable[[Iterator[Any]], None]) -> None:
        """`work` on each partition's values."""
        self._mapped(work, lambda carried, _, values: carried(values) or ()).collect()

    def collect(self) -> list[Any]:
        """All that was made."""
        return [value for task in self._tasks() for value in self._context.attempt(task)]

    def _mapped(self, make: Any, call: Callable[[Any, int, Iterator[Any]], Iterable[Any]]) -> Partitions:
        carried = pickle.dumps(make)

        def tasks() -> list[Task]:
            return [partial(task, *numbered) for numbered in enumerate(self._tasks())]

        def task(number: int, values: Task) -> Iterable[Any]:
            return call(pickle.loads(carried), number, iter(values()))

        return Partitions(self._context, self._count, tasks)


def main(words: Sequence[str]) -> None:
    """What spark-submit does with these words: archives on the path, then the script."""
    pyspark, protocol = ModuleType("pyspark"), ModuleType("py4j.protocol")
    vars(pyspark).update(SparkContext=SparkContext, TaskContext=TaskContext)
    vars(protocol).update(Py4JError=Py4JError)
    sys.modules |= {"pyspark": pyspark, "py4j": ModuleType("py4j"), "py4j.protocol": protocol}
    script = words.index("job.py")
    options = dict(itertools.pairwise(words[:script]))
    sys.path[:0] = [str(Path(name).resolve()) for name in options.get("--py-files", "").split(",") if name]
    sys.argv = list(words[script:])
    runpy.run_path("job.py", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
