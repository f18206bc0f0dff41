"""Facts about what a manifest names beside its tables: buckets, KMS keys, roles, clusters."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from migrate.aws import emr, iam, kms, s3
from migrate.aws.session import Account
from migrate.core.access import Permission, Place, allow
from migrate.core.codec import Json
from migrate.core.diagnostics import Diagnostic, error
from migrate.core.errors import AccessDenied, AwsError
from migrate.observe.inventory import BucketFacts, ClusterFacts, KeyFacts, RoleFacts
from migrate.observe.normalise import OWN_TAG_PREFIX
from migrate.observe.reader import Reader

_BUCKET_READS: tuple[Callable[..., Any], ...] = (
    s3.ownership,
    s3.is_private,
    s3.encryption,
    s3.is_versioned,
    s3.requester_pays,
    s3.get_policy,
    s3.bucket_tags,
)

_BUCKET_ACTIONS = (
    "GetBucketOwnershipControls GetBucketPublicAccessBlock GetEncryptionConfiguration GetBucketVersioning "
    "GetBucketRequestPayment GetBucketPolicy GetBucketTagging GetBucketLocation"
)
"""What IAM calls these reads."""


def bucket_access(place: Place, names: Iterable[str]) -> Iterator[Permission]:
    """What `bucket_facts` reads of these buckets."""
    there = "the bucket is there when the plan is made"
    for name in names:
        yield allow(place.side, "s3:ListBucket", place.bucket(name))
        settings = (
            "GetBucketOwnershipControls GetBucketPublicAccessBlock GetEncryptionConfiguration GetBucketVersioning"
        )
        names_of_reads = f"s3:{settings} GetBucketRequestPayment GetBucketPolicy GetBucketTagging GetBucketLocation"
        yield allow(place.side, names_of_reads, place.bucket(name), when=there)


def key_access(place: Place, id: str, arn: str = "") -> Iterator[Permission]:
    """What `key_facts` reads of a key: by its ARN where that is known, else by what the manifest says."""
    when = "the key is there when the plan is made"
    if id.startswith("alias/") or ":alias/" in id:
        alias = id.rpartition(":")[2]
        named: Json = {"StringEquals": {"kms:RequestAlias": alias}}
        known: Json = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
        wide = "the key that has the alias"
        yield allow(place.side, "kms:DescribeKey", place.key("*"), condition=named, wide=wide)
        if not arn:
            yield allow(place.side, "kms:GetKeyPolicy", place.key("*"), condition=known, wide=wide, when=when)
    else:
        yield allow(place.side, "kms:DescribeKey", place.key(id))
        arn = arn or place.key(id)
    if arn:
        yield allow(place.side, "kms:GetKeyPolicy", arn, when=when)


def role_access(place: Place, name: str) -> Permission:
    """What `role_facts` reads of a role."""
    return allow(place.side, "iam:GetRole", place.role(name))


def failed_read(address: str, failure: AwsError, *, consequence: str = "") -> Diagnostic:
    """An ERROR diagnostic for a read that is needed and failed."""
    why = ". ".join(text.rstrip(".") for text in (failure.why, consequence) if text)
    found = error(failure.summary, address=address, why=why, hint=failure.hint)
    return dataclasses.replace(found, cause=type(failure).__name__)


def ask_buckets(reader: Reader, target: Account, names: Sequence[str]) -> None:
    """Begin the reads of the buckets that exist."""
    for name in names:
        if isinstance(reader.answer(s3.head_bucket, target, name), dict):
            for read in _BUCKET_READS:
                reader.ask(read, target, name)


def bucket_facts(reader: Reader, target: Account, name: str) -> tuple[BucketFacts, list[Diagnostic]]:
    """What the target account sees of a bucket. A bucket of which one setting may not be read counts as unreachable."""
    head = reader.answer(s3.head_bucket, target, name)
    if head is None:
        return BucketFacts(name, exists=False), []
    unreachable = BucketFacts(name, exists=True, reachable=False)
    if isinstance(head, AwsError):
        return unreachable, [_hidden_bucket(name, target, head)]
    answers: list[Any] = [reader.answer(read, target, name) for read in _BUCKET_READS]
    failures = [answer for answer in answers if isinstance(answer, AwsError)]
    if failures:
        return unreachable, [failed_read(f"buckets.{name}", failure) for failure in failures]
    ownership, private, (algorithm, key), versioned, requester, policy, tags = answers
    return BucketFacts(
        name,
        exists=True,
        region=head["BucketRegion"],
        ownership=ownership,
        is_private=private,
        encryption=algorithm,
        encryption_key=key,
        is_versioned=versioned,
        requester_pays=requester,
        policy=policy,
        own_tags={tag: value for tag, value in sorted(tags.items()) if tag.startswith(OWN_TAG_PREFIX)},
    ), []


def _hidden_bucket(name: str, target: Account, failure: AwsError) -> Diagnostic:
    if not isinstance(failure, AccessDenied):
        return failed_read(f"buckets.{name}", failure)
    return error(
        f"The bucket {name} exists, but {target.id} may not see it",
        address=f"buckets.{name}",
        why="Bucket names are shared by all accounts: it belongs to another account, or a permission is missing",
        hint=f"choose another name; or, if it belongs to {target.id}: {failure.hint}",
    )


def ask_keys(reader: Reader, accounts: Mapping[str, Account], keys: Mapping[str, tuple[str, str]]) -> None:
    """Begin the reads of the policies of the keys that exist."""
    for side, id in keys.values():
        found = reader.answer(kms.describe_key, accounts[side], id)
        if isinstance(found, dict):
            reader.ask(kms.get_key_policy, accounts[side], found["Arn"])


def key_facts(reader: Reader, account: Account, name: str, id: str) -> tuple[KeyFacts, list[Diagnostic]]:
    """What is known of a KMS key that the manifest calls `name`."""
    found = reader.answer(kms.describe_key, account, id)
    if found is None:
        return KeyFacts(name, arn="", id=id), []  # whether it must be there is the planner's matter
    if isinstance(found, AwsError):
        return KeyFacts(name, arn="", id=id), [failed_read(f"keys.{name}", found)]
    policy = reader.answer(kms.get_key_policy, account, found["Arn"])
    return KeyFacts(
        name,
        arn=found["Arn"],
        manager=found.get("KeyManager") or "CUSTOMER",
        state=found.get("KeyState") or "Enabled",
        spec=found.get("KeySpec") or "SYMMETRIC_DEFAULT",
        policy=None if isinstance(policy, AwsError) else policy,
        id=id,
    ), []


def ask_clusters(reader: Reader, account: Account, ids: Collection[str]) -> None:
    """Begin the reads of clusters of EMR, then those of the roles of their instances."""
    for id in ids:
        reader.ask(emr.describe_cluster, account, id)
    for id in ids:
        profile = _profile(reader.answer(emr.describe_cluster, account, id))
        if profile:
            reader.ask(iam.profile_role, account, profile)


def cluster_facts(reader: Reader, account: Account, id: str) -> ClusterFacts:
    """What is known of a cluster of EMR."""
    found = reader.answer(emr.describe_cluster, account, id)
    if isinstance(found, AwsError):
        return ClusterFacts(id, is_hidden=True)
    if found is None:
        return ClusterFacts(id)
    profile = _profile(found)
    role = reader.answer(iam.profile_role, account, profile) if profile else None
    applications = {str(one.get("Name")).lower() for one in found.get("Applications") or []}
    return ClusterFacts(
        id,
        state=str(found["Status"]["State"]),
        release=str(found.get("ReleaseLabel") or ""),
        has_spark="spark" in applications,
        role=role if isinstance(role, str) else "",
    )


def cluster_access(place: Place, id: str) -> Iterator[Permission]:
    """What `cluster_facts` needs."""
    yield allow(place.side, "elasticmapreduce:DescribeCluster", place.arn("elasticmapreduce", f"cluster/{id}"))
    profiles = f"arn:{place.partition}:iam::{place.account}:instance-profile/*"
    yield allow(place.side, "iam:GetInstanceProfile", profiles, wide="the cluster says which one it has")


def _profile(cluster: Any) -> str:
    """Name of the instance profile of a cluster that was described."""
    attributes = (cluster.get("Ec2InstanceAttributes") if isinstance(cluster, dict) else None) or {}
    return str(attributes.get("IamInstanceProfile") or "").rpartition("/")[2]


def role_facts(reader: Reader, account: Account, name: str) -> RoleFacts:
    """What is known of an IAM role. One that may not be read is no problem of the plan's: it may do all the same."""
    found = reader.answer(iam.get_role, account, name)
    if isinstance(found, AwsError):
        return RoleFacts(name, is_hidden=True)
    if found is None:
        return RoleFacts(name)
    return RoleFacts(name, str(found["Arn"]), json.dumps(found["AssumeRolePolicyDocument"], sort_keys=True))
