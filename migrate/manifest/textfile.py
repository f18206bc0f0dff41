"""Files that people write, read as text."""

from __future__ import annotations

from pathlib import Path

from migrate.core.diagnostics import Diagnostic, Location, error

MAX_BYTES = 2 * 1024 * 1024
_ABSENT = {
    "manifest": "`migrate init` writes a first manifest",
    "policy": "correct the path (`policy` in a manifest is relative to it), or the option --policy",
    "price file": "correct the path (--prices, or MIGRATE_PRICES); `migrate prices --out FILE` writes one",
    "Python file": "correct the path, which is relative to the manifest's folder",
}


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
