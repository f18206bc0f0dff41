"""YAML text -> Document. Reads the parser's events itself, so that depth, size and aliases stay under control.

Differences from `yaml.safe_load`, all on purpose: keys are always text, dates stay text, numbers with a leading zero
are refused (YAML 1.1 reads 010 as 8, YAML 1.2 as 10), a key written twice is an error, unknown tags are errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from migrate.core.diagnostics import Diagnostic, Location, error
from migrate.manifest.document import Document, Path, Place, Span, format_path, place_in, redact, split_lines

MAX_NODES = 200_000
MAX_DEPTH = 40
_MAX_PROBLEMS = 50

_TAGS = {"tag:yaml.org,2002:" + name for name in ("str", "int", "float", "bool", "null", "map", "seq")}
_STR = "tag:yaml.org,2002:str"
_NULLS = {"", "~", "null", "Null", "NULL"}
_TRUE = {form for word in ("true", "yes", "on") for form in (word, word.title(), word.upper())}
_FALSE = {form for word in ("false", "no", "off") for form in (word, word.title(), word.upper())}
_INT = re.compile(r"[-+]?(0|[1-9][0-9_]{0,30})\Z")
_FLOAT = re.compile(r"[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]{1,3})?\Z")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+\Z")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_BEGINNINGS = {
    "manifest": "`migrate init` writes a first manifest",
    "policy": "migrate schema policy",
    "price file": "`migrate prices --out FILE` writes one",
}


class _Stop(Exception):
    """Reading any further makes no sense; carries the reason."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary)
        self.diagnostic = diagnostic


def read_yaml(text: str, file: str, kind: str = "manifest") -> tuple[Document | None, list[Diagnostic]]:
    """Parse one YAML document whose root is a mapping. `kind` is what people call such a file.

    Never raises on any text. With a Document, diagnostics may still hold errors (such as a key written twice).
    """
    text = text.removeprefix("\ufeff")
    lines = split_lines(text)
    bad = _UNPRINTABLE.search(text)
    if bad:
        before = split_lines(text[: bad.start()])
        where = place_in(file, lines, Span(len(before) - 1, len(before[-1]), 1))
        what = f"the character U+{ord(bad[0]):04X} is not allowed in YAML"
        return None, [error(what, hint="save the file as plain UTF-8 text", location=where)]
    reader = _Reader(text, file, lines, kind)
    try:
        document = reader.read()
    except _Stop as stop:
        return None, [*reader.problems, stop.diagnostic]
    return document, reader.problems


