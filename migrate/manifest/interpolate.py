"""`${env:NAME}` in text values: the only interpolation of a manifest."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from migrate.core.diagnostics import Diagnostic, error
from migrate.manifest.document import Document, Path, format_path, redact

_USE = re.compile(r"\$\$\{|\$\{([^}\s]*)(\}?)")
_VARIABLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)\Z")


def interpolate(document: Document, environ: Mapping[str, str]) -> tuple[Document, list[Diagnostic]]:
    """`document` with every `${env:NAME}` replaced. `$${` stands for a literal `${`.

    Only text values are read, never keys, and what comes out is always text and never read again. A variable that is
    not in `environ` is an error; its place stays as written.
    """
    work = _Interpolation(document, environ)
    return replace(document, value=work.value(document.value, ())), work.problems


class _Interpolation:
    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self.document, self.environ = document, environ
        self.problems: list[Diagnostic] = []

    def value(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: self.value(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, (*path, index)) for index, inner in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return _USE.sub(lambda use: self._one(use, path), value)
        return value

    def _one(self, use: re.Match[str], path: Path) -> str:
        if use[0] == "$${":
            return "${"
        variable = _VARIABLE.match(use[1]) if use[2] else None
        if variable and variable[1] in self.environ:
            value = self.environ[variable[1]]
            if any("\ud800" <= character <= "\udfff" for character in value):
                self._problem(f"the environment variable {variable[1]} is not UTF-8 text", path, "")
            return value
        if variable:
            near = difflib.get_close_matches(variable[1], self.environ, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"export {variable[1]}=... and run again"
            self._problem(f"the environment variable {variable[1]} is not set", path, hint)
        else:
            self._problem(
                f"{redact(use[0])} is not an interpolation", path, "write ${env:NAME}, or $${ for a literal ${"
            )
        return use[0]

    def _problem(self, what: str, path: Path, hint: str) -> None:
        where = self.document.location(path)
        self.problems.append(error(what, address=format_path(path), hint=hint, location=where))
