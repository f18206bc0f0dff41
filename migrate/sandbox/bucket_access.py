"""May this principal do this to that bucket? One answer for S3's own API and for the services that use a bucket.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html

A principal of the bucket's account may do all that the bucket policy does not deny; one of another account only what
the policy allows. Not emulated: ACL grants (buckets are "bucket owner enforced"), access points, VPC endpoint policies.
"""

from __future__ import annotations

from collections.abc import Mapping

from moto.s3.models import FakeBucket, s3_backends

from migrate.sandbox.callers import Caller, request_context
from migrate.sandbox.policy_verdicts import Verdict, decide, is_public

_BY_REQUEST = (
    "s3:prefix",
    "s3:delimiter",
    "s3:max-keys",
    "s3:x-amz-acl",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
)


def find_bucket(name: str) -> FakeBucket | None:
    """The bucket of that name, whatever account it belongs to; None if there is none."""
    owner = s3_backends.bucket_accounts.get(name)
    if owner is None:
        return None
    partition, account = owner
    return s3_backends[account][partition].buckets.get(name)


def is_allowed(
    bucket: FakeBucket, caller: Caller, action: str, key: str | None = None, context: Mapping[str, str] | None = None
) -> bool:
    """True if `caller` may do `action` (`s3:GetObject`) to the bucket, or to its object `key` if given."""
    resource = f"arn:aws:s3:::{bucket.name}" + (f"/{key}" if key is not None else "")
    verdict = decide(bucket.policy, caller, action, resource, _context(caller, context or {}))
    if verdict is Verdict.DENY:
        return False
    if caller.account == bucket.account_id:
        return True
    return verdict is Verdict.ALLOW and not _is_restricted(bucket)


def _is_restricted(bucket: FakeBucket) -> bool:
    block = bucket.public_access_block
    return block is not None and bool(block.restrict_public_buckets) and is_public(bucket.policy)


def _context(caller: Caller, request: Mapping[str, str]) -> dict[str, str]:
    return {
        **dict.fromkeys(_BY_REQUEST, ""),
        **request_context(caller),
        **{name.lower(): value for name, value in request.items()},
    }
