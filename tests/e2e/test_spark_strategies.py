"""Tables moved by the Spark job through the command line. The engines of the sandbox run it by Python alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.checker import differences
from tests.e2e.spark_world import (
    BUCKET,
    GONE,
    begin_apply,
    emr_roles,
    everything,
    role,
    somebodys_cluster,
    until,
    write_manifest,
)
from tests.e2e.world import TARGET, World

TRUST_OF_GLUE = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


@pytest.fixture(scope="module")
def url(url_without_java: str) -> str:
    """The program is tried here, not the job."""
    return url_without_java


def fill(world: World, items: int = 200) -> dict[str, Any]:
    """The source table; what is there before the migration."""
    world.table("orders", items)
    odd = {"M": {"x": {"NULL": True}, "y": {"L": [{"B": b"\x00\xff"}, {"N": "1.50E-7"}, {"SS": ["b", "a"]}]}}}
    world.source.put_item(TableName="orders", Item={"id": {"S": "odd \u2028"}, "odd": odd})
    return everything(world)


def is_as_planned(world: World, before: dict[str, Any]) -> None:
    """Every item is there, nothing of ours is left, nothing else was touched, and nothing is left to do."""
    assert differences(world.source, world.target, "orders") == []
    assert "No changes" in world.ok("plan", "m.yaml").out
    assert everything(world) == before


def test_a_killed_apply_adopts_the_run_of_glue(world: World) -> None:
    before = fill(world)
    write_manifest(world, "glue")
    with begin_apply(world) as process:
        until(lambda: bool(world.calls("GetJobRun")))
        process.kill()
    world.ok("apply", "m.yaml", "--auto-approve")
    assert len(world.calls("StartJobRun")) == 1
    is_as_planned(world, before)


def test_a_run_that_fails_is_told_and_goes_on(world: World) -> None:
    """What it made is kept as wished, until `cleanup`, which stops the application and deletes it."""
    before = fill(world)
    write_manifest(world, "serverless", cleanup="keep")
    fault = {"operation": "StartJobRun", "kind": "no-machines", "times": 1, "message": "Worker vCPU quota exceeded"}
    world.faults(fault)
    failed = world.run("apply", "m.yaml", "--auto-approve")
    assert failed.code == 7
    assert "orders/emr-run: the EMR Serverless job for orders ended as FAILED" in failed.err + failed.out
    assert "Worker vCPU quota exceeded" in failed.err + failed.out
    assert "Service Quotas" in failed.err + failed.out
    world.ok("apply", "m.yaml", "--auto-approve")
    assert len(everything(world)["applications"]) == 1
    world.ok("cleanup", "m.yaml", "--auto-approve")
    is_as_planned(world, before)


def test_workers_that_glue_has_no_room_for_are_waited_for(world: World) -> None:
    """And the role with which the job runs has lost its permissions meanwhile: nothing is moved, and nothing lost."""
    fill(world, 3)
    write_manifest(world, "glue")
    world.faults({"operation": "StartJobRun", "kind": "no-machines", "times": 2, "message": "Maximum of 4 task DPUs"})
    world.client("iam", TARGET).create_role(RoleName="migrate-glue", AssumeRolePolicyDocument=TRUST_OF_GLUE)
    failed = world.run("apply", "m.yaml", "--auto-approve")
    assert failed.code == 7
    assert failed.err.count("orders/glue-run: waiting: StartJobRun on Glue job migrate-orders") == 1
    assert "Maximum of 4 task DPUs" in failed.err
    assert "orders/glue-run: the Glue job for orders ended as FAILED" in failed.err + failed.out
    assert "is not authorized to perform: s3:GetObject" in failed.err + failed.out
    assert world.items(TARGET, "orders") == []
    cleanup = world.run("cleanup", "m.yaml", "--auto-approve")
    assert cleanup.code == 4
    assert "orders is not loaded yet" in cleanup.err


def test_a_cluster_of_its_own_from_an_export_that_goes_bad(world: World) -> None:
    """A file is damaged after its check: that is found before anything is moved, and a new export is made."""
    emr_roles(world)
    before = fill(world)
    write_manifest(world, "cluster", **{"from": "export", "source_pitr": "restore"})
    world.faults({"operation": "RunJobFlow", "kind": "access-denied", "times": 1})
    failed = world.run("apply", "m.yaml", "--auto-approve")
    assert failed.code == 9
    assert "allow elasticmapreduce:RunJobFlow" in failed.err + failed.out
    s3 = world.client("s3", TARGET)
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    data = next(key for key in keys if "/data/" in key)
    s3.put_object(Bucket=BUCKET, Key=data, Body=b"damaged")
    failed = world.run("apply", "m.yaml", "--auto-approve")
    assert failed.code == 7
    assert f"{data} does not match its md5" in failed.err + failed.out
    world.ok("apply", "m.yaml", "--auto-approve")
    assert len(world.calls("ExportTableToPointInTime")) == 2
    is_as_planned(world, before)
    (cluster,) = world.client("emr", TARGET).list_clusters()["Clusters"]
    assert cluster["Status"]["State"] == GONE[0]


def test_a_cluster_of_somebody_else_takes_a_step_and_stays(world: World) -> None:
    emr_roles(world)
    role(world, TARGET, "Analysts", "ec2.amazonaws.com")
    cluster = somebodys_cluster(world, "Analysts")
    before = fill(world)
    write_manifest(world, "step", cluster)
    assert "works as arn:aws:iam::222222222222:role/Analysts" in world.ok("plan", "m.yaml").out
    with begin_apply(world) as process:
        until(lambda: bool(world.calls("AddJobFlowSteps")))
        process.kill()
    world.ok("apply", "m.yaml", "--auto-approve")
    assert len(world.calls("AddJobFlowSteps")) == 1
    assert world.calls("TerminateJobFlows") == []
    is_as_planned(world, before)
    world.client("emr", TARGET).terminate_job_flows(JobFlowIds=[cluster])
    assert "No changes" in world.ok("plan", "m.yaml").out


def test_a_success_without_a_result_is_a_failure(world: World) -> None:
    """Somebody has put another program in the place of the job's script: it ends well, and has moved nothing."""
    fill(world, 3)
    s3 = world.client("s3", TARGET)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_ownership_controls(
        Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    write_manifest(world, "glue")
    world.faults({"operation": "CreateJob", "kind": "access-denied", "times": 1})
    assert world.run("apply", "m.yaml", "--auto-approve").code != 0
    (script,) = (one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"] if one["Key"].endswith("job.py"))
    size = s3.head_object(Bucket=BUCKET, Key=script)["ContentLength"]
    s3.put_object(Bucket=BUCKET, Key=script, Body=b"#" * (size - 1) + b"\n")
    failed = world.run("apply", "m.yaml", "--auto-approve")
    assert failed.code != 0
    assert "has left no result" in failed.err + failed.out
    assert world.items(TARGET, "orders") == []
