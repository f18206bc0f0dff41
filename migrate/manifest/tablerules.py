"""Rules on the entries of `tables`: what each asks of its strategy, and how they fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.core.diagnostics import Diagnostic
from migrate.manifest.document import Document, Path
from migrate.manifest.model import REWRITING_STRATEGIES
from migrate.state.model import SHARED

WHY_NOT_SHARED = f"plan and state say `{SHARED}/...` for the steps that belong to no single table"
_NEEDS_BUCKET = ("s3", "glue", "emr")
_MOVES_AS_IS = ("s3", "backup")
_HAVE_NO_JOB = ("s3", "backup", "copy")


def check_tables(document: Document) -> Iterator[Diagnostic]:
    """Entries that their strategy cannot carry out, and entries that contradict each other."""
    for index, table in document.mappings(("tables",)):
        yield from _strategy(document, index)
        yield from _tags(document, index)
        if "prefer" in table and document.strategy_of(index) != "auto":
            what = "only goes with strategy auto, which chooses by it"
            yield document.error(("tables", index, "prefer"), what, hint="remove it, or set strategy: auto", key=True)
        if "exclude" in table and "match" not in table:
            what = "only goes with `match`"
            yield document.error(("tables", index, "exclude"), what, hint="remove it", key=True)
    yield from _buckets(document)
    yield from _fillings(document)
    yield from _verifications(document)
    yield from _together(document)


def _strategy(document: Document, index: int) -> Iterator[Diagnostic]:
    strategy = document.strategy_of(index)
    if strategy not in _MOVES_AS_IS:
        return
    able = ", ".join(sorted(REWRITING_STRATEGIES))
    for path, what in (("transform",), "a transform"), (("target", "keys"), "another primary key"):
        if document.get(("tables", index, *path)) is not None:
            yield document.error(
                ("tables", index, *path),
                f"cannot be done by {strategy}",
                why=f"{what} means to write every item anew, and {strategy} moves items as they are",
                hint=f"use one of the strategies {able}, or auto",
                key=True,
            )


def _verifications(document: Document) -> Iterator[Diagnostic]:
    """`by: job`, where no job can compare what is asked for."""
    shared = _verification(document, ("defaults",))
    places: list[Path] = [("defaults",), *(("tables", index) for index, _ in document.mappings(("tables",)))]
    for place in places:
        own, path = _verification(document, place), (*place, "verify", "by")
        asked = {**shared, **own}
        if own.get("by") != "job":
            continue
        strategy = document.strategy_of(int(place[1])) if len(place) > 1 else "auto"
        if strategy in _HAVE_NO_JOB:
            hint = "remove it, or use one of the strategies emr, glue"
            yield document.error(path, f"is job, and strategy {strategy} has none", hint=hint)
        elif asked.get("mode", "digest") != "digest":
            hint = "say `mode: digest`, or `by: local`"
            yield document.error(path, f"is job, which compares digests, and the mode is {asked['mode']}", hint=hint)
        elif asked.get("source") == "as-copied":
            why = "as-copied is what strategy copy has read"
            yield document.error(path, "is job, which reads the source", why=why, hint="remove one of the two")


def _verification(document: Document, place: Path) -> Mapping[str, Any]:
    found = document.get((*place, "verify"))
    return {"mode": found} if isinstance(found, str) else found if isinstance(found, Mapping) else {}


def _tags(document: Document, index: int) -> Iterator[Diagnostic]:
    for name in document.mapping(("tables", index, "target", "tags")):
        owner = {"aws": "AWS", "migrate": "the migration itself"}.get(name.lower().partition(":")[0])
        if owner and ":" in name:
            path: Path = ("tables", index, "target", "tags", name)
            yield document.error(path, f"starts with a prefix reserved for {owner}", hint="rename the tag", key=True)


def _buckets(document: Document) -> Iterator[Diagnostic]:
    """A strategy that somebody named and that has no bucket; told once for `defaults`, not for every table."""
    told: set[Path] = set()
    for index, table in document.mappings(("tables",)):
        strategy = document.strategy_of(index)
        if strategy not in _NEEDS_BUCKET or "bucket" in document.mapping(("tables", index, "options")):
            continue
        path: Path = ("tables", index, "strategy") if "strategy" in table else ("defaults", "strategy")
        if "bucket" not in document.mapping(("strategies", strategy)) and path not in told:
            told.add(path)
            hint = f"add `strategies: {{{strategy}: {{bucket: ...}}}}`"
            yield document.error(path, f"is {strategy}, which needs strategies.{strategy}.bucket", hint=hint)


def _fillings(document: Document) -> Iterator[Diagnostic]:
    """`into: existing` and `on_conflict` need each other, wherever each of them is written; told once for a place."""
    shared: Path = ("strategies", "copy")
    with_copy = [index for index, _ in document.mappings(("tables",)) if document.strategy_of(index) == "copy"]
    own: list[Path] = [("tables", index, "options") for index in with_copy]
    unsaid: dict[Path, None] = {}
    conflicts: dict[Path, bool] = {}
    for options in own or [shared]:
        places = {name: (*path, name) for path in (shared, options) for name in document.mapping(path)}
        into, conflict = (places.get(name) for name in ("into", "on_conflict"))
        said = document.get(into) if into else "empty"
        if conflict:  # a misspelt `into` is an error of its own
            conflicts[conflict] = conflicts.get(conflict, False) or said != "empty"
        elif into and said == "existing":
            unsaid[into] = None
    for place in unsaid:
        yield document.error(
            place,
            "is existing, and nothing says what becomes of items that are there with a key of the source",
            hint="add `on_conflict: keep` (theirs stay) or `on_conflict: overwrite` (theirs are lost)",
        )
    for place in (one for one, is_used in conflicts.items() if not is_used):
        yield document.error(place, "only goes with `into: existing`", hint="add it, or remove this", key=True)


def _together(document: Document) -> Iterator[Diagnostic]:
    by_source: dict[str, int] = {}
    by_target: dict[str, int] = {}
    same_place = _is_same_place(document)
    for index, table in document.mappings(("tables",)):
        name, wanted = table.get("name"), document.get(("tables", index, "target", "name"))
        template = wanted if isinstance(wanted, str) else "{name}"
        place: Path = ("tables", index, "target", "name") if isinstance(wanted, str) else _naming(index, table)
        if same_place and (template == "{name}" or template == name):
            why = "source and target are the same account and Region"
            yield document.error(place, "would move a table onto itself", why=why, hint="give target.name")
        if not isinstance(name, str) or "match" in table:
            continue
        if name in by_source:
            first = document.location(("tables", by_source[name], "name"))
            yield document.error(("tables", index, "name"), f"is {name}, which is already at {first}")
            continue
        by_source[name] = index
        target = template.replace("{name}", name)
        if target == SHARED:
            yield document.error(place, f"makes {SHARED} a target table", why=WHY_NOT_SHARED, hint="give target.name")
        if target in by_target:
            first = document.location(("tables", by_target[target]))
            yield document.error(place, f"makes {target} the target of a second table", why=f"the first is at {first}")
        by_target.setdefault(target, index)


def _naming(index: int, table: Mapping[str, Any]) -> Path:
    return ("tables", index, "name" if "name" in table else "match")


def _is_same_place(document: Document) -> bool:
    one, other = (document.mapping(("accounts", side)) for side in ("source", "target"))
    places = [[account.get(key) for key in ("id", "region", "endpoint_url")] for account in (one, other)]
    return places[0] == places[1] and None not in places[0][:2]
