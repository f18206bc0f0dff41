"""The one loop that matters: look, say, do, note, wait, look again. One call of `advance` is one turn of it."""

from __future__ import annotations

import enum
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrate.actions.base import (
    Absent,
    ActionHandler,
    Again,
    Blocked,
    Conflicting,
    Context,
    Done,
    Failed,
    InProgress,
    Running,
    Satisfied,
    Step,
)
from migrate.apply import transitions
from migrate.apply.ledger import Ledger
from migrate.apply.patience import Patience
from migrate.core.clock import timestamp
from migrate.core.codec import Json
from migrate.core.errors import (
    AlreadyExists,
    AwsError,
    Conflict,
    CredentialsExpired,
    Interrupted,
    Invalid,
    MigrateError,
    StateLocked,
    StateUnusable,
    StateWriteFailed,
    StepError,
)
from migrate.core.events import Listener, Progress, StepEvent
from migrate.plan.model import Action, Plan, is_ref
from migrate.state.model import Status, StepRecord


class Verdict(enum.Enum):
    """How a turn ended. WAIT: another turn is due. STOPPED: the whole run must end (credentials, state, interrupt)."""

    WAIT = "wait"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Turn:
    """The end of a turn: with WAIT, the next one is due in `seconds`; `error` says why it failed, blocks or stops."""

    verdict: Verdict
    seconds: float = 0.0
    error: StepError | None = None
    cause: MigrateError | None = None


