"""The books of a copy: how far every segment is, what became of its items, and the items that were refused.

Two files in the folder of the copy, which one process writes. `checkpoints.jsonl` is a journal: a line says where a
segment stands, the last whole line of a segment counts, and every line carries its checksum, so that a torn or damaged
one only makes that segment go on from its line before. `dead-letters.jsonl` has one refused item per line, and is
always saved before the checkpoint that counts it.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from migrate.core.errors import Refused as RefusedByGate
from migrate.core.errors import StateWriteFailed
from migrate.core.printable import printable_json
from migrate.data.pagedigest import DIGEST_MASK, RAW

FORMAT = 1
CHECKPOINTS, DEAD_LETTERS, CONTROL = "checkpoints.jsonl", "dead-letters.jsonl", "control.json"
DELIVERED = "delivered"
_COMPACT_FACTOR = 8
_COMPACT_BYTES = 4 << 20


@dataclass(frozen=True)
class Identity:
    """What a checkpoint belongs to. With anything else it must not be used: its keys mean nothing there."""

    total_segments: int
    source: str
    target: str
    config: str


@dataclass(frozen=True)
class SegmentBook:
    """Where a segment stands. Counts are of all acknowledged pages, of this run and of earlier ones."""

    segment: int
    pages: int = 0
    last_key: str | None = None
    done: bool = False
    read: int = 0
    written: int = 0
    kept: int = 0
    rejected: int = 0
    bytes: int = 0
    filtered: int = 0
    extra: int = 0
    """Items that a transform left out, and those beyond the first that it split others into."""

    digest: str | None = None
    """Form and sum of all items read, as they are after a transform (`raw-1:<hex>`).

    Written with the cursor, so that none is lost or counted twice. None when a part was read without taking it.
    """

    @property
    def is_balanced(self) -> bool:
        """Every item that was read is accounted for."""
        return self.read + self.extra == self.written + self.kept + self.filtered + self.rejected


def add_digest(book: SegmentBook, page: int) -> str | None:
    """The book's digest with a page's added."""
    if book.pages == 0:
        return digest_text(page)
    before = digest_value(book.digest)
    return None if before is None else digest_text(before + page)


def digest_text(value: int) -> str:
    """A sum of raw digests, as it is kept."""
    return f"{RAW}:{value & DIGEST_MASK:032x}"


def digest_value(text: str | None) -> int | None:
    """What `digest_text` was made of; None when it is of another version, with which nothing can be compared."""
    form, _, value = (text or "").partition(":")
    return int(value, 16) if form == RAW else None


@dataclass(frozen=True)
class DeadLetter:
    """A refused item as it stands in the file. `page` is its page's number in the segment."""

    segment: int
    page: int
    key: dict[str, Any] | None
    code: str
    reason: str
    item: bytes


@dataclass
class Usage:
    """Units and seconds spent over all runs."""

    read_units: float = 0.0
    write_units: float = 0.0
    seconds: float = 0.0


