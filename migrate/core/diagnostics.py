"""Diagnostics: what is wrong, where, why, and what to do next. Checks return lists of them and never raise."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Severity(str, enum.Enum):
    """How much a diagnostic weighs: an ERROR stops the run, a WARNING and a NOTE only inform."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Location:
    """A place in a text file. `line` and `column` count from 1; `length` characters are underlined (0: unknown)."""

    file: str
    line: int
    column: int
    length: int = 0
    text: str = ""
    """The whole source line, so that a renderer needs no file."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Diagnostic:
    """One finding, complete enough to act on without reading the code.

    `summary` says what, in one sentence without a final full stop. `why` gives the reason or the consequence. `hint`
    says what to write instead or which command comes next. `address` is what it concerns (`tables[2].strategy`, or an
    action such as `orders/export`); `location` is where it is written, when it comes from a file.
    """

    severity: Severity
    summary: str
    address: str = ""
    why: str = ""
    hint: str = ""
    location: Location | None = None
    cause: str | None = None
    """Name of the error class behind it, where a call to AWS failed; it decides the exit code."""

    @property
    def is_error(self) -> bool:
        """True when this finding must stop the run."""
        return self.severity is Severity.ERROR


def error(
    summary: str, *, address: str = "", why: str = "", hint: str = "", location: Location | None = None
) -> Diagnostic:
    """An ERROR diagnostic."""
    return Diagnostic(Severity.ERROR, summary, address, why, hint, location)


def warning(
    summary: str, *, address: str = "", why: str = "", hint: str = "", location: Location | None = None
) -> Diagnostic:
    """A WARNING diagnostic."""
    return Diagnostic(Severity.WARNING, summary, address, why, hint, location)


def note(
    summary: str, *, address: str = "", why: str = "", hint: str = "", location: Location | None = None
) -> Diagnostic:
    """A NOTE diagnostic."""
    return Diagnostic(Severity.NOTE, summary, address, why, hint, location)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True when at least one of them is an ERROR."""
    return any(d.is_error for d in diagnostics)
