"""Carry out a plan from wherever it stands, and say how it ended."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from migrate.actions.base import ActionHandler, Context
from migrate.apply.agenda import Agenda
from migrate.apply.executor import Executor, Turn, Verdict
from migrate.apply.ledger import Ledger
from migrate.apply.quotas import demand_of, quotas_of, seconds_of, sizes_of
from migrate.apply.scheduler import Result, Scheduler
from migrate.core.errors import MigrateError, StateLocked, StateUnusable, StateWriteFailed, StepError
from migrate.core.events import Listener
from migrate.plan.model import Action, Plan
from migrate.plan.planfile import plan_document
from migrate.state.model import MOST_RUNS, ActivePlan, Run, State, Status
from migrate.state.store import Store


@dataclass(frozen=True)
class Summary:
    """How a run ended: addresses of steps by outcome. `cause` is what stopped the whole run, if something did."""

    done: tuple[str, ...]
    failed: Mapping[str, StepError] = field(default_factory=dict)
    blocked: Mapping[str, StepError] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    is_interrupted: bool = False
    cause: MigrateError | None = None

    @property
    def is_complete(self) -> bool:
        """True when every action of the plan is done."""
        return not (self.failed or self.blocked or self.skipped or self.is_interrupted or self.cause)

    @property
    def outcome(self) -> str:
        """`complete`, `interrupted` or `failed`."""
        return "complete" if self.is_complete else "interrupted" if self.is_interrupted else "failed"


def begin(store: Store, kept: State | None, plan: Plan, manifest_file: str, run: Run, *, is_resumed: bool) -> Ledger:
    """The ledger for `plan`, which is written down first unless it was begun before: the same command then resumes it.

    `kept` is the state as it was read, None when there is none yet; `run` is this run. Needs the lock.
    """
    state = kept or store.create(plan.migration, plan.lineage)
    ledger = Ledger(store, state, {table.target: table.source for table in plan.tables})
    changes: dict[str, object] = {"runs": (*state.migration.runs, run)[-MOST_RUNS:]}
    if not is_resumed:
        store.write_plan(plan.migration, plan_document(plan))
        active = ActivePlan(plan.plan_id, plan.manifest_digest, manifest_file)
        changes |= {"active": active, "source_account": plan.source.id, "target_account": plan.target.id}
    ledger.write_migration(**changes)
    return ledger


def finish(ledger: Ledger, plan: Plan, manifest_file: str, summary: Summary, now: str) -> None:
    """Write down how the run that `begin` began has ended.

    When every step of `plan` is done, so that the next apply makes a new plan. Otherwise for people only: what kept the
    run from going on may keep this from being written, too, and has been told.
    """
    *before, run = ledger.state().migration.runs
    changes: dict[str, object] = {"runs": (*before, dataclasses.replace(run, ended=now, outcome=summary.outcome))}
    if summary.is_complete:
        changes["active"] = ActivePlan(plan.plan_id, plan.manifest_digest, manifest_file, is_finished=True)
        ledger.write_migration(**changes)
        return
    with contextlib.suppress(StateWriteFailed, StateLocked, StateUnusable):
        ledger.write_migration(**changes)


def carry_out(
    plan: Plan,
    ledger: Ledger,
    handlers: Mapping[str, ActionHandler],
    context: Context,
    *,
    listener: Listener = lambda _event: None,
    parallelism: int = 10,
    should_stop: Callable[[], bool] = lambda: False,
) -> Summary:
    """Do everything of `plan` that is not done. The state is saved at every step, so it may be killed at any moment."""
    executor = Executor(plan, ledger, handlers, context, listener)

    done = [action.address for action in plan.actions if executor.is_done(action)]
    scheduler = Scheduler(executor.advance, context.clock, parallelism=parallelism, should_stop=should_stop)
    result = scheduler.run(_agenda(plan, set(done), ledger, handlers))
    result.done = [*done, *result.done]
    try:
        ledger.flush()
    except (StateWriteFailed, StateLocked, StateUnusable) as trouble:
        result.stopped = result.stopped or Turn(Verdict.STOPPED, cause=trouble)
    return _summary(result)


def _agenda(plan: Plan, done: Collection[str], ledger: Ledger, handlers: Mapping[str, ActionHandler]) -> Agenda:
    """What is not done of `plan`."""
    size_of = sizes_of(plan)

    def is_begun(action: Action) -> bool:
        record = ledger.record(action.address)
        return record is not None and record.status is Status.RUNNING

    return Agenda(
        (action for action in plan.actions if action.address not in done),
        demand=lambda action: demand_of(action, handlers[action.kind].slot, size_of(action)),
        quotas=quotas_of(plan),
        seconds=lambda action: seconds_of(action, size_of(action)),
        is_begun=is_begun,
    )


def _summary(result: Result) -> Summary:
    stopped = result.stopped.cause if result.stopped else None
    is_interrupted = result.is_interrupted or type(stopped).__name__ == "Interrupted"
    return Summary(
        done=tuple(result.done),
        failed={address: turn.error or StepError("failed") for address, turn in result.failed.items()},
        blocked={address: turn.error or StepError("blocked") for address, turn in result.blocked.items()},
        skipped=tuple(result.skipped),
        is_interrupted=is_interrupted,
        cause=None if is_interrupted else stopped,
    )
