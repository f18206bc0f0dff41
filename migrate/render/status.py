"""Where a migration stands: its state read against the plan that is being carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from migrate.core.codec import Json, encode
from migrate.core.errors import StepError
from migrate.data.live import LiveStatus
from migrate.observe.copies import NewestCopy
from migrate.plan.model import Plan
from migrate.state.lock import LockInfo
from migrate.state.model import SHARED, ActivePlan, OwnedResource, State, StepRecord

FORMAT_VERSION = 1

DONE, RUNNING, FAILED, PENDING = "done", "running", "failed", "pending"
_BY_RECORD = {"starting": RUNNING, "running": RUNNING, "failed": FAILED, "done": DONE, "undone": PENDING}


@dataclass(frozen=True)
class StepStatus:
    """One step. `status` is done, running, failed or pending; `handle` is AWS's name for the work."""

    address: str
    title: str
    status: str
    attempt: int = 1
    handle: str | None = None
    error: StepError | None = None
    started: str | None = None
    ended: str | None = None
    live: LiveStatus | None = None
    """What a copy that is under way said last."""


@dataclass(frozen=True)
class Verification:
    """The last comparison of a table that a plan has made."""

    is_equal: bool
    ended: str | None
    mode: str = ""
    same: int | None = None
    is_accepted: bool = False
    """Equal as far as was asked: see `VerifyReport.is_accepted`."""

    kept: int = 0
    """Items of a table that had items before, which were kept and are not the source's."""

    extra: int = 0
    """Its items whose key the source has not."""


@dataclass(frozen=True)
class TableStatus:
    """The steps of one target table, or the shared ones (then `source` is empty)."""

    table: str
    source: str
    status: str
    steps: tuple[StepStatus, ...] = ()
    verification: Verification | None = None


@dataclass(frozen=True)
class MigrationStatus:
    """All of one migration. `active` is the plan that is being carried out, or was last."""

    migration: str
    lineage: str
    source_account: str
    target_account: str
    active: ActivePlan | None
    tables: tuple[TableStatus, ...]
    owned: tuple[OwnedResource, ...]
    lock: LockInfo | None = None
    copies: tuple[NewestCopy, ...] | None = None
    """Of protected tables; None when the migration protects none, or nobody looked."""

    command: str = ""
    """What goes on with the active plan; empty: `migrate apply` with its manifest."""

    unread: str = ""
    """Why the copies of protected tables could not be read."""

    def steps(self, status: str = "") -> Iterator[StepStatus]:
        """Every step, or those with that status."""
        return (step for table in self.tables for step in table.steps if status in ("", step.status))

    @property
    def is_finished(self) -> bool:
        """True when the last plan was carried out to its end."""
        return self.active is not None and self.active.is_finished


def build_status(
    state: State, plan: Plan | None, lock: LockInfo | None = None, live: Mapping[str, LiveStatus] | None = None
) -> MigrationStatus:
    """The status. `plan` is the one that the store keeps; it counts only when it is the active one.

    `live` has, by the step's address, what copies under way have said.
    """
    file = state.migration
    if plan is not None and (file.active is None or plan.plan_id != file.active.plan_id):
        plan = None
    return MigrationStatus(
        migration=file.migration,
        lineage=file.lineage,
        source_account=file.source_account,
        target_account=file.target_account,
        active=file.active,
        tables=tuple(_table(name, state, plan, live or {}) for name in _names(state, plan)),
        owned=tuple(sorted(state.owned().values(), key=lambda one: one.id)),
        lock=lock,
        command=_command(state),
    )


def _command(state: State) -> str:
    """The command that the active plan was last carried out with, unless it was `migrate apply` with some file."""
    runs, active = state.migration.runs, state.migration.active
    last = runs[-1].command if runs and active and runs[-1].plan_id == active.plan_id else ""
    return "" if last.startswith("migrate apply ") else last


def status_document(found: Sequence[MigrationStatus]) -> Json:
    """The JSON document (`schemas/status.schema.json`)."""
    return {"format_version": FORMAT_VERSION, "migrations": [_document(one) for one in found]}


