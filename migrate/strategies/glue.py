"""Strategy `glue`: the Spark job as a job of AWS Glue in the target account.

https://docs.aws.amazon.com/glue/latest/dg/add-job.html
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from migrate.core.codec import digest
from migrate.plan.model import Action, Change, Estimate, Side, ref
from migrate.plan.strategy import Recipe, TableRequest, Verdict
from migrate.strategies import spark_cost, spark_load
from migrate.strategies.spark_actions import EngineRun, job_files
from migrate.strategies.spark_setup import SparkSetup
from migrate.strategies.spark_verdict import judge

NAME = "glue"


class Glue:
    """See the module."""

    name = NAME
    kinds = frozenset({"glue-job", "glue-run", "export"})
    first_options: Mapping[str, Any] = MappingProxyType({"bucket": "NAME", "create_bucket": True, "create": True})

    def verdict(self, request: TableRequest) -> Verdict:
        """See `Strategy.verdict`."""
        setup = SparkSetup(request, NAME)
        return judge(setup, f"AWS Glue, {_workers(request)}: faster than one machine; costs DPU-hours")

    def costs(self, request: TableRequest) -> Mapping[str, Estimate]:
        """See `Strategy.costs`."""
        return spark_cost.costs_of(SparkSetup(request, NAME), "glue-run")

    def moment(self, request: TableRequest) -> str:
        """See `Strategy.moment`."""
        return SparkSetup(request, NAME).moment

    def load(self, request: TableRequest) -> Recipe:
        """See `Strategy.load`."""
        return spark_load.load(SparkSetup(request, NAME), _run)

    def leftovers(self, request: TableRequest) -> Recipe:
        """See `Strategy.leftovers`."""
        return spark_load.leftovers(SparkSetup(request, NAME), _run)


def _run(setup: SparkSetup, needs: tuple[str, ...]) -> EngineRun:
    request, options = setup.request, setup.request.options
    name, tuning = job_name(setup), _tuning(request)
    job = Action(
        address=request.address("glue-job"),
        kind="glue-job",
        side=Side.TARGET,
        change=Change.CREATE,
        title=f"Glue job {name} (Glue {options.get('version', '5.1')}, role {setup.role_name('target')})",
        params={
            "name": name,
            "role_arn": setup.role_arn("target"),
            "version": options.get("version", "5.1"),
            **job_files(setup),
        },
        tuning=tuning,
        needs=needs,
        undo="glue-job-removal",
        why="one for each table: Glue runs one of it at a time",
    )
    own = {"job": ref(job.address, "name")}
    return EngineRun("glue-run", "glue-verify", f"Glue, {_workers(request)}", own, tuning, (job,))


def job_name(setup: SparkSetup) -> str:
    """Name of the Glue job of a table: at most 255 characters, and another one for every migration."""
    request = setup.request
    whose = [request.migration, setup.source.id, setup.target.id, request.target_name]
    return f"migrate-{request.target_name[:200]}-{digest(whose)[:8]}"


def _tuning(request: TableRequest) -> dict[str, Any]:
    options = request.options
    return {
        "worker_type": options.get("worker_type", "G.1X"),
        "workers": options.get("workers", 10),
        "timeout_minutes": options.get("timeout_minutes", 2880),
        "execution_class": str(options.get("execution_class", "standard")).upper(),
    }


def _workers(request: TableRequest) -> str:
    flex = ", FLEX" if request.options.get("execution_class") == "flex" else ""
    return f"{request.options.get('workers', 10)} x {request.options.get('worker_type', 'G.1X')}{flex}"
