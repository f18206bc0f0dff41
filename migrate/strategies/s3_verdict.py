"""What stands against strategy `s3` for a table: every reason at once, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.diagnostics import Diagnostic, error, warning
from migrate.core.iam_policy import allows
from migrate.observe.inventory import BucketFacts
from migrate.plan.costs import GIB
from migrate.plan.strategy import TableRequest, Verdict
from migrate.strategies.source_reasons import unchanged_only, unfit_source

TIB = 1024 * GIB
LARGE_IMPORT_REGIONS = {"us-east-1", "us-west-2", "eu-west-1"}
"""Regions where 15 TB of imports may be in flight; elsewhere 1 TB (DynamoDB service quotas)."""


def import_limit(region: str) -> int:
    """Bytes of imports that may be in flight in a Region (service quota)."""
    return 15 * TIB if region in LARGE_IMPORT_REGIONS else TIB


def judge(request: TableRequest) -> Verdict:
    """May `s3` move this table?"""
    reasons = [*_table(request), *_size(request), *check_bucket(request, "s3"), *_key(request)]
    region = request.inventory.source.region
    same = region == request.inventory.target.region
    why = f"{'same Region' if same else 'other Region (S3 transfer is charged)'}, no local index, no transform"
    return Verdict(
        reasons=tuple(d for d in reasons if d.is_error),
        warnings=tuple(d for d in reasons if not d.is_error),
        why=why,
    )


def _table(request: TableRequest) -> Iterator[Diagnostic]:
    source = request.source
    yield from unchanged_only(request, "s3")
    if source.spec.local_indexes:
        yield error(
            f"`{source.name}` has local secondary indexes ({', '.join(sorted(source.spec.local_indexes))})",
            address=request.target_name,
            why="ImportTable has no parameter for them, and they cannot be added to a table later",
            hint="use a strategy that creates the table: copy, glue, emr or backup",
        )
    yield from unfit_source(
        request,
        vectors="whether an import rebuilds them is not confirmed, and nothing may be lost in silence",
        unreadable="a table can be exported only while DynamoDB can read it",
    )


def _size(request: TableRequest) -> Iterator[Diagnostic]:
    limit = import_limit(request.inventory.target.region)
    if request.source.size_bytes > limit:
        yield error(
            f"`{request.source.name}` has {request.source.size_bytes / TIB:.1f} TiB",
            address=request.target_name,
            why=f"imports in {request.inventory.target.region} may read {limit // TIB} TiB at a time",
            hint="ask AWS for a higher quota, or use glue, emr or backup",
        )


def check_bucket(request: TableRequest, strategy: str) -> Iterator[Diagnostic]:
    """Every reason against the bucket that `strategy` is to work through."""
    name, where = request.options.get("bucket"), f"strategies.{strategy}.bucket"
    if not name:
        yield error(f"strategy {strategy} needs a bucket", address=request.target_name, hint=f"set {where}")
        return
    facts = request.inventory.buckets.get(name)
    if facts is None or not facts.exists:
        if not request.options.get("create_bucket"):
            yield error(
                f"the bucket {name} does not exist",
                address=where,
                hint="set create_bucket: true to have it made in the target account, or name one that exists",
            )
        return
    yield from _existing_bucket(request, facts, where)


def _existing_bucket(request: TableRequest, facts: BucketFacts, where: str) -> Iterator[Diagnostic]:
    if not facts.reachable:
        yield error(
            f"the bucket {facts.name} belongs to another account, or {request.inventory.target.id} may not look at it",
            address=where,
            why="bucket names are global; the transfer bucket must belong to the target account",
            hint="choose another name",
        )
        return
    if facts.ownership != "BucketOwnerEnforced":
        yield error(
            f"the bucket {facts.name} has ACLs enabled ({facts.ownership or 'ObjectWriter'})",
            address=where,
            why="the source account would own the exported files, and the import could not read them",
            hint=f"aws s3api put-bucket-ownership-controls --bucket {facts.name} "
            "--ownership-controls 'Rules=[{ObjectOwnership=BucketOwnerEnforced}]'",
        )
    if facts.requester_pays:
        yield error(f"the bucket {facts.name} is requester-pays", address=where, why="exports do not work with it")
    if not facts.is_private:
        yield warning(f"the bucket {facts.name} does not block public access", address=where)
    if facts.region and facts.region != request.inventory.target.region:
        yield warning(
            f"the bucket {facts.name} is in {facts.region}", address=where, why="transfer between Regions is charged"
        )
    if facts.is_versioned:
        yield warning(
            f"the bucket {facts.name} keeps old versions",
            address=where,
            why="the clean-up deletes the exported files, but their versions stay until a lifecycle rule removes them",
        )


def _key(request: TableRequest) -> Iterator[Diagnostic]:
    name = request.options.get("encryption_key")
    facts = request.inventory.keys.get(name) if name else None
    if name is None or facts is None or not facts.arn:
        return
    where = "strategies.s3.encryption_key"
    if facts.manager == "AWS":
        yield error(
            f"the key `{name}` is an AWS managed key",
            address=where,
            why="no other account can use it, so the export could not write",
            hint="name a customer managed key of the target account",
        )
    elif facts.policy is None:
        yield warning(
            f"the policy of the key `{name}` could not be read",
            address=where,
            why="whether the source account may use it shows only when the export runs",
        )
    elif not allows(facts.policy, request.inventory.source.id):
        yield error(
            f"the policy of the key `{name}` ({facts.arn}) does not let {request.inventory.source.id} use it",
            address=where,
            why="the export encrypts with it, from the source account",
            hint="add a statement with Principal "
            f"arn:{request.inventory.source.partition}:iam::{request.inventory.source.id}:root and the actions "
            "kms:GenerateDataKey, kms:Decrypt, kms:DescribeKey",
        )
