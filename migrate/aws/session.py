"""Sessions: one `Account` per side of the migration, with its credentials, clients and pacing."""

from __future__ import annotations

import datetime as dt
import functools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from migrate import __version__
from migrate.aws import readonly
from migrate.aws.limits import Pacer
from migrate.aws.quick import QuickReads
from migrate.core.clock import Clock, SystemClock

SESSION_NAME = "migrate"


@dataclass(frozen=True)
class AccountAccess:
    """How to reach one account. `side` is source or target; `id` is what GetCallerIdentity must answer.

    At most one of `profile` (of the AWS configuration files) and `role` (an ARN, assumed with the ambient credentials)
    is usual; both together assume the role with the profile's credentials; neither means ambient credentials.
    Beside the two accounts of a migration there may be the one with its state: side `state`, whose `id` is not known
    (empty); an empty `region` leaves it to the AWS configuration.
    """

    side: str
    id: str
    region: str
    profile: str | None = None
    role: str | None = None
    external_id: str | None = None
    session_name: str | None = None
    endpoint_url: str | None = None


class Credentials(NamedTuple):
    """Credentials of this moment. Its text form never shows a secret."""

    access_key: str
    secret_key: str
    token: str | None

    def __repr__(self) -> str:
        return "Credentials(hidden)"


class Lifetime(NamedTuple):
    """How long an account's credentials work: `renews` itself, or until `ends` (None: not known, or for ever)."""

    renews: bool
    is_temporary: bool
    ends: dt.datetime | None = None


