"""What a Spark engine may do with the role of a run: assume it, read its programs from S3, write its logs.

https://docs.aws.amazon.com/glue/latest/dg/create-an-iam-role.html
https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/getting-started.html#gs-runtime-role

An object needs the role's own policies and the bucket's; AWS takes one of the two within an account. The texts are in
AWS's style; except where said they are not known to be its own.
"""

from __future__ import annotations

import gzip
import time
from typing import Any

from moto.iam.models import Role, iam_backends
from moto.logs.models import logs_backends
from moto.s3.models import FakeBucket, FakeKey, s3_backends
from moto.sts.models import sts_backends

from migrate.sandbox import bucket_access
from migrate.sandbox.kms import find_key, may_use
from migrate.sandbox.service_roles import as_caller, find_role, is_allowed, is_assumable

_MOST_EVENTS = 10_000


class RunFailed(Exception):
    """Why a run becomes FAILED before its program was started."""


def role_arn(account: str, name: str) -> str:
    """The ARN of a role that is given by ARN or by name; what is given, if there is no such role."""
    roles = iam_backends[account]["aws"].roles.values()
    return next((str(role.arn) for role in roles if role.name == name), name)


def trusted_role(arn: str, account: str, service: str, source_arn: str = "") -> Role | None:
    """The role, if it is the account's and lets the service assume it."""
    role = find_role(arn)
    return role if role and role.account_id == account and is_assumable(role, service, source_arn) else None


def credentials(role: Role, region: str, session: str) -> dict[str, str]:
    """The environment of a program that runs as the role, and as nobody else."""
    sts: Any = sts_backends[role.account_id]["aws"]
    assumed = sts.session_for_service(
        region_name=region, role_session_name=session, role_arn=role.arn, policy="", duration=3600, external_id=""
    )
    return {
        "AWS_ACCESS_KEY_ID": assumed.access_key_id,
        "AWS_SECRET_ACCESS_KEY": assumed.secret_access_key,
        "AWS_SESSION_TOKEN": assumed.session_token,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }


def read(role: Role, uri: str) -> bytes:
    """An object, with the rights of the role. Raises RunFailed."""
    name, key = _split(uri)
    bucket = bucket_access.find_bucket(name)
    if bucket is None:
        raise RunFailed(f"{uri}: NoSuchBucket: The specified bucket does not exist")
    _must_allow(role, bucket, "s3:GetObject", key)
    stored = bucket.keys.get(key)
    if not isinstance(stored, FakeKey):
        raise RunFailed(f"{uri}: NoSuchKey: The specified key does not exist.")
    _must_decrypt(role, bucket, stored)
    content: bytes = stored.value
    return content


def write_logs(role: Role, place: str, texts: dict[str, str]) -> None:
    """Puts gzipped logs below an S3 place. Logs that the role may not write are lost, as on AWS."""
    name, prefix = _split(place)
    bucket = bucket_access.find_bucket(name)
    if bucket is None:
        return
    for path, text in texts.items():
        key = f"{prefix.strip('/')}/{path}".lstrip("/")
        try:
            _must_allow(role, bucket, "s3:PutObject", key)
        except RunFailed:
            return
        backend = s3_backends[bucket.account_id]["aws"]
        backend.put_object(bucket.name, key, gzip.compress(text.encode()))


def write_stream(account: str, region: str, group: str, stream: str, text: str) -> None:
    """A new stream of CloudWatch Logs with the last lines of a text; nothing for an empty one."""
    lines = [line for line in text.splitlines() if line.strip()][-_MOST_EVENTS:]
    if not lines:
        return
    backend = logs_backends[account][region]
    if group not in backend.groups:
        backend.create_log_group(group, {})
    backend.create_log_stream(group, stream)
    now = int(time.time() * 1000)
    backend.put_log_events(group, stream, [{"timestamp": now, "message": line} for line in lines])


def _split(uri: str) -> tuple[str, str]:
    scheme, _, rest = uri.partition("://")
    name, _, key = rest.partition("/")
    if scheme not in ("s3", "s3a", "s3n") or not name:
        raise RunFailed(f"{uri} is not s3://bucket/key")
    return name, key


def _must_allow(role: Role, bucket: FakeBucket, action: str, key: str) -> None:
    arn = f"arn:aws:s3:::{bucket.name}/{key}"
    if is_allowed(role, action, arn) and bucket_access.is_allowed(bucket, as_caller(role.arn), action, key):
        return
    raise RunFailed(
        f"s3://{bucket.name}/{key}: AccessDenied: {role.arn} is not authorized to perform: {action} on resource: {arn}"
    )


def _must_decrypt(role: Role, bucket: FakeBucket, stored: FakeKey) -> None:
    if not str(stored.encryption or "").startswith("aws:kms") or not stored.kms_key_id:
        return
    key = find_key(str(stored.kms_key_id), bucket.account_id, bucket.region_name)
    if key is None or not (
        is_allowed(role, "kms:Decrypt", key.arn) and may_use(key, as_caller(role.arn), "kms:Decrypt")
    ):
        raise RunFailed(
            f"s3://{bucket.name}/{stored.name}: AccessDenied: {role.arn} is not authorized to perform: kms:Decrypt on "
            f"resource: {stored.kms_key_id}"
        )
