"""The Spark job as the only step of a cluster of Amazon EMR on EC2 that is made for it and ends with it.

https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-longrunning-transient.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions import spark_access, spark_run, spark_work
from migrate.actions.backup_base import job_look, patient_with_new_roles, since
from migrate.actions.base import (
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
from migrate.actions.emr_step import EC2, ENDED, NAME, ended_by, failure, lost, name_of, new_step, told
from migrate.actions.ownership import ours as is_ours
from migrate.actions.ownership import own_tags
from migrate.actions.places import LATER, Places, new_role
from migrate.aws import emr
from migrate.core.access import Access, allow, anywhere, linked_role, pass_role
from migrate.plan.model import Action
from migrate.state.model import OwnedResource

_TOKEN_TAG = "migrate:token"


class EmrClusterHandler:
    """Kinds `emr-cluster` and `emr-cluster-verify`: params `name`, `release`, `role` (instance profile), `role_arn`,
    `service_role`, `groups`, `subnet`, `script`, `archive`, and those of `spark_run.job_spec`.

    RunJobFlow has no client token: a lost cluster is found by its name, which has the attempt's token in it, and its
    tags; one of an earlier attempt that still runs by the tags that say whose it is. The end is a cluster that is
    TERMINATED: one that still runs still costs.
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
        yield from spark_access.run_access(action, places, EC2)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The folder that the job works in; the cluster ends by itself."""
        return (spark_work.work_folder(step, is_confirmed=False),)

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
                Name=name_of(step),
                ReleaseLabel=params["release"],
                Applications=[{"Name": "Spark"}],
                ServiceRole=params["service_role"],
                JobFlowRole=params["role"],
                LogUri=spark_work.logs_of(step),
                Instances={
                    "InstanceGroups": params["groups"],
                    "KeepJobFlowAliveWhenNoSteps": False,
                    "TerminationProtected": False,
                    **place,
                },
                Steps=[new_step(step, context, "TERMINATE_CLUSTER")],
                VisibleToAllUsers=True,
                Tags=[{"Key": key, "Value": value} for key, value in sorted(tags.items())],
            )

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`. Done only when the cluster is gone and the result balances."""
        cluster = _cluster(step, context)
        if cluster is None:
            hidden = _may_be_hidden(step, context)
            elapsed = seconds_since(step.started, context.clock)
            return Running(job_look(elapsed, context.target)) if hidden else lost(step)
        state = cluster["Status"]["State"]
        ours = _only_step(context, cluster)
        if state not in ENDED:
            doing = f"EMR cluster {cluster['Id']}: {state.lower()}"
            return spark_run.going_on(step, context, told(ours), doing)
        if _is_success(cluster) and ours is not None and ours["Status"]["State"] == "COMPLETED":
            return spark_run.succeeded(step, context, told(ours), {"cluster": cluster["Id"]})
        return Failed(failure(step, context, cluster, ours), (spark_work.work_folder(step, is_confirmed=True),))

    def undo(self, step: Step, context: Context) -> None:
        """Terminate the cluster, and delete what the job left in S3; what it wrote goes with the table."""
        cluster = _cluster(step, context)
        if cluster is not None and cluster["Status"]["State"] not in ENDED:
            emr.terminate_cluster(context.target, cluster["Id"])
        spark_work.remove_work(step, context)


def _cluster(step: Step, context: Context) -> dict[str, Any] | None:
    """The cluster that is known; or that of this attempt; or else one that does the same work now."""
    if step.handle:
        return emr.describe_cluster(context.target, step.handle)
    for found in emr.clusters_named(context.target, name_of(step), since(step)):
        if _tags(found).get(_TOKEN_TAG) == step.token:
            return found
    live = (found for found in emr.live_clusters(context.target, NAME) if is_ours(_tags(found), step, context))
    return next((one for one in live if spark_run.is_same_work(step, told(_only_step(context, one)))), None)


def _only_step(context: Context, cluster: Mapping[str, Any]) -> dict[str, Any] | None:
    return next(iter(emr.list_steps(context.target, cluster["Id"])), None)


def _tags(cluster: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in cluster.get("Tags") or []}


def _may_be_hidden(step: Step, context: Context) -> bool:
    """True when a cluster that this attempt began may not be listed yet. Own endpoints list at once."""
    return was_just_started(step, context) and not context.target.access.endpoint_url


def _is_success(cluster: Mapping[str, Any]) -> bool:
    return cluster["Status"]["State"] == "TERMINATED" and ended_by(cluster) == "ALL_STEPS_COMPLETED"
