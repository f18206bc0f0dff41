"""What tests of the Spark strategies have in common: engines, roles, somebody's cluster, and what is there at all."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from tests.e2e.world import SOURCE, TARGET, World

BUCKET = f"spark-{TARGET}"
_SMALL = {"bucket": BUCKET, "create_bucket": True, "create": True, "workers": 2, "segments": 4}
GLUE = {**_SMALL}
EMR = {**_SMALL, "release": "emr-7.11.0"}
BY_THIS_MACHINE = {"verify": {"by": "local"}}
"""As `defaults`, where a test is about moving: every run of Spark takes seconds."""

ENGINES = ("glue", "serverless", "cluster", "step")
STARTS = {"glue": "StartJobRun", "serverless": "StartJobRun", "cluster": "RunJobFlow", "step": "AddJobFlowSteps"}
"""The call that starts the job."""

LARGEST = 120


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LARGEST
    while not is_so():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.1)


class Clients(Protocol):
    """Whatever has clients of both accounts."""

    def client(self, service: str, account: str) -> Any:
        """A boto3 client."""


def role(world: Clients, account: str, name: str, service: str) -> str:
    """A role, made by hand, that may do everything; with an instance profile of its name."""
    iam = world.client("iam", account)
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(allowed))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    return str(arn)


def emr_roles(world: Clients) -> None:
    """The roles that every cluster needs, as `aws emr create-default-roles` makes them."""
    role(world, TARGET, "EMR_EC2_DefaultRole", "ec2.amazonaws.com")
    role(world, TARGET, "EMR_DefaultRole", "elasticmapreduce.amazonaws.com")


def somebodys_cluster(world: Clients, profile: str) -> str:
    """A cluster that runs and stays, whose instances have this profile; its id."""
    group = {"InstanceRole": "MASTER", "InstanceType": "m6g.xlarge", "InstanceCount": 1}
    made = world.client("emr", TARGET).run_job_flow(
        Name="somebody's",
        ReleaseLabel="emr-7.11.0",
        Applications=[{"Name": "Spark"}],
        JobFlowRole=profile,
        ServiceRole="EMR_DefaultRole",
        Instances={"InstanceGroups": [group], "KeepJobFlowAliveWhenNoSteps": True},
    )
    return str(made["JobFlowId"])


def write_manifest(world: World, engine: str, cluster: str = "", **options: Any) -> None:
    """`m.yaml`, which moves `orders` by that engine."""
    strategy = "glue" if engine == "glue" else "emr"
    own: dict[str, Any] = {"glue": GLUE, "serverless": EMR}.get(engine, {**EMR, "mode": "cluster"})
    more = {"cluster_id": cluster} if engine == "step" else {}
    cleanup = options.pop("cleanup", "after-verify")
    tables = f"[{{name: orders, strategy: {strategy}, cleanup: {cleanup}}}]"
    world.manifest(tables, strategies={strategy: {**own, **more, **options}}, defaults=BY_THIS_MACHINE)


def begin_apply(world: World) -> subprocess.Popen[str]:
    """`migrate apply` as a process of its own."""
    command = [sys.executable, "-m", "migrate", "apply", "m.yaml", "--auto-approve"]
    return subprocess.Popen(command, cwd=world.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def is_moving(world: World) -> bool:
    """True once an item has arrived."""
    try:
        return bool(world.target.scan(TableName="orders", Limit=1)["Count"])
    except world.target.exceptions.ResourceNotFoundException:
        return False


def stop_by_hand(world: World, engine: str) -> None:
    """What somebody does to the run of the job in the console; nothing is left of its processes."""
    glue, serverless, emr = (world.client(service, TARGET) for service in ("glue", "emr-serverless", "emr"))
    if engine == "glue":
        (job,) = glue.list_jobs()["JobNames"]
        run = glue.get_job_runs(JobName=job)["JobRuns"][0]["Id"]
        assert not glue.batch_stop_job_run(JobName=job, JobRunIds=[run])["Errors"]
    elif engine == "serverless":
        live = [one for one in serverless.list_applications()["applications"] if one["state"] != "TERMINATED"]
        run = serverless.list_job_runs(applicationId=live[0]["id"])["jobRuns"][0]["id"]
        serverless.cancel_job_run(applicationId=live[0]["id"], jobRunId=run)
    elif engine == "step":
        (cluster,) = emr.list_clusters(ClusterStates=["RUNNING"])["Clusters"]
        step = emr.list_steps(ClusterId=cluster["Id"], StepStates=["RUNNING"])["Steps"][0]["Id"]
        emr.cancel_steps(ClusterId=cluster["Id"], StepIds=[step])
    else:
        live = emr.list_clusters(ClusterStates=["RUNNING"])["Clusters"]
        emr.terminate_job_flows(JobFlowIds=[one["Id"] for one in live if one["Name"].startswith("migrate-")])


def everything(world: World) -> dict[str, Any]:
    """What is there beside the target table `orders`: a migration that is over has left it as it was before."""
    found: dict[str, Any] = {}
    for account in (SOURCE, TARGET):
        dynamodb, iam = world.client("dynamodb", account), world.client("iam", account)
        found[f"{account} tables"] = [one for one in dynamodb.list_tables()["TableNames"] if account == SOURCE]
        found[f"{account} roles"] = {
            one["RoleName"]: (one["AssumeRolePolicyDocument"], iam.list_role_policies(RoleName=one["RoleName"]))
            for one in iam.list_roles()["Roles"]
        }
        for _, answer in found[f"{account} roles"].values():
            del answer["ResponseMetadata"]
        found[f"{account} buckets"] = [one["Name"] for one in world.client("s3", account).list_buckets()["Buckets"]]
    recovery = world.source.describe_continuous_backups(TableName="orders")["ContinuousBackupsDescription"]
    found["recovery"] = recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    found["jobs"] = world.client("glue", TARGET).list_jobs()["JobNames"]
    applications = world.client("emr-serverless", TARGET).list_applications()["applications"]
    found["applications"] = [one["id"] for one in applications if one["state"] != "TERMINATED"]
    clusters = world.client("emr", TARGET).list_clusters()["Clusters"]
    found["clusters"] = {one["Id"]: one["Name"] for one in clusters if one["Status"]["State"] in ("RUNNING", "WAITING")}
    ending = {one["Status"]["State"] for one in clusters} - {"RUNNING", "WAITING", *GONE}
    assert not ending, f"a cluster is {ending}"
    return found


GONE = ("TERMINATED", "TERMINATED_WITH_ERRORS")
