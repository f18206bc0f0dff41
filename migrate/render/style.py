"""Colours and units for text. Without colour the same text comes out plain."""

from __future__ import annotations

import re
from dataclasses import dataclass

from migrate.core.printable import printable

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}
_PAINT = re.compile(rf"(\x1b\[(?:0|(?:{'|'.join(_CODES.values())})(?:;(?:{'|'.join(_CODES.values())}))*)m)")


@dataclass(frozen=True)
class Style:
    """How to print. `colour` False: no escape codes at all (NO_COLOR, --no-color, or not a terminal)."""

    colour: bool = False

    def paint(self, text: str, *names: str) -> str:
        """The text in a colour (`red`, ...) or weight (`bold`, `dim`)."""
        if not self.colour or not names:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"

    def safe(self, text: str) -> str:
        """The text with all that a terminal obeys escaped, but line breaks and what `paint` has put there."""
        if not self.colour:
            return printable(text, "\n")
        return "".join(part if _PAINT.fullmatch(part) else printable(part, "\n") for part in _PAINT.split(text))


def size(number: float) -> str:
    """Bytes for people: `812 MiB`, `1.2 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if number < 1024 or unit == "TiB":
            return f"{number:.0f} {unit}" if number >= 10 or unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    raise AssertionError


def duration(minutes: float) -> str:
    """Minutes for people: `24 min`, `3.5 h`."""
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def seconds(number: float) -> str:
    """Seconds for people: `8 s`, `2 min 05 s`, `1 h 02 min`."""
    whole = int(number)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def plural(count: int, noun: str, many: str = "") -> str:
    """`1 table`, `2 tables`, `1,000 tables`."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def money(dollars: float) -> str:
    """`$0.31`; less than a cent is `less than $0.01`, nothing at all `$0`."""
    if dollars == 0:
        return "$0"
    return "less than $0.01" if 0 < dollars < 0.01 else f"${dollars:,.2f}"
