"""Facts -> report. Pure: the state, the plans that it was worked by, and what could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from migrate.plan.model import Plan, PlannedTable, Range
from migrate.plan.strategy import load_record
from migrate.render.report.model import (
    FAILED,
    SETTLED,
    VERIFIED,
    Report,
    ReportAccount,
    ReportStep,
    ReportTable,
    Totals,
)
from migrate.render.report.steps import DONE, Plans, steps_of
from migrate.render.report.times import busy_minutes, starts
from migrate.render.report.verdicts import overall, table_verdict, verification_of
from migrate.state.model import SHARED, State, Status, StepRecord

_STRATEGY_OF = {
    "import": "s3",
    "copy": "copy",
    "restore-job": "backup",
    "glue-run": "glue",
    "emr-run": "emr",
    "emr-cluster": "emr",
    "emr-step": "emr",
}


_BOOKS = ("items", "bytes", "filtered", "extra", "kept")


@dataclass(frozen=True)
class Facts:
    """What a report is made of. `plans` are oldest first, the last one that was begun (or only saved) is `active`.

    `gaps` say what could not be read. `holder` is who works on it now. `written` and `version` are of the report.
    """

    migration: str
    state: State | None
    plans: Plans
    active: Plan | None
    written: str
    version: str
    holder: str = ""
    gaps: tuple[str, ...] = ()


def build_report(facts: Facts) -> Report:
    """The report. Never raises for what is missing: that is None, and said among `gaps`."""
    state, active = facts.state, facts.active
    shared = steps_of(SHARED, state, facts.plans, active)
    tables = tuple(_table(name, planned, facts, shared) for name, planned in _names(facts))
    is_plan_known = active is not None
    outcome, headline = overall(state, tables, shared, is_locked=bool(facts.holder), is_plan_known=is_plan_known)
    runs = state.migration.runs if state else ()
    everything = [*shared, *(step for table in tables for step in table.steps)]
    begun = [*(run.begun for run in runs), *starts(everything)]
    ended = [*(run.ended for run in runs if run.ended), *(step.ended for step in everything if step.ended)]
    any_plan = active or next(reversed(list(facts.plans.values())), None)
    kept = state.migration.active if state else None
    return Report(
        migration=facts.migration,
        lineage=state.lineage if state else None,
        outcome=outcome,
        headline=headline,
        details=tuple(_details(facts, tables)),
        next=_next(facts, outcome),
        source=_account("source", any_plan, state),
        target=_account("target", any_plan, state),
        plan_id=kept.plan_id if kept else active.plan_id if active else None,
        manifest_file=kept.manifest_file if kept else active.manifest_file if active else None,
        manifest_digest=kept.manifest_digest if kept else active.manifest_digest if active else None,
        prices_of=next((plan.prices_of for plan in reversed(list(facts.plans.values())) if plan.prices_of), None),
        begun=min(begun, default=None),
        ended=max(ended, default=None) if outcome in SETTLED else None,
        written=facts.written,
        version=facts.version,
        totals=_totals(tables, shared),
        runs=runs,
        tables=tables,
        shared=shared,
        owned=tuple(sorted(state.owned().values(), key=lambda one: one.id)) if state else (),
        gaps=facts.gaps,
    )


def _names(facts: Facts) -> Iterator[tuple[str, PlannedTable | None]]:
    """Target tables in the order of the plans, then those that only the state knows; each as it was planned."""
    planned: dict[str, PlannedTable] = {}
    for plan in facts.plans.values():
        for table in plan.tables:
            before = planned.get(table.target)
            # A later plan that only goes on has no more estimate and no more reason: the move itself is what counts.
            if before is None or table.is_move or not before.is_move:
                planned[table.target] = table
    known = sorted(name for name in facts.state.files if name != SHARED) if facts.state else []
    for name in dict.fromkeys([*planned, *known]):
        yield name, planned.get(name)


def _table(name: str, planned: PlannedTable | None, facts: Facts, shared: Sequence[ReportStep]) -> ReportTable:
    state = facts.state
    file = state.files.get(name) if state else None
    steps = steps_of(name, state, facts.plans, facts.active)
    seen = verification_of(name, state)
    load = load_record(name, state) if state else None
    strategy = _strategy(planned, load)
    verdict, words = table_verdict(
        strategy,
        steps,
        seen,
        is_locked=bool(facts.holder),
        is_shared_done=bool(state and state.migration.active) and all(step.status == DONE for step in shared),
    )
    if verdict == FAILED and facts.active and facts.active.tables and name not in _targets(facts.active):
        words += "; the last plan left it out"
    is_move = planned is not None and planned.is_move
    return ReportTable(
        source=planned.source if planned else file.source if file else "",
        target=name,
        verdict=verdict,
        words=words,
        strategy=strategy,
        reason=(planned.reason if planned else None) or None,
        planned_items=planned.items if planned else None,
        bytes=planned.bytes if planned else None,
        loaded=_loaded(load),
        estimate=planned.estimate if planned and is_move else None,
        minutes=busy_minutes(steps),
        begun=min(starts(steps), default=None),
        ended=max((step.ended for step in steps if step.ended), default=None) if verdict in SETTLED else None,
        verification=seen,
        carried=planned.carried if planned and is_move else None,
        set_by_manifest=planned.set_by_manifest if planned else None,
        not_carried=planned.not_carried if planned else None,
        needs_user=planned.needs_user if planned else None,
        transform=planned.transform if planned else None,
        steps=steps,
    )


def _targets(plan: Plan) -> set[str]:
    return {table.target for table in plan.tables}


def _strategy(planned: PlannedTable | None, load: StepRecord | None) -> str | None:
    if load is not None and load.action_digest == "adopted":
        return "adopted"
    return planned.strategy if planned else _STRATEGY_OF.get(load.kind) if load else None


def _loaded(load: StepRecord | None) -> Mapping[str, int] | None:
    """The load's own books, as far as it has any."""
    if load is None or load.status is not Status.DONE:
        return None
    return {name: load.outputs[name] for name in _BOOKS if isinstance(load.outputs.get(name), int)} or None


