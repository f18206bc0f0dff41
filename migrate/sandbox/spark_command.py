"""spark-submit's command line, as steps of EMR and `sparkSubmitParameters` of EMR Serverless write it.

https://spark.apache.org/docs/3.5.6/submitting-applications.html

On one machine the sizes of driver and executors, the master and YARN mean nothing: they are read and left out. What
else it does not know is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from migrate.sandbox.engine_access import RunFailed

_SIZES = {
    "--master", "--deploy-mode", "--name", "--driver-memory", "--driver-cores", "--executor-memory", "--executor-cores",
    "--num-executors", "--total-executor-cores", "--queue",
}  # fmt: skip
_PLACED = (
    "spark.master", "spark.submit.deployMode", "spark.app.name", "spark.driver.", "spark.executor.",
    "spark.executorEnv.", "spark.dynamicAllocation.", "spark.emr-serverless.", "spark.yarn.", "spark.hadoop.",
    "spark.pyspark.", "spark.shuffle.",
)  # fmt: skip


@dataclass
class SparkCommand:
    """What a command line says: the script and its arguments, the archives beside it, Spark's settings."""

    script: str = ""
    arguments: list[str] = field(default_factory=list)
    py_files: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)


def parse(words: Sequence[str]) -> SparkCommand:
    """Reads what stands behind `spark-submit`; the first word that is no option is the script. Raises RunFailed."""
    command, rest = SparkCommand(), list(words)
    while rest and rest[0].startswith("-"):
        option, _, value = rest.pop(0).partition("=")
        if not value:
            if not rest:
                raise RunFailed(f"spark-submit: {option} needs a value")
            value = rest.pop(0)
        _take(command, option, value)
    if rest:
        command.script, command.arguments = rest[0], rest[1:]
    return command


def take_setting(command: SparkCommand, setting: str) -> None:
    """One `name=value` of --conf."""
    name, separator, value = setting.partition("=")
    if not separator:
        raise RunFailed(f"spark-submit: --conf {setting}: Spark config without '='")
    if name == "spark.submit.pyFiles":
        command.py_files += value.split(",")
    elif name in ("spark.jars", "spark.archives", "spark.files", "spark.jars.packages"):
        raise RunFailed(f"The sandbox does not emulate spark-submit with {name}")
    elif not name.startswith(_PLACED):
        command.settings[name] = value


def _take(command: SparkCommand, option: str, value: str) -> None:
    if option in ("--conf", "-c"):
        take_setting(command, value)
    elif option == "--py-files":
        command.py_files += value.split(",")
    elif option not in _SIZES:
        raise RunFailed(f"The sandbox does not emulate spark-submit with {option}")
