"""Diagnostics as text, with the line of the file and the place underlined."""

from __future__ import annotations

from collections.abc import Sequence

from migrate.core.codec import Json, encode
from migrate.core.diagnostics import Diagnostic, Severity
from migrate.core.errors import MigrateError, StepError
from migrate.manifest.model import Manifest
from migrate.render.style import Style, plural

FORMAT_VERSION = 1
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def diagnostics_text(found: Sequence[Diagnostic], style: Style) -> str:
    """All of them, errors last so that they stand above the prompt, and a line that counts them."""
    order = {Severity.NOTE: 0, Severity.WARNING: 1, Severity.ERROR: 2}
    blocks = [diagnostic_text(one, style) for one in sorted(found, key=lambda d: order[d.severity])]
    errors = sum(one.is_error for one in found)
    if errors:
        blocks.append(style.paint(f"{plural(errors, 'error')}. Nothing was changed.", "bold"))
    return "\n".join(blocks)


def diagnostic_text(one: Diagnostic, style: Style) -> str:
    """`file:line:column: error: summary`, then the line itself, why, and what to do."""
    label = style.paint(f"{one.severity.value}:", _COLOURS[one.severity], "bold")
    place = f"{one.location}: " if one.location else (f"{one.address}: " if one.address else "")
    lines = [f"{place}{label} {one.summary}"]
    margin = " " * 7
    if one.location and one.location.text:
        text = one.location.text.rstrip("\n").replace("\t", " ")
        lines.append(f"{one.location.line:>6} | {text}")
        marks = "^" * max(1, one.location.length)
        hint = f" {one.hint}" if one.hint else ""
        lines.append(f"{margin}| {' ' * (one.location.column - 1)}{style.paint(marks, 'red')}{hint}")
    elif one.hint:
        lines.append(f"{margin}| {one.hint}")
    if one.why:
        lines.insert(1 if not (one.location and one.location.text) else 3, f"{margin}| {one.why}")
    return "\n".join(lines)


def error_text(error: MigrateError, style: Style) -> str:
    """An error that ended a command: what, why, next."""
    first, *more = error.summary.splitlines() or [""]
    rows = [f"{style.paint('error:', 'red', 'bold')} {first}", *(f"       {line}" for line in more)]
    return "\n".join([*rows, *_labelled("why", error.why), *_labelled("next", error.hint)])


def _labelled(label: str, text: str) -> list[str]:
    """The lines of a text, the first behind its label, the others below it."""
    labels = [label, *[""] * text.count("\n")]
    return [f"  {name:<7} {line}" for name, line in zip(labels, text.splitlines(), strict=False) if line]


def error_document(error: MigrateError, exit_code: int) -> Json:
    """An error that ended a command, as JSON (`schemas/error.schema.json`)."""
    return {
        "format_version": FORMAT_VERSION,
        "exit_code": exit_code,
        "error": error_value(error),
        "diagnostics": encode(error.diagnostics),
    }


def error_value(error: MigrateError) -> Json:
    """The error itself."""
    return encode(StepError(error.summary, error.why, error.hint, type(error).__name__))


def validation_document(file: str, manifest: Manifest | None, found: Sequence[Diagnostic]) -> Json:
    """What is wrong with a manifest, as JSON (`schemas/validation.schema.json`)."""
    document = {"format_version": FORMAT_VERSION, "manifest": file, "valid": manifest is not None}
    if manifest is not None:
        document |= {"migration": manifest.name, "table_rules": len(manifest.tables)}
    return {**document, "diagnostics": encode(list(found))}


def step_error_text(address: str, error: StepError, style: Style) -> str:
    """The error of one step."""
    first = f"{style.paint('error:', 'red', 'bold')} {address}: {error.summary}"
    return "\n".join([first, *_labelled("why", error.why), *_labelled("advice", error.hint)])
