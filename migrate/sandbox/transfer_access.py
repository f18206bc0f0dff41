"""The caller's right to the bucket of an export or an import, which AWS checks when the job runs, not at the call.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport_Requesting.html   (permissions)
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Requesting.html   (permissions)
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moto.s3.models import FakeBucket, FakeKey

from migrate.sandbox.bucket_access import find_bucket, is_allowed
from migrate.sandbox.callers import Caller
from migrate.sandbox.kms import find_key, may_use

_SERVICE = {"aws:calledvia": "dynamodb.amazonaws.com"}
_SSE = "s3:x-amz-server-side-encryption"


class TransferFailed(Exception):
    """Why a job becomes FAILED: AWS's FailureCode and a FailureMessage."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Encryption:
    """How an object is to be written: `AES256` or `aws:kms` (with a key), or "" for the bucket's own default."""

    algorithm: str = ""
    key: str = ""


def open_bucket(name: str, owner: str | None, caller: Caller) -> FakeBucket:
    """The bucket, whose owner must be `owner` or else the caller's account. Raises TransferFailed."""
    bucket = find_bucket(name)
    if bucket is None:
        raise TransferFailed("S3NoSuchBucket", "The specified bucket does not exist")
    if bucket.account_id != (owner or caller.account):
        raise TransferFailed(
            "S3AccessDenied", "Access Denied: the bucket belongs to another account than S3BucketOwner"
        )
    return bucket


def check_writing(bucket: FakeBucket, caller: Caller, key: str, encryption: Encryption) -> None:
    """Raises TransferFailed unless the caller may write the object the way an export does: with an ACL, in parts."""
    context = {**_SERVICE, "s3:x-amz-acl": "bucket-owner-full-control"}
    if encryption.algorithm:
        context[_SSE] = encryption.algorithm
        context[f"{_SSE}-aws-kms-key-id"] = encryption.key
    for action in ("s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload"):
        if not is_allowed(bucket, caller, action, key, context):
            raise TransferFailed(
                "S3AccessDenied", f"Access Denied: {caller.arn} may not {action} on {bucket.name}/{key}"
            )
    wanted = encryption if encryption.algorithm else default_encryption(bucket)
    if wanted.algorithm.startswith("aws:kms"):
        _check_key(wanted.key, bucket, caller, "kms:GenerateDataKey", "kms:Decrypt")


def check_listing(bucket: FakeBucket, caller: Caller, prefix: str) -> None:
    """Raises TransferFailed unless the caller may list the prefix."""
    if not is_allowed(bucket, caller, "s3:ListBucket", None, {**_SERVICE, "s3:prefix": prefix}):
        raise TransferFailed("S3AccessDenied", f"Access Denied: {caller.arn} may not s3:ListBucket on {bucket.name}")


def check_reading(bucket: FakeBucket, caller: Caller, stored: FakeKey) -> None:
    """Raises TransferFailed unless the caller may read and decrypt the object."""
    if not is_allowed(bucket, caller, "s3:GetObject", stored.name, _SERVICE):
        raise TransferFailed(
            "S3AccessDenied", f"Access Denied: {caller.arn} may not s3:GetObject on {bucket.name}/{stored.name}"
        )
    if str(stored.encryption or "").startswith("aws:kms"):
        _check_key(str(stored.kms_key_id or ""), bucket, caller, "kms:Decrypt")


def default_encryption(bucket: FakeBucket) -> Encryption:
    """The encryption that the bucket gives an object that comes without one."""
    rule: Mapping[str, str] = (bucket.encryption or {}).get("Rule", {}).get("ApplyServerSideEncryptionByDefault", {})
    return Encryption(rule.get("SSEAlgorithm", "AES256"), rule.get("KMSMasterKeyID", ""))


def managed_key(account: str, region: str) -> str:
    """The alias ARN of the account's AWS managed key for S3, which no other account can use."""
    return f"arn:aws:kms:{region}:{account}:alias/aws/s3"


def _check_key(reference: str, bucket: FakeBucket, caller: Caller, *actions: str) -> None:
    reference = reference or managed_key(bucket.account_id, bucket.region_name)
    key = find_key(reference, caller.account, bucket.region_name)
    if key is None or key.region != bucket.region_name:
        raise TransferFailed(
            "S3AccessDenied", f"KMS key {reference} does not exist in the Region of the bucket, {bucket.region_name}"
        )
    if not may_use(key, caller, *actions):
        raise TransferFailed(
            "S3AccessDenied",
            f"Access Denied: policy or state of KMS key {key.arn} do not allow {caller.arn} {' and '.join(actions)}",
        )