class _Reader:
    def __init__(self, text: str, file: str, lines: list[str], kind: str) -> None:
        self.text, self.file, self.lines, self.kind = text, file, lines, kind
        self.problems: list[Diagnostic] = []
        self.log: list[tuple[Path, Place]] = []
        self.anchors: dict[str, tuple[Any, int, list[tuple[Path, Place]]]] = {}
        self.nodes = 0

    def read(self) -> Document:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            value = self._only_document(yaml.parse(self.text, Loader=loader))
        except yaml.YAMLError as problem:
            raise _Stop(self._syntax(problem)) from None
        if not isinstance(value, dict):
            what = "the file is empty" if value is None else f"a {self.kind} is a mapping of keys, such as `version: 1`"
            hint = _BEGINNINGS[self.kind]
            raise _Stop(error(what, hint=hint, location=self._at(Span(0, 0, 0))))
        return Document(self.file, self.lines, value, dict(self.log))

    def _only_document(self, events: Iterator[Any]) -> Any:
        import yaml

        next(events)  # the stream's start
        if isinstance(next(events), yaml.StreamEndEvent):
            return None
        value = self._node(next(events), events, (), None)
        next(events)  # the document's end
        after = next(events)
        if not isinstance(after, yaml.StreamEndEvent):
            where = self._at(_span(after))
            raise _Stop(error(f"a {self.kind} is one YAML document", hint="write one file each", location=where))
        return value

    def _node(self, event: Any, events: Iterator[Any], path: Path, key: Span | None) -> Any:
        import yaml

        self._count(1, event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path, key)
        if len(path) > MAX_DEPTH:
            raise _Stop(error("this is nested too deeply", location=self._at(_span(event))))
        self._check_tag(event)
        start = len(self.log)
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, path)
            self.log.append((path, Place(_span(event), key, event.value)))
        else:
            self.log.append((path, Place(_span(event), key, is_block=not event.flow_style)))
            read = self._sequence if isinstance(event, yaml.SequenceStartEvent) else self._mapping
            value = read(events, path)
        if event.anchor:
            self.anchors[event.anchor] = (value, len(path), self.log[start:])
        return value

    def _sequence(self, events: Iterator[Any], path: Path) -> list[Any]:
        import yaml

        values: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            values.append(self._node(event, events, (*path, len(values)), None))
        return values

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        import yaml

        values: dict[str, Any] = {}
        written: dict[str, Span] = {}
        merged: list[Any] = []
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _Stop(error("a key must be plain text", location=self._at(_span(event))))
            self._count(1, event)
            name, span = event.value, _span(event)
            if name == "<<" and event.implicit[0]:
                merged.append(self._node(next(events), events, (*path, name), span))
                continue
            if name in written:
                self._duplicate((*path, name), span, written[name])
            written[name] = span
            values[name] = self._node(next(events), events, (*path, name), span)
        return self._merge(values, merged, path) if merged else values

    def _merge(self, values: dict[str, Any], merged: list[Any], path: Path) -> dict[str, Any]:
        """YAML's merge key `<<`: what the mapping writes itself wins, then the first that has a key."""
        for sources in merged:
            for source in sources if isinstance(sources, list) else [sources]:
                if not isinstance(source, dict):
                    self._problem("`<<` merges mappings only", (*path, "<<"), self.log[-1][1].value)
                    continue
                values = {**source, **values}
        return values

    def _alias(self, event: Any, path: Path, key: Span | None) -> Any:
        if event.anchor not in self.anchors:
            why = "an alias can use only what is complete above it"
            raise _Stop(error(f"*{event.anchor} is not defined here", why=why, location=self._at(_span(event))))
        value, depth, log = self.anchors[event.anchor]
        self._count(len(log), event)
        if max(len(inner) for inner, _ in log) - depth + len(path) > MAX_DEPTH:
            raise _Stop(error("this is nested too deeply", location=self._at(_span(event))))
        for inner, place in log:
            self.log.append(((*path, *inner[depth:]), place if len(inner) > depth else replace(place, key=key)))
        return value

    def _scalar(self, event: Any, path: Path) -> Any:
        text: str = event.value
        if event.tag == _STR or (event.tag is None and not event.implicit[0]):
            return text
        if text in _NULLS:
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        if _INT.match(text):
            return int(text.replace("_", ""))
        if _FLOAT.match(text):
            return float(text.replace("_", ""))
        if _LEADING_ZERO.match(text):
            hint = f'write "{text}" in quotes (text)'
            if not (len(text) == 12 and text.isdigit()):
                hint += f" or {int(text.replace('_', ''))} (a number)" if len(text) < 30 else ""
            why = "some YAML readers take a leading zero for an octal number"
            self._problem(f"{text} is ambiguous", path, _span(event), why=why, hint=hint)
        return text

    def _check_tag(self, event: Any) -> None:
        if event.tag and event.tag != "!" and event.tag not in _TAGS:
            raise _Stop(error(f"the tag {redact(event.tag)} is not supported", location=self._at(_span(event))))

    def _count(self, more: int, event: Any) -> None:
        self.nodes += more
        if self.nodes > MAX_NODES:
            what = f"the {self.kind} has more than {MAX_NODES:,} values, counting what aliases repeat"
            raise _Stop(error(what, hint=f"split the {self.kind}", location=self._at(_span(event))))

    def _duplicate(self, path: Path, second: Span, first: Span) -> None:
        name = format_path(path)
        why = f"it is already at {self.file}:{first.line + 1}:{first.column + 1}, and only one of them would count"
        self._problem(f"{name} is written twice", path, second, why=why, hint="remove one of them")

    def _problem(self, what: str, path: Path, span: Span, why: str = "", hint: str = "") -> None:
        where = self._at(span)
        if len(self.problems) >= _MAX_PROBLEMS:
            raise _Stop(error(f"more than {_MAX_PROBLEMS} problems: the rest is not checked", location=where))
        self.problems.append(error(what, address=format_path(path), why=why, hint=hint, location=where))

    def _syntax(self, problem: Exception) -> Diagnostic:
        mark = getattr(problem, "problem_mark", None) or getattr(problem, "context_mark", None)
        reason = str(getattr(problem, "problem", None) or getattr(problem, "reason", None) or "unreadable")
        line = min(mark.line, len(self.lines) - 1) if mark else 0
        where = self._at(Span(line, mark.column if mark else 0, 1))
        text = self.lines[line]
        indent = text[: len(text) - len(text.lstrip())]
        if "\t" in indent:
            where = self._at(Span(line, indent.index("\t"), 1))
            return error("a tab is used to indent", why="YAML indents with spaces only", location=where)
        hint = 'inside { } or [ ], write "${env:NAME}" in quotes' if "${" in text else ""
        return error(f"this is not YAML: {redact(reason)}", hint=hint, location=where)

    def _at(self, span: Span) -> Location:
        return place_in(self.file, self.lines, span)


def _span(event: Any) -> Span:
    start, end = event.start_mark, event.end_mark
    # A value over several lines is underlined to the end of its first one; `place_in` cuts the length.
    return Span(start.line, start.column, end.column - start.column if end.line == start.line else 10_000)
