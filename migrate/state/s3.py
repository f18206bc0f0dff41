"""States in an S3 bucket: every write is conditional, so that who lost the lock can never overwrite a newer state.

Credentials are the ambient ones (environment, AWS_PROFILE, instance or container role), as those of a Terraform backend
are; Region and endpoint come from AWS_REGION and AWS_ENDPOINT_URL_S3 or the AWS configuration file. Needed:
s3:GetObject, s3:PutObject, s3:DeleteObject below the prefix, s3:ListBucket on the bucket; s3:GetBucketVersioning tells
whether older states can be had back.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn, TypeVar

from migrate.aws import conditional
from migrate.aws.session import Account, AccountAccess, connect
from migrate.core.access import RUNNER, Permission, allow
from migrate.core.clock import Clock, SystemClock, jitter, new_lineage, timestamp
from migrate.core.errors import (
    AccessDenied,
    AwsError,
    Conflict,
    CredentialsExpired,
    MigrateError,
    NotFound,
    StateAccessDenied,
    StateUnusable,
    StateWriteFailed,
    Throttled,
    Transient,
)
from migrate.state.lock import LEASE
from migrate.state.objects import Found
from migrate.state.objectstore import ObjectStore
from migrate.state.work import Work

T = TypeVar("T")
URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[^?#]*))?")
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between tries of a write that S3 could not serve, on top of the client's own four tries each time."""

READERS = 16
JOURNAL_SECONDS = 10.0
"""Journal lines are gathered for so long: S3 has no append, and a request for each would double the cost of a step."""

PROBE = ".probe"
NEVER = '"0000000000000000"'
"""An ETag that no object has."""


class S3Store(ObjectStore):
    """A `Store` at `s3://bucket/prefix`. Touches nothing before the first use.

    `account` has the credentials; by default the ambient ones.
    """

    def __init__(
        self, url: str, clock: Clock | None = None, *, lease: float = LEASE, account: Account | None = None
    ) -> None:
        clock = clock or SystemClock()
        bucket, prefix = parse_url(url)
        super().__init__(Bucket(account or ambient(os.environ, clock), bucket, prefix, clock), clock, lease=lease)
        self._place = f"{bucket}/{prefix}"

    def work(self, migration: str) -> Work:
        """See `Store.work`: in a cache folder of this user, brought to the bucket."""
        return Work(self.objects, migration, cache_folder(self._place) / migration, is_mirrored=True)


def state_access(url: str, partition: str = "aws") -> Iterator[Permission]:
    """What keeping a state at `url` takes; nothing for a folder."""
    if url.startswith("s3://"):
        bucket, prefix = parse_url(url)
        arn = f"arn:{partition}:s3:::{bucket}"
        yield allow(RUNNER, "s3:GetObject PutObject DeleteObject", f"{arn}/{prefix}*")
        yield allow(RUNNER, "s3:ListBucket GetBucketVersioning", arn)


