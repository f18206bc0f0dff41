"""What a foreman and its workers say to each other over a pipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.core.errors import MigrateError
from migrate.data.mixer import Refused
from migrate.data.rawitems import RawItem
from migrate.data.transport import Credentials


@dataclass(frozen=True)
class Deal:
    """To a worker: copy this segment, from behind `start_key`."""

    segment: int
    start_key: bytes | None


@dataclass(frozen=True)
class Grant:
    """To a worker: units of a side."""

    side: str
    units: float


@dataclass(frozen=True)
class SetRate:
    """To a worker: the rate of a side, of all workers together."""

    side: str
    rate: float | None


@dataclass(frozen=True)
class SetCredentials:
    """To a worker: credentials that are valid from now on. Never shown."""

    side: str
    credentials: Credentials = field(repr=False)


@dataclass(frozen=True)
class Stop:
    """To a worker: read nothing more, end what is in flight, say goodbye."""


@dataclass(frozen=True)
class PageDone:
    """From a worker: every item of a page, and of all earlier ones of its segment, is acknowledged."""

    segment: int
    last_key: bytes | None
    read: int
    written: int
    kept: int
    filtered: int
    extra: int
    rejected: list[Refused]
    size: int
    digest: int
    """Of all items read, as they are after a transform: see `pagedigest.page_digest`."""


@dataclass(frozen=True)
class Look:
    """To a reader: what to do with every page from now on; a picklable callable, or None to count items only."""

    at: Callable[[Sequence[RawItem]], Any] | None


@dataclass(frozen=True)
class Read:
    """To a reader: read this segment of a side, from behind `start_key`."""

    side: str
    segment: int
    start_key: bytes | None


@dataclass(frozen=True)
class PageRead:
    """From a reader: a page, all earlier ones of its segment having been told of. `found` is what the look made.

    `items` is how many there are after the side's transform, if it has one.
    """

    side: str
    segment: int
    last_key: bytes | None
    items: int
    size: int
    units: float
    found: Any


@dataclass(frozen=True)
class Ask:
    """From a worker: it needs units of a side."""

    side: str
    units: float


@dataclass(frozen=True)
class Spent:
    """From a worker: units used and refused since the last time, and the reasons of refusals."""

    side: str
    used: float
    refused: float
    reasons: Counter[str]


@dataclass(frozen=True)
class NeedCredentials:
    """From a worker: those of a side were refused."""

    side: str


@dataclass(frozen=True)
class Failed:
    """From a worker: it ends, and why."""

    error: MigrateError


@dataclass(frozen=True)
class Goodbye:
    """From a worker: it ends as told."""