class Executor:
    """Carries out the actions of one plan, a turn at a time. Safe to use from several threads for different actions."""

    def __init__(
        self, plan: Plan, ledger: Ledger, handlers: Mapping[str, ActionHandler], context: Context, listener: Listener
    ) -> None:
        self._plan_id = plan.plan_id
        self._ledger = ledger
        self._handlers = handlers
        self._context = context
        self._tell = listener
        self._patience = Patience(context.clock)
        self._records: dict[str, StepRecord] = {}
        self._followed = {
            need for action in plan.actions for need in action.needs if need.split("/", 1)[0] == action.owner
        }
        """Actions that another one of the same table waits for: it writes the same file as soon as they are done."""

    def is_done(self, action: Action) -> bool:
        """True when the action was carried out under this plan."""
        return transitions.is_done(self._ledger.record(action.address), action, self._plan_id)

    def advance(self, action: Action) -> Turn:
        """One turn: start the action, or look how far it is. Never raises."""
        try:
            turn = self._turn(action)
        except Interrupted as error:
            return Turn(Verdict.STOPPED, cause=error)
        except (CredentialsExpired, StateWriteFailed, StateLocked, StateUnusable) as error:
            return Turn(Verdict.STOPPED, error=_step_error(error), cause=error)
        except AwsError as error:
            return self._troubled(action, error)
        except Exception as error:  # noqa: BLE001 - the step boundary: a fault of ours must not stop other tables
            return self._fail(action, _fault(error))
        self._patience.forget(action.address)
        return turn

    def _turn(self, action: Action) -> Turn:
        record = self._records.get(action.address) or self._begin(action)
        if record.status is Status.RUNNING:
            return self._wait(action, record)
        return self._launch(action, record)

    def _begin(self, action: Action) -> StepRecord:
        before = self._ledger.record(action.address)
        record = transitions.begin(before, action, self._plan_id, self._ledger.lineage)
        if record.status is Status.RUNNING and record.handle is not None:
            self._say(action, "adopted", record, "found it running")
        elif record.status is Status.RUNNING:
            record = transitions.starting(record, self._now())  # nothing to find it by: look first
        return self._keep(record)

    def _launch(self, action: Action, record: StepRecord) -> Turn:
        handler, step = self._handlers[action.kind], self._step(action, record)
        seen = handler.observe(step, self._context)  # look
        if isinstance(seen, Conflicting):
            return self._fail(action, seen.error)
        if isinstance(seen, Absent):
            record = transitions.starting(record, self._now())
            self._ledger.write(record, owned=handler.claims(step, self._context))  # say
            self._say(action, "started", self._keep(record))
            handle = self._do(handler, self._step(action, record))
        else:
            handle = seen.handle
            self._say(action, "adopted", record, "it is there already")
        record = self._keep(transitions.running(record, handle, self._now()))
        if handle is not None:
            self._ledger.write(record)  # note
        return Turn(Verdict.WAIT)

    def _do(self, handler: ActionHandler, step: Step) -> str | None:
        """Start it. A refusal is believed only when the effect is not there.

        The client repeats a call whose answer was lost by itself, and AWS refuses the repeat of many a call that has
        worked ("TimeToLive is already enabled").
        """
        try:
            return handler.start(step, self._context)
        except (Invalid, AlreadyExists, Conflict):
            seen = handler.observe(step, self._context)
            if isinstance(seen, (Satisfied, InProgress)):
                return seen.handle
            raise

    def _wait(self, action: Action, record: StepRecord) -> Turn:
        handler, step = self._handlers[action.kind], self._step(action, record)
        result = handler.poll(step, self._context)
        if isinstance(result, Running):
            self._confirm(record, result)
            self._say(action, "progress", record, progress=result.progress)
            return Turn(Verdict.WAIT, result.look_again_in)
        if isinstance(result, Again):
            self._keep(transitions.starting(record, self._now()))
            return Turn(Verdict.WAIT, result.look_again_in)
        if isinstance(result, Blocked):
            self._say(action, "blocked", record, result.reason)
            return Turn(Verdict.BLOCKED, error=StepError(result.reason, hint=result.hint, kind="Blocked"))
        if isinstance(result, Failed):
            return self._fail(action, result.error, result)
        return self._finish(action, record, step, result)

    def _finish(self, action: Action, record: StepRecord, step: Step, result: Done) -> Turn:
        seen = self._handlers[action.kind].observe(step, self._context)  # look again: proof, not hope
        if isinstance(seen, InProgress):
            return Turn(Verdict.WAIT, 1.0)
        if not isinstance(seen, Satisfied):
            return self._fail(
                action, StepError(f"{action.address} was done, and is gone again", "it was changed by hand")
            )
        record = transitions.done(record, result.outputs, self._now())
        is_last = action.address not in self._followed
        self._ledger.write(record, result.owned, result.released, gone=action.address, is_urgent=is_last)
        self._say(action, "done", self._keep(record))
        return Turn(Verdict.DONE)

    def _confirm(self, record: StepRecord, result: Running) -> None:
        known = {one.id for one in self._ledger.owned_by(record.address) if one.is_confirmed}
        if any(one.id not in known for one in result.owned):
            self._ledger.write(record, owned=result.owned, gone=record.address)

    def _troubled(self, action: Action, error: AwsError) -> Turn:
        """AWS did not do it: again after a pause, as long as its class gives hope."""
        pause = self._patience.pause(action.address, error)
        if pause is not None:
            words = ": ".join(text for text in (error.summary, error.why) if text)
            self._say(action, "waiting", self._records.get(action.address), words)
            return Turn(Verdict.WAIT, pause)
        if self._patience.may_have_worked(error):
            # The same token must be used again, so this is no recorded end.
            return Turn(Verdict.BLOCKED, error=_step_error(error))
        return self._fail(action, _step_error(error))

    def _fail(self, action: Action, error: StepError, result: Failed | None = None) -> Turn:
        record = self._records.get(action.address) or self._begin(action)
        record = transitions.failed(record, error, self._now(), result.outputs if result else None)
        try:
            if result is None:
                self._ledger.write(record)
            else:
                self._ledger.write(record, result.owned, result.released, gone=action.address)
        except (StateWriteFailed, StateLocked, StateUnusable) as trouble:
            return Turn(Verdict.STOPPED, error=_step_error(trouble), cause=trouble)
        self._say(action, "failed", self._keep(record), error.summary)
        return Turn(Verdict.FAILED, error=error)

    def _step(self, action: Action, record: StepRecord) -> Step:
        maker = str(action.params.get("of", action.address))
        return Step(
            address=action.address,
            kind=action.kind,
            side=action.side,
            params=self._resolve({**action.params, **(action.tuning or {})}),
            token=record.token,
            attempt=record.attempt,
            handle=record.handle,
            started=record.started,
            owned=self._ledger.owned_by(maker),
        )

    def _resolve(self, value: Any) -> Any:
        """The value with every `ref` replaced by the output that it names."""
        if is_ref(value):
            return self._output(value)
        if isinstance(value, Mapping):
            return {key: self._resolve(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._resolve(item) for item in value]
        return value

    def _output(self, ref: Mapping[str, str]) -> Json:
        outputs = self._ledger.outputs(ref["$ref"])
        if ref["output"] not in outputs:
            raise LookupError(f"{ref['$ref']} has no output {ref['output']} yet")
        return outputs[ref["output"]]

    def _keep(self, record: StepRecord) -> StepRecord:
        self._records[record.address] = record
        return record

    def _now(self) -> str:
        return timestamp(self._context.clock.now())

    def _say(
        self,
        action: Action,
        change: str,
        record: StepRecord | None,
        message: str = "",
        progress: Progress | None = None,
    ) -> None:
        attempt = record.attempt if record else 1
        self._tell(StepEvent(action.address, change, action.title, message, progress, attempt))


def _step_error(error: MigrateError) -> StepError:
    return StepError(error.summary, error.why, error.hint, kind=type(error).__name__)


def _fault(error: Exception) -> StepError:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return StepError(
        f"{type(error).__name__}: {error}",
        f"a fault of this program, at {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}",
        "nothing else was touched; please report it with `migrate status --json`",
        kind="Fault",
    )
