"""What a comparison found, and its JSON document (`schemas/report.schema.json`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migrate.core.codec import Json, encode
from migrate.core.printable import name_text, quoted

FORMAT_VERSION = 1

SAME, DIFFERS, MISSING, EXTRA, ERROR = "=", "*", "+", "-", "!"
"""Marks as in rclone's check: `+` is only in the source, `-` only in the target, `!` could not be compared."""


@dataclass(frozen=True)
class NamedKey:
    """One key that is not the same on both sides. `key` is in wire form: what GetItem takes."""

    mark: str
    key: Mapping[str, Json]


@dataclass(frozen=True)
class VerifyReport:
    """One table compared. Counts are exact; `named` has the first keys of each mark only.

    With mode `counts` only the numbers of items were compared: `same` is the smaller of them and nothing is named.
    """

    source_table: str
    target_table: str
    mode: str
    source_items: int
    target_items: int
    same: int
    differs: int = 0
    missing: int = 0
    extra: int = 0
    errors: int = 0
    named: tuple[NamedKey, ...] = ()
    seconds: float = 0.0
    read_units: float = 0.0
    compared_with: str = "source"
    """`source`: both tables were read. `copy`: the target was compared with what strategy `copy` had read."""
    is_transformed: bool = False
    """The target was compared with what a transform makes of the source. `errors` are then items that it fails on, and
    keys that it gives to more than one item."""

    source_digest: str | None = None
    target_digest: str | None = None
    """Sums of the digests of all items, with the form in which they were hashed. Equal sums prove equality; unequal
    ones do not refute it: the items of unequal segments were compared by value."""

    existing: str = ""
    """The target had items before: those with a key of the source were `overwrite`n, or the copy was to `keep` them."""

    @property
    def is_equal(self) -> bool:
        """True when no key is different, missing, extra or unreadable."""
        return not (self.differs or self.missing or self.extra or self.errors)

    @property
    def is_accepted(self) -> bool:
        """True when it is equal as far as was asked: every key of the source is in the target, with the source's item.

        In a table that had items before, others may be there; with `keep`, an item of the same key may be another one.
        """
        if not self.existing:
            return self.is_equal
        return not (self.missing or self.errors or (self.differs and self.existing != "keep"))


def unusable_words(report: VerifyReport) -> str:
    """What the errors of a report are."""
    if report.is_transformed:
        return "have a key that the transform gives to several items, or cannot be transformed"
    return "could not be compared"


def key_text(key: Mapping[str, Json]) -> str:
    """A key for people, with its types: `PK "c#1" (S), SK 12 (N)`. Control characters are escaped."""
    return ", ".join(f"{name_text(name)} {_value(value)}" for name, value in key.items())


def _value(value: Mapping[str, str]) -> str:
    kind, text = next(iter(value.items()))
    return f"{quoted(text) if kind == 'S' else text} ({kind})"


def build_report_document(migration: str, reports: Sequence[VerifyReport]) -> Json:
    """The JSON document of a verification: all tables, and one verdict over them."""
    return {
        "format_version": FORMAT_VERSION,
        "migration": migration,
        "is_equal": all(report.is_equal for report in reports),
        "is_accepted": all(report.is_accepted for report in reports),
        "tables": [
            {**encode(report), "is_equal": report.is_equal, "is_accepted": report.is_accepted} for report in reports
        ],
    }