class Account:
    """One side of the migration: makes clients, holds credentials that renew themselves, counts calls.

    Nothing is sent to AWS before the first call. Use it from as many threads as you like.
    """

    reads_quickly = True
    """Whether some reads go the short way (`quick`), on which botocore has no events."""

    def __init__(self, access: AccountAccess, *, read_only: bool, clock: Clock) -> None:
        self.access = access
        self.is_read_only = read_only
        self.caller = ""
        """ARN of the principal that we are there; '' until `observe.identity.verify_identity` has asked."""

        self.calls: Counter[str] = Counter()
        """Operations made so far: name -> how often."""

        # An endpoint of the user's own (sandbox, DynamoDB Local) does not have AWS's limits.
        self.pacer = None if access.endpoint_url else Pacer(clock)
        self.quick = QuickReads(self, clock)
        """The short way for some reads: `errors.call` takes it by itself."""

        self._session: Any = None
        self._base: Any = None  # the credentials that a role is assumed with
        self._clients: dict[str, Any] = {}
        self._lock = threading.RLock()

    @property
    def side(self) -> str:
        """`source`, `target` or `state`."""
        return self.access.side

    @property
    def id(self) -> str:
        """The account id that the manifest gives (12 digits)."""
        return self.access.id

    @property
    def region(self) -> str:
        """The Region of all its clients."""
        return self.access.region

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn`, `aws-us-gov`, ...: from the caller's ARN when it is known, else from the Region."""
        if self.caller:
            return self.caller.split(":")[1]
        name: str = self._boto().get_partition_for_region(self.region)
        return name

    def client(self, service: str) -> Any:
        """The boto3 client of `service`, made once. Raises botocore's own errors (see `errors.call`)."""
        with self._lock:  # making clients is not thread-safe in botocore; using them is
            if service not in self._clients:
                self._clients[service] = self._create_client(service)
            return self._clients[service]

    def credentials(self) -> Credentials:
        """Credentials that are valid now; renewed when they are about to expire. For the item transport.

        Raises `CredentialsExpired` or `AccessDenied` when there are none to be had.
        """
        from migrate.aws.errors import translated

        with translated(self, "sts", "AssumeRole", self.access.role or "credentials"):
            with self._lock:
                found = _required(self._boto().get_credentials())
            frozen = found.get_frozen_credentials()  # renews over the network, under botocore's own lock
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    def lifetime(self) -> Lifetime:
        """How long the credentials that everything else is made from work. A role is assumed anew with them.

        Raises `CredentialsExpired` when there are none to be had.
        """
        from migrate.aws.errors import translated

        with translated(self, "sts", "AssumeRole", "credentials"):
            with self._lock:
                session = self._boto()
                found = _required(self._base or session.get_credentials())
            ends = getattr(found, "_expiry_time", None)  # botocore tells it to nobody else
            if found.method != "env" and (ends is not None or hasattr(found, "refresh_needed")):
                return Lifetime(renews=True, is_temporary=True, ends=ends)
            return Lifetime(renews=False, is_temporary=bool(found.get_frozen_credentials().token), ends=ends)

    def endpoint(self, service: str) -> str:
        """URL that the clients of `service` talk to. Makes no call."""
        from migrate.aws.errors import translated

        with translated(self, service, "endpoint", "credentials"):
            url: str = self.client(service).meta.endpoint_url
        return url

    def count(self, operation: str) -> None:
        """Note that `operation` is being called."""
        with self._lock:
            self.calls[operation] += 1

    def _create_client(self, service: str) -> Any:
        return self._boto().create_client(service, **self._client_arguments())

    def _client_arguments(self) -> dict[str, Any]:
        return {
            "region_name": self.region or None,
            "endpoint_url": self.access.endpoint_url,
            "config": _config(self.access),
        }

    def _boto(self) -> Any:
        """The botocore session, with this side's credentials in it."""
        with self._lock:
            if self._session is None:
                session = _new_session(self.access.profile, read_only=self.is_read_only)
                if self.access.role:
                    self._assume(session)
                self._session = session
            return self._session

    def _assume(self, session: Any) -> None:
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        extra = {"RoleSessionName": self.access.session_name or SESSION_NAME}
        if self.access.external_id:
            extra["ExternalId"] = self.access.external_id
        self._base = _required(session.get_credentials())
        # A session of its own: renewal happens in whichever thread needs it, while others make clients with the first.
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._client_creator(_new_session(self.access.profile, read_only=self.is_read_only)),
            source_credentials=self._base,
            role_arn=self.access.role,
            extra_args=extra,
        )
        # botocore has no public setter for credentials that renew themselves; boto3 and the AWS CLI set this one too.
        session._credentials = DeferredRefreshableCredentials(
            method="assume-role", refresh_using=fetcher.fetch_credentials
        )

    def _client_creator(self, session: Any) -> Callable[..., Any]:
        def create(service: str, **credentials: Any) -> Any:
            return session.create_client(service, **self._client_arguments(), **credentials)

        return create


def connect(access: AccountAccess, *, read_only: bool, clock: Clock | None = None) -> Account:
    """An account to work with. Does not call AWS and does not read credentials yet.

    `read_only` puts the read-only guard on every client, those for STS included.
    """
    return Account(access, read_only=read_only, clock=clock or SystemClock())


def _new_session(profile: str | None, *, read_only: bool) -> Any:
    import botocore.session

    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _shared_loader())
    if read_only:
        readonly.install(session)
    return session


@functools.cache
def _shared_loader() -> Any:
    """One cache of service models for all sessions: reading them is most of what making a client costs."""
    import botocore.session

    return botocore.session.Session().get_component("data_loader")


def _required(credentials: Any) -> Any:
    from botocore.exceptions import NoCredentialsError

    if credentials is None:
        raise NoCredentialsError
    return credentials


def _config(access: AccountAccess) -> Any:
    from botocore.config import Config

    return Config(
        # Explicit, because the default changed with botocore 1.44 and every user has another one.
        retries={"mode": "standard", "total_max_attempts": 4},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=50,
        user_agent_extra=f"migrate/{__version__}",
        # Bucket names in host names need DNS, which an endpoint on loopback has not.
        s3={"addressing_style": "path"} if access.endpoint_url else None,
    )
