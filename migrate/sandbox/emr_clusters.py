"""RunJobFlow, DescribeCluster, ListClusters, TerminateJobFlows, AddTags: clusters that exist in name, for real steps.

https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html

RunJobFlow has no token and makes a cluster each time. Instance profile and service role must exist at the call; whether
they can be assumed shows when the cluster starts. Not emulated: instances, networks, bootstrap actions, step
concurrency, changes of a running cluster.
"""

from __future__ import annotations

import re
from typing import Any

from migrate.sandbox import emr_life
from migrate.sandbox.emr_steps import add
from migrate.sandbox.emr_store import ENDED, Cluster, find, new_id
from migrate.sandbox.engine_access import role_arn
from migrate.sandbox.engine_store import shelf
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation
from migrate.sandbox.service_roles import find_role

RELEASE = re.compile(r"emr-[567]\.\d+\.\d+|emr-spark-8\.\d+\.\d+")
"""Release labels, of EMR Serverless too."""


@operation(
    "emr",
    "RunJobFlow",
    "Name LogUri ReleaseLabel Instances Steps Applications ServiceRole JobFlowRole Tags VisibleToAllUsers "
    "AutoTerminationPolicy Configurations ManagedScalingPolicy EbsRootVolumeSize ScaleDownBehavior",
)
def run(call: Call) -> dict[str, Any]:
    body = {"JobFlowRole": "EMR_EC2_DefaultRole", "ServiceRole": "EMR_DefaultRole", **call.body}
    _check(call, body)
    cluster = Cluster(new_id("j"), call.account, call.region, body)
    add(call, cluster, body.get("Steps", []))
    shelf(call.account, call.region).clusters[cluster.id] = cluster
    emr_life.begin(cluster)
    return {"JobFlowId": cluster.id, "ClusterArn": cluster.arn}


@operation("emr", "DescribeCluster", "ClusterId")
def describe(call: Call) -> dict[str, Any]:
    return {"Cluster": find(call).describe()}


@operation("emr", "ListClusters", "CreatedAfter CreatedBefore ClusterStates Marker")
def list_all(call: Call) -> dict[str, Any]:
    body = call.body
    after, before = body.get("CreatedAfter", 0.0), body.get("CreatedBefore", float("inf"))
    wanted = body.get("ClusterStates")
    found = [
        one.summary()
        for one in reversed(list(shelf(call.account, call.region).clusters.values()))
        if after <= one.created.timestamp() <= before and (not wanted or one.state in wanted)
    ]
    return call.page("Clusters", found, token="Marker")


@operation("emr", "TerminateJobFlows", "JobFlowIds")
def terminate(call: Call) -> dict[str, Any]:
    known = shelf(call.account, call.region).clusters
    clusters = [known[id] for id in call.body["JobFlowIds"] if id in known]
    if any(cluster.is_protected and cluster.state not in ENDED for cluster in clusters):
        text = "Could not shut down one or more job flows since they are termination protected."
        raise Refused("ValidationException", text)
    for cluster in clusters:
        emr_life.shut_down(cluster, "USER_REQUEST", "Terminated by user request")
    return {}


@operation("emr", "AddTags", "ResourceId Tags")
def add_tags(call: Call) -> dict[str, Any]:
    cluster = find(call, "ResourceId")
    tags = {tag["Key"]: tag for tag in [*cluster.wish.get("Tags", []), *call.body["Tags"]]}
    cluster.wish["Tags"] = list(tags.values())
    return {}


def _check(call: Call, body: dict[str, Any]) -> None:
    label = body.get("ReleaseLabel", "")
    if not RELEASE.fullmatch(label):
        raise Refused("ValidationException", f"The supplied release label is invalid: {label}.")
    if not body["Instances"].keys() & {"InstanceGroups", "InstanceFleets", "InstanceCount"}:
        raise Refused("ValidationException", "Instances: groups, fleets or a count of instances must be given.")
    if emr_life.profile_of(call.account, body["JobFlowRole"]) is None:
        raise Refused("ValidationException", f"Invalid InstanceProfile: {body['JobFlowRole']}.")
    if find_role(role_arn(call.account, body["ServiceRole"])) is None:
        raise Refused("ValidationException", f"Invalid ServiceRole: {body['ServiceRole']}.")
