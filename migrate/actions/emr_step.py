"""The Spark job as a step of a cluster of Amazon EMR on EC2 that is there already, and what steps have in common.

https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-work-with-steps.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions import spark_access, spark_failure, spark_run, spark_work
from migrate.actions.base import Again, Context, Failed, InProgress, Observation, Satisfied, Step, StepResult
from migrate.actions.emr_serverless import PYTHON
from migrate.actions.places import Places
from migrate.aws import emr, objects
from migrate.core.access import Access, allow
from migrate.core.errors import StepError
from migrate.plan.model import Action
from migrate.spark import arguments
from migrate.state.model import OwnedResource
from migrate.strategies.spark_setup import SERVICES

EC2 = SERVICES["cluster"]
ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")
"""States of a cluster that is gone."""

NAME = "migrate-"
"""How the names of what we start begin."""

_GOING_ON = ("PENDING", "RUNNING", "CANCEL_PENDING")
_NO_REASON = "Unknown Error."
_APPLICATION = re.compile(r"\bapplication_\d+_\d+\b")


class EmrStepHandler:
    """Kinds `emr-step` and `emr-step-verify`: params `cluster_id`, `script`, `archive`, those of `spark_run.job_spec`.

    The cluster is somebody's, and stays. AddJobFlowSteps has no client token: a lost step is found by its name, and one
    of an earlier attempt that still runs by its arguments.
    """

    slot: str | None = "spark"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, params = places.target, action.params
        cluster = place.arn("elasticmapreduce", f"cluster/{params['cluster_id']}")
        names = "elasticmapreduce:ListSteps AddJobFlowSteps DescribeCluster"
        yield allow(place.side, names, cluster)
        yield from spark_access.run_access(action, places, EC2)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The folder that the job works in."""
        return (spark_work.work_folder(step, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        found = own_step(step, context, step.params["cluster_id"], step.handle)
        if found is None:
            return InProgress(step.handle) if step.handle else spark_run.startable(step, context)
        return Satisfied(found["Id"]) if found["Status"]["State"] == "COMPLETED" else InProgress(found["Id"])

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        id = step.params["cluster_id"]
        found = own_step(step, context, id)
        return str(found["Id"]) if found else emr.add_step(context.target, id, new_step(step, context, "CONTINUE"))

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`. Done only with a result that balances."""
        id = step.params["cluster_id"]
        cluster, ours = emr.describe_cluster(context.target, id), own_step(step, context, id, step.handle)
        if cluster is None or ours is None:
            return lost(step)
        state = ours["Status"]["State"]
        if state in _GOING_ON and cluster["Status"]["State"] not in ENDED:
            return spark_run.going_on(step, context, told(ours), f"EMR step {ours['Id']}: {state.lower()}")
        if state == "COMPLETED":
            return spark_run.succeeded(step, context, told(ours), {"cluster": id})
        return Failed(failure(step, context, cluster, ours), (spark_work.work_folder(step, is_confirmed=True),))

    def undo(self, step: Step, context: Context) -> None:
        """Cancel the step, and delete what it left in S3; what it wrote goes with the table."""
        ours = own_step(step, context, step.params["cluster_id"], step.handle)
        if ours is not None and ours["Status"]["State"] in _GOING_ON:
            emr.cancel_step(context.target, step.params["cluster_id"], ours["Id"])
        spark_work.remove_work(step, context)


def name_of(step: Step) -> str:
    """The name of a cluster or a step of this attempt: AWS's calls have no token, names are what it is found by."""
    return f"{NAME}{step.token}"


def new_step(step: Step, context: Context, on_failure: str) -> dict[str, Any]:
    """StepConfig of a run of the job. `on_failure` is what then becomes of the cluster (ActionOnFailure)."""
    environment = [f"spark.{where}.PYSPARK_PYTHON={PYTHON}" for where in ("yarn.appMasterEnv", "executorEnv")]
    settings = [part for setting in environment for part in ("--conf", setting)]
    submit = ["spark-submit", "--deploy-mode", "cluster", "--py-files", step.params["archive"], *settings]
    said = arguments.as_list(spark_run.job_spec(step, context))
    return {
        "Name": name_of(step),
        "ActionOnFailure": on_failure,
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": [*submit, step.params["script"], *said]},
    }


def own_step(step: Step, context: Context, cluster: str, id: str | None = None) -> dict[str, Any] | None:
    """The cluster's step with this id; or that of this attempt; or else one that does the same work now."""
    found = list(emr.list_steps(context.target, cluster))
    if id is not None:
        return next((one for one in found if one["Id"] == id), None)
    ours = (one for one in found if one.get("Name") == name_of(step))
    going_on = (one for one in found if one["Status"]["State"] in _GOING_ON)
    return next(ours, None) or next((one for one in going_on if spark_run.is_same_work(step, told(one))), None)


def told(found: Mapping[str, Any] | None) -> list[str]:
    """The job's own arguments: those behind the script."""
    every = list(((found or {}).get("Config") or {}).get("Args") or [])
    begin = next((number for number, one in enumerate(every) if one.startswith(arguments.PREFIX)), len(every))
    return every[begin:]


def lost(step: Step) -> StepResult:
    """For a cluster or a step that EMR does not know."""
    if not step.handle:
        return Again()
    what = f"{step.handle} of EMR is gone"
    return Failed(StepError(what, "EMR forgets clusters after two months", spark_work.LOOK_AGAIN))


def ended_by(cluster: Mapping[str, Any]) -> str:
    """Why the cluster has ended, in AWS's word (ALL_STEPS_COMPLETED, USER_REQUEST, ...); '' for one that runs."""
    return str((cluster["Status"].get("StateChangeReason") or {}).get("Code") or "")


def failure(step: Step, context: Context, cluster: Mapping[str, Any], ours: Mapping[str, Any] | None) -> StepError:
    """Why a step did not succeed: its own words, those of a cluster that has ended, and the end of its log."""
    status, of_cluster = (ours or {}).get("Status") or {}, cluster["Status"]
    details = status.get("FailureDetails") or {}
    said = [details.get("Reason"), details.get("Message")]
    if of_cluster["State"] in (*ENDED, "TERMINATING"):
        said.append((of_cluster.get("StateChangeReason") or {}).get("Message"))
    words = list(dict.fromkeys(str(text) for text in said if text))
    words = [text for text in words if text != _NO_REASON] or words
    state = str(status.get("State") or ended_by(cluster) or of_cluster["State"])
    if state in ("CANCELLED", "COMPLETED", "PENDING", "RUNNING"):
        state = ended_by(cluster) or state  # it is the cluster that ended
    place, found = _logs(context, cluster, ours)
    return spark_failure.ended(step.params["target_table"], "EMR", state, "; ".join(words), found, place)


def _logs(
    context: Context, cluster: Mapping[str, Any], ours: Mapping[str, Any] | None
) -> tuple[str, list[spark_failure.Log]]:
    """Where the cluster logs, and the logs of a step: its own, and those of the driver, which YARN ran in a container.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-web-log-files.html
    """
    uri = str(cluster.get("LogUri") or "")
    if not uri or ours is None:
        return "", []
    base = f"s3://{uri.partition('://')[2].rstrip('/')}/{cluster['Id']}/"
    own = f"{base}steps/{ours['Id']}/"
    found = list(spark_failure.logs_in_s3(context.target, (f"{own}stderr.gz", f"{own}stdout.gz")))
    return own, [*found, *spark_failure.logs_in_s3(context.target, _containers(context, base, found))]


def _containers(context: Context, base: str, found: list[spark_failure.Log]) -> Iterator[str]:
    """Logs of the first container of the application that a step's log names: its driver's."""
    bucket, prefix = base.removeprefix("s3://").split("/", 1)
    named = {name for log in found for line in log.lines for name in _APPLICATION.findall(line)}
    for application in sorted(named):
        for one in objects.list_objects(context.target, bucket, f"{prefix}containers/{application}/"):
            if one["Key"].endswith(("_000001/stdout.gz", "_000001/stderr.gz")):
                yield f"s3://{bucket}/{one['Key']}"
