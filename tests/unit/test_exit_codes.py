"""The exit codes that pipelines rely on."""

from __future__ import annotations

import pytest

from migrate.cli.exit_codes import exit_code, exit_code_of_steps
from migrate.core import errors
from migrate.core.errors import StepError

TABLE: dict[type[errors.MigrateError], int] = {
    errors.Refused: 4,
    errors.PlanIsStale: 5,
    errors.StateLocked: 6,
    errors.StateUnusable: 6,
    errors.PermissionMissing: 9,
    errors.StateWriteFailed: 1,
    errors.StateAccessDenied: 9,
    errors.VerificationFailed: 8,
    errors.Interrupted: 130,
    errors.AccessDenied: 9,
    errors.CredentialsExpired: 9,
    errors.Throttled: 1,
    errors.Transient: 1,
    errors.NotFound: 1,
    errors.AlreadyExists: 1,
    errors.Conflict: 1,
    errors.LimitReached: 1,
    errors.Invalid: 1,
}


@pytest.mark.parametrize(("kind", "code"), TABLE.items(), ids=lambda one: getattr(one, "__name__", one))
def test_the_code_of_an_error(kind: type[errors.MigrateError], code: int) -> None:
    assert exit_code(kind("no")) == code


def test_an_invalid_manifest() -> None:
    assert exit_code(errors.ManifestInvalid([])) == 3


def test_no_error_class_is_forgotten() -> None:
    def below(kind: type[errors.MigrateError]) -> set[type[errors.MigrateError]]:
        return {kind, *(one for child in kind.__subclasses__() for one in below(child))}

    known = {*TABLE, errors.MigrateError, errors.AwsError, errors.ManifestInvalid}
    assert {kind for kind in below(errors.MigrateError) if kind.__module__ == "migrate.core.errors"} == known


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        (["Invalid"], 7),
        (["AccessDenied"], 9),
        (["AccessDenied", "CredentialsExpired"], 9),
        (["VerificationFailed", "VerificationFailed"], 8),
        (["VerificationFailed", "AccessDenied"], 7),
        (["VerificationFailed", "S3AccessDenied"], 7),
        ([""], 7),
    ],
)
def test_the_code_of_failed_steps(kinds: list[str], code: int) -> None:
    assert exit_code_of_steps([StepError("no", kind=kind) for kind in kinds]) == code
