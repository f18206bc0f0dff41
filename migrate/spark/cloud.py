"""The job's door to AWS beside the items: credentials of both sides, and the objects of the work folder."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from migrate.core.errors import AccessDenied, AwsError, CredentialsExpired, Invalid, MigrateError, NotFound, Transient
from migrate.data.endpoints import EndpointSpec
from migrate.data.transport import Credentials
from migrate.spark.arguments import JobSpec

SOURCE, TARGET = "source", "target"
_SESSION_NAME = "migrate-spark"

_CLASSES: dict[str, type[AwsError]] = {
    "AccessDenied": AccessDenied,
    "AllAccessDisabled": AccessDenied,
    "403": AccessDenied,
    "NoSuchBucket": NotFound,
    "NoSuchKey": NotFound,
    "404": NotFound,
    "ExpiredToken": CredentialsExpired,
    "ExpiredTokenException": CredentialsExpired,
    "InvalidAccessKeyId": CredentialsExpired,
    "InvalidClientTokenId": CredentialsExpired,
    "SignatureDoesNotMatch": CredentialsExpired,
    "SlowDown": Transient,
    "InternalError": Transient,
    "ServiceUnavailable": Transient,
    "RequestTimeout": Transient,
}


class Store:
    """Objects below one `s3://bucket/prefix`, or anywhere in its bucket. Thread-safe. Raises `core.errors`."""

    def __init__(self, client: Any, place: str, owner: str | None) -> None:
        self.bucket, _, prefix = place.removeprefix("s3://").partition("/")
        self.prefix = prefix.strip("/") + "/"
        self._client = client
        self._owner = {"ExpectedBucketOwner": owner} if owner else {}

    def read(self, name: str) -> bytes | None:
        """An object below the prefix; None when there is none."""
        return self.read_at(self.prefix + name)

    def read_at(self, key: str) -> bytes | None:
        """An object by its whole key; None when there is none."""
        try:
            with self.open_at(key) as body:
                content: bytes = body.read()
        except NotFound as error:
            if error.code == "NoSuchKey":
                return None
            raise
        return content

    @contextlib.contextmanager
    def open_at(self, key: str) -> Iterator[Any]:
        """An object's body, to be read in parts."""
        with _translated("GetObject", f"s3://{self.bucket}/{key}"):
            body = self._client.get_object(Bucket=self.bucket, Key=key, **self._owner)["Body"]
            with contextlib.closing(body):
                yield body

    def write(self, name: str, content: bytes) -> None:
        """Put an object below the prefix."""
        key = self.prefix + name
        with _translated("PutObject", f"s3://{self.bucket}/{key}"):
            self._client.put_object(Bucket=self.bucket, Key=key, Body=content, **self._owner)

    def names(self, below: str = "") -> list[str]:
        """Names (without the prefix) of the objects that begin so, in order."""
        with _translated("ListObjectsV2", f"s3://{self.bucket}/{self.prefix}{below}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix + below, **self._owner
            )
            keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
        return sorted(key.removeprefix(self.prefix) for key in keys)


@functools.lru_cache(maxsize=8)
def store_at(spec: JobSpec, place: str) -> Store:
    """A place of the work bucket's account, reached with the job's own credentials. One client per process."""
    owner = spec.work_owner if place == spec.work else None
    return Store(_client(_session(), "s3", spec.work_region, spec.work_endpoint), place, owner)


@functools.lru_cache(maxsize=8)
def endpoint_of(spec: JobSpec, side: str) -> EndpointSpec:
    """Where and as whom a side's table is reached. Assumes no role yet."""
    region, own = str(getattr(spec, f"{side}_region")), getattr(spec, f"{side}_endpoint")
    session = _session()
    with _translated("endpoint", side):
        url = own or _client(session, "dynamodb", region, None).meta.endpoint_url
    return EndpointSpec(url, region, _credentials(spec, side, region), name=side)


def _credentials(spec: JobSpec, side: str, region: str) -> Callable[[], Credentials]:
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    session = _session()
    role, external_id = getattr(spec, f"{side}_role"), getattr(spec, f"{side}_external_id")
    endpoint = getattr(spec, f"{side}_endpoint") or spec.work_endpoint
    with _translated("credentials", side):
        found = session.get_credentials()
        if found is None:
            raise CredentialsExpired(
                "the job has no credentials of its own", hint="give the job a role (Glue: Role; EMR: its job role)"
            )
        if role:
            extra = {"RoleSessionName": _SESSION_NAME, **({"ExternalId": external_id} if external_id else {})}

            def client(service: str, **keys: Any) -> Any:
                return _client(session, service, region, endpoint, **keys)

            fetcher = AssumeRoleCredentialFetcher(client, found, role, extra_args=extra)
            # A chained role ends after an hour, which the job may outlive.
            found = DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)

    def valid_now() -> Credentials:
        with _translated("AssumeRole", role or f"the job's own credentials, for the {side}"):
            frozen = found.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    return valid_now


@functools.lru_cache(maxsize=1)
def _session() -> Any:
    try:
        import botocore.session
    except ImportError as error:
        raise MigrateError(
            "this Python has no boto3",
            why=str(error),
            hint="ship it with the job: a virtual environment, or pip install boto3",
        ) from error
    session = botocore.session.Session()
    # The global endpoint, which older versions take, cannot be reached from a network without a way out.
    session.set_config_variable("sts_regional_endpoints", "regional")
    return session


def _client(session: Any, service: str, region: str, endpoint: str | None, **keys: Any) -> Any:
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": 8},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=32,
        s3={"addressing_style": "path"} if endpoint else None,
    )
    return session.create_client(service, region_name=region, endpoint_url=endpoint, config=config, **keys)


@contextlib.contextmanager
def _translated(operation: str, what: str) -> Iterator[None]:
    """botocore's errors as ours."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {})
        code = str(said.get("Code", ""))
        kind = _CLASSES.get(code, Transient if code.startswith("5") else Invalid)
        raise kind(
            f"{operation} {what}: {code}", code=code, operation=operation, why=str(said.get("Message", ""))
        ) from error
    except BotoCoreError as error:
        raise Transient(f"{operation} {what}", operation=operation, why=str(error)) from error
