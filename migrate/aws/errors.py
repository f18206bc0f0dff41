"""One door for every call, and one table that says how to react to each of AWS's errors.

Codes are those of the service models and of AWS's pages "Error handling with DynamoDB", "Common errors" and "Amazon S3
error responses". Retry is decided from the class, never from a message's text; texts are only read for advice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from migrate.aws import advice
from migrate.core.errors import (
    AccessDenied,
    AlreadyExists,
    AwsError,
    Conflict,
    CredentialsExpired,
    Invalid,
    LimitReached,
    NotFound,
    Throttled,
    Transient,
)

if TYPE_CHECKING:
    from migrate.aws.session import Account

_BY_CLASS: dict[type[AwsError], dict[str, str]] = {
    Throttled: {
        "*": "ThrottlingException Throttling ThrottledException RequestThrottled RequestThrottledException "
        "TooManyRequestsException RequestLimitExceeded ProvisionedThroughputExceededException SlowDown 429",
        "dynamodb": "ReplicatedWriteConflictException TransactionInProgressException",
    },
    Transient: {
        "*": "InternalServerError InternalServerException InternalFailure InternalError InternalServiceException "
        "InternalServiceError InternalErrorException ServiceUnavailable ServiceUnavailableException ServiceException "
        "ServiceFailure ServerInternalException RequestTimeout RequestTimeoutException 500 502 503 504",
        "dynamodb": "ContinuousBackupsUnavailableException",
        # Right after recovery was turned on; a plan turns it on first, and never asks for a moment of its own.
        "dynamodb:ExportTableToPointInTime": "PointInTimeRecoveryUnavailableException InvalidExportTimeException",
        "kms": "KMSInternalException DependencyTimeoutException KeyUnavailableException",
        "backup": "DependencyFailureException",
        "glue": "OperationTimeoutException FederatedResourceTransientException",
        "sts": "IDPCommunicationError",
    },
    NotFound: {
        "*": "ResourceNotFoundException NotFoundException NoSuchEntity NoSuchEntityException NoSuchResourceException "
        "404",
        "dynamodb": "TableNotFoundException ExportNotFoundException ImportNotFoundException BackupNotFoundException "
        "PolicyNotFoundException IndexNotFoundException ReplicaNotFoundException GlobalTableNotFoundException",
        "s3": "NoSuchBucket NoSuchKey NoSuchUpload NoSuchVersion NotFound NoSuchBucketPolicy NoSuchTagSet "
        "NoSuchLifecycleConfiguration OwnershipControlsNotFoundError NoSuchPublicAccessBlockConfiguration "
        "ServerSideEncryptionConfigurationNotFoundError",
        "application-autoscaling": "ObjectNotFoundException",
        "glue": "EntityNotFoundException",
        "organizations": "AWSOrganizationsNotInUseException AccountNotFoundException",
        "ram": "UnknownResourceException ResourceShareInvitationArnNotFoundException",
    },
    AlreadyExists: {
        "*": "AlreadyExistsException ResourceAlreadyExistsException EntityAlreadyExists EntityAlreadyExistsException",
        "dynamodb": "ResourceInUseException TableAlreadyExistsException TableInUseException BackupInUseException "
        "ReplicaAlreadyExistsException GlobalTableAlreadyExistsException",
        "s3": "BucketAlreadyExists BucketAlreadyOwnedByYou",
        "ram": "ResourceShareInvitationAlreadyAcceptedException",
    },
    Conflict: {
        "*": "ConflictException IdempotentParameterMismatch IdempotentParameterMismatchException "
        "ConcurrentModification ConcurrentModificationException ConcurrentUpdateException OperationAborted "
        "PreconditionFailed 409 412",
        # A policy that is not in the revision we read: somebody else changed or removed it.
        "dynamodb:PutResourcePolicy": "PolicyNotFoundException",
        "dynamodb": "ExportConflictException ImportConflictException ConditionalCheckFailedException "
        "TransactionConflictException TransactionCanceledException",
        "s3": "ConditionalRequestConflict BucketNotEmpty",
        "kms": "KMSInvalidStateException DisabledException ConflictException",
        "backup": "InvalidResourceStateException",
        "iam": "DeleteConflict DeleteConflictException EntityTemporarilyUnmodifiable",
        "logs": "OperationAbortedException",
    },
    LimitReached: {
        "*": "LimitExceededException LimitExceeded ServiceQuotaExceededException",
        "dynamodb": "ItemCollectionSizeLimitExceededException",
        "s3": "TooManyBuckets",
        "glue": "ConcurrentRunsExceededException ResourceNumberLimitExceededException",
        "ram": "ResourceShareLimitExceededException TagLimitExceededException",
    },
    AccessDenied: {
        "*": "AccessDenied AccessDeniedException UnauthorizedOperation NotAuthorized NotAuthorizedException "
        "OptInRequired OperationNotPermittedException 403",
        "s3": "AllAccessDisabled AccountProblem KMS.DisabledException KMS.AccessDeniedException",
        "application-autoscaling": "FailedResourceAccessException",
        "sts": "RegionDisabledException",
    },
    CredentialsExpired: {
        "*": "ExpiredToken ExpiredTokenException RequestExpired UnrecognizedClientException InvalidClientTokenId "
        "InvalidSignatureException SignatureDoesNotMatch IncompleteSignature MissingAuthenticationToken "
        "MissingAuthenticationTokenException AuthFailure 401",
        "s3": "InvalidAccessKeyId InvalidToken TokenRefreshRequired RequestTimeTooSkewed",
        "sso": "UnauthorizedException",
    },
    Invalid: {
        "*": "ValidationException ValidationError InvalidParameterException InvalidParameterValueException "
        "MissingParameterValueException InvalidRequestException InvalidInputException SerializationException "
        "UnknownOperationException InvalidAction MalformedPolicyDocument MalformedPolicyDocumentException 400",
    },
}

TABLE: Mapping[tuple[str, str], type[AwsError]] = {
    (service, code): kind
    for kind, services in _BY_CLASS.items()
    for service, codes in services.items()
    for code in codes.split()
}
"""(service or `service:Operation` or `*`, error code) -> our class. Codes that are not here are `Invalid`."""


def call(account: Account, service: str, operation: str, /, **params: Any) -> dict[str, Any]:
    """The answer of `operation` (as `DescribeTable`) of `service` (as botocore names it), without its metadata.

    Waits for the operation's turn, counts it, and raises one of the subclasses of `AwsError`. botocore has already
    repeated throttled and transient failures (four attempts in all) before one is raised.
    """
    with translated(account, service, operation, advice.resource_of(params)):
        client = account.client(service)
        method: Callable[..., dict[str, Any]] = _method(client, operation)
        if account.pacer is not None:
            account.pacer.wait(service, operation)
        account.count(operation)
        answer = _quickly(account, service, operation, params)
        if answer is None:
            answer = method(**params)
    answer.pop("ResponseMetadata", None)
    return answer


def pages(
    account: Account, service: str, operation: str, /, *, token: tuple[str, str], **params: Any
) -> Iterator[dict[str, Any]]:
    """Every page of a list operation. `token` is the request's and the answer's name of the continuation token."""
    request_token, answer_token = token
    while True:
        page = call(account, service, operation, **params)
        yield page
        if not page.get(answer_token):
            return
        params[request_token] = page[answer_token]


@contextlib.contextmanager
def translated(account: Account, service: str, operation: str, resource: str) -> Iterator[None]:
    """Inside it, failures of boto3 become subclasses of `AwsError`, with where, why and what to do."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error, service, operation, resource, account) from error


