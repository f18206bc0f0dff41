"""The state of a migration: what was started, what is done, and what we own.

One file for the migration and one for each table, so that a step costs one small write whatever the number of tables.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from migrate.core.codec import Json, digest
from migrate.core.errors import StepError

FORMAT_VERSION = 1
SHARED = "shared"
"""First part of the address of a step that belongs to no single table."""


class Status(str, enum.Enum):
    """Life of a step. STARTING is written before the call to AWS, RUNNING after it."""

    PENDING = "pending"
    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


@dataclass(frozen=True)
class Attempt:
    """How an earlier attempt of a step ended, or what an earlier plan did at its address. Nothing is decided by it."""

    attempt: int
    status: Status
    plan_id: str = ""
    error: StepError | None = None
    started: str | None = None
    ended: str | None = None


MOST_ATTEMPTS = 20
"""Earlier attempts that are remembered of a step: a record is written again with every change."""


@dataclass(frozen=True)
class StepRecord:
    """What is known about one step.

    `token` is our idempotency key: a digest of lineage, address, action digest and attempt, so that the same intent has
    the same token after any crash. `attempt` grows only after a recorded end. `handle` is AWS's name for the work (an
    ARN). `plan_id` is the plan under which the record was last written: DONE counts for that plan only.
    """

    address: str
    kind: str
    action_digest: str
    status: Status = Status.PENDING
    attempt: int = 1
    token: str = ""
    plan_id: str = ""
    handle: str | None = None
    outputs: Mapping[str, Json] = field(default_factory=dict)
    error: StepError | None = None
    started: str | None = None
    ended: str | None = None
    earlier: tuple[Attempt, ...] = ()
    """The last attempts before this one, oldest first."""


@dataclass(frozen=True)
class OwnedResource:
    """Something that this migration created and may therefore delete.

    `id` is unique: an ARN, or a URL for what has none. Written before the creating call; `is_confirmed` turns True
    after it. `proof` is what must match before anything is deleted (a table id, an import ARN).
    """

    id: str
    kind: str
    side: str
    address: str
    is_confirmed: bool = False
    proof: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StepFile:
    """The steps of one table, or the shared steps: the unit that is written at once.

    `name` is the target table's name, or `shared`. `source` is the source table's name. `serial` grows by one with
    every write.
    """

    name: str
    lineage: str
    source: str = ""
    serial: int = 0
    steps: Mapping[str, StepRecord] = field(default_factory=dict)
    owned: Mapping[str, OwnedResource] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def updated(
        self, record: StepRecord, owned: Iterable[OwnedResource] = (), released: Collection[str] = ()
    ) -> StepFile:
        """A copy with `record` in place of the one of its address, that owns `owned` too and no longer `released`."""
        resources = {**self.owned, **{one.id: one for one in owned}}
        if released:
            resources = {id: one for id, one in resources.items() if id not in released}
        return dataclasses.replace(self, steps={**self.steps, record.address: record}, owned=resources)


@dataclass(frozen=True)
class ActivePlan:
    """Which plan is being carried out. `is_finished` once each of its steps is done."""

    plan_id: str
    manifest_digest: str
    manifest_file: str
    is_finished: bool = False


@dataclass(frozen=True)
class Run:
    """One process that carried out a plan, for people: who did what when. Nothing is decided by it.

    `principals` are the ARNs that AWS knew us by, by side. `by` is the user, host and process, `agreed` how the plan
    was agreed to, `approvals` who approved of what. `ended` is None while it runs, and for ever when it was killed.
    """

    plan_id: str
    begun: str
    by: str = ""
    version: str = ""
    principals: Mapping[str, str] = field(default_factory=dict)
    agreed: str = ""
    approvals: tuple[str, ...] = ()
    ended: str | None = None
    outcome: str = ""
    """`complete`, `failed` or `interrupted`."""

    command: str = ""
    """What goes on with it."""


MOST_RUNS = 200
"""Runs that are remembered: a pipeline may apply every hour, and the file is written again with each."""


@dataclass(frozen=True)
class MigrationFile:
    """The migration itself: identity, verified accounts, the active plan, who worked on it."""

    migration: str
    lineage: str
    serial: int = 0
    source_account: str = ""
    target_account: str = ""
    active: ActivePlan | None = None
    files: tuple[str, ...] = ()
    """Step files that there were when this was written (`shared.json`, `tables/orders.json`): none may be missing."""

    runs: tuple[Run, ...] = ()
    """The last runs, oldest first."""

    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class State:
    """Everything that is remembered about a migration, as the planner sees it. None of it is a client or a file."""

    migration: MigrationFile
    files: Mapping[str, StepFile] = field(default_factory=dict)
    """By name: the target table's name, or `shared`."""

    @property
    def lineage(self) -> str:
        """Identity of this state: differs for any two states made apart."""
        return self.migration.lineage

    def record(self, address: str) -> StepRecord | None:
        """The record of a step, or None when it was never begun."""
        file = self.files.get(address.split("/", 1)[0])
        return file.steps.get(address) if file else None

    def owned(self) -> dict[str, OwnedResource]:
        """All owned resources by id."""
        return {id: resource for file in self.files.values() for id, resource in file.owned.items()}


def token(lineage: str, address: str, action_digest: str, attempt: int) -> str:
    """The idempotency token of an attempt: 32 hex digits, which every AWS service accepts (at most 36 characters)."""
    return digest([lineage, address, action_digest, attempt])[:32]
