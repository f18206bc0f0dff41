"""A manifest file -> Manifest, or everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from migrate.core.diagnostics import Diagnostic, has_errors
from migrate.manifest.build import build_manifest
from migrate.manifest.code import with_code
from migrate.manifest.conform import check_manifest_schema
from migrate.manifest.document import Document
from migrate.manifest.interpolate import interpolate
from migrate.manifest.model import Manifest
from migrate.manifest.rules import check_rules
from migrate.manifest.textfile import read_file
from migrate.manifest.yamltext import read_yaml


def load_manifest(path: str | Path, environ: Mapping[str, str]) -> tuple[Manifest | None, list[Diagnostic]]:
    """Read and check the manifest at `path`, and the Python files of its transforms, which are not run.

    `environ` is what `${env:NAME}` may use.

    Returns a Manifest exactly when no diagnostic is an error. Never raises for what the file holds or for a file that
    cannot be read. Does not call AWS.
    """
    text, problems = read_file(path, "manifest")
    if text is None:
        return None, problems
    manifest, problems = load_text(text, str(path), environ)
    if manifest is None:
        return None, problems
    manifest, found = with_code(manifest)
    problems = [*problems, *found]
    return (None if has_errors(found) else manifest), problems


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


def _check(document: Document) -> list[Diagnostic]:
    return [*check_manifest_schema(document), *check_rules(document)]


def _place(finding: Diagnostic) -> tuple[int, int]:
    return (finding.location.line, finding.location.column) if finding.location else (0, 0)