def _account(side: str, plan: Plan | None, state: State | None) -> ReportAccount:
    planned = (plan.source if side == "source" else plan.target) if plan else None
    known = (state.migration.source_account if side == "source" else state.migration.target_account) if state else ""
    runs = state.migration.runs if state else ()
    principals = dict.fromkeys(run.principals[side] for run in runs if side in run.principals)
    return ReportAccount(
        id=known or (planned.id if planned else None),
        region=planned.region if planned else None,
        name=(planned.name if planned else None) or None,
        principals=tuple(principals),
    )


def _details(facts: Facts, tables: Sequence[ReportTable]) -> Iterator[str]:
    if facts.holder:
        yield f"Worked on by {facts.holder}."
    for table in tables:
        error = next((step.error for step in table.steps if step.status == "failed" and step.error), None)
        if error is not None:
            yield f"{table.target}: {error.summary}"


def _next(facts: Facts, outcome: str) -> str | None:
    """The command that goes on from here; None where nothing is left to do."""
    active = facts.state.migration.active if facts.state else None
    if active is None:
        return f"migrate apply {facts.active.manifest_file}" if facts.active else None
    if outcome in SETTLED:
        return None
    return f"migrate status {facts.migration}" if facts.holder else f"migrate apply {active.manifest_file}"


def _totals(tables: Sequence[ReportTable], shared: Sequence[ReportStep]) -> Totals:
    estimates = [table.estimate for table in tables if table.estimate]
    sizes = [table.bytes for table in tables if table.bytes is not None]
    proven = [table.verification for table in tables if table.verdict == VERIFIED and table.verification]
    steps = [*shared, *(step for table in tables for step in table.steps)]
    return Totals(
        tables=len(tables),
        verdicts=dict(Counter(table.verdict for table in tables)),
        items=sum(seen.same or 0 for seen in proven),
        bytes=sum(sizes) if sizes and len(sizes) == len(tables) else None,
        planned_minutes=_longest([one.took for one in estimates]),
        busy_minutes=busy_minutes(steps),
        dollars=sum((one.cost for one in estimates), Range()) if estimates else None,
    )


def _longest(took: Sequence[Range]) -> Range | None:
    """Tables move side by side: the longest says how long all take."""
    return Range(max(one.low for one in took), max(one.high for one in took)) if took else None


def plans_in_order(state: State | None, plans: Mapping[str, Plan]) -> Plans:
    """The plans in the order in which they were begun, as far as that is recorded; the active one last."""
    runs = [run.plan_id for run in state.migration.runs] if state else []
    active = state.migration.active.plan_id if state and state.migration.active else ""
    ids = [one for one in dict.fromkeys([*runs, *plans]) if one in plans and one != active]
    return {one: plans[one] for one in [*ids, *([active] if active in plans else [])]}