class Bucket:
    """`Objects` below `prefix` (empty, or ending with `/`) of an S3 bucket. See `Objects` for what its methods promise.

    The version of an object is its ETag. Who wrote it stands in its metadata, so that a request which the client
    repeated after a lost answer is not taken for somebody else's.
    """

    def __init__(self, account: Account, bucket: str, prefix: str, clock: Clock) -> None:
        self._account = account
        self._bucket = bucket
        self._prefix = prefix
        self._clock = clock
        self._writer = new_lineage()
        self._mutex = threading.Lock()
        self._journal: dict[str, list[bytes]] = {}
        self._journal_due: float | None = None

    def folders(self, parent: str = "") -> list[str]:
        """See `Objects.folders`."""
        start = f"{self._prefix}{parent}/" if parent else self._prefix
        found = self._reading(parent, lambda: conditional.children(self._account, self._bucket, start)[1])
        return [one.removeprefix(start).rstrip("/") for one in found]

    def keys(self, folder: str) -> list[str]:
        """See `Objects.keys`."""
        start = f"{self._prefix}{folder}/"
        found = self._reading(folder, lambda: conditional.children(self._account, self._bucket, start)[0])
        return [one.removeprefix(self._prefix) for one in found if one.endswith((".json", ".jsonl"))]

    def get(self, key: str) -> Found | None:
        """See `Objects.get`."""
        found = self._stored(key)
        return Found(found.data, found.etag) if found else None

    def get_all(self, keys: Sequence[str]) -> list[Found | None]:
        """See `Objects.get_all`."""
        with ThreadPoolExecutor(READERS, thread_name_prefix="state") as pool:
            return list(pool.map(self.get, keys))

    def put(self, key: str, data: bytes, expected: str | None) -> str | None:
        """See `Objects.put`."""
        etag = self._writing(key, lambda: self._put(key, data, expected))
        if etag is None:
            found = self._stored(key)
            if found and (found.writer, found.data) == (self._writer, data):
                return found.etag  # our own, of a try whose answer was lost
        return etag

    def delete(self, key: str, expected: str) -> bool:
        """See `Objects.delete`."""
        path = self._prefix + key
        return self._writing(key, lambda: conditional.delete(self._account, self._bucket, path, expected))

    def append(self, key: str, data: bytes) -> None:
        """See `Objects.append`: `journal.jsonl` becomes objects `journal/<time>-<writer>.jsonl`, one in ten seconds."""
        now = self._clock.monotonic()
        with self._mutex:
            self._journal.setdefault(key, []).append(data)
            self._journal_due = now + JOURNAL_SECONDS if self._journal_due is None else self._journal_due
            is_due = now >= self._journal_due
        if is_due:
            self.flush()

    def flush(self) -> None:
        """See `Objects.flush`."""
        with self._mutex:
            gathered, self._journal, self._journal_due = self._journal, {}, None
        for key, lines in gathered.items():
            name = f"{timestamp(self._clock.now()).replace(':', '')}-{new_lineage()[:8]}"
            self.put(f"{key.removesuffix('.jsonl')}/{name}.jsonl", b"".join(lines), None)

    def check(self, migration: str) -> str | None:
        """See `Objects.check`. Asks the bucket for three writes that it must refuse: some stores ignore conditions."""
        key = f"{migration}/{PROBE}"
        self._writing(key, lambda: self._put(key, b"", None))
        path = self._prefix + key
        ignored = (
            self._writing(key, lambda: self._put(key, b"", None)) is not None
            or self._writing(key, lambda: self._put(key, b"", NEVER)) is not None
            or self._writing(key, lambda: conditional.delete(self._account, self._bucket, path, NEVER))
        )
        if ignored:
            raise StateUnusable(
                f"the bucket {self._bucket} cannot keep a state: it ignores conditional writes",
                why="of two runs at once, each would overwrite the other's state; nothing was begun",
                hint="use a bucket of Amazon S3, or of a store that honours If-Match and If-None-Match",
            )
        return self._versioning_note()

    def sweep(self, migration: str) -> None:
        """See `Objects.sweep`: S3 keeps nothing of a write that was not finished."""

    def where(self, key: str) -> str:
        """See `Objects.where`."""
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def _versioning_note(self) -> str | None:
        try:
            is_on = self._reading("", lambda: conditional.is_versioned(self._account, self._bucket))
        except StateAccessDenied:
            return f"cannot see whether {self._bucket} keeps versions: s3:GetBucketVersioning is not allowed"
        return None if is_on else f"the bucket {self._bucket} has no versioning: what is overwritten is gone for good"

    def _stored(self, key: str) -> conditional.Stored | None:
        return self._reading(key, lambda: conditional.get(self._account, self._bucket, self._prefix + key))

    def _put(self, key: str, data: bytes, expected: str | None) -> str | None:
        path = self._prefix + key
        return conditional.put(self._account, self._bucket, path, data, expected=expected, writer=self._writer)

    def _reading(self, key: str, request: Callable[[], T]) -> T:
        try:
            return request()
        except AwsError as error:
            self._fail(StateUnusable, f"the state cannot be read: {self.where(key)}", error)

    def _writing(self, key: str, request: Callable[[], T]) -> T:
        """The request's result. A failed write ends the run, so throttles, faults and collisions get time to pass."""
        pauses = iter(PAUSES)
        while True:
            try:
                return request()
            except AwsError as error:
                pause = next(pauses, None) if isinstance(error, (Throttled, Transient, Conflict)) else None
                if pause is None:
                    self._fail(StateWriteFailed, f"the state could not be saved: {self.where(key)}", error)
                self._clock.sleep(jitter(pause))

    def _fail(self, failure: type[MigrateError], summary: str, error: AwsError) -> NoReturn:
        if isinstance(error, NotFound):
            raise StateUnusable(
                f"the bucket {self._bucket} does not exist",
                why=f"the state was to be kept in {self.where('')}",
                hint="check --state (or MIGRATE_STATE), or make the bucket, with versioning on",
            ) from error
        why = f"{error.summary}: {error.why}"
        if isinstance(error, (AccessDenied, CredentialsExpired)):
            raise StateAccessDenied(summary, why=why, hint=self._permission_hint(error)) from error
        hint = error.hint or "run the same command again: it goes on from what is saved"
        raise failure(summary, why=f"{why}; what was saved before is intact", hint=hint) from error

    def _permission_hint(self, error: AwsError) -> str:
        if error.operation == "GetObject" and isinstance(error, AccessDenied):
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (Permissions)
            return f"{error.hint}, and s3:ListBucket on {self._bucket}: without it, an absent object is refused too"
        return error.hint


def parse_url(url: str) -> tuple[str, str]:
    """Bucket and prefix (empty, or ending with `/`) of `s3://bucket/prefix`. Raises `StateUnusable`."""
    match = URL.fullmatch(url)
    if match is None:
        hint = "give the bucket and a prefix: --state s3://bucket/prefix"
        raise StateUnusable(f"not the address of a bucket: {url}", hint=hint)
    prefix = "/".join(part for part in (match["prefix"] or "").split("/") if part)
    return match["bucket"], f"{prefix}/" if prefix else ""


def ambient(environment: Mapping[str, str], clock: Clock) -> Account:
    """Access to the state's bucket with the ambient credentials. Calls nothing yet."""
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        endpoint = None
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""
    return connect(AccountAccess("state", "", region, endpoint_url=endpoint or None), read_only=False, clock=clock)


def cache_folder(place: str) -> Path:
    """A folder of this user for local copies of what is kept at `place`. Raises `StateUnusable` without a home."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if base.startswith("~"):
        hint = "set XDG_CACHE_HOME to a folder that this user may write"
        raise StateUnusable("this user has no home folder for local checkpoints", hint=hint)
    return Path(base) / "migrate" / place
