"""Error classes of the whole program. The CLI maps each to an exit code; nothing decides by an error's text."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.core.diagnostics import Diagnostic


class MigrateError(Exception):
    """Root of all errors that a user may see. `hint` is the next thing to do."""

    def __init__(self, summary: str, *, why: str = "", hint: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.why = why
        self.hint = hint
        self.diagnostics: list[Diagnostic] = []
        """All that is wrong, where the error stands for several problems."""


class ManifestInvalid(MigrateError):
    """The manifest or a plan file cannot be used. `diagnostics` has every reason."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        super().__init__(f"{len(diagnostics)} problem(s)")
        self.diagnostics = diagnostics


class Refused(MigrateError):
    """A preflight check or a safety gate says no; nothing was changed."""


class PermissionMissing(Refused):
    """All that stands against the plan is what the credentials may not do."""


class PlanIsStale(MigrateError):
    """The world, the manifest or the state moved after the plan was made."""


class StateLocked(MigrateError):
    """Somebody else holds the state."""


class StateUnusable(MigrateError):
    """The state is of another lineage, damaged, or written by a newer version."""


class StateWriteFailed(MigrateError):
    """The state could not be saved (disk full, no permission). What was saved before is intact."""


class StateAccessDenied(StateWriteFailed):
    """The credentials may not read or write the place where the state is kept, or there are none."""


class VerificationFailed(MigrateError):
    """Source and target differ."""


class Interrupted(MigrateError):
    """The user asked to stop; the state is saved."""


class AwsError(MigrateError):
    """A call to AWS that failed. Subclasses say how to react; `code` is AWS's own word for it."""

    def __init__(
        self, summary: str, *, code: str = "", operation: str = "", why: str = "", hint: str = "", reason: str = ""
    ) -> None:
        super().__init__(summary, why=why, hint=hint)
        self.code = code
        self.operation = operation
        self.reason = reason


class Throttled(AwsError):
    """Too many requests: the same call again, later."""


class Transient(AwsError):
    """A fault of the service or the network: the same call again. It may have taken effect."""


class NotFound(AwsError):
    """The resource does not exist (or not yet: reads after a create are eventually consistent)."""


class AlreadyExists(AwsError):
    """The resource is there already, or is being used or changed."""


class Conflict(AwsError):
    """Another change is in progress, or a token was used with other parameters."""


class LimitReached(AwsError):
    """A quota of the account: back off, then advise."""


class AccessDenied(AwsError):
    """The credentials do not allow the call."""


class CredentialsExpired(AwsError):
    """The credentials are missing, expired or not valid."""


class Invalid(AwsError):
    """AWS refuses the parameters; repeating cannot help."""


@dataclass(frozen=True)
class StepError:
    """Why a step failed, as it is kept in the state: plain text without secrets."""

    summary: str
    why: str = ""
    hint: str = ""
    kind: str = ""
    """Name of the error's class."""
