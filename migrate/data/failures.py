"""DynamoDB's errors as `core.errors` classes: how to react is decided here, by AWS's code, never by a text."""

from __future__ import annotations

import json
import ssl
from urllib.parse import urlsplit

from migrate.core.errors import (
    AccessDenied,
    AwsError,
    Conflict,
    CredentialsExpired,
    Invalid,
    NotFound,
    Throttled,
    Transient,
)
from migrate.data.reactions import reason_in_words

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_CLASSES: dict[str, type[AwsError]] = {
    "ProvisionedThroughputExceededException": Throttled,
    "ThrottlingException": Throttled,
    "Throttling": Throttled,
    "RequestLimitExceeded": Throttled,
    "TooManyRequestsException": Throttled,
    "InternalServerError": Transient,
    "InternalFailure": Transient,
    "ServiceUnavailable": Transient,
    "ServiceUnavailableException": Transient,
    "RequestTimeout": Transient,
    "ReplicatedWriteConflictException": Transient,
    "TransactionConflictException": Transient,
    "TransactionInProgressException": Transient,
    "AccessDeniedException": AccessDenied,
    "AccessDenied": AccessDenied,
    "ExpiredTokenException": CredentialsExpired,
    "ExpiredToken": CredentialsExpired,
    "UnrecognizedClientException": CredentialsExpired,
    "InvalidClientTokenId": CredentialsExpired,
    "MissingAuthenticationToken": CredentialsExpired,
    "MissingAuthenticationTokenException": CredentialsExpired,
    "IncompleteSignatureException": CredentialsExpired,
    "InvalidSignatureException": CredentialsExpired,
    "ResourceNotFoundException": NotFound,
    "ResourceInUseException": Conflict,
}

_HINTS: dict[type[AwsError], str] = {
    CredentialsExpired: "renew the credentials (a new session, `aws sso login`), then run the same command: it goes on",
    NotFound: "was the table deleted meanwhile? If it is in another account or Region, mend the manifest",
}

NO_ANSWER, DAMAGED = "NoAnswer", "DamagedAnswer"
"""Our own words where AWS has none: nothing (or not all) came back; something else than was sent came back."""


def no_answer(error: Exception, operation: str, what: str, url: str) -> AwsError:
    """The error of a request that got no (whole) answer: Transient, unless the certificate is the reason."""
    host = urlsplit(url).netloc
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in (*error.args, error.__cause__)):
        return Invalid(
            f"{what}: the certificate of {host} cannot be verified",
            operation=operation,
            why=str(error),
            hint="set AWS_CA_BUNDLE to the file with your company's root certificates",
        )
    why = f"{type(error).__name__}: {error}"
    return Transient(f"{what}: no answer from {host}", code=NO_ANSWER, operation=operation, why=why)


def refusal(operation: str, what: str, status: int, body: bytes) -> AwsError:
    """The error of an answer that is not 200. Decided by AWS's code, and by the status only where there is none."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    code = str(answer.get("__type", "")).rpartition("#")[2]
    message = str(answer.get("message") or answer.get("Message") or "")
    kind = _CLASSES.get(code) or _class_of_status(status)
    reasons = answer.get("ThrottlingReasons") or answer.get("throttlingReasons")
    return kind(
        f"{what}: {code or f'HTTP {status}'}",
        code=code or str(status),
        operation=operation,
        why=message,
        hint=_HINTS.get(kind, ""),
        reason=reason_in_words(reasons),
    )


def damaged(operation: str, what: str, why: str) -> Transient:
    """The error of an answer that cannot be what the service sent: asked again, never used."""
    hint = "if it stays so, check the endpoint and the proxy"
    return Transient(
        f"{what}: the answer was damaged on its way", code=DAMAGED, operation=operation, why=why, hint=hint
    )


def _class_of_status(status: int) -> type[AwsError]:
    if status >= 500:
        return Transient
    return {401: CredentialsExpired, 403: AccessDenied, 404: NotFound, 408: Transient, 429: Throttled}.get(
        status, Invalid
    )