class Books:
    """The books of one copy, in `folder`. One process writes them. Raises `StateWriteFailed` when that is impossible.

    `open` raises `Refused` when the folder has the books of another copy.
    """

    def __init__(self, folder: Path, identity: Identity, segments: dict[int, SegmentBook], usage: Usage) -> None:
        self.folder = folder
        self.identity = identity
        self.segments = segments
        self.usage = usage
        self._dirty: set[int] = set()
        self._letters: list[DeadLetter] = []
        self._size = self._base = 0
        self._saved_units = self._units()

    @classmethod
    def open(cls, folder: Path, identity: Identity) -> Books:
        """The books as they were last saved, or new ones."""
        found, segments, usage = _read_journal(folder / CHECKPOINTS)
        if found is not None and found != identity:
            raise RefusedByGate(
                f"the checkpoints in {folder} belong to another copy",
                why="; ".join(_differences(found, identity)),
                hint="use the same tables, options and number of segments, or give this copy a folder of its own",
            )
        books = cls(folder, identity, segments, usage)
        with saving(folder):
            folder.mkdir(parents=True, exist_ok=True)
            books._check_letters()
            books._compact()
        return books

    def segment(self, number: int) -> SegmentBook:
        """Where this segment stands, saved or not."""
        return self.segments.get(number) or SegmentBook(number)

    def note(self, book: SegmentBook, letters: Iterable[DeadLetter] = ()) -> None:
        """A segment is further on; `save` makes it last. Raises `AssertionError` when the book does not balance."""
        if not book.is_balanced:
            raise AssertionError(f"segment {book.segment}: {book.read} items read, but {book} accounts for others")
        self.segments[book.segment] = book
        self._dirty.add(book.segment)
        self._letters += letters

    def save(self) -> None:
        """Make everything noted last over a power cut: letters first, then the checkpoints that count them."""
        with saving(self.folder):
            if self._letters:
                _append(self.folder / DEAD_LETTERS, b"".join(map(letter_line, self._letters)))
                self._letters = []
            if self._dirty or self._units() != self._saved_units:
                lines = [_line("segment", asdict(self.segments[number])) for number in sorted(self._dirty)]
                lines.append(_line("usage", asdict(self.usage)))
                text = b"".join(lines)
                _append(self.folder / CHECKPOINTS, text)
                self._dirty.clear()
                self._saved_units = self._units()
                self._size += len(text)
            if self._size > _COMPACT_BYTES + _COMPACT_FACTOR * self._base:
                self._compact()

    def _units(self) -> tuple[float, float]:
        """What was used is often told after the last page: it is worth a line of its own."""
        return self.usage.read_units, self.usage.write_units

    def totals(self) -> SegmentBook:
        """All segments added up (`segment` and `last_key` mean nothing; `done` when all are)."""
        total = SegmentBook(-1, done=self.is_complete)
        for book in self.segments.values():
            total = replace(
                total,
                pages=total.pages + book.pages,
                read=total.read + book.read,
                written=total.written + book.written,
                kept=total.kept + book.kept,
                rejected=total.rejected + book.rejected,
                filtered=total.filtered + book.filtered,
                extra=total.extra + book.extra,
                bytes=total.bytes + book.bytes,
            )
        return total

    def digest(self) -> str | None:
        """Of all items that were read, when it was taken of every one of them."""
        found = [digest_value(book.digest) for book in self.segments.values()]
        known = [one for one in found if one is not None]
        return digest_text(sum(known)) if self.is_complete and len(known) == len(found) else None

    @property
    def is_complete(self) -> bool:
        """Every segment has been read to its end, and every item is accounted for."""
        return sum(book.done for book in self.segments.values()) == self.identity.total_segments

    def unfinished(self) -> list[int]:
        """Numbers of the segments that are not done."""
        return [number for number in range(self.identity.total_segments) if not self.segment(number).done]

    def _check_letters(self) -> None:
        """Letters and checkpoints say the same from here on."""
        letters = _all_letters(self.folder)
        # A letter behind its segment's checkpoint: the page will be read again, and judged again.
        kept = [one for one in letters if one.page < self.segment(one.segment).pages]
        counts = Counter(one.segment for one in kept)
        # A checkpoint that counts more than there are: the file was damaged, and only reading again finds them.
        short = {number for number, book in self.segments.items() if book.rejected > counts[number]}
        for number in short:
            del self.segments[number]
        if letters or (self.folder / DEAD_LETTERS).exists():
            replace_file(
                self.folder / DEAD_LETTERS, b"".join(letter_line(one) for one in kept if one.segment not in short)
            )

    def _compact(self) -> None:
        lines = [_line("copy", {"format": FORMAT, **asdict(self.identity)}), _line("usage", asdict(self.usage))]
        lines += [_line("segment", asdict(book)) for _, book in sorted(self.segments.items())]
        text = b"".join(lines)
        replace_file(self.folder / CHECKPOINTS, text)
        self._size = self._base = len(text)


