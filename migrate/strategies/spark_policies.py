"""The policies that the Spark job needs, each with the least that does: the job's role, and the one that it reads with.

https://docs.aws.amazon.com/glue/latest/dg/create-an-iam-role.html
https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/jobs-runtime-roles.html
"""

from __future__ import annotations

from typing import Any

from migrate.core.codec import Json
from migrate.strategies.spark_setup import SparkSetup

VERSION = "2012-10-17"
READS = ["dynamodb:DescribeTable", "dynamodb:Scan", "dynamodb:BatchGetItem"]
WRITES = ["dynamodb:DescribeTable", "dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:Scan"]
"""Of the target's tables; Scan is for the verification."""

_OF_TABLES = {"StringLike": {"kms:ViaService": ["dynamodb.*.amazonaws.com", "s3.*.amazonaws.com"]}}


def job_trust(setup: SparkSetup) -> Json:
    """Trust policy of the job's role."""
    return _policy({"Principal": {"Service": setup.service}, "Action": "sts:AssumeRole"})


def source_trust(setup: SparkSetup) -> Json:
    """Trust policy of the source role: the job's role, and nobody else."""
    statement: dict[str, Any] = {"Principal": {"AWS": setup.role_arn("target")}, "Action": "sts:AssumeRole"}
    external_id = setup.request.options.get("source_external_id")
    if external_id:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    return _policy(statement)


def job_policy(setup: SparkSetup) -> Json:
    """What the job may do: its files, the target's tables, the source role, its log. The same for every table."""
    target, bucket = setup.target, f"arn:{setup.target.partition}:s3:::{setup.request.options['bucket']}"
    tables = f"arn:{target.partition}:dynamodb:{target.region}:{target.id}:table/*"
    group = f"arn:{target.partition}:logs:{target.region}:{target.id}:log-group:/aws-glue/*"
    logs = {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": group}
    is_same_account = setup.source.id == target.id
    return _policy(
        {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"{bucket}/*"},
        {"Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": bucket},
        {"Action": sorted({*WRITES, *(READS if is_same_account else [])}), "Resource": tables},
        *([{"Action": "sts:AssumeRole", "Resource": setup.role_arn("source")}] if not is_same_account else []),
        *([logs] if setup.engine == "glue" else []),
        _keys("kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"),
    )


def source_policy(setup: SparkSetup) -> Json:
    """What the source role may do: read tables."""
    source = setup.source
    tables = f"arn:{source.partition}:dynamodb:{source.region}:{source.id}:table/*"
    return _policy({"Action": READS, "Resource": tables}, _keys("kms:Decrypt", "kms:DescribeKey"))


def _keys(*actions: str) -> dict[str, Any]:
    return {"Action": list(actions), "Resource": "*", "Condition": _OF_TABLES}


def _policy(*statements: dict[str, Any]) -> Json:
    return {"Version": VERSION, "Statement": [{"Effect": "Allow", **statement} for statement in statements]}
