"""The read-only guard: a second lock under `plan`, `status` and `verify`, so that they cannot change anything.

It sits on botocore's `before-call` event, after the parameters were checked and before anything is sent.
"""

from __future__ import annotations

from typing import Any

from migrate.core.errors import MigrateError

READING = ("Describe", "List", "Get", "Head", "Scan", "Query", "BatchGet", "Search")
"""First words of the operations that only read."""

_ALSO_ALLOWED = {
    # What botocore itself does to get or renew credentials; none of it changes a resource.
    "sts": ("AssumeRole", "GetCallerIdentity", "GetSessionToken"),
    "sso-oidc": ("CreateToken",),
    "signin": ("CreateOAuth2Token",),
    "iam": ("Simulate",),
}


class ReadOnlyViolation(MigrateError):
    """A command that promised only to read tried to call an operation that writes. Nothing was sent."""


def is_reading(service: str, operation: str) -> bool:
    """True when `operation` (as `DescribeTable`) of `service` (as botocore names it) may be called read-only."""
    return operation.startswith(READING) or operation.startswith(_ALSO_ALLOWED.get(service, ()))


def refuse_writes(model: Any, **_event: Any) -> None:
    """The handler of `before-call`: raises `ReadOnlyViolation` for every operation that does not only read."""
    service, operation = model.service_model.service_name, model.name
    if not is_reading(service, operation):
        raise ReadOnlyViolation(
            f"{service}:{operation} was stopped: this command only reads",
            why="The read-only guard found a call that can change something. Nothing was sent to AWS.",
            hint="This is a mistake of the tool; please report it.",
        )


def install(session: Any) -> None:
    """Put the guard on every client that this botocore session makes from now on, its own for STS and SSO included."""
    session.register("before-call", refuse_writes, unique_id="migrate-read-only")
