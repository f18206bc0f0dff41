"""How far the first pass of a verification is, and what it has added up: kept in one file, so that they fit."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from migrate.data.books import replace_file, saving
from migrate.data.pagedigest import DIGEST_MASK

FORMAT = 1
SUMS = "sums.json"


@dataclass(frozen=True)
class SegmentSum:
    """A segment of one side, as far as it was read. `sum` is 0 where items are only counted."""

    side: str
    segment: int
    last_key: str | None = None
    done: bool = False
    items: int = 0
    sum: int = 0
    units: float = 0.0


class Sums:
    """The sums of one verification. With a `folder`, `save` makes them last, and a later one goes on there.

    `identity` is everything that the sums depend on (tables, segments, attempt); sums of another identity are dropped:
    to read again is always right.
    """

    def __init__(self, folder: Path | None, identity: dict[str, Any]) -> None:
        self._path = folder / SUMS if folder else None
        self._identity = {"format": FORMAT, **identity}
        self.form: str | None = None
        """In which items are hashed; chosen once, since only sums of one form can be compared."""

        self._segments: dict[tuple[str, int], SegmentSum] = {}
        self._load()

    def segment(self, side: str, number: int) -> SegmentSum:
        """Where this segment stands."""
        return self._segments.get((side, number)) or SegmentSum(side, number)

    def note(self, side: str, number: int, last_key: bytes | None, items: int, found: int, units: float) -> None:
        """A page more of a segment."""
        before = self.segment(side, number)
        self._segments[side, number] = SegmentSum(
            side,
            number,
            last_key.decode() if last_key else None,
            last_key is None,
            before.items + items,
            (before.sum + found) & DIGEST_MASK,
            before.units + units,
        )

    def total(self, side: str, numbers: Iterable[int] | None = None) -> tuple[int, int]:
        """Items and sum of a side, or of some of its segments."""
        chosen = [
            one for (at, number), one in self._segments.items() if at == side and (numbers is None or number in numbers)
        ]
        return sum(one.items for one in chosen), sum(one.sum for one in chosen) & DIGEST_MASK

    def text(self, value: int) -> str:
        """A sum for people, with the form in which the items were hashed."""
        return f"{self.form}:{value:032x}"

    @property
    def units(self) -> float:
        """Read units that it cost, over all runs."""
        return sum(one.units for one in self._segments.values())

    def save(self) -> None:
        """Make it last over a power cut. Raises `StateWriteFailed`."""
        if self._path is None:
            return
        body = json.dumps(
            {
                "identity": self._identity,
                "form": self.form,
                "segments": [asdict(one) for one in self._segments.values()],
            }
        ).encode()
        with saving(self._path.parent):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, b"%08x %s\n" % (zlib.crc32(body), body))

    def forget(self) -> None:
        """The verification is over: the next one reads everything again."""
        if self._path is not None:
            with saving(self._path.parent):
                self._path.unlink(missing_ok=True)

    def _load(self) -> None:
        if self._path is None or not self._path.exists():
            return
        checksum, _, body = self._path.read_bytes().rstrip(b"\n").partition(b" ")
        if checksum != b"%08x" % zlib.crc32(body):
            return
        kept = json.loads(body)
        if kept["identity"] == self._identity:
            self.form = kept["form"]
            found = [SegmentSum(**one) for one in kept["segments"]]
            self._segments = {(one.side, one.segment): one for one in found}
