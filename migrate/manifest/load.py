"""A manifest file -> Manifest, or everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from migrate.core.diagnostics import Diagnostic, Location, error, has_errors
from migrate.manifest.build import build_manifest
from migrate.manifest.conform import check_manifest_schema
from migrate.manifest.document import Document
from migrate.manifest.interpolate import interpolate
from migrate.manifest.model import Manifest
from migrate.manifest.rules import check_rules
from migrate.manifest.yamltext import read_yaml

MAX_BYTES = 2 * 1024 * 1024
_ABSENT = {
    "manifest": "`migrate init` writes a first manifest",
    "policy": "correct the path (`policy` in a manifest is relative to it), or the option --policy",
}


def load_manifest(path: str | Path, environ: Mapping[str, str]) -> tuple[Manifest | None, list[Diagnostic]]:
    """Read and check the manifest at `path`; `environ` is what `${env:NAME}` may use.

    Returns a Manifest exactly when no diagnostic is an error. Never raises for what the file holds or for a file that
    cannot be read. Does not call AWS.
    """
    text, problems = read_file(path, "manifest")
    return (None, problems) if text is None else load_text(text, str(path), environ)


def load_text(text: str, file: str, environ: Mapping[str, str]) -> tuple[Manifest | None, list[Diagnostic]]:
    """As `load_manifest`, for text that is already read. `file` is only a name, for the diagnostics."""
    document, problems = read_yaml(text, file)
    if document is None:
        return None, problems
    filled, unset = interpolate(document, environ)
    problems = [*problems, *unset]
    known = {problem.address for problem in problems}
    problems += [finding for finding in _check(filled) if finding.address not in known]
    problems = sorted(dict.fromkeys(problems), key=_place)
    if has_errors(problems):
        return None, problems
    return build_manifest(filled), problems


def read_file(path: str | Path, what: str) -> tuple[str | None, list[Diagnostic]]:
    """The text of a file that people write (`what`: manifest, policy), or why it cannot be read. Never raises."""
    file = str(path)
    start = Location(file, 1, 1)
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None, [error(f"{file} does not exist", hint=_ABSENT[what], location=start)]
    except IsADirectoryError:
        return None, [error(f"{file} is a folder", hint=f"name the {what} file in it", location=start)]
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        return None, [error(f"{file} cannot be read: {reason}", location=start)]
    if len(raw) > MAX_BYTES:
        too_large = f"{file} is larger than {MAX_BYTES // 1024 // 1024} MiB, which no {what} is"
        return None, [error(too_large, hint="use `match` for many tables", location=start)]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        column = problem.start - raw.rfind(b"\n", 0, problem.start)
        where = Location(file, line, column)
        return None, [error(f"{file} is not UTF-8 text", hint="save it as UTF-8", location=where)]
    return text, []


def _check(document: Document) -> list[Diagnostic]:
    return [*check_manifest_schema(document), *check_rules(document)]


def _place(finding: Diagnostic) -> tuple[int, int]:
    return (finding.location.line, finding.location.column) if finding.location else (0, 0)
