"""A manifest as read: the plain value, and where each of its keys and values is written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.core.diagnostics import Diagnostic, Location, error

Path = tuple[str | int, ...]

# YAML's own line breaks: `splitlines` knows more of them and would count other lines than the parser does.
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_LONGEST_LINE = 1000
_WORD = re.compile(r"[^\s:]*")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_ACCESS_KEY = re.compile(r"(?<![A-Za-z0-9])((?:AKIA|ASIA)[A-Z0-9]{16})(?![A-Za-z0-9])")
_SECRET_KEY = re.compile(
    r"(?<![A-Za-z0-9/+])(?=[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=]))"
    r"(?=[A-Z0-9/+]{0,39}[a-z])(?=[a-z0-9/+]{0,39}[A-Z])(?=[A-Za-z/+]{0,39}[0-9])[A-Za-z0-9/+]{40}"
)
_SECRET_WORD = r"(?:secret|password|passwd|secret_?key|access_?key(?:_?id)?|session_?token|api_?key|private_?key)"
_SECRET_NAME = re.compile(_SECRET_WORD + r"\Z", re.IGNORECASE)
_NAMED_SECRET = re.compile(rf"({_SECRET_WORD}[\"']?\s{{0,20}}[:=]\s{{0,20}}[\"']?)([^\s\"',}}]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """A stretch of one line; counts from 0, as parsers do."""

    line: int
    column: int
    length: int


@dataclass(frozen=True)
class Place:
    """Where one value is written. `key`: its key in a mapping. `written`: a scalar's own text, before any reading."""

    value: Span
    key: Span | None = None
    written: str | None = None
    is_block: bool = False


@dataclass(frozen=True)
class Document:
    """The plain value of a manifest (dict, list, str, int, float, bool, None) with the places of its parts."""

    file: str
    lines: Sequence[str]
    value: Any
    places: Mapping[Path, Place]
    _paths: dict[str, Path] = field(default_factory=dict, compare=False, repr=False)

    def location(self, path: Path, *, key: bool = False) -> Location:
        """The place of `path`, or else of the closest thing around it. `key`: of its key, where it has one."""
        place = self.places.get(path)
        while place is None and path:
            path = path[:-1]
            place = self.places.get(path)
        if place is None:
            return place_in(self.file, self.lines, Span(0, 0, 0))
        span = place.key if place.key and (key or place.is_block) else place.value
        if place.is_block and not place.key:  # an entry of a list: the first word of it is underlined
            word = _WORD.match(self.lines[span.line], span.column)
            span = Span(span.line, span.column, len(word[0]) if word else 0)
        return place_in(self.file, self.lines, span)

    def written(self, path: Path) -> str | None:
        """The text of the scalar at `path` as it stands in the file, or None."""
        place = self.places.get(path)
        return place.written if place else None

    def locate(self, address: str, *, key: bool = False) -> Location | None:
        """See `model.Positions`."""
        path = self._path(address)
        return None if path is None else self.location(path, key=key)

    def nearest(self, address: str) -> Location | None:
        """See `model.Positions`."""
        while address:
            path = self._path(address)
            if path is not None:
                return self.location(path)
            address = address[: max(address.rfind("."), address.rfind("["), 0)]
        return self.location(())

    def get(self, path: Path) -> Any:
        """The value at `path`, or None when there is none or something around it has another shape."""
        value = self.value
        for part in path:
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def mapping(self, path: Path) -> Mapping[str, Any]:
        """The mapping at `path`; an empty one when there is none."""
        value = self.get(path)
        return value if isinstance(value, dict) else {}

    def mappings(self, path: Path) -> list[tuple[int, Mapping[str, Any]]]:
        """The entries of the list at `path` that are mappings, with their indexes."""
        value = self.get(path)
        entries = value if isinstance(value, list) else []
        return [(index, entry) for index, entry in enumerate(entries) if isinstance(entry, dict)]

    def strategy_of(self, index: int) -> str:
        """The strategy of `tables[index]`, from `defaults` when it does not say, as text whatever is written.

        "" for a table that is protected and not moved.
        """
        if self.is_protected(index) and "strategy" not in self.mapping(("tables", index)):
            return ""
        own = self.get(("tables", index, "strategy"))
        return str(own if own is not None else self.mapping(("defaults",)).get("strategy", "auto"))

    def is_protected(self, index: int) -> bool:
        """True when `tables[index]` has standing protection, of its own or by `defaults`."""
        own = self.mapping(("tables", index))
        value = own["protect"] if "protect" in own else self.mapping(("defaults",)).get("protect")
        return isinstance(value, Mapping)

    def error(self, path: Path, what: str, *, why: str = "", hint: str = "", key: bool = False) -> Diagnostic:
        """An error about the value at `path` (or its key): `what` continues the sentence that the address begins."""
        address = format_path(path)
        where = self.location(path, key=key)
        return error(f"{address or 'the file'} {what}", address=address, why=why, hint=hint, location=where)

    def _path(self, address: str) -> Path | None:
        if not self._paths:
            self._paths.update({format_path(path): path for path in self.places})
        return self._paths.get(address)


def format_path(path: Path) -> str:
    """`("tables", 2, "strategy")` -> `tables[2].strategy`; a key with other characters as `tags["a.b"]`."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        elif _PLAIN_KEY.match(part):
            out += f".{part}" if out else part
        else:
            out += f'["{redact(part)}"]'
    return out


def split_lines(text: str) -> list[str]:
    """The lines of `text`, counted as YAML counts them."""
    return _BREAK.split(text)


def place_in(file: str, lines: Sequence[str], span: Span) -> Location:
    """A Location with its source line. Credentials in the line are blanked, since locations are printed.

    A line that no screen can show is left out.
    """
    text = lines[span.line] if span.line < len(lines) else ""
    text = text if len(text) <= _LONGEST_LINE else ""
    length = max(0, min(span.length, len(text) - span.column))
    return Location(file, span.line + 1, span.column + 1, length, redact(text))


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """A hint with the nearest of the known words; empty when none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"did you mean `{near[0]}`?" if near else ""


def has_access_key(text: str) -> bool:
    """True when `text` contains something in the form of an AWS access key id."""
    return _ACCESS_KEY.search(text) is not None


def is_secret_key(text: str) -> bool:
    """True when the whole of `text` has the form of an AWS secret access key."""
    return _SECRET_KEY.fullmatch(text) is not None


def is_secret_name(name: str) -> bool:
    """True when a key of that name announces a secret."""
    return _SECRET_NAME.search(name) is not None


def redact(text: str) -> str:
    """`text` with whatever looks like a credential replaced by stars of the same length."""
    text = _ACCESS_KEY.sub(lambda m: m[1][:4] + "*" * 16, text)
    text = _NAMED_SECRET.sub(lambda m: m[1] + "*" * len(m[2]), text)
    return _SECRET_KEY.sub("*" * 40, text)
