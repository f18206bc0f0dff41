"""Exit codes, and which error has which."""

from __future__ import annotations

from migrate.core import errors

OK = 0
FAILURE = 1
CHANGES = 2
"""Only with `plan --detailed-exitcode`: changes are pending (Terraform's convention)."""

INVALID = 3
REFUSED = 4
STALE = 5
STATE = 6
STEP_FAILED = 7
DIFFERENT = 8
CREDENTIALS = 9
USAGE = 64
INTERRUPTED = 130

_BY_CLASS: tuple[tuple[type[errors.MigrateError], int], ...] = (
    (errors.ManifestInvalid, INVALID),
    (errors.PermissionMissing, CREDENTIALS),
    (errors.Refused, REFUSED),
    (errors.PlanIsStale, STALE),
    (errors.StateAccessDenied, CREDENTIALS),
    (errors.StateLocked, STATE),
    (errors.StateUnusable, STATE),
    (errors.VerificationFailed, DIFFERENT),
    (errors.Interrupted, INTERRUPTED),
    (errors.AccessDenied, CREDENTIALS),
    (errors.CredentialsExpired, CREDENTIALS),
)


def exit_code(error: errors.MigrateError) -> int:
    """The exit code of an error that ended a command."""
    return next((code for kind, code in _BY_CLASS if isinstance(error, kind)), FAILURE)


_BY_STEP = {"AccessDenied": CREDENTIALS, "CredentialsExpired": CREDENTIALS, "VerificationFailed": DIFFERENT}


def exit_code_of_steps(errors: list[errors.StepError]) -> int:
    """The exit code when steps failed: 8 or 9 when all of them failed for that reason, else 7."""
    codes = {_BY_STEP.get(error.kind, STEP_FAILED) for error in errors}
    return codes.pop() if len(codes) == 1 else STEP_FAILED
