"""Strategy `emr`: the Spark job on EMR Serverless, or on a cluster of Amazon EMR, in the target account.

https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/emr-serverless.html
"""

from __future__ import annotations

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

    def verdict(self, request: TableRequest) -> Verdict:
        """See `Strategy.verdict`."""
        setup = SparkSetup(request, NAME)
        return judge(setup, f"{_engine_words(setup)}: faster than one machine; costs vCPU-hours")

    def estimate(self, request: TableRequest) -> Estimate:
        """See `Strategy.estimate`."""
        return spark_cost.estimate(SparkSetup(request, NAME))

    def load(self, request: TableRequest) -> Recipe:
        """See `Strategy.load`."""
        return spark_load.load(SparkSetup(request, NAME), _run)

    def leftovers(self, request: TableRequest) -> Recipe:
        """See `Strategy.leftovers`."""
        return spark_load.leftovers(SparkSetup(request, NAME), _run)


def _run(setup: SparkSetup, _needs: tuple[str, ...]) -> EngineRun:
    options, files, words = setup.request.options, job_files(setup), _engine_words(setup)
    if setup.engine == "serverless":
        own = {**files, "application_id": ref(application_address(setup), "application_id")}
        tuning = {"workers": options.get("workers", 4), "timeout_minutes": options.get("timeout_minutes", 2880)}
        return EngineRun("emr-run", "emr-verify", words, own, tuning)
    if options.get("cluster_id"):
        own = {**files, "cluster_id": options["cluster_id"]}
        return EngineRun("emr-step", "emr-step-verify", words, own, {})
    own = {**files, **_cluster(setup)}
    return EngineRun("emr-cluster", "emr-cluster-verify", words, own, {"groups": _groups(options)})


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
    if options.get("cluster_id"):
        return f"EMR, a step of cluster {options['cluster_id']}"
    return f"EMR, a cluster of {workers} + 1 {options.get('instance_type', 'm6g.xlarge')}"
