"""Rules on `protect`: schedules that AWS Backup refuses, and entries that ask for a move besides."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.diagnostics import Diagnostic
from migrate.manifest.document import Document, Path

_OF_A_MOVE = ("options", "keys", "transform", "target", "verify", "cleanup", "share")


def check_protection(document: Document) -> Iterator[Diagnostic]:
    """What no backup plan can do, and what has no meaning for a table that is not moved."""
    places: list[Path] = [("defaults", "protect")]
    places += [("tables", index, "protect") for index, _ in document.mappings(("tables",))]
    for path in places:
        yield from _schedule(document, (*path, "schedule"))
        yield from _mode(document, path)
    for index, table in document.mappings(("tables",)):
        if document.is_protected(index) and "strategy" not in table:
            yield from _not_moved(document, index)


def _schedule(document: Document, path: Path) -> Iterator[Diagnostic]:
    schedule = document.get(path)
    fields = schedule.removeprefix("cron(").removesuffix(")").split() if isinstance(schedule, str) else []
    if len(fields) == 6 and (fields[2] == "?") == (fields[4] == "?"):
        what = "must have ? for the day of the month (third) or for the day of the week (fifth), and not for both"
        yield document.error(path, what, hint="every day: cron(0 3 * * ? *); on Sundays: cron(0 3 ? * SUN *)")


def _mode(document: Document, path: Path) -> Iterator[Diagnostic]:
    is_air_gapped = document.get(("strategies", "backup", "mode")) == "air-gapped"
    if document.mapping(path) and is_air_gapped:
        why = "a backup plan copies from vault to vault, whose keys are made for that"
        yield document.error(
            path, "does not go with strategies.backup.mode: air-gapped", why=why, hint="use mode: copy"
        )


def _not_moved(document: Document, index: int) -> Iterator[Diagnostic]:
    for name in _OF_A_MOVE:
        if name in document.mapping(("tables", index)):
            yield document.error(
                ("tables", index, name),
                "has no meaning: the table is protected, and not moved",
                hint="name a `strategy` to move it as well; or say `protect: false` to move it only",
                key=True,
            )
