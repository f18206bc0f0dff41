"""Strategy `emr`: the Spark job on EMR Serverless, or on a cluster of Amazon EMR, in the target account.

https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/emr-serverless.html
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from migrate.plan.model import Estimate, ref
from migrate.plan.strategy import Recipe, TableRequest, Verdict
from migrate.strategies import spark_cost, spark_load
from migrate.strategies.spark_actions import EngineRun, job_files
from migrate.strategies.spark_setup import SparkSetup
from migrate.strategies.spark_shared import application_address
from migrate.strategies.spark_verdict import judge

NAME = "emr"


class Emr:
    """See the module."""

    name = NAME
    kinds = frozenset({"emr-run", "emr-cluster", "emr-step", "export"})
    first_options: Mapping[str, Any] = MappingProxyType({"bucket": "NAME", "create_bucket": True, "create": True})

    def verdict(self, request: TableRequest) -> Verdict:
        """See `Strategy.verdict`."""
        setup = SparkSetup(request, NAME)
        cost = "the cluster is paid for already" if setup.cluster_id else "costs vCPU-hours"
        return judge(setup, f"{_engine_words(setup)}: faster than one machine; {cost}")

    def costs(self, request: TableRequest) -> Mapping[str, Estimate]:
        """See `Strategy.costs`."""
        setup = SparkSetup(request, NAME)
        return spark_cost.costs_of(setup, _run_name(setup))

    def moment(self, request: TableRequest) -> str:
        """See `Strategy.moment`."""
        return SparkSetup(request, NAME).moment

    def load(self, request: TableRequest) -> Recipe:
        """See `Strategy.load`."""
        return spark_load.load(SparkSetup(request, NAME), _run)

    def leftovers(self, request: TableRequest) -> Recipe:
        """See `Strategy.leftovers`."""
        return spark_load.leftovers(SparkSetup(request, NAME), _run)


def _run(setup: SparkSetup, _needs: tuple[str, ...]) -> EngineRun:
    options, files, kind = setup.request.options, job_files(setup), _run_name(setup)
    tuning: dict[str, Any] = {}
    if setup.engine == "serverless":
        own: dict[str, Any] = {**files, "application_id": ref(application_address(setup), "application_id")}
        tuning = {"workers": options.get("workers", 4), "timeout_minutes": options.get("timeout_minutes", 2880)}
    elif setup.cluster_id:
        own = {**files, "cluster_id": setup.cluster_id}
    else:
        own, tuning = {**files, **_cluster(setup)}, {"groups": _groups(options)}
    return EngineRun(kind, f"{kind.removesuffix('-run')}-verify", _engine_words(setup), own, tuning)


def _run_name(setup: SparkSetup) -> str:
    """Kind, and name, of the action that runs the job."""
    if setup.engine == "serverless":
        return "emr-run"
    return "emr-step" if setup.cluster_id else "emr-cluster"


def _cluster(setup: SparkSetup) -> dict[str, Any]:
    options = setup.request.options
    return {
        "release": options.get("release", "emr-7.14.0"),
        "role": setup.role_name("target"),
        "service_role": str(options.get("service_role", "EMR_DefaultRole")).rpartition("/")[2],
        "subnet": next(iter(options.get("subnets") or []), None),
    }


def _groups(options: Any) -> list[dict[str, Any]]:
    """InstanceGroups of a cluster: one primary, and the core instances that do the work."""
    kind = options.get("instance_type", "m6g.xlarge")
    return [
        {"InstanceRole": "MASTER", "InstanceType": kind, "InstanceCount": 1},
        {"InstanceRole": "CORE", "InstanceType": kind, "InstanceCount": options.get("workers", 4)},
    ]


def _engine_words(setup: SparkSetup) -> str:
    options = setup.request.options
    workers = options.get("workers", 4)
    if setup.engine == "serverless":
        return f"EMR Serverless, {workers} x 4 vCPU"
    if setup.cluster_id:
        return f"EMR, a step of cluster {setup.cluster_id}"
    return f"EMR, a cluster of {workers} + 1 {options.get('instance_type', 'm6g.xlarge')}"
