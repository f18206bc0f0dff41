"""The Python files that transforms name: read once and looked at, never run here."""

from __future__ import annotations

import ast
import dataclasses
import os
from collections.abc import Iterator

from migrate.core.diagnostics import Diagnostic, Location, error, has_errors
from migrate.data.transform import code_digest, split_function
from migrate.manifest.build import digest_of
from migrate.manifest.document import did_you_mean
from migrate.manifest.model import Manifest
from migrate.manifest.textfile import read_file


def with_code(manifest: Manifest) -> tuple[Manifest, list[Diagnostic]]:
    """The manifest with the content of its Python files, and what is wrong with them. Never raises."""
    code: dict[str, str] = {}
    problems: list[Diagnostic] = []
    for address, function in _functions(manifest):
        path, name = split_function(function)
        text, found = _read(manifest, address, path)
        found = found or list(_misfits(manifest, address, path, name, text))
        problems += found
        code[path] = text
    if code and not has_errors(problems):
        digests = {path: code_digest(text) for path, text in code.items()}
        manifest = dataclasses.replace(manifest, code=code, digest=digest_of([manifest.digest, digests]))
    return manifest, list(dict.fromkeys(problems))


def _functions(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for index, rule in enumerate(manifest.tables):
        for number, step in enumerate(rule.transform or ()):
            if "python" in step:
                yield f"tables[{index}].transform[{number}].python", step["python"]


def _read(manifest: Manifest, address: str, path: str) -> tuple[str, list[Diagnostic]]:
    """The content of a file below the manifest's folder, or what is wrong with it."""
    folder, where = os.path.dirname(manifest.file), manifest.locate(address)
    file = os.path.join(folder, path)
    if not os.path.realpath(file).startswith(os.path.join(os.path.realpath(folder), "")):
        return "", [error(f"{path} leads out of the manifest's folder", address=address, location=where)]
    text, found = read_file(file, "Python file")
    if text is None:
        return "", [dataclasses.replace(one, address=address, location=where) for one in found]
    return text, []


def _misfits(manifest: Manifest, address: str, path: str, name: str, text: str) -> Iterator[Diagnostic]:
    try:
        tree = ast.parse(text, path)
    except (SyntaxError, ValueError) as problem:
        line, column = getattr(problem, "lineno", None) or 1, getattr(problem, "offset", None) or 1
        where = Location(path, line, column, text=(getattr(problem, "text", None) or "").rstrip("\n"))
        what = getattr(problem, "msg", None) or str(problem)
        yield error(f"{path} is no Python: {what}", address=address, location=where)
        return
    known = list(_names(tree))
    if name not in known:
        hint = did_you_mean(name, known) or f"known here: {', '.join(known) or 'nothing'}"
        yield error(f"{path} has no function {name}", address=address, hint=hint, location=manifest.locate(address))


def _names(tree: ast.Module) -> Iterator[str]:
    """What is defined at the top of the file."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (one.id for one in node.targets if isinstance(one, ast.Name))
        elif isinstance(node, ast.ImportFrom):
            yield from (one.asname or one.name for one in node.names)
