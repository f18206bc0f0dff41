"""AWS's failures as ours: the class decides what the program does, the text what the user does."""

from __future__ import annotations

import functools
import re
from typing import Any

import botocore.session
import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from migrate.aws import autoscaling, dynamodb, errors, session
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

ACCESS = session.AccountAccess(
    "source", "111111111111", "eu-west-1", profile="legacy", endpoint_url="http://127.0.0.1:9"
)
ROLE = session.AccountAccess("target", "222222222222", "eu-west-1", role="arn:aws:iam::222222222222:role/Migration")


def client_error(code: str, message: str = "no", status: int = 400, operation: str = "", **more: Any) -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(response, operation)


def of(error: Exception, service: str = "dynamodb", operation: str = "DescribeTable", resource: str = "table orders",
       access: session.AccountAccess = ACCESS) -> AwsError:  # fmt: skip
    return errors.translate(error, service, operation, resource, session.connect(access, read_only=True))


@pytest.mark.parametrize(
    ("service", "operation", "code", "expected"),
    [
        ("dynamodb", "DescribeTable", "ResourceNotFoundException", NotFound),
        ("dynamodb", "DescribeContinuousBackups", "TableNotFoundException", NotFound),
        ("dynamodb", "GetResourcePolicy", "PolicyNotFoundException", NotFound),
        ("dynamodb", "PutResourcePolicy", "PolicyNotFoundException", Conflict),
        ("dynamodb", "CreateTable", "ResourceInUseException", AlreadyExists),
        ("dynamodb", "CreateTable", "LimitExceededException", LimitReached),
        ("dynamodb", "UpdateTable", "ThrottlingException", Throttled),
        ("dynamodb", "PutItem", "ProvisionedThroughputExceededException", Throttled),
        ("dynamodb", "UpdateContinuousBackups", "ContinuousBackupsUnavailableException", Transient),
        ("dynamodb", "ExportTableToPointInTime", "ExportConflictException", Conflict),
        ("dynamodb", "ExportTableToPointInTime", "PointInTimeRecoveryUnavailableException", Transient),
        ("dynamodb", "ImportTable", "ImportConflictException", Conflict),
        ("dynamodb", "ImportTable", "IdempotentParameterMismatchException", Conflict),
        ("dynamodb", "UpdateTimeToLive", "ValidationException", Invalid),
        ("dynamodb", "DescribeTable", "UnrecognizedClientException", CredentialsExpired),
        ("dynamodb", "DescribeTable", "ExpiredTokenException", CredentialsExpired),
        ("dynamodbstreams", "DescribeStream", "ResourceNotFoundException", NotFound),
        ("s3", "HeadBucket", "404", NotFound),
        ("s3", "HeadBucket", "403", AccessDenied),
        ("s3", "GetBucketPolicy", "NoSuchBucketPolicy", NotFound),
        ("s3", "PutObject", "SlowDown", Throttled),
        ("s3", "PutObject", "PreconditionFailed", Conflict),
        ("s3", "GetObject", "ExpiredToken", CredentialsExpired),
        ("kms", "DescribeKey", "NotFoundException", NotFound),
        ("kms", "Decrypt", "KMSInvalidStateException", Conflict),
        ("sts", "GetCallerIdentity", "InvalidClientTokenId", CredentialsExpired),
        ("application-autoscaling", "PutScalingPolicy", "ObjectNotFoundException", NotFound),
        ("application-autoscaling", "PutScalingPolicy", "ConcurrentUpdateException", Conflict),
        ("backup", "CreateBackupVault", "AlreadyExistsException", AlreadyExists),
        ("backup", "StartCopyJob", "InvalidParameterValueException", Invalid),
        ("glue", "StartJobRun", "ConcurrentRunsExceededException", LimitReached),
        ("glue", "GetJob", "EntityNotFoundException", NotFound),
        ("iam", "GetRole", "NoSuchEntity", NotFound),
        ("iam", "CreateRole", "EntityAlreadyExists", AlreadyExists),
    ],
)  # fmt: skip
def test_class_of_a_code(service: str, operation: str, code: str, expected: type[AwsError]) -> None:
    found = of(client_error(code, operation=operation), service, operation)
    assert (type(found), found.code, found.operation) == (expected, code, operation)


@pytest.mark.parametrize(
    ("status", "expected"), [(500, Transient), (503, Transient), (403, AccessDenied), (400, Invalid)]
)
def test_class_of_an_unknown_code_comes_from_the_status(status: int, expected: type[AwsError]) -> None:
    assert type(of(client_error("Surprise", status=status))) is expected


@functools.cache
def modelled_codes(service: str) -> set[str]:
    model = botocore.session.get_session().get_service_model(service)
    shapes = [shape for name in model.operation_names for shape in model.operation_model(name).error_shapes]
    return {shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}


@pytest.mark.parametrize("service", ["dynamodb", "application-autoscaling", "backup", "logs"])
def test_every_modelled_not_found_exists_and_limit_is_in_the_table(service: str) -> None:
    expected = {"NotFound": NotFound, "AlreadyExists": AlreadyExists, "LimitExceeded": LimitReached}
    for code in sorted(modelled_codes(service) - {"RequestLimitExceeded"}):  # that one is a throttle
        for part, kind in expected.items():
            if part in code:
                assert errors.classify(service, "AnyOperation", code) is kind, code


def test_a_code_has_one_class_per_service() -> None:
    entries = [(s, c) for services in errors._BY_CLASS.values() for s, codes in services.items() for c in codes.split()]
    assert len(entries) == len(set(entries)) == len(errors.TABLE)


