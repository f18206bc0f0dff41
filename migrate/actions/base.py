"""What an action handler is, and what it tells the applier."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from migrate.actions.places import Places
from migrate.aws.session import Account
from migrate.core.access import Access
from migrate.core.clock import Clock
from migrate.core.codec import Json
from migrate.core.errors import StepError
from migrate.core.events import Progress
from migrate.plan.model import Action, Side
from migrate.state.model import OwnedResource
from migrate.state.work import Work


@dataclass(frozen=True)
class Context:
    """The world that handlers act on. `should_stop` turns True when the user asks to stop: long local work ends."""

    source: Account
    target: Account
    clock: Clock
    lineage: str = ""
    should_stop: Callable[[], bool] = lambda: False
    on_progress: Callable[[str, Progress], None] = lambda _address, _progress: None
    work: Work | None = None
    """Folders for the checkpoints of long local work."""

    code: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Content of the Python files that the manifest's transforms name, by path."""

    transport: str | None = None
    """What carries items (`aws/items.py`), where the user has said it for this run; else the plan says."""

    def account(self, side: Side) -> Account:
        """The account in which an action of that side works (TARGET for both)."""
        return self.source if side is Side.SOURCE else self.target


@dataclass(frozen=True)
class Step:
    """One action as a handler sees it: every `ref` in `params` is resolved.

    `token` is the idempotency key of this attempt. `handle` is what `start` returned, or None before. `owned` are the
    resources in the state that the action `of` (or this one) made.
    """

    address: str
    kind: str
    side: Side
    params: Mapping[str, Any]
    token: str
    attempt: int = 1
    handle: str | None = None
    started: str | None = None
    owned: tuple[OwnedResource, ...] = ()


@dataclass(frozen=True)
class Absent:
    """Nothing of this attempt is there: it must be started."""


@dataclass(frozen=True)
class InProgress:
    """Work of this attempt was found (started by a run that died, perhaps): adopt it by its handle."""

    handle: str


@dataclass(frozen=True)
class Satisfied:
    """The effect is there in full."""

    handle: str | None = None


@dataclass(frozen=True)
class Conflicting:
    """Something else is where the effect should be; to go on would harm it."""

    error: StepError


Observation = Absent | InProgress | Satisfied | Conflicting


@dataclass(frozen=True)
class Done:
    """The step is finished. `outputs` may be referred to by other actions.

    `owned` replaces what `claims` announced; `released` are ids of resources that are gone now.
    """

    outputs: Mapping[str, Json] = field(default_factory=dict)
    owned: tuple[OwnedResource, ...] = ()
    released: tuple[str, ...] = ()


@dataclass(frozen=True)
class Running:
    """Not finished: look again in that many seconds. `owned` confirms resources that are known to exist by now."""

    look_again_in: float
    progress: Progress | None = None
    owned: tuple[OwnedResource, ...] = ()


@dataclass(frozen=True)
class Failed:
    """This attempt has ended badly and cannot go on; the next attempt has a new token.

    `owned` are resources that it left behind, `released` those that it turned out not to have made.
    """

    error: StepError
    owned: tuple[OwnedResource, ...] = ()
    released: tuple[str, ...] = ()
    outputs: Mapping[str, Json] = field(default_factory=dict)
    """What it found out, for reports; no other action may refer to it."""


@dataclass(frozen=True)
class Again:
    """One part of the effect is there: look and start once more for the rest (AWS takes one change at a time)."""

    look_again_in: float = 0.0


@dataclass(frozen=True)
class Blocked:
    """It cannot go on now, and nothing is broken: the step stays as it is, and the next apply looks again."""

    reason: str
    hint: str = ""


StepResult = Done | Running | Again | Failed | Blocked


class ActionHandler(Protocol):
    """The effect of one kind of action.

    The applier calls `observe`; if absent, writes down that it is about to start (with `claims`), calls `start`, writes
    down the handle, calls `poll` until it is final, and for `Done` calls `observe` once more for proof.

    A handler must be safe to call again after a crash at any point. `observe` and `poll` must not change anything in
    AWS. `start` may be called only after `observe` said absent; with the same token it must not do a thing twice.
    It may raise any `AwsError`: the applier decides by its class whether to look again or to fail.
    """

    slot: str | None
    """Name of the quota of which it holds a part while it runs (see `apply/quotas.py`), or None."""

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """Whom the action needs to be allowed what, in every case. Pure: it asks nobody.

        Every call of the other methods must be in it (but for `undo`, which an apply never calls), and what AWS does
        with the permissions of the caller. `migrate permissions` is made of it.
        """

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """What `start` is going to create, written to the state before the call, unconfirmed."""

    def observe(self, step: Step, context: Context) -> Observation:
        """Look whether the effect is there."""

    def start(self, step: Step, context: Context) -> str | None:
        """Make the effect, or begin to. Returns AWS's name for the work; None when there is nothing to find again."""

    def poll(self, step: Step, context: Context) -> StepResult:
        """How far it is."""

    def undo(self, step: Step, context: Context) -> None:
        """Take the effect back; nothing happens when it is not there. Raises NotImplementedError where it cannot be."""


class ReadOnlyHandler:
    """Shared part of handlers that change nothing: they have no claims, nothing to find and nothing to undo."""

    slot: str | None = None

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        raise NotImplementedError

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """Nothing."""
        return ()

    def observe(self, step: Step, context: Context) -> Observation:
        """Absent until this attempt has polled to its end; then its own result is the proof."""
        return Satisfied() if step.handle else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """Nothing to start: the work happens in `poll`."""
        return f"local:{step.token}"

    def undo(self, step: Step, context: Context) -> None:
        """Nothing to undo."""


def seconds_since(started: str | None, clock: Clock) -> float:
    """Seconds since a step's recorded start; 0 when it has none."""
    if started is None:
        return 0.0
    began = dt.datetime.fromisoformat(started.replace("Z", "+00:00"))
    return max(0.0, (clock.now() - began).total_seconds())


LISTS_LAG = 120.0
"""Seconds for which lists and tags may not show yet what a call has made (they are eventually consistent)."""


def was_just_started(step: Step, context: Context) -> bool:
    """True when this attempt was about to start, or started, a moment ago: what is not to be seen may be there."""
    return step.started is not None and seconds_since(step.started, context.clock) < LISTS_LAG


def next_look(elapsed: float) -> float:
    """Seconds until the next look at a job that runs for `elapsed` seconds: often at first, at most every 20 s."""
    return min(20.0, max(0.25, elapsed / 10))
