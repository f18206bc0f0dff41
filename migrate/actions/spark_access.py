"""The permissions of a run of the Spark job: of whoever starts it and looks at it, and of its roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions.places import UNKNOWN, Places
from migrate.core.access import Access, allow
from migrate.plan.model import Action
from migrate.spark.arguments import LOAD_EXPORT, VERIFY


def run_access(action: Action, places: Places, service: str) -> Iterator[Access]:
    """What the caller looks at while the job runs, and what the job does with its roles."""
    params, target, role = action.params, places.target, action.params["role_arn"]
    bucket, folder = params["bucket"], target.objects(params["bucket"], params["folder"])
    yield allow(target.side, "dynamodb:DescribeTable", target.table(params["target_table"]))
    yield allow(target.side, "s3:ListBucket", target.bucket(bucket))
    yield allow(target.side, "s3:GetObject", folder)
    yield from places.objects_of(bucket, "Decrypt")
    job = places.origin(params.get("job"))
    script = places.text((job.params if job else params).get("script", UNKNOWN), "prefix")
    files = target.objects(bucket, "" if script == UNKNOWN else script)
    yield allow(role, "s3:GetObject", files, when="the engine fetches the script and its archive")
    yield allow(role, "s3:GetObject PutObject", folder)
    yield allow(role, "s3:ListBucket", target.bucket(bucket))
    yield allow(role, "s3:GetBucketLocation", target.bucket(bucket), when="an engine looks where the bucket is")
    yield from places.objects_of(bucket, "GenerateDataKey Decrypt", role)
    if params.get("transform_place"):
        place = places.text(params["transform_place"], "prefix")
        yield allow(role, "s3:GetObject", target.objects(bucket, "" if place == UNKNOWN else place))
    does = "Scan" if params["mode"] == VERIFY else "BatchWriteItem"
    yield allow(role, f"dynamodb:{does}", target.table(params["target_table"]))
    yield from places.items_of(target.side, params["target_table"], role)
    yield places.trusted_by(role, {"Service": service})
    if params["mode"] == LOAD_EXPORT:
        yield allow(role, "s3:GetObject", target.objects(bucket, places.export_prefix(params["manifest_key"])))
    else:
        yield from _source_access(params, places)


def _source_access(params: Mapping[str, Any], places: Places) -> Iterator[Access]:
    source, table, role = places.source, params["source_table"], params["role_arn"]
    yield allow(source.side, "dynamodb:DescribeTable", source.table(table))
    reader = params.get("source_role")
    if reader:
        yield allow(role, "sts:AssumeRole", reader)
        told = {"StringEquals": {"sts:ExternalId": params["external_id"]}} if params.get("external_id") else None
        yield places.trusted_by(reader, {"AWS": role}, told)
    who = reader or role
    yield allow(who, "dynamodb:Scan", source.table(table))
    if params["mode"] != VERIFY:
        when = "items were refused, and are written again"
        yield allow(who, "dynamodb:BatchGetItem", source.table(table), when=when)
    yield from places.items_of(source.side, table, who)
