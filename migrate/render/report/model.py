"""The report as data: everything that the page and the JSON say. None is always "not recorded", never "no"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from migrate.core.codec import Json, encode
from migrate.core.errors import StepError
from migrate.plan.model import Estimate, Range
from migrate.state.model import Attempt, OwnedResource, Run

FORMAT_VERSION = 1

VERIFIED, COUNTED, UNVERIFIED, PROTECTED = "verified", "counted", "unverified", "protected"
FAILED, RUNNING, INTERRUPTED, WAITING, PLANNED, UNKNOWN = (
    "failed",
    "running",
    "interrupted",
    "waiting",
    "planned",
    "unknown",
)
SETTLED = (VERIFIED, COUNTED, UNVERIFIED, PROTECTED)
"""Verdicts on a table for which nothing is left to do."""


@dataclass(frozen=True)
class ReportStep:
    """One step. `change` is the plan's character for it (`+ ~ - <= >`), guessed from the kind where no plan says it.

    `status` is done, failed, running (begun, no end recorded), pending, undone, or overtaken (left over by a plan that
    a later one has replaced).
    """

    address: str
    title: str
    kind: str
    change: str
    side: str | None
    status: str
    attempt: int = 1
    started: str | None = None
    ended: str | None = None
    handle: str | None = None
    error: StepError | None = None
    changes_source: bool = False
    earlier: tuple[Attempt, ...] = ()


@dataclass(frozen=True)
class ReportVerification:
    """The last comparison of a table. Counts are None where they were not recorded.

    `is_current` is False when the items were loaded again after it: then it proves nothing.
    """

    is_accepted: bool
    is_equal: bool
    is_current: bool
    ended: str | None
    mode: str | None = None
    compared_with: str | None = None
    is_transformed: bool = False
    existing: str = ""
    source_items: int | None = None
    target_items: int | None = None
    same: int | None = None
    differs: int | None = None
    missing: int | None = None
    extra: int | None = None
    errors: int | None = None
    source_digest: str | None = None
    target_digest: str | None = None
    seconds: float | None = None
    read_units: float | None = None
    error: StepError | None = None


@dataclass(frozen=True)
class ReportTable:
    """One table. `planned_items` and `bytes` are what DynamoDB said of the source (up to six hours old)."""

    source: str
    target: str
    verdict: str
    words: str
    strategy: str | None = None
    reason: str | None = None
    planned_items: int | None = None
    bytes: int | None = None
    loaded: Mapping[str, int] | None = None
    """What the load counted: `items` and `bytes` written, `filtered` by the transform, `extra` made by splitting, and
    `kept` in a table that had items before."""

    estimate: Estimate | None = None
    minutes: float | None = None
    """Minutes in which a step of it was under way."""

    begun: str | None = None
    ended: str | None = None
    verification: ReportVerification | None = None
    carried: tuple[str, ...] | None = None
    set_by_manifest: tuple[str, ...] | None = None
    not_carried: tuple[str, ...] | None = None
    needs_user: tuple[str, ...] | None = None
    transform: tuple[str, ...] | None = None
    steps: tuple[ReportStep, ...] = ()


@dataclass(frozen=True)
class ReportAccount:
    """One side. `principals` are all ARNs under which runs worked there."""

    id: str | None
    region: str | None = None
    name: str | None = None
    principals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Totals:
    """Sums over the tables. `items` were compared and are as they should be; `dollars` and `planned_minutes` (of the
    table that takes longest) are estimates, None without a plan; `busy_minutes` are those in which any step was under
    way."""

    tables: int
    verdicts: Mapping[str, int]
    items: int
    bytes: int | None
    planned_minutes: Range | None
    busy_minutes: float | None
    dollars: Range | None


@dataclass(frozen=True)
class Report:
    """All of one migration. `outcome` is a verdict as of tables; `headline` says it in words."""

    migration: str
    lineage: str | None
    outcome: str
    headline: str
    details: tuple[str, ...]
    next: str | None
    source: ReportAccount
    target: ReportAccount
    plan_id: str | None
    manifest_file: str | None
    manifest_digest: str | None
    prices_of: str | None
    begun: str | None
    ended: str | None
    written: str
    version: str
    totals: Totals
    runs: tuple[Run, ...] = ()
    tables: tuple[ReportTable, ...] = ()
    shared: tuple[ReportStep, ...] = ()
    owned: tuple[OwnedResource, ...] = ()
    gaps: tuple[str, ...] = field(default=())
    """What could not be read, and what is missing here for it."""

    def steps(self) -> Iterator[ReportStep]:
        """Every step, shared ones first."""
        yield from self.shared
        for table in self.tables:
            yield from table.steps


def report_document(report: Report) -> Json:
    """The JSON document (`schemas/migration-report.schema.json`). What is absent was not recorded."""
    return {"format_version": FORMAT_VERSION, **encode(report)}
