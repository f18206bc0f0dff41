"""Tables moved by the Spark job through the command line: the engines of the sandbox really run it, on local Spark."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from tests.e2e.checker import differences
from tests.e2e.world import TARGET, World
from tests.spark.running import needs_spark

pytestmark = needs_spark()
BUCKET = f"spark-{TARGET}"
GLUE = {"bucket": BUCKET, "create_bucket": True, "create": True, "workers": 2, "segments": 4}
EMR = {"bucket": BUCKET, "create_bucket": True, "create": True, "workers": 2, "segments": 4, "release": "emr-7.11.0"}
LARGEST = 60
BY_THIS_MACHINE = {"verify": {"by": "local"}}
"""As `defaults`: these are about moving, and every run of Spark takes seconds."""


def fill(world: World, items: int = 200) -> None:
    world.table("orders", items)
    odd = {"M": {"x": {"NULL": True}, "y": {"L": [{"B": b"\x00\xff"}, {"N": "1.50E-7"}, {"SS": ["b", "a"]}]}}}
    world.source.put_item(TableName="orders", Item={"id": {"S": "odd \u2028"}, "odd": odd})


def role(world: World, account: str, name: str, principal: dict[str, Any]) -> str:
    """A role, made by hand, that may do everything; with an instance profile of its name."""
    iam = world.client("iam", account)
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(allowed))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    return str(arn)


def is_as_planned(world: World) -> None:
    """Every item is there, nothing of ours is left, and nothing is left to do."""
    assert differences(world.source, world.target, "orders") == []
    assert "No changes" in world.ok("plan", "m.yaml").out
    buckets = world.client("s3", TARGET).list_buckets()["Buckets"]
    assert [one["Name"] for one in buckets] == []
    assert world.client("glue", TARGET).list_jobs()["JobNames"] == []
    applications = world.client("emr-serverless", TARGET).list_applications()["applications"]
    assert {one["state"] for one in applications} <= {"TERMINATED"}


def test_a_killed_apply_adopts_the_run_of_glue(world: World) -> None:
    fill(world)
    world.manifest("[{name: orders, strategy: glue}]", strategies={"glue": GLUE}, defaults=BY_THIS_MACHINE)
    command = [sys.executable, "-m", "migrate", "apply", "m.yaml", "--auto-approve"]
    with subprocess.Popen(command, cwd=world.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: bool(world.calls("GetJobRun")))
        process.kill()
    world.ok("apply", "m.yaml", "--auto-approve")
    assert len(world.calls("StartJobRun")) == 1
    is_as_planned(world)


def test_a_run_that_fails_is_told_and_goes_on(world: World) -> None:
    fill(world)
    world.manifest("[{name: orders, strategy: emr}]", strategies={"emr": EMR}, defaults=BY_THIS_MACHINE)
    world.faults(
        {"operation": "StartJobRun", "kind": "job-failed", "times": 1, "message": "Worker vCPU quota exceeded"}
    )
    failed = world.run("apply", "m.yaml", "--auto-approve")
    assert failed.code != 0
    assert "orders/emr-run: the EMR Serverless job for orders ended as FAILED" in failed.err + failed.out
    assert "Worker vCPU quota exceeded" in failed.err + failed.out
    assert "Service Quotas" in failed.err + failed.out
    world.ok("apply", "m.yaml", "--auto-approve")
    is_as_planned(world)


def test_a_cluster_of_its_own_from_an_export(world: World) -> None:
    fill(world)
    role(world, TARGET, "EMR_EC2_DefaultRole", {"Service": "ec2.amazonaws.com"})
    role(world, TARGET, "EMR_DefaultRole", {"Service": "elasticmapreduce.amazonaws.com"})
    options = {**EMR, "mode": "cluster", "from": "export", "source_pitr": "restore"}
    world.manifest("[{name: orders, strategy: emr}]", strategies={"emr": options})
    world.ok("apply", "m.yaml", "--auto-approve")
    is_as_planned(world)
    emr = world.client("emr", TARGET)
    (cluster,) = emr.list_clusters()["Clusters"]
    assert cluster["Status"]["State"] == "TERMINATED"
    assert len(world.calls("RunJobFlow")) == 1


def test_a_success_without_a_result_is_a_failure(world: World) -> None:
    """Somebody has put another program in the place of the job's script: it ends well, and has moved nothing."""
    fill(world, 3)
    s3 = world.client("s3", TARGET)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_ownership_controls(
        Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    world.manifest("[{name: orders, strategy: glue}]", strategies={"glue": GLUE}, defaults=BY_THIS_MACHINE)
    world.faults({"operation": "CreateJob", "kind": "access-denied", "times": 1})
    assert world.run("apply", "m.yaml", "--auto-approve").code != 0
    (script,) = (one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"] if one["Key"].endswith("job.py"))
    size = s3.head_object(Bucket=BUCKET, Key=script)["ContentLength"]
    s3.put_object(Bucket=BUCKET, Key=script, Body=b"#" * (size - 1) + b"\n")
    failed = world.run("apply", "m.yaml", "--auto-approve")
    assert failed.code != 0
    assert "has left no result" in failed.err + failed.out
    assert world.items(TARGET, "orders") == []


def until(is_so: Any) -> None:
    deadline = time.monotonic() + LARGEST
    while not is_so():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.1)
