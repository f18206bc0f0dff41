"""S3 buckets and their settings. API reference: Amazon S3 2006-03-01. Objects are in `objects.py`.

Every call names the account that must own the bucket (ExpectedBucketOwner), so that a bucket of the same name that
somebody else made is refused (403, `AccessDenied`) instead of used. `owner` is that account, this account by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.aws.errors import call
from migrate.aws.objects import delete_objects, list_objects, read, stream_md5
from migrate.aws.session import Account
from migrate.core.errors import AlreadyExists, NotFound

__all__ = [
    "block_public_access",
    "bucket_tags",
    "create_bucket",
    "delete_bucket",
    "delete_objects",
    "delete_policy",
    "encryption",
    "get_policy",
    "head_bucket",
    "is_private",
    "is_versioned",
    "list_objects",
    "ownership",
    "put_encryption",
    "put_lifecycle",
    "put_ownership_enforced",
    "put_policy",
    "read",
    "requester_pays",
    "stream_md5",
    "tag_bucket",
]

SERVICE = "s3"
_OLD_NAMES = {"": "us-east-1", "EU": "eu-west-1"}


def head_bucket(account: Account, name: str, *, owner: str | None = None) -> dict[str, Any] | None:
    """HeadBucket with BucketRegion filled in; None when no such bucket exists anywhere.

    Raises `AccessDenied` when it exists but is somebody else's or may not be seen.
    """
    answer = _find(account, "HeadBucket", name, owner)
    if answer is not None and not answer.get("BucketRegion"):
        place = _call(account, "GetBucketLocation", name, owner).get("LocationConstraint") or ""
        answer["BucketRegion"] = _OLD_NAMES.get(place, place)
    return answer


def create_bucket(account: Account, name: str) -> None:
    """Make a bucket in the account's Region. One that this account has already counts as made.

    Raises `AlreadyExists` when the name is taken by somebody else. New buckets are private and owner-enforced by
    default; the caller sets both all the same.
    """
    place = {} if account.region == "us-east-1" else {"LocationConstraint": account.region}
    configuration = {"CreateBucketConfiguration": place} if place else {}
    try:
        call(account, SERVICE, "CreateBucket", Bucket=name, **configuration)
    except AlreadyExists as error:
        if error.code != "BucketAlreadyOwnedByYou":
            raise


def put_ownership_enforced(account: Account, name: str, *, owner: str | None = None) -> None:
    """Disable ACLs: whatever another account writes belongs to the bucket's owner. Idempotent."""
    rules = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    _call(account, "PutBucketOwnershipControls", name, owner, OwnershipControls=rules)


def block_public_access(account: Account, name: str, *, owner: str | None = None) -> None:
    """Turn all four switches of S3 Block Public Access on. Idempotent."""
    switches = dict.fromkeys(_SWITCHES, True)
    _call(account, "PutPublicAccessBlock", name, owner, PublicAccessBlockConfiguration=switches)


def put_encryption(account: Account, name: str, key_arn: str | None, *, owner: str | None = None) -> None:
    """Default encryption: AES256 without a key, else aws:kms with that key and an S3 Bucket Key. Idempotent."""
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn} if key_arn else {"SSEAlgorithm": "AES256"}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": key_arn is not None}
    _call(account, "PutBucketEncryption", name, owner, ServerSideEncryptionConfiguration={"Rules": [rule]})


def put_lifecycle(account: Account, name: str, *, owner: str | None = None) -> None:
    """Abort multipart uploads that were not completed within a day. Replaces the bucket's lifecycle rules."""
    rule = {
        "ID": "abort-incomplete-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    _call(account, "PutBucketLifecycleConfiguration", name, owner, LifecycleConfiguration={"Rules": [rule]})


def tag_bucket(account: Account, name: str, tags: Mapping[str, str], *, owner: str | None = None) -> None:
    """Add or replace tags; the others stay (S3 replaces the whole set, so it is read first)."""
    present = bucket_tags(account, name, owner=owner)
    # `aws:` tags are S3's own: it keeps them, and refuses a set that names them.
    merged = {key: value for key, value in {**present, **tags}.items() if not key.startswith("aws:")}
    if merged != present:
        tag_set = [{"Key": key, "Value": value} for key, value in sorted(merged.items())]
        _call(account, "PutBucketTagging", name, owner, Tagging={"TagSet": tag_set})


def bucket_tags(account: Account, name: str, *, owner: str | None = None) -> dict[str, str]:
    """All tags of a bucket."""
    answer = _find(account, "GetBucketTagging", name, owner) or {}
    return {tag["Key"]: tag["Value"] for tag in answer.get("TagSet", [])}


def ownership(account: Account, name: str, *, owner: str | None = None) -> str:
    """BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter (also what a bucket without the setting has)."""
    answer = _find(account, "GetBucketOwnershipControls", name, owner) or {}
    rules = answer.get("OwnershipControls", {}).get("Rules", [])
    return rules[0]["ObjectOwnership"] if rules else "ObjectWriter"


def is_private(account: Account, name: str, *, owner: str | None = None) -> bool:
    """True when all four switches of S3 Block Public Access are on for the bucket itself."""
    answer = _find(account, "GetPublicAccessBlock", name, owner) or {}
    switches = answer.get("PublicAccessBlockConfiguration", {})
    return all(switches.get(name) for name in _SWITCHES)


def encryption(account: Account, name: str, *, owner: str | None = None) -> tuple[str, str | None]:
    """Default encryption: algorithm (AES256, aws:kms, ...; AES256 when nothing is set) and the key as it was given."""
    answer = _find(account, "GetBucketEncryption", name, owner) or {}
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    default = rules[0].get("ApplyServerSideEncryptionByDefault", {}) if rules else {}
    return default.get("SSEAlgorithm", "AES256"), default.get("KMSMasterKeyID")


def is_versioned(account: Account, name: str, *, owner: str | None = None) -> bool:
    """True when versioning is on (a delete then leaves the data in place)."""
    return _call(account, "GetBucketVersioning", name, owner).get("Status") == "Enabled"


def requester_pays(account: Account, name: str, *, owner: str | None = None) -> bool:
    """True when whoever reads the bucket pays (DynamoDB cannot import from one)."""
    return _call(account, "GetBucketRequestPayment", name, owner).get("Payer") == "Requester"


def get_policy(account: Account, name: str, *, owner: str | None = None) -> str | None:
    """The bucket policy's JSON text; None when there is none."""
    answer = _find(account, "GetBucketPolicy", name, owner)
    return answer["Policy"] if answer else None


def put_policy(account: Account, name: str, text: str, *, owner: str | None = None) -> None:
    """Replace the bucket policy."""
    _call(account, "PutBucketPolicy", name, owner, Policy=text)


def delete_policy(account: Account, name: str, *, owner: str | None = None) -> None:
    """Remove the bucket policy. Idempotent."""
    _find(account, "DeleteBucketPolicy", name, owner)


def delete_bucket(account: Account, name: str, *, owner: str | None = None) -> None:
    """Delete an empty bucket; one that is gone counts as deleted. Raises `Conflict` when it is not empty."""
    _find(account, "DeleteBucket", name, owner)


_SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def _call(account: Account, operation: str, name: str, owner: str | None, **params: Any) -> dict[str, Any]:
    return call(account, SERVICE, operation, Bucket=name, ExpectedBucketOwner=owner or account.id, **params)


def _find(account: Account, operation: str, name: str, owner: str | None) -> dict[str, Any] | None:
    try:
        return _call(account, operation, name, owner)
    except NotFound:
        return None
