"""What actions of the Spark job's engines need: roles, buckets, a cluster, and a script that only leaves a result."""

from __future__ import annotations

import functools
import json
from typing import Any

from tests.sandbox.engine_world import until

SERVICES = ["glue.amazonaws.com", "emr-serverless.amazonaws.com", "ec2.amazonaws.com", "elasticmapreduce.amazonaws.com"]
KINDS = ("glue-run", "glue-verify", "emr-run", "emr-cluster", "emr-step")
"""Kinds whose work is a run of the job: their cases run the script."""

SAME = {"emr-verify": "emr-run", "emr-cluster-verify": "emr-cluster", "emr-step-verify": "emr-step"}
"""Kinds that are carried out by the handler of another one, which only tells the job something else."""

SCRIPT = """
import json, sys
import boto3
told = dict(zip(sys.argv[1::2], sys.argv[2::2]))
bucket, _, prefix = told["--migrate-work"].removeprefix("s3://").partition("/")
counts = {name: 0 for name in "kept rejected absent filtered extra bytes read_units write_units seconds".split()}
result = {"format_version": 1, "mode": told["--migrate-mode"], "token": told["--migrate-token"], "run": "one",
          "balanced": True, "units": 2, "units_done": 2, "read": 7, "written": 7, **counts}
if told["--migrate-mode"] == "verify":
    items = {name: 0 for name in "source_items target_items same differs missing extra errors".split()}
    result |= {"units": 4, "units_done": 4, "read": 0, "written": 0}
    result["comparison"] = {**items, "named": [], "buckets": {"source": "", "target": ""}}
s3 = boto3.client("s3", region_name=told["--migrate-work-region"])
s3.put_object(Bucket=bucket, Key=prefix + "/result.json", Body=json.dumps(result).encode())
"""
RELEASE = "emr-7.11.0"


def role(world: Any) -> str:
    """ARN of a role that every engine may assume, with an instance profile of its name."""
    iam, name = world.context.target.client("iam"), world.name("engine")
    trust = {"Effect": "Allow", "Principal": {"Service": SERVICES}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"])
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy)
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    return arn


def files(world: Any) -> dict[str, Any]:
    return {"bucket": world.bucket(), "prefix": "migrate/contract/py"}


STEPS = {"steps": [{"rename": {"pk": "id"}}], "keys": [["id", "S"]], "source_keys": ["pk", "sk"], "code": {}}


def transform(world: Any) -> dict[str, Any]:
    return {"bucket": world.bucket(), "prefix": "migrate/contract/table/transform", "transform": STEPS}


def glue_job(world: Any, script: str = "s3://somewhere/job.py") -> dict[str, Any]:
    sizes = {"worker_type": "G.1X", "workers": 2, "timeout_minutes": 10, "execution_class": "STANDARD"}
    job = {"name": world.name("job"), "role_arn": role(world), "version": "5.1", "script": script}
    return {**job, "archive": "s3://somewhere/migrate.zip", **sizes}


def application(world: Any) -> dict[str, Any]:
    return {"name": world.name("application"), "release": RELEASE, "architecture": "ARM64", "network": {}}


def run(world: Any, kind: str, script: str = SCRIPT) -> dict[str, Any]:
    """Params of a run of `script`, with everything there that it needs."""
    params = _job(world, script)
    if kind == "glue-verify":
        params |= {"mode": "verify", "folder": "migrate/contract/table/verify"}
    if kind in ("glue-run", "glue-verify"):
        job = glue_job(world, params["script"]) | {"archive": params["archive"]}
        world.make("glue-job", job)
        return {**params, **{k: v for k, v in job.items() if k not in ("name", "version")}, "job": job["name"]}
    params["role_arn"] = role(world)
    if kind == "emr-run":
        _, made = world.make("emr-application", application(world))
        return {**params, "application_id": made.outputs["application_id"], "workers": 1, "timeout_minutes": 10}
    name = params["role_arn"].rpartition("/")[2]
    if kind == "emr-cluster":
        more = {"release": RELEASE, "role": name, "service_role": name, "subnet": None}
        return {**params, **more, "groups": _groups()}
    client = world.context.target.client("emr")
    instances = {"InstanceGroups": _groups(), "KeepJobFlowAliveWhenNoSteps": True}
    wish = {"Name": "somebody's", "ReleaseLabel": RELEASE, "Instances": instances, "Applications": [{"Name": "Spark"}]}
    logs = f"s3://{params['bucket']}/their-logs"
    cluster = client.run_job_flow(**wish, JobFlowRole=name, ServiceRole=name, LogUri=logs)["JobFlowId"]
    described = functools.partial(client.describe_cluster, ClusterId=cluster)
    until(lambda: described()["Cluster"]["Status"]["State"], lambda state: state == "WAITING")
    return {**params, "cluster_id": cluster}


def _groups() -> list[dict[str, Any]]:
    kinds = ("MASTER", "CORE")
    return [{"InstanceRole": kind, "InstanceType": "m6g.xlarge", "InstanceCount": 1} for kind in kinds]


def _job(world: Any, script: str) -> dict[str, Any]:
    source, target, bucket = world.table(world.source), world.table(world.target), world.bucket()
    s3 = world.context.target.client("s3")
    s3.put_object(Bucket=bucket, Key="py/job.py", Body=script.encode())
    s3.put_object(Bucket=bucket, Key="py/migrate.zip", Body=b"PK\x05\x06" + bytes(18))
    described = world.source.describe_table(TableName=source)["Table"]
    return {
        "source_table": source,
        "source_arn": described["TableArn"],
        "target_table": target,
        "table_id": world.target.describe_table(TableName=target)["Table"]["TableId"],
        "keys": ["pk", "sk"],
        "mode": "copy",
        "bucket": bucket,
        "folder": "migrate/contract/table/job",
        "segments": 2,
        "source_role": None,
        "external_id": None,
        "script": f"s3://{bucket}/py/job.py",
        "archive": f"s3://{bucket}/py/migrate.zip",
    }