def saved_identity(folder: Path) -> Identity | None:
    """What the checkpoints in `folder` belong to; None when there are none."""
    return _read_journal(folder / CHECKPOINTS)[0]


def read_dead_letters(folder: Path) -> list[DeadLetter]:
    """The refused items that are not delivered yet, oldest first."""
    return [one for one in _all_letters(folder) if one.code != DELIVERED]


def note_delivered(folder: Path, delivered: Iterable[DeadLetter]) -> None:
    """These are no dead letters any more. They stay in the file, without their item, so that its lines count."""
    gone = {(one.segment, one.page, one.item) for one in delivered}
    letters = [
        replace(one, code=DELIVERED, item=b"null") if (one.segment, one.page, one.item) in gone else one
        for one in _all_letters(folder)
    ]
    with saving(folder):
        replace_file(folder / DEAD_LETTERS, b"".join(map(letter_line, letters)))


def _all_letters(folder: Path) -> list[DeadLetter]:
    """A torn line is skipped."""
    path = folder / DEAD_LETTERS
    return list(_parse_letters(path.read_bytes().split(b"\n"))) if path.exists() else []


def _parse_letters(lines: Iterable[bytes]) -> Iterator[DeadLetter]:
    for line in lines:
        head, found, item = line.partition(b',"item":')
        try:
            fields = json.loads(head + b"}") if found else {}
            json.loads(item[:-1])
            yield DeadLetter(**fields, item=item[:-1])
        except (ValueError, TypeError):
            continue


def letter_line(letter: DeadLetter) -> bytes:
    """A refused item as a line of `dead-letters.jsonl`."""
    fields = {name: getattr(letter, name) for name in ("segment", "page", "key", "code", "reason")}
    head = json.dumps(fields).encode()
    # Inside of a JSON string there is no line break; between its parts one means nothing.
    item = printable_json(letter.item.replace(b"\n", b" ").replace(b"\r", b" ").replace(b"\t", b" ").decode())
    return b'%s,"item":%s}\n' % (head[:-1], item.encode())


def _read_journal(path: Path) -> tuple[Identity | None, dict[int, SegmentBook], Usage]:
    identity, segments, usage = None, {}, Usage()
    if path.exists():
        for kind, fields in _whole_lines(path.read_bytes()):
            if kind == "copy" and fields.pop("format") == FORMAT:
                identity = Identity(**fields)
            elif kind == "segment":
                segments[fields["segment"]] = SegmentBook(**fields)
            elif kind == "usage":
                usage = Usage(**fields)
    # Without the first line nobody can say whose lines the others are: the copy starts again, which loses nothing.
    return (identity, segments, usage) if identity else (None, {}, Usage())


def _whole_lines(text: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for line in text.split(b"\n"):
        checksum, _, body = line.partition(b" ")
        if checksum == b"%08x" % zlib.crc32(body):
            kind, fields = json.loads(body)
            yield kind, fields


def _line(kind: str, fields: dict[str, Any]) -> bytes:
    body = json.dumps([kind, fields], separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _differences(found: Identity, wanted: Identity) -> Iterator[str]:
    for name, value in asdict(found).items():
        if value != getattr(wanted, name):
            yield f"{name}: theirs {value}, now {getattr(wanted, name)}"


def _append(path: Path, text: bytes) -> None:
    """All of it or nothing: what is left of a failed try would run together with the next one."""
    with open(path, "ab", buffering=0) as file:
        before, left = file.tell(), memoryview(text)
        try:
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(before)
            raise


def replace_file(path: Path, text: bytes) -> None:
    """Write a file as a whole, so that a power cut leaves the old one or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class saving:
    """Turns a failure of the disk into `StateWriteFailed`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        if isinstance(error, OSError):
            raise StateWriteFailed(
                f"the checkpoints in {self._folder} cannot be saved",
                why=f"{error.strerror or error}",
                hint="make room (or give permission) and run the same command again: it goes on where it was saved",
            ) from error
