"""Judgements: what a table's records prove, and what the whole migration has come to. In doubt never the better one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from migrate.plan.strategy import LOAD_KINDS, load_record
from migrate.render.report.model import (
    COUNTED,
    FAILED,
    INTERRUPTED,
    PLANNED,
    PROTECTED,
    RUNNING,
    SETTLED,
    UNKNOWN,
    UNVERIFIED,
    VERIFIED,
    WAITING,
    ReportStep,
    ReportTable,
    ReportVerification,
)
from migrate.render.report.steps import PENDING, STEP_FAILED, STEP_RUNNING
from migrate.render.style import plural
from migrate.state.model import State, Status, StepRecord

_NAMED = 5


def verification_of(name: str, state: State | None) -> ReportVerification | None:
    """The last comparison of the target table `name` that was begun; None when there was none."""
    record = state.record(f"{name}/verify") if state else None
    if state is None or record is None or record.status not in (Status.DONE, Status.FAILED):
        return None
    is_done = record.status is Status.DONE
    found = record.outputs
    if not is_done and (record.error is None or record.error.kind != "VerificationFailed"):
        return None  # it could not compare, which says nothing about the items
    counts = {name: found.get(name) for name in ("same", "differs", "missing", "extra", "errors")}
    unequal = [counts[name] for name in ("differs", "missing", "extra", "errors")]
    return ReportVerification(
        is_accepted=is_done,
        is_equal=is_done and not any(unequal),
        is_current=_is_after_load(record, load_record(name, state)),
        ended=record.ended,
        mode=found.get("mode"),
        compared_with=found.get("compared_with"),
        is_transformed=bool(found.get("is_transformed")),
        existing=found.get("existing") or "",
        source_items=found.get("source_items"),
        target_items=found.get("target_items"),
        source_digest=found.get("source_digest"),
        target_digest=found.get("target_digest"),
        seconds=found.get("seconds"),
        read_units=found.get("read_units"),
        error=record.error,
        **counts,
    )


def _is_after_load(record: StepRecord, load: StepRecord | None) -> bool:
    """False when the items were loaded after the comparison began, or into another table than was compared."""
    if load is None:
        return True  # adopted: it was moved by something else
    if load.status is not Status.DONE or (record.started or "") < (load.ended or ""):
        return False
    compared, loaded = record.outputs.get("table_id"), load.outputs.get("table_id")
    return compared is None or loaded is None or compared == loaded


def table_verdict(
    strategy: str | None,
    steps: Sequence[ReportStep],
    seen: ReportVerification | None,
    *,
    is_locked: bool,
    is_shared_done: bool,
) -> tuple[str, str]:
    """The verdict on a table, and the words for it. `is_shared_done`: all shared steps of a plan are done."""
    failed = [step for step in steps if step.status == STEP_FAILED]
    begun = [step for step in steps if step.status == STEP_RUNNING]
    pending = [step for step in steps if step.status == PENDING]
    if failed:
        return FAILED, f"failed: {_short(failed[0])}"
    if begun:
        return (
            (RUNNING, f"running: {_short(begun[0])}") if is_locked else (INTERRUPTED, f"stopped at {_short(begun[0])}")
        )
    if strategy == "protect":
        return (PROTECTED, "protected, not moved") if is_shared_done else (WAITING, "not protected yet")
    if len(pending) == len(steps):
        return WAITING, "not begun"
    if pending:
        return WAITING, f"{plural(len(pending), 'step')} to come: {_short(pending[0])} first"
    if any(step.kind == "restore-check" for step in steps):
        return PROTECTED, "restore check done"
    return _settled(steps, seen)


def _settled(steps: Sequence[ReportStep], seen: ReportVerification | None) -> tuple[str, str]:
    if seen is not None and not seen.is_current:
        return UNVERIFIED, "not verified since its items were loaded"
    if seen is not None and not seen.is_accepted:
        return FAILED, "source and target are not equal"
    if seen is None:
        is_moved = any(step.kind in LOAD_KINDS for step in steps)
        return UNVERIFIED, "moved, not verified" if is_moved else "nothing was compared"
    if seen.mode == "counts":
        return COUNTED, "only the numbers of items were compared"
    if seen.mode != "digest":
        return UNKNOWN, "how it was compared is not recorded"
    if not seen.existing:
        return VERIFIED, "every item is equal"
    return VERIFIED, "every key of the source is there"


def overall(
    state: State | None,
    tables: Sequence[ReportTable],
    shared: Sequence[ReportStep],
    *,
    is_locked: bool,
    is_plan_known: bool,
) -> tuple[str, str]:
    """The verdict on the migration, and the headline for it."""
    counts = Counter(table.verdict for table in tables)
    active = state.migration.active if state else None
    if active is None:
        return PLANNED, "Nothing has been carried out."
    failed = [table.target for table in tables if table.verdict == FAILED]
    failed += ["shared steps"] if any(step.status == STEP_FAILED for step in shared) else []
    if is_locked:
        return RUNNING, "A run is under way; this is how far it is."
    if failed:
        done = sum(counts[verdict] for verdict in SETTLED)
        return FAILED, f"Failed: {_named(failed)}. {done} of {plural(len(tables), 'table')} done."
    open_ones = [table for table in tables if table.verdict in (INTERRUPTED, RUNNING, WAITING)]
    if open_ones or not active.is_finished or any(step.status in (PENDING, STEP_RUNNING) for step in shared):
        done = sum(counts[verdict] for verdict in SETTLED)
        return INTERRUPTED, f"Not finished: {done} of {plural(len(tables), 'table')} done."
    if not is_plan_known or counts[UNKNOWN]:
        return UNKNOWN, "It ended, but what it should have done is not known any more."
    return _finished(counts, len(tables))


def _finished(counts: Counter[str], total: int) -> tuple[str, str]:
    moved = total - counts[PROTECTED]
    if not moved:
        return PROTECTED, "Done. Every table is protected; none was moved."
    if counts[VERIFIED] == moved:
        return VERIFIED, "Done and verified: every item of every table was compared."
    rest = [
        f"{counts[verdict]} {words}"
        for verdict, words in ((COUNTED, "only counted"), (UNVERIFIED, "not verified"))
        if counts[verdict]
    ]
    verified = f"{counts[VERIFIED]} of {plural(moved, 'table')} verified item by item"
    return (COUNTED if not counts[UNVERIFIED] else UNVERIFIED), f"Done. {'; '.join([verified, *rest])}."


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _short(step: ReportStep) -> str:
    return step.address.split("/", 1)[-1]