def test_text_says_what_where_why_and_what_to_do() -> None:
    found = of(client_error("AccessDeniedException", "User: x is not authorized", operation="DescribeTable"))
    assert found.summary == "DescribeTable on table orders was refused in 111111111111 eu-west-1"
    assert found.why == "User: x is not authorized"
    assert found.hint == "allow dynamodb:DescribeTable on table orders for profile legacy"


def test_hint_uses_iams_name_of_the_action() -> None:
    assert "s3:ListBucket" in of(client_error("403", operation="HeadBucket"), "s3", "HeadBucket", "bucket b").hint
    of_emr = of(client_error("AccessDeniedException", operation="RunJobFlow"), "emr", "RunJobFlow", "")
    assert "elasticmapreduce:RunJobFlow" in of_emr.hint


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("... with an explicit deny in a service control policy", "service control policy"),
        ("... with an explicit deny in a resource control policy", "resource control policy"),
        ("KMS key access denied: the ciphertext refers to a key", "KMS key"),
        ("User is not authorized to perform: kms:Decrypt", "KMS key"),
    ],
)
def test_hints_for_refusals_that_are_not_about_the_action(message: str, expected: str) -> None:
    found = of(client_error("AccessDeniedException", message, operation="GetItem"), operation="GetItem")
    assert expected in found.hint
    assert "dynamodb:GetItem" not in found.hint


def test_a_refused_role_is_told_as_such_whatever_was_being_called() -> None:
    failure = client_error("AccessDenied", "not authorized to perform: sts:AssumeRole", 403, operation="AssumeRole")
    found = of(failure, access=ROLE)
    assert isinstance(found, AccessDenied)
    assert found.summary.startswith("AssumeRole on role arn:aws:iam::222222222222:role/Migration was refused")
    assert "trust policy" in found.hint


def test_expired_credentials_name_the_command_that_renews_them() -> None:
    found = of(client_error("ExpiredTokenException", operation="DescribeTable"))
    assert "aws sso login --profile legacy" in found.hint
    assert "accounts.target" in of(boto.NoCredentialsError(), access=ROLE).hint


def test_throttling_reasons_are_kept() -> None:
    reasons = [{"reason": "TableWriteAccountLimitExceeded", "resource": "arn"}]
    found = of(client_error("ThrottlingException", ThrottlingReasons=reasons))
    assert found.reason == "TableWriteAccountLimitExceeded"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (boto.NoCredentialsError(), CredentialsExpired),
        (boto.ProfileNotFound(profile="legacy"), CredentialsExpired),
        (boto.UnauthorizedSSOTokenError(), CredentialsExpired),
        (boto.TokenRetrievalError(provider="sso", error_msg="expired"), CredentialsExpired),
        (boto.EndpointConnectionError(endpoint_url="http://x"), Transient),
        (boto.ReadTimeoutError(endpoint_url="http://x"), Transient),
        (boto.ConnectTimeoutError(endpoint_url="http://x"), Transient),
        (boto.ConnectionClosedError(endpoint_url="http://x"), Transient),
        (boto.NoRegionError(), Invalid),
    ],
)
def test_failures_without_an_answer(error: Exception, expected: type[AwsError]) -> None:
    assert type(of(error)) is expected


def test_a_timeout_says_that_the_call_may_have_taken_effect() -> None:
    assert "may have taken effect" in of(boto.ReadTimeoutError(endpoint_url="http://x")).why
    assert "may have taken effect" not in of(boto.EndpointConnectionError(endpoint_url="http://x")).why


def test_a_web_page_is_not_shown_as_a_reason() -> None:
    found = of(client_error("502", "<!doctype html>\n<html>...", 502))
    assert isinstance(found, Transient)
    assert "<" not in found.why


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> session.Account:
    """An account at an address where nobody listens."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    access = session.AccountAccess("source", "111111111111", "eu-west-1", endpoint_url="http://127.0.0.1:9")
    return session.connect(access, read_only=False)


def test_an_unknown_parameter_needs_a_newer_botocore(account: session.Account) -> None:
    with pytest.raises(Invalid, match="UpdateTable on table orders") as caught:
        dynamodb.update_table(account, "orders", FromTheFuture=1)
    assert re.search(r"needs a newer botocore \(installed: \d", caught.value.why)
    assert "pip install" in caught.value.hint


def test_a_known_new_parameter_names_the_version() -> None:
    text = 'Parameter validation failed:\nUnknown parameter in input: "GlobalTableSourceArn", must be one of: TableName'
    failure = boto.ParamValidationError(report=text)
    assert "botocore >= 1.42.41" in of(failure, operation="CreateTable").why


def test_an_unknown_operation_needs_a_newer_botocore(account: session.Account) -> None:
    with pytest.raises(Invalid, match="TimeTravel is not known"):
        errors.call(account, "dynamodb", "TimeTravel")


def test_no_such_profile(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with pytest.raises(CredentialsExpired) as caught:
        dynamodb.list_tables(session.connect(ACCESS, read_only=True))
    assert "list-profiles" in caught.value.hint


def test_nobody_listens(account: session.Account) -> None:
    with pytest.raises(Transient) as caught:
        autoscaling.describe(account)
    assert caught.value.hint == "is http://127.0.0.1:9 running?"


def test_credentials_never_show_themselves(account: session.Account) -> None:
    found = account.credentials()
    assert found.secret_key == "example"
    assert "example" not in f"{found} {found!r}"
