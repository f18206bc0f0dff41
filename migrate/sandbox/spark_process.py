"""One spark-submit on this machine: its command, its environment, its end.

The Spark is that of the extra `spark`, or of the interpreter that MIGRATE_SPARK_PYTHON names. Two cores, little memory,
and a task may fail three times before the job does, as on a cluster. Nothing of the sandbox's own environment but PATH
and the like reaches the job.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_MASTER = "local[2,4]"
_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -Xss1m"
CLASSES = "spark.jsa"
"""In the environment of an interpreter: Spark's classes as a JVM has loaded them. Whoever has it starts faster."""

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "JAVA_HOME")
_LOG_LINE = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (TRACE|DEBUG|INFO|WARN|ERROR|FATAL) ")
_LONGEST = 4000


class NoSpark(Exception):
    """There is no Spark to run a job with; says what to install."""


@dataclass(frozen=True)
class Program:
    """What is run: files by name, and how. `settings` are Spark's own (`--conf`)."""

    script: bytes
    archives: Mapping[str, bytes]
    arguments: Sequence[str]
    settings: Mapping[str, str]


class SparkProcess:
    """A running spark-submit in a folder of its own."""

    def __init__(self, program: Program, environment: Mapping[str, str]) -> None:
        submit, python = _spark()
        self._folder = Path(tempfile.mkdtemp(prefix="sandbox-spark-"))
        (self._folder / "job.py").write_bytes(program.script)
        for name, content in program.archives.items():
            (self._folder / name).parent.mkdir(exist_ok=True)
            (self._folder / name).write_bytes(content)
        keeper = Path(__file__).with_name("spark_keeper.py")
        with open(self._folder / "stdout", "wb") as out, open(self._folder / "stderr", "wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(keeper), *self._command(submit, program)],
                cwd=self._folder,
                env=self._environment(python) | dict(environment),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )

    def wait(self, seconds: float | None) -> int | None:
        """The exit status; None if it still runs after so many seconds."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """SIGKILL to all of it. Idempotent."""
        if self._process.poll() is None:
            for pid, _ in _members(self._process.pid):
                _send_kill(pid)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def kill_workers(self) -> bool:
        """SIGKILL to Spark's Python workers; False if there are none yet. Needs /proc."""
        daemons = [pid for pid, command in _members(self._process.pid) if "pyspark.daemon" in command]
        workers = [pid for pid in daemons if _parent(pid) in daemons]
        for pid in workers:
            _send_kill(pid)
        return bool(workers)

    def output(self) -> tuple[str, str]:
        """What it has written so far to stdout and stderr."""
        out, errors = (self._folder / name for name in ("stdout", "stderr"))
        return out.read_text(errors="replace"), errors.read_text(errors="replace")

    def clear(self) -> None:
        """Removes its folder. For one that has ended."""
        self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _command(self, submit: Path, program: Program) -> list[str]:
        settings = {**program.settings, "spark.ui.enabled": "false", "spark.local.dir": str(self._folder)}
        return [
            str(submit), "--master", _MASTER, "--driver-memory", "512m",
            "--driver-java-options", f"{jvm_options(submit)} -Djava.io.tmpdir={self._folder}",
            *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
            *(("--py-files", ",".join(program.archives)) if program.archives else ()),
            "job.py", *program.arguments,
        ]  # fmt: skip

    def _environment(self, python: str) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "TMPDIR": str(self._folder),
            "PYSPARK_PYTHON": python,
            "PYSPARK_DRIVER_PYTHON": python,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
        }


def jvm_options(submit: Path) -> str:
    """Of a JVM that starts fast: its jobs are over before more would pay. With the classes beside `submit`, if any."""
    classes = submit.parents[1] / CLASSES
    return f"{_JVM} -XX:SharedArchiveFile={classes}" if classes.exists() and " " not in str(classes) else _JVM


def last_words(errors: str) -> str:
    """Why a script failed, from its stderr: the exception, or what it wrote last; "" if it wrote nothing.

    Spark's own log, which continues after that, is left out.
    """
    lines = [line.rstrip() for line in errors.splitlines() if line.strip() and not _LOG_LINE.match(line)]
    starts = [number for number, line in enumerate(lines) if "Traceback (most recent call last)" in line]
    if starts:
        lines = lines[starts[-1] + 1 :]
        lines = list(itertools.dropwhile(lambda line: line.startswith(" "), lines))
    spoken = [line for line in lines if not line.startswith("\t")]  # Java's stack traces
    return "\n".join(spoken[-20:])[-_LONGEST:]


def _spark() -> tuple[Path, str]:
    python = os.environ.get("MIGRATE_SPARK_PYTHON", sys.executable)
    submit = Path(python).with_name("spark-submit")
    if not submit.exists():
        raise NoSpark(
            f"the sandbox has no Spark to run the job with: {submit} does not exist. Install the extra `spark` "
            "(pip install 'dynamodb-migrate[sandbox,spark]'); it needs Java 17."
        )
    return submit, python


def _members(session: int) -> Iterator[tuple[int, str]]:
    """The processes of a session with their command lines. PySpark's daemon leaves the group, never the session."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(_stat(folder)[3]) == session:
                yield int(folder.name), (folder / "cmdline").read_text(errors="replace")


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(_stat(Path(f"/proc/{pid}"))[1])
    return 0


def _stat(folder: Path) -> list[str]:
    """State, parent, group, session, ... https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
    return (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _send_kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
