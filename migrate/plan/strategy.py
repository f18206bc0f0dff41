"""What a strategy is to the planner: a pure recipe from facts to actions. Implementations live in `strategies/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from migrate.core.diagnostics import Diagnostic
from migrate.core.table import TableFacts, TableSpec
from migrate.data.transform import TransformSpec
from migrate.manifest.model import Protection, Share
from migrate.manifest.prices import Prices, RegionPrices
from migrate.observe.inventory import Inventory
from migrate.plan.model import Action, Estimate
from migrate.state.model import OwnedResource, State, Status, StepFile, StepRecord


@dataclass(frozen=True)
class TableRequest:
    """Everything that a recipe may look at for one table.

    `migration` is the name under which things are stored. `desired` is the target's spec: the source's, with the
    overrides of the manifest. `options` are the strategy's options of the manifest. `is_partial` is True when a failed
    load left a table of ours behind. `transform` is what becomes of every item; None when they move as they are.
    `existing` is the table to fill that this migration did not make; `desired` is then what it is, but for what the
    manifest names under `target`. `shares` is the access that other accounts get to the target.
    """

    migration: str
    source: TableFacts
    target_name: str
    desired: TableSpec
    options: Mapping[str, Any]
    inventory: Inventory
    state: State
    prices: Prices
    verify: str = "digest"
    verify_read_units: float | None = None
    verify_as_copied: bool = False
    verify_by: str | None = None
    cleanup: str = "after-verify"
    is_partial: bool = False
    transform: TransformSpec | None = None
    existing: TableFacts | None = None
    shares: tuple[Share, ...] = ()

    @property
    def is_rewritten(self) -> bool:
        """True when the items shall differ in the target (a transform, or another primary key)."""
        return self.transform is not None

    @property
    def source_prices(self) -> RegionPrices:
        """What AWS charges in the source's Region."""
        return self.prices.of(self.inventory.source.region)

    @property
    def target_prices(self) -> RegionPrices:
        """What AWS charges in the target's Region."""
        return self.prices.of(self.inventory.target.region)

    def address(self, name: str) -> str:
        """The address of this table's action `name`."""
        return f"{self.target_name}/{name}"

    def is_due(self, address: str, *, is_missing: bool) -> bool:
        """True when what the action there makes must be made, or finished: a run may have died between two calls."""
        record = self.state.record(address)
        return is_missing or (record is not None and record.status in (Status.STARTING, Status.RUNNING, Status.FAILED))


@dataclass(frozen=True)
class Verdict:
    """May this strategy move this table? `reasons` refuse it; `warnings` do not; `why` says what speaks for it."""

    reasons: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    why: str = ""
    against_existing: tuple[Diagnostic, ...] | None = None
    """Every reason against filling a target table that is there and not ours; None: the strategy never fills one."""

    @property
    def is_usable(self) -> bool:
        """True when nothing forbids it."""
        return not self.reasons


@dataclass(frozen=True)
class Verifier:
    """Who proves the move: an action of `kind`, `words` for the reader.

    `params`, `tuning` and `details` are those of the action, beside what every verification has. `actions` (of the
    table) and `shared` are what it needs, where no load has brought it.
    """

    kind: str = "verify"
    words: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)
    details: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    shared: tuple[Action, ...] = ()

    @property
    def is_local(self) -> bool:
        """True when it is this machine."""
        return self.kind == "verify"


@dataclass(frozen=True)
class Recipe:
    """The actions of one table around its load.

    `load` ends with the items in the target, `loaded` is the spec that the load itself creates (the planner adds what
    is missing), `cleanup` removes what the load made for itself. `shared` are actions that several tables need, by
    address; `shared_cleanup` takes them back.
    """

    load: tuple[Action, ...] = ()
    loaded: TableSpec | None = None
    cleanup: tuple[Action, ...] = ()
    shared: tuple[Action, ...] = ()
    shared_cleanup: tuple[Action, ...] = ()
    needs_user: tuple[str, ...] = field(default=())
    is_tagged: bool = False
    """True when the load itself puts our own tags on the table."""

    verify: Mapping[str, Any] = field(default_factory=dict)
    """More parameters of the verify action, whoever carries it out."""

    verifier: Verifier = Verifier()


