"""No credential belongs in a manifest, which is committed, shown and hashed: what looks like one is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate.core.diagnostics import Diagnostic
from migrate.manifest.document import Document, Path, has_access_key, is_secret_key, is_secret_name

# 40 mixed characters may be a name here: CloudFormation makes such table names, and people such external ids.
_NAMES = {"name", "match", "exclude", "external_id", "partition", "sort"}


def check_credentials(document: Document) -> Iterator[Diagnostic]:
    """Every key or value that looks like an access key or a secret. The value itself is never shown."""
    yield from _walk(document, document.value, ())


def _walk(document: Document, value: Any, path: Path) -> Iterator[Diagnostic]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if has_access_key(key) or is_secret_key(key):
                yield _refused(document, (*path, key), "as a key")
            yield from _walk(document, inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(document, inner, (*path, index))
    elif isinstance(value, str) and _looks_secret(value, path):
        yield _refused(document, path, "")


def _looks_secret(value: str, path: Path) -> bool:
    if has_access_key(value):
        return True
    if is_secret_key(value):
        return not _NAMES & set(path[-2:])
    name = path[-1] if path else ""
    # Attribute names and filters of the user's own data may well hold such words; settings of ours never do.
    return isinstance(name, str) and bool(value) and "transform" not in path and is_secret_name(name)


def _refused(document: Document, path: Path, where: str) -> Diagnostic:
    return document.error(
        path,
        f"looks like a credential {where}".rstrip(),
        why="manifests are committed and shown; credentials come from a profile, a role or the environment",
        hint="remove it, and replace the credential if this file was ever shared",
        key=bool(where),
    )
