"""The plan: ordered actions with their reasons, risks and estimates. Frozen, and serialisable both ways."""

from __future__ import annotations

import enum
import functools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.core.codec import Json, digest, encode
from migrate.core.diagnostics import Diagnostic

FORMAT_VERSION = 1


class Side(str, enum.Enum):
    """The account in which an action works."""

    SOURCE = "source"
    TARGET = "target"
    BOTH = "both"


class Change(str, enum.Enum):
    """What an action does to the world, by the character that the plan shows."""

    CREATE = "+"
    UPDATE = "~"
    DELETE = "-"
    READ = "<="
    MOVE = ">"


class Risk(str, enum.Enum):
    """What the user should think about before agreeing."""

    NONE = "none"
    COST = "cost"
    SOURCE_WRITE = "source-write"
    DESTRUCTIVE = "destructive"
    IRREVERSIBLE = "irreversible"


def ref(address: str, output: str) -> Json:
    """A parameter value that is known only after the action `address` has run: its output `output`."""
    return {"$ref": address, "output": output}


def is_ref(value: Any) -> bool:
    """True for what `ref` makes."""
    return isinstance(value, Mapping) and "$ref" in value


def refs(value: Any) -> Iterator[tuple[str, str]]:
    """(address, output) of every `ref` inside a parameter value."""
    if is_ref(value):
        yield value["$ref"], value["output"]
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from refs(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from refs(item)


@dataclass(frozen=True)
class Range:
    """A figure that is not known exactly: it lies from `low` to `high`."""

    low: float = 0.0
    high: float = 0.0

    @classmethod
    def exactly(cls, value: float) -> Range:
        """A figure that is known."""
        return cls(value, value)

    @property
    def middle(self) -> float:
        """What figures are compared by."""
        return (self.low + self.high) / 2

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, factor: float) -> Range:
        return Range(self.low * factor, self.high * factor)

    def rounded(self, digits: int) -> Range:
        """With that many digits after the point, as it is kept in files."""
        return Range(round(float(self.low), digits), round(float(self.high), digits))


@dataclass(frozen=True)
class Estimate:
    """What an action, or the move of a table, will take. Estimates from a dated price table; reads in units.

    `minutes` and `dollars` are the middles of their ranges, which are None where nothing is taken.
    """

    minutes: float = 0.0
    dollars: float = 0.0
    source_read_units: int = 0
    minutes_range: Range | None = None
    dollars_range: Range | None = None

    @classmethod
    def of(cls, minutes: Range = Range(), dollars: Range = Range(), source_read_units: float = 0) -> Estimate:
        """From ranges."""
        return cls(minutes.middle, dollars.middle, math.ceil(source_read_units), minutes, dollars)

    @classmethod
    def together(cls, parts: Iterable[Estimate]) -> Estimate:
        """One after the other. Nothing, for no parts."""
        found = [part for part in parts if part is not NOTHING]
        if not found:
            return NOTHING
        took, cost = [part.took for part in found], [part.cost for part in found]
        return cls.of(
            Range(sum(one.low for one in took), sum(one.high for one in took)),
            Range(sum(one.low for one in cost), sum(one.high for one in cost)),
            sum(part.source_read_units for part in found),
        )

    @property
    def rounded(self) -> Estimate:
        """Without false precision, as it is kept in files: a tenth of a minute, a millionth of a dollar."""
        minutes, dollars = self.took.rounded(1), self.cost.rounded(6)
        return Estimate(round(minutes.middle, 2), round(dollars.middle, 7), self.source_read_units, minutes, dollars)

    @property
    def took(self) -> Range:
        """Minutes, from the least to the most."""
        return self.minutes_range or Range.exactly(self.minutes)

    @property
    def cost(self) -> Range:
        """Dollars, from the least to the most."""
        return self.dollars_range or Range.exactly(self.dollars)


NOTHING = Estimate()
"""What is free and done at once."""


