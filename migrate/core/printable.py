"""Text of others (names, keys, messages of the service), made safe to show: a terminal obeys some characters."""

from __future__ import annotations

import re
import unicodedata

_OTHERS = re.compile(r"[^\n -~]")
"""Characters that may have to be escaped."""


def printable(text: str, keep: str = "") -> str:
    """The text with control and formatting characters escaped as Python writes them (`\\x1b`), but those in `keep`."""
    return text if text.isprintable() else "".join(c if c in keep or _is_shown(c) else _escaped(c) for c in text)


def quoted(text: str) -> str:
    """As `printable`, in double quotes, so that its end can be seen."""
    return '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def name_text(text: str) -> str:
    """A name as it is, or quoted where it has characters that cannot be shown."""
    return text if printable(text) == text else quoted(text)


def printable_json(text: str) -> str:
    """The same JSON, with nothing in it that a terminal obeys. Line breaks between its parts stay."""
    if text.isprintable():
        return text
    return _OTHERS.sub(lambda found: found[0] if _is_shown(found[0]) else _json_escaped(found[0]), text)


def _is_shown(character: str) -> bool:
    # Python calls no space but the plain one printable.
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _json_escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