def _document(one: MigrationStatus) -> Json:
    statuses = [step.status for step in one.steps()]
    return {
        "migration": one.migration,
        "lineage": one.lineage,
        "accounts": {"source": one.source_account, "target": one.target_account},
        "is_finished": one.is_finished,
        "plan_id": one.active.plan_id if one.active else None,
        "manifest_file": one.active.manifest_file if one.active else None,
        "lock": encode(one.lock) if one.lock else None,
        "summary": {status: statuses.count(status) for status in (DONE, RUNNING, FAILED, PENDING)},
        "tables": [encode(table) for table in one.tables],
        "protection": _protection(one),
        "owned": [encode(resource) for resource in one.owned],
        "next": next_command(one),
    }


def _protection(one: MigrationStatus) -> Json:
    """The protected tables; null when there are none or nobody looked."""
    if one.copies is None and not one.unread:
        return None
    return {"tables": [encode(copy) for copy in one.copies or ()], "unread": one.unread or None}


def next_command(one: MigrationStatus) -> str | None:
    """What goes on from here; None when the last plan is finished."""
    if one.active is None or one.is_finished:
        return None
    return one.command or f"migrate apply {one.active.manifest_file}"


def _names(state: State, plan: Plan | None) -> list[str]:
    """The shared steps first, then the tables in the plan's order, then those of earlier plans."""
    planned = [table.target for table in plan.tables] if plan else []
    begun = [name for name in [SHARED, *planned] if plan and any(plan.of_owner(name))]
    first = [SHARED] if SHARED in state.files and state.files[SHARED].steps else []
    return list(dict.fromkeys([*first, *begun, *sorted(n for n, file in state.files.items() if file.steps)]))


def _table(name: str, state: State, plan: Plan | None, live: Mapping[str, LiveStatus]) -> TableStatus:
    file = state.files.get(name)
    records: Mapping[str, StepRecord] = file.steps if file else {}
    actions = {action.address: action for action in plan.of_owner(name)} if plan else {}
    steps = []
    if plan is not None and not actions:  # done by earlier plans: only what did not end well is of interest
        records = {
            address: one for address, one in records.items() if _BY_RECORD.get(one.status.value) in (RUNNING, FAILED)
        }
    for address in actions or records:
        record, action = records.get(address), actions.get(address)
        title = action.title if action else address
        if record is None or (action and plan and not _is_of(record, action.digest, plan.plan_id)):
            steps.append(StepStatus(address, title, PENDING))
        else:
            steps.append(_step(record, title, live.get(address)))
    source = file.source if file else ""
    planned = next((table for table in plan.tables if table.target == name), None) if plan else None
    return TableStatus(
        name,
        planned.source if planned else source,
        _worst(steps),
        tuple(steps),
        _verification(file.steps.get(f"{name}/verify") if file else None),
    )


def _is_of(record: StepRecord, digest: str, plan_id: str) -> bool:
    """Unfinished work of the same intent is gone on with, whichever plan began it."""
    return record.plan_id == plan_id or (
        record.action_digest == digest and _BY_RECORD.get(record.status.value) == RUNNING
    )


def running_copies(state: State) -> dict[str, str]:
    """Address -> target table of the copies that are under way, or were when their run died."""
    return {
        address: name
        for name, file in state.files.items()
        for address, one in file.steps.items()
        if one.kind == "copy" and _BY_RECORD.get(one.status.value) == RUNNING
    }


def _step(record: StepRecord, title: str, live: LiveStatus | None) -> StepStatus:
    status = _BY_RECORD.get(record.status.value, PENDING)
    return StepStatus(
        record.address,
        title,
        status,
        record.attempt,
        record.handle,
        record.error,
        record.started,
        record.ended,
        live if status == RUNNING else None,
    )


def _worst(steps: Sequence[StepStatus]) -> str:
    statuses = {step.status for step in steps}
    for status in (FAILED, RUNNING):
        if status in statuses:
            return status
    return DONE if statuses <= {DONE} else PENDING


def _verification(record: StepRecord | None) -> Verification | None:
    if record is None or record.ended is None:
        return None
    if record.status.value == "done":
        found = record.outputs
        kept, extra = found.get("differs", 0), found.get("extra", 0)
        is_equal, mode = not (kept or extra), str(found.get("mode", ""))
        return Verification(is_equal, record.ended, mode, found.get("same"), True, kept, extra)
    if record.error is not None and record.error.kind == "VerificationFailed":
        return Verification(False, record.ended)
    return None
