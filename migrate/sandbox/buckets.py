"""S3 as between accounts: bucket policies that count, owner checks, the settings that AWS gives every new bucket.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html   (ExpectedBucketOwner)
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html   (defaults)
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html   (SSE-S3 is every bucket's default)
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html

moto itself brings: conditional writes, versioning, lifecycle, tagging, multipart uploads, one name space of buckets for
all accounts. Not emulated: ACL grants, access points, object ownership other than "bucket owner enforced", checks of
the caller's right to use the KMS key of an object in S3's own API (exports and imports do check it).
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote, urlparse

from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, PublicAccessBlock, S3Backend
from moto.s3.responses import S3Response

from migrate.sandbox.bucket_access import find_bucket, is_allowed
from migrate.sandbox.bucket_policies import check_bucket_policy
from migrate.sandbox.bucket_requests import bucket_action, object_action
from migrate.sandbox.callers import Caller
from migrate.sandbox.policy_verdicts import is_public
from migrate.sandbox.requests import current_caller
from migrate.sandbox.settings import Timing

_deleting: ContextVar[Caller | None] = ContextVar("_deleting", default=None)
_BY_QUERY = {"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys"}
_BY_HEADER = ("x-amz-acl", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id")


class AccessDenied(S3ClientError):
    """403 AccessDenied, as S3 words it."""

    code = "AccessDenied"

    def __init__(self, message: str = "Access Denied") -> None:
        super().__init__(message)


def install(timing: Timing) -> None:
    """Puts the rules of this module into moto. `timing` is not used: S3 has no slow operations."""
    del timing
    if getattr(FakeBucket, "sandbox_rules", False):
        return
    FakeBucket.sandbox_rules = True
    _give_defaults()
    S3Response._authenticate_and_authorize_s3_action = _authorize
    FakeBucket.get_permission = _permission_to_delete
    _check_policies()


def _give_defaults() -> None:
    original = FakeBucket.__init__

    def __init__(self: FakeBucket, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.public_access_block = PublicAccessBlock("true", "true", "true", "true")
        self.ownership_rule = "BucketOwnerEnforced"
        self.encryption = _default_encryption()

    FakeBucket.__init__ = __init__
    S3Backend.delete_bucket_encryption = _reset_encryption


def _reset_encryption(self: S3Backend, bucket_name: str) -> None:
    """Deleting the default encryption brings SSE-S3 back: since 2023 no bucket is without."""
    self.get_bucket(bucket_name).encryption = _default_encryption()


def _default_encryption() -> dict[str, Any]:
    return {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}}


def _authorize(self: S3Response, bucket_name: str | None = None, key_name: str | None = None) -> None:
    """Takes the place of moto's IAM check, which every handler calls before it acts."""
    _deleting.set(None)
    bucket = find_bucket(bucket_name) if bucket_name else None
    if bucket is None:
        return
    caller = current_caller()
    query = self._get_querystring(self.request, self.uri)
    action = bucket_action(self.method, query) if key_name is None else object_action(self.method, query)
    if not action:
        return
    _check_owner(bucket, self.headers.get("x-amz-expected-bucket-owner"))
    if action == "s3:DeleteObject" and key_name is None:
        _deleting.set(caller)
        return
    if not is_allowed(bucket, caller, action, key_name, _request_context(self, query)):
        raise AccessDenied()
    _check_acl(self, bucket, caller, action, key_name)
    _check_copy_source(self, caller)


def _request_context(response: S3Response, query: dict[str, Any]) -> dict[str, str]:
    context = {name: str(query[word][0]) for word, name in _BY_QUERY.items() if word in query}
    context.update({f"s3:{name}": response.headers[name] for name in _BY_HEADER if name in response.headers})
    return context


def _check_owner(bucket: FakeBucket, expected: str | None) -> None:
    if expected and expected != bucket.account_id:
        raise AccessDenied()


def _check_acl(response: S3Response, bucket: FakeBucket, caller: Caller, action: str, key: str | None) -> None:
    """A PutObject that carries an ACL header needs s3:PutObjectAcl as well."""
    if action != "s3:PutObject" or "x-amz-acl" not in response.headers:
        return
    if not is_allowed(bucket, caller, "s3:PutObjectAcl", key, {"s3:x-amz-acl": response.headers["x-amz-acl"]}):
        raise AccessDenied()


def _check_copy_source(response: S3Response, caller: Caller) -> None:
    source = response.headers.get("x-amz-copy-source")
    if not source:
        return
    name, _, key = unquote(urlparse(source).path).lstrip("/").partition("/")
    bucket = find_bucket(name)
    if bucket is None:
        return
    _check_owner(bucket, response.headers.get("x-amz-source-expected-bucket-owner"))
    if not is_allowed(bucket, caller, "s3:GetObject", key):
        raise AccessDenied()


def _permission_to_delete(self: FakeBucket, action: str, resource: str) -> PermissionResult:
    """Asked by moto for each object of a DeleteObjects call; its other uses are covered by `_authorize`."""
    caller = _deleting.get()
    if caller is None or action != "s3:DeleteObject":
        return PermissionResult.NEUTRAL
    key = resource.partition(f":::{self.name}/")[2]
    return PermissionResult.NEUTRAL if is_allowed(self, caller, action, key) else PermissionResult.DENIED


def _check_policies() -> None:
    original = S3Backend.put_bucket_policy

    def put_bucket_policy(self: S3Backend, bucket_name: str, policy: bytes) -> None:
        bucket = self.get_bucket(bucket_name)
        check_bucket_policy(policy, bucket_name)
        block = bucket.public_access_block
        if block is not None and block.block_public_policy and is_public(policy):
            raise AccessDenied(
                "User is not authorized to perform: s3:PutBucketPolicy because public policies are blocked by the "
                "BlockPublicPolicy block public access setting."
            )
        original(self, bucket_name, policy)

    S3Backend.put_bucket_policy = put_bucket_policy