@dataclass(frozen=True)
class Action:
    """One planned effect.

    `address` is unique in the plan and the same in the next one ("orders/export"). `params` hold JSON values and
    `ref`s. `needs` are addresses that must be done first. `undo` says how it is taken back, or why it cannot be.
    `title` is the line that the user reads, `details` the lines below it, `why` the reason.
    """

    address: str
    kind: str
    side: Side
    change: Change
    title: str
    params: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    risk: Risk = Risk.NONE
    undo: str = ""
    why: str = ""
    details: tuple[str, ...] = ()
    tuning: Mapping[str, Any] | None = None
    """Parameters that change how fast it is done, not what is done: no part of the digest."""

    estimate: Estimate | None = None
    """What it takes; None for what is free and done at once. No part of the digest."""

    @property
    def owner(self) -> str:
        """The target table that it belongs to, or `shared`."""
        return self.address.split("/", 1)[0]

    @functools.cached_property
    def digest(self) -> str:
        """Identity of the intent: kind, side and parameters. Titles and reasons may change freely."""
        return digest([self.kind, self.side.value, dict(self.params)])


@dataclass(frozen=True)
class PlannedTable:
    """One table of the plan, for the reader: which strategy and why, and what is left to the user.

    `carried` names the settings that the target gets from the source, `set_by_manifest` those that it gets otherwise,
    and `not_carried` those that it does not get, and why. `needs_user` are things that no tool may do.
    """

    source: str
    target: str
    strategy: str
    reason: str = ""
    items: int = 0
    bytes: int = 0
    is_move: bool = False
    estimate: Estimate = NOTHING
    carried: tuple[str, ...] = ()
    set_by_manifest: tuple[str, ...] | None = None
    not_carried: tuple[str, ...] | None = None
    transform: tuple[str, ...] | None = None
    """What becomes of the items, and what it did to a few of them; their values are masked."""

    needs_user: tuple[str, ...] = ()
    source_id: str | None = None
    """AWS's identity of the source table: another one when it was deleted and made again."""


@dataclass(frozen=True)
class PlannedAccount:
    """A verified account as the plan saw it."""

    id: str
    region: str
    name: str = ""


@dataclass(frozen=True)
class Plan:
    """What will be done, pinned by digests of everything it was computed from.

    `serials` are the serials of the state's files that were read. Outputs of actions that an earlier plan has done are
    read from the state when a `ref` asks for them.
    """

    migration: str
    lineage: str
    source: PlannedAccount
    target: PlannedAccount
    manifest_digest: str
    inventory_digest: str
    manifest_file: str = ""
    serials: Mapping[str, int] = field(default_factory=dict)
    tables: tuple[PlannedTable, ...] = ()
    actions: tuple[Action, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    prices_of: str = ""
    """Date and Region of the price table behind the estimates."""

    format_version: int = FORMAT_VERSION

    @functools.cached_property
    def plan_id(self) -> str:
        """Digest of the rest of the plan."""
        return digest(self.body)

    @functools.cached_property
    def body(self) -> Json:
        """The plan as a JSON value. Not to be changed: it is kept, for it takes long to make of a large plan."""
        return encode(self)

    @property
    def is_errored(self) -> bool:
        """True when a diagnostic forbids to carry it out."""
        return any(d.is_error for d in self.diagnostics)

    @property
    def is_applyable(self) -> bool:
        """True when there is something to do and nothing forbids it."""
        return bool(self.actions) and not self.is_errored

    def action(self, address: str) -> Action | None:
        """The action with this address, or None."""
        return self._by_address.get(address)

    @functools.cached_property
    def _by_address(self) -> dict[str, Action]:
        return {action.address: action for action in self.actions}

    def of_owner(self, owner: str) -> Sequence[Action]:
        """The actions of one target table, or the shared ones, in order."""
        return self._by_owner.get(owner, ())

    @functools.cached_property
    def _by_owner(self) -> dict[str, list[Action]]:
        found: dict[str, list[Action]] = {}
        for action in self.actions:
            found.setdefault(action.owner, []).append(action)
        return found

    def summary(self) -> dict[str, int]:
        """How many actions create, change and delete, and how many tables move."""
        counts = Counter(action.change for action in self.actions)
        return {
            "create": counts[Change.CREATE],
            "change": counts[Change.UPDATE],
            "delete": counts[Change.DELETE],
            "move": sum(table.is_move for table in self.tables),
        }