def translate(
    error: Exception, service: str, operation: str, resource: str, account: Account | None = None
) -> AwsError:
    """The `AwsError` for a failure of boto3 (`ClientError` or `BotoCoreError`).

    `resource` is what the call was about, in words (`table orders`). With `account` the text says where it happened and
    who asked. The code is AWS's, or the name of botocore's exception.
    """
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return _of_botocore(error, operation, resource, account)
    asked = getattr(error, "operation_name", operation) or operation
    if asked != operation and asked.startswith("AssumeRole"):
        # Raised while credentials were being renewed inside another call.
        service, operation, resource = "sts", asked, f"role {account.access.role}" if account else "the role"
    code = str(response.get("Error", {}).get("Code", ""))
    message = str(response.get("Error", {}).get("Message", ""))
    kind = classify(service, operation, code, response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return kind(
        advice.summary(kind, operation, resource, account),
        code=code,
        operation=operation,
        why=advice.reason(message) or f"AWS answered {code or 'an error'} without a reason",
        hint=advice.hint(kind, service, operation, resource, message, account),
        reason=advice.throttling_reasons(response),
    )


def classify(service: str, operation: str, code: str, status: int = 0) -> type[AwsError]:
    """The class of an error code; for a code that nobody listed, of the HTTP status."""
    for key in (f"{service}:{operation}", _family(service), "*"):
        if (key, code) in TABLE:
            return TABLE[key, code]
    return TABLE.get(("*", str(status)), Transient if status >= 500 else Invalid)


def _family(service: str) -> str:
    return "dynamodb" if service == "dynamodbstreams" else service


def _of_botocore(error: Exception, operation: str, resource: str, account: Account | None) -> AwsError:
    kind = _class_of_botocore(error)
    return kind(
        advice.summary(kind, operation, resource, account),
        code=type(error).__name__,
        operation=operation,
        why=advice.botocore_reason(error, operation),
        hint=advice.botocore_hint(error, kind, account),
    )


def _class_of_botocore(error: Exception) -> type[AwsError]:
    from botocore import exceptions as known

    credentials = (
        known.NoCredentialsError,
        known.PartialCredentialsError,
        known.CredentialRetrievalError,
        known.ProfileNotFound,
        known.SSOError,
        known.NoAuthTokenError,
        known.TokenRetrievalError,
        known.RefreshWithMFAUnsupportedError,
        getattr(known, "LoginError", known.SSOError),
    )
    network = (
        known.HTTPClientError,
        known.ConnectionError,
        known.IncompleteReadError,
        known.ResponseStreamingError,
        known.ChecksumError,
    )
    if isinstance(error, credentials):
        return CredentialsExpired
    return Transient if isinstance(error, network) else Invalid


def _quickly(account: Account, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
    from migrate.aws import quick

    if not account.reads_quickly or service != quick.SERVICE or operation not in quick.OPERATIONS:
        return None
    return account.quick.ask(operation, params)


def _method(client: Any, operation: str) -> Any:
    from botocore import xform_name

    method = getattr(client, xform_name(operation), None)
    if method is None:
        service = client.meta.service_model.service_name
        raise Invalid(
            f"{service}:{operation} is not known to the installed botocore",
            code="UnknownOperation",
            operation=operation,
            why=advice.needed_version(operation, ""),
            hint="pip install --upgrade boto3 botocore",
        )
    return method
