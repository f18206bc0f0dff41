"""Rules on the steps of a `transform`: what can be said of them without any item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.core.diagnostics import Diagnostic
from migrate.data.transform import filter_arguments, split_function
from migrate.data.transform_filter import FilterError, compile_filter
from migrate.manifest.document import Document, Path


def check_transforms(document: Document) -> Iterator[Diagnostic]:
    """Conditions that are none, names that collide, files outside of the manifest's folder."""
    for index, _ in document.mappings(("tables",)):
        for number, step in document.mappings(("tables", index, "transform")):
            path: Path = ("tables", index, "transform", number)
            yield from _filter(document, path, step.get("filter"))
            yield from _rename(document, path, step.get("rename"))
            yield from _python(document, path, step.get("python"))


def _filter(document: Document, path: Path, value: Any) -> Iterator[Diagnostic]:
    where: Path = (*path, "filter")
    if isinstance(value, dict):
        where = (*where, "condition")
        parts = (value.get("names", {}), value.get("values", {}))
        if not all(isinstance(part, dict) for part in parts):
            return  # told by the schema
    if not isinstance(document.get(where), str):
        return
    try:
        compile_filter(*filter_arguments(value))
    except FilterError as error:
        yield document.error(
            where, str(error), hint="https://docs.aws.amazon.com/amazondynamodb: condition expressions"
        )


def _rename(document: Document, path: Path, names: Any) -> Iterator[Diagnostic]:
    taken: dict[str, str] = {}
    for old, new in names.items() if isinstance(names, Mapping) else ():
        where = (*path, "rename", old)
        if old == new:
            yield document.error(where, "renames an attribute to itself", hint="remove it")
        elif isinstance(new, str) and new in taken:
            why = "one of the two values would be lost"
            yield document.error(where, f"makes {new} of a second attribute, beside {taken[new]}", why=why)
        elif isinstance(new, str):
            taken[new] = old


def _python(document: Document, path: Path, value: Any) -> Iterator[Diagnostic]:
    if not isinstance(value, str):
        return
    file, _ = split_function(value)
    if file.startswith(("/", "~")) or "\\" in file or ".." in file.split("/"):
        yield document.error(
            (*path, "python"),
            f"names {file}, which is not below the manifest's folder",
            why="only code that lies beside the manifest, and is reviewed with it, is ever run",
            hint="put the file there and name it relative to the manifest",
        )
