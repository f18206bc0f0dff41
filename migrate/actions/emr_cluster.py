"""The Spark job as a step of Amazon EMR on EC2: in a cluster of its own that ends with it, or in one that is there.

https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-longrunning-transient.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions import spark_failure, spark_run
from migrate.actions.backup_base import job_look, patient_with_new_roles, since
from migrate.actions.base import (
    Again,
    Context,
    Failed,
    InProgress,
    Observation,
    Running,
    Satisfied,
    Step,
    StepResult,
    seconds_since,
    was_just_started,
)
from migrate.actions.emr_serverless import PYTHON
from migrate.actions.ownership import own_tags
from migrate.actions.places import LATER, Places, new_role
from migrate.aws import emr
from migrate.core.access import Access, allow, anywhere, linked_role, pass_role
from migrate.core.errors import StepError
from migrate.plan.model import Action
from migrate.spark import arguments
from migrate.state.model import OwnedResource
from migrate.strategies.spark_setup import SERVICES

EC2 = SERVICES["cluster"]
_ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")
_STEP_GOING_ON = ("PENDING", "RUNNING", "CANCEL_PENDING")
_TOKEN_TAG = "migrate:token"


class EmrClusterHandler:
    """Kind `emr-cluster`: params `name`, `release`, `role` (instance profile), `role_arn`, `service_role`, `groups`,
    `subnet`, `script`, `archive`, and those of `spark_run.job_spec`.

    RunJobFlow has no client token: a lost cluster is found by its name, which has the attempt's token in it, and its
    tags. The end is a cluster that is TERMINATED: one that still runs still costs.
    """

    slot: str | None = "spark"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, params = places.target, action.params
        tags = {"StringEquals": {"aws:RequestTag/migrate:address": action.address}}
        yield anywhere(place.side, "elasticmapreduce:RunJobFlow", condition=tags)
        yield anywhere(place.side, "elasticmapreduce:ListClusters")
        clusters = place.arn("elasticmapreduce", "cluster/*")
        yield allow(place.side, "elasticmapreduce:DescribeCluster ListSteps", clusters, wide=LATER)
        when = "the cluster is made with tags"
        yield allow(place.side, "elasticmapreduce:AddTags", clusters, condition=tags, wide=LATER, when=when)
        yield pass_role(place.side, place.role(params["service_role"]), "elasticmapreduce.amazonaws.com")
        yield pass_role(place.side, params["role_arn"], EC2)
        yield new_role(place.side, params["role_arn"])
        yield linked_role(place, "elasticmapreduce.amazonaws.com", "AWSServiceRoleForEMRCleanup")
        yield from spark_run.run_access(action, places, EC2)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The folder that the job works in; the cluster ends by itself."""
        return (spark_run.work_folder(step, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        found = _cluster(step, context)
        if found is not None:
            return Satisfied(found["Id"]) if _is_success(found) else InProgress(found["Id"])
        if step.handle:
            return InProgress(step.handle)
        if _may_be_hidden(step, context):
            return InProgress("")  # `poll` waits until lists must show it
        return spark_run.startable(step, context)

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        found = _cluster(step, context)
        if found is not None:
            return str(found["Id"])
        params, tags = step.params, {**own_tags(step, context), _TOKEN_TAG: step.token}
        tags["for-use-with-amazon-emr-managed-policies"] = "true"
        place = {"Ec2SubnetId": params["subnet"]} if params.get("subnet") else {}
        with patient_with_new_roles(context.target, params["role_arn"], context.clock):
            return emr.run_cluster(
                context.target,
                Name=_name(step),
                ReleaseLabel=params["release"],
                Applications=[{"Name": "Spark"}],
                ServiceRole=params["service_role"],
                JobFlowRole=params["role"],
                LogUri=spark_run.logs_of(step),
                Instances={
                    "InstanceGroups": params["groups"],
                    "KeepJobFlowAliveWhenNoSteps": False,
                    "TerminationProtected": False,
                    **place,
                },
                Steps=[_step(step, context, "TERMINATE_CLUSTER")],
                VisibleToAllUsers=True,
                Tags=[{"Key": key, "Value": value} for key, value in sorted(tags.items())],
            )

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`. Done only when the cluster is gone and the result balances."""
        cluster = _cluster(step, context)
        elapsed = seconds_since(step.started, context.clock)
        if cluster is None:
            hidden = _may_be_hidden(step, context)
            return Running(job_look(elapsed, context.target)) if hidden else _lost(step)
        state = cluster["Status"]["State"]
        ours = _own_step(step, context, cluster["Id"])
        if state not in _ENDED:
            doing = f"EMR cluster {cluster['Id']}: {state.lower()}"
            return spark_run.going_on(step, context, _told(ours), doing)
        if _is_success(cluster) and ours is not None and ours["Status"]["State"] == "COMPLETED":
            return spark_run.succeeded(step, context, _told(ours), {"cluster": cluster["Id"]})
        return Failed(_failure(step, context, cluster, ours), (spark_run.work_folder(step, is_confirmed=True),))

    def undo(self, step: Step, context: Context) -> None:
        """Terminate the cluster, and delete what the job left in S3; what it wrote goes with the table."""
        cluster = _cluster(step, context)
        if cluster is not None and cluster["Status"]["State"] not in _ENDED:
            emr.terminate_cluster(context.target, cluster["Id"])
        spark_run.remove_work(step, context)


class EmrStepHandler:
    """Kind `emr-step`: params `cluster_id`, `script`, `archive`, and those of `spark_run.job_spec`.

    The cluster is somebody's, and stays. AddJobFlowSteps has no client token: a lost step is found by its name.
    """

    slot: str | None = "spark"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, params = places.target, action.params
        cluster = place.arn("elasticmapreduce", f"cluster/{params['cluster_id']}")
        names = "elasticmapreduce:ListSteps AddJobFlowSteps DescribeCluster"
        yield allow(place.side, names, cluster)
        yield from spark_run.run_access(action, places, EC2)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The folder that the job works in."""
        return (spark_run.work_folder(step, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        found = _own_step(step, context, step.params["cluster_id"])
        if found is None:
            return InProgress(step.handle) if step.handle else spark_run.startable(step, context)
        return Satisfied(found["Id"]) if found["Status"]["State"] == "COMPLETED" else InProgress(found["Id"])

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        found = _own_step(step, context, step.params["cluster_id"])
        if found is not None:
            return str(found["Id"])
        return emr.add_step(context.target, step.params["cluster_id"], _step(step, context, "CONTINUE"))

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`. Done only with a result that balances."""
        id = step.params["cluster_id"]
        cluster, ours = emr.describe_cluster(context.target, id), _own_step(step, context, id)
        if cluster is None or ours is None:
            return _lost(step)
        state = ours["Status"]["State"]
        if state in _STEP_GOING_ON and cluster["Status"]["State"] not in _ENDED:
            return spark_run.going_on(step, context, _told(ours), f"EMR step {ours['Id']}: {state.lower()}")
        if state == "COMPLETED":
            return spark_run.succeeded(step, context, _told(ours), {"cluster": id})
        return Failed(_failure(step, context, cluster, ours), (spark_run.work_folder(step, is_confirmed=True),))

    def undo(self, step: Step, context: Context) -> None:
        """Cancel the step, and delete what it left in S3; what it wrote goes with the table."""
        ours = _own_step(step, context, step.params["cluster_id"])
        if ours is not None and ours["Status"]["State"] in _STEP_GOING_ON:
            emr.cancel_step(context.target, step.params["cluster_id"], ours["Id"])
        spark_run.remove_work(step, context)


def _cluster(step: Step, context: Context) -> dict[str, Any] | None:
    if step.handle:
        return emr.describe_cluster(context.target, step.handle)
    for found in emr.clusters_named(context.target, _name(step), since(step)):
        if {tag["Key"]: tag["Value"] for tag in found.get("Tags") or []}.get(_TOKEN_TAG) == step.token:
            return found
    return None


def _may_be_hidden(step: Step, context: Context) -> bool:
    """True when a cluster that this attempt began may not be listed yet. Own endpoints list at once."""
    return was_just_started(step, context) and not context.target.access.endpoint_url


def _own_step(step: Step, context: Context, cluster: str) -> dict[str, Any] | None:
    return next((one for one in emr.list_steps(context.target, cluster) if one.get("Name") == _name(step)), None)


def _step(step: Step, context: Context, on_failure: str) -> dict[str, Any]:
    environment = [f"spark.{where}.PYSPARK_PYTHON={PYTHON}" for where in ("yarn.appMasterEnv", "executorEnv")]
    settings = [part for setting in environment for part in ("--conf", setting)]
    submit = ["spark-submit", "--deploy-mode", "cluster", "--py-files", step.params["archive"], *settings]
    told = arguments.as_list(spark_run.job_spec(step, context))
    return {
        "Name": _name(step),
        "ActionOnFailure": on_failure,
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": [*submit, step.params["script"], *told]},
    }


def _told(found: Mapping[str, Any] | None) -> list[str]:
    """The job's own arguments: those behind the script."""
    every = list(((found or {}).get("Config") or {}).get("Args") or [])
    begin = next((number for number, one in enumerate(every) if one.startswith(arguments.PREFIX)), len(every))
    return every[begin:]


def _is_success(cluster: Mapping[str, Any]) -> bool:
    status = cluster["Status"]
    return status["State"] == "TERMINATED" and _code(cluster) == "ALL_STEPS_COMPLETED"


def _code(cluster: Mapping[str, Any]) -> str:
    return str((cluster["Status"].get("StateChangeReason") or {}).get("Code") or "")


def _failure(step: Step, context: Context, cluster: Mapping[str, Any], ours: Mapping[str, Any] | None) -> StepError:
    status = (ours or {}).get("Status") or {}
    details, reason = status.get("FailureDetails") or {}, cluster["Status"].get("StateChangeReason") or {}
    said = (details.get("Reason"), details.get("Message"), reason.get("Message"))
    message = "; ".join(dict.fromkeys(str(text) for text in said if text))
    base = f"{spark_run.logs_of(step)}{cluster['Id']}/steps/{(ours or {}).get('Id', '')}/"
    log = spark_failure.log_in_s3(context.target, (f"{base}stderr.gz", f"{base}stdout.gz")) if ours else []
    state = str(status.get("State") or _code(cluster) or cluster["Status"]["State"])
    if state in ("CANCELLED", "COMPLETED", "PENDING", "RUNNING"):
        state = _code(cluster) or state  # it is the cluster that ended
    return spark_failure.ended(step.params["target_table"], "EMR", state, message, log, base)


def _lost(step: Step) -> StepResult:
    if not step.handle:
        return Again()
    what = f"{step.handle} of EMR is gone"
    return Failed(StepError(what, "EMR forgets clusters after two months", spark_run.LOOK_AGAIN))


def _name(step: Step) -> str:
    return f"migrate-{step.token}"