TABLE_MAKING_LOADS = frozenset({"import", "restore-job"})
"""Loads that make their table themselves: it must not exist, and a failed one leaves a table that must go first."""

SPARK_LOADS = frozenset({"glue-run", "emr-run", "emr-cluster", "emr-step"})
"""Loads by the Spark job: the table is there before."""

SPARK_VERIFICATIONS = frozenset({"glue-verify", "emr-verify", "emr-cluster-verify", "emr-step-verify"})
"""Verifications by a run of the Spark job."""

REWRITING_LOADS = SPARK_LOADS | {"copy"}
"""Loads that write every item anew, and can transform it."""

LOAD_KINDS = TABLE_MAKING_LOADS | REWRITING_LOADS
"""Kinds of actions whose end means that the items are in the target. A table has one of them at a time."""


def load_record(name: str, state: State) -> StepRecord | None:
    """The record of the load of target table `name` that was begun last, whatever its strategy."""
    file = state.files.get(name)
    return load_of(file) if file else None


def load_of(file: StepFile) -> StepRecord | None:
    """The record of the load of a table that was begun last."""
    loads = [record for record in file.steps.values() if record.kind in LOAD_KINDS]
    return max(loads, key=lambda record: record.started or "", default=None)


def is_locked(resource: OwnedResource) -> bool:
    """True for a recovery point that a copy job put into an air-gapped vault: nobody can delete it, it expires."""
    return resource.kind == "recovery-point" and resource.side == "source" and resource.address.endswith("/copy-job")


def was_filled(target: TableFacts, state: State) -> bool:
    """True when this migration has put the items into this very table, and did not make it."""
    load = load_record(target.name, state)
    is_done = load is not None and load.status is Status.DONE and load.outputs.get("table_id") == target.table_id
    return is_done and load is not None and bool(load.outputs.get("is_existing"))


@dataclass(frozen=True)
class ProtectRequest:
    """Tables that stand under protection, by setting: the source tables, sorted."""

    migration: str
    settings: Mapping[Protection, Sequence[TableFacts]]
    options: Mapping[str, Any]
    inventory: Inventory
    state: State
    prices: Prices


@dataclass(frozen=True)
class Standing:
    """The actions that bring protection to what the manifest says. `reasons` forbid it."""

    actions: tuple[Action, ...] = ()
    reasons: tuple[Diagnostic, ...] = ()
    kept: frozenset[str] = frozenset()
    """Addresses of what protection stands on: never removed after a move of another table."""


@runtime_checkable
class Protector(Protocol):
    """A strategy that can protect tables where they are."""

    def protect(self, request: ProtectRequest) -> Standing:
        """What is missing or differs. Pure."""


class Strategy(Protocol):
    """A recipe that moves the items of one table.

    An implementation must be pure: the same request gives the same result. It may refuse with reasons. It must not
    act, must give every action an address below the request's table (or `shared/`), and must name in `cleanup` every
    resource that its actions create for themselves.
    """

    name: str
    kinds: frozenset[str]
    """Kinds of actions by which it moves items: a table for which one was begun goes on with this strategy."""

    first_options: Mapping[str, Any]
    """What to write under `strategies` to begin with; NAME is for the user to fill in."""

    def verdict(self, request: TableRequest) -> Verdict:
        """Whether the strategy can move this table, with every reason against it at once."""

    def costs(self, request: TableRequest) -> Mapping[str, Estimate]:
        """What its actions take, by the name in their address: minutes, dollars, load on the source.

        Those that are free and done at once are left out; so is a verification by this machine. Must be made of the
        formulas of `plan/costs.py`, and name only actions that `load` may plan, or that follow from its spec.
        """

    def moment(self, request: TableRequest) -> str:
        """From when on the source's writers must be stopped, so that nothing is missing: `from the export on`."""

    def load(self, request: TableRequest) -> Recipe:
        """The recipe for a table whose items are not in the target yet."""

    def leftovers(self, request: TableRequest) -> Recipe:
        """Only the clean-up that is still due for a table that was loaded earlier."""
