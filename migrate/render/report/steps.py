"""The steps of a report: what the state remembers of each, read against the plans under which it was done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrate.plan.model import Action, Change, Plan, Risk
from migrate.plan.strategy import LOAD_KINDS, SPARK_VERIFICATIONS
from migrate.render.report.model import ReportStep
from migrate.state.model import State, Status, StepRecord

DONE, STEP_FAILED, STEP_RUNNING, PENDING, OVERTAKEN = "done", "failed", "running", "pending", "overtaken"
_BY_RECORD = {
    Status.PENDING: PENDING,
    Status.STARTING: STEP_RUNNING,
    Status.RUNNING: STEP_RUNNING,
    Status.DONE: DONE,
    Status.FAILED: STEP_FAILED,
    Status.UNDONE: "undone",
}
_MOVES = LOAD_KINDS | {"export", "backup-job", "copy-job"}
_READS = SPARK_VERIFICATIONS | {"verify", "export-check", "table-look", "restore-check"}

Plans = Mapping[str, Plan]
"""Plans by id, oldest first."""


def steps_of(owner: str, state: State | None, plans: Plans, active: Plan | None) -> tuple[ReportStep, ...]:
    """The steps of one target table, or the shared ones: those begun in the order of their start, then the others."""
    file = state.files.get(owner) if state else None
    records: Mapping[str, StepRecord] = file.steps if file else {}
    found = [_recorded(record, plans, active) for record in records.values()]
    found.sort(key=lambda step: (step.started is None, step.started or ""))
    is_closed = bool(state and state.migration.active and state.migration.active.is_finished)
    return (*found, *_to_come(owner, records, active, is_closed=is_closed))


def _recorded(record: StepRecord, plans: Plans, active: Plan | None) -> ReportStep:
    plan = plans.get(record.plan_id)
    action = plan.action(record.address) if plan else None
    status = _BY_RECORD[record.status]
    if status == STEP_FAILED and _is_overtaken(record, active):
        status = OVERTAKEN
    return ReportStep(
        address=record.address,
        title=action.title if action else record.address,
        kind=record.kind,
        change=action.change.value if action else _guessed(record.kind),
        side=action.side.value if action else None,
        status=status,
        attempt=record.attempt,
        started=record.started,
        ended=record.ended if status in (DONE, STEP_FAILED, OVERTAKEN, "undone") else None,
        handle=record.handle if record.handle and not record.handle.startswith("local:") else None,
        error=record.error,
        changes_source=action is not None and action.risk is Risk.SOURCE_WRITE,
        earlier=record.earlier,
    )


def _is_overtaken(record: StepRecord, active: Plan | None) -> bool:
    """True for a failure after which a later plan looked at the same table and had no more need of the step."""
    if active is None or record.plan_id == active.plan_id or active.action(record.address) is not None:
        return False
    owner = record.address.split("/", 1)[0]
    return any(table.target == owner for table in active.tables)


def _to_come(
    owner: str, records: Mapping[str, StepRecord], active: Plan | None, *, is_closed: bool
) -> Iterator[ReportStep]:
    """What the plan that is being carried out has not begun. `is_closed`: a later apply had no more need of it."""
    for action in active.of_owner(owner) if active else ():
        record = records.get(action.address)
        if record is None or (active and not _is_of(record, action, active.plan_id)):
            status = OVERTAKEN if is_closed else PENDING
            yield ReportStep(action.address, action.title, action.kind, action.change.value, action.side.value, status)


def _is_of(record: StepRecord, action: Action, plan_id: str) -> bool:
    is_unfinished = _BY_RECORD[record.status] == STEP_RUNNING and record.action_digest == action.digest
    return record.plan_id == plan_id or is_unfinished


def _guessed(kind: str) -> str:
    """What a kind of action usually does: for steps whose plan is not there any more."""
    if kind in _MOVES:
        return Change.MOVE.value
    if kind in _READS:
        return Change.READ.value
    if kind.endswith("-removal"):
        return Change.DELETE.value
    return Change.UPDATE.value if kind.startswith("setting.") else Change.CREATE.value
