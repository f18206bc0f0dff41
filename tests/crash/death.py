"""Death at a chosen effect: the run ends there and then, and nothing of it can change anything afterwards.

An effect is an AWS call that changes something, or a write of the state. They are counted from 1, over all the attempts
of one life. A death before an effect: it does not happen. After it: it happens, and nobody learns of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from migrate.aws.readonly import is_reading
from migrate.aws.session import Account
from migrate.core.codec import Json
from migrate.sandbox.server import Sandbox
from migrate.state.lock import Lock
from migrate.state.model import MigrationFile, State, StepFile
from migrate.state.store import Store
from migrate.state.work import Work
from tests.crash import shortcut

T = TypeVar("T")


class Died(BaseException):
    """The process is gone: no handler runs anything after it."""


@dataclass(frozen=True, order=True)
class Moment:
    """When to die: at the effect with this number, before or after it. With a name, effects of that name are counted:
    what comes before them may differ from life to life."""

    number: int
    is_after: bool
    effect: str = ""

    def __str__(self) -> str:
        which = f"{self.number} ({self.effect})" if self.effect else str(self.number)
        return f"{'after' if self.is_after else 'before'} {which}"


@dataclass
class Fate:
    """The moments of death that lie ahead, and the effects so far."""

    moments: list[Moment] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    is_dead: bool = False
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def before(self, name: str) -> None:
        """An effect is about to happen."""
        with self.mutex:
            self.live()
            self.effects.append(name)
            self._meet(is_after=False)

    def after(self) -> None:
        """It has happened."""
        with self.mutex:
            self.live()
            self._meet(is_after=True)

    def live(self) -> None:
        """The dead do nothing."""
        if self.is_dead:
            raise Died

    def born_again(self) -> None:
        """The next process."""
        self.is_dead = False

    def _meet(self, *, is_after: bool) -> None:
        moment = self.moments[0] if self.moments else None
        if moment is None or moment.is_after is not is_after or moment.effect not in ("", self.effects[-1]):
            return
        if moment.number == (self.effects.count(moment.effect) if moment.effect else len(self.effects)):
            self.moments.pop(0)
            self.is_dead = True
            raise Died


class MortalAccount(Account):
    """An account whose calls are effects, and end with the run."""

    reads_quickly = False  # the fate sits on botocore's events
    fate: Fate
    sandbox: Sandbox

    def client(self, service: str) -> Any:
        """See `Account.client`."""
        with self._lock:  # two threads that both find it new would count every effect twice
            is_new = service not in self._clients
            made = super().client(service)
            if is_new:
                shortcut.install(made, self.sandbox)
                made.meta.events.register("before-call", self._before)
                made.meta.events.register("after-call", self._after)
            return made

    def _before(self, model: Any, **_event: Any) -> None:
        if is_reading(model.service_model.service_name, model.name):
            self.fate.live()
        else:
            self.fate.before(f"{self.side} {model.name}")

    def _after(self, model: Any, **_event: Any) -> None:
        if not is_reading(model.service_model.service_name, model.name):
            self.fate.after()


class MortalStore:
    """A store whose writes are effects, and end with the run."""

    def __init__(self, store: Store, fate: Fate) -> None:
        self._store = store
        self._fate = fate

    def migrations(self) -> list[str]:
        return self._store.migrations()

    def read(self, migration: str) -> State | None:
        return self._store.read(migration)

    def create(self, migration: str, lineage: str) -> State:
        return self._effect("create", lambda: self._store.create(migration, lineage))

    def write_migration(self, file: MigrationFile) -> MigrationFile:
        return self._effect("write_migration", lambda: self._store.write_migration(file))

    def write_steps(self, migration: str, file: StepFile) -> StepFile:
        return self._effect(f"write_steps {file.name}", lambda: self._store.write_steps(migration, file))

    def write_plan(self, migration: str, plan: dict[str, Json]) -> None:
        self._effect("write_plan", lambda: self._store.write_plan(migration, plan))

    def read_plan(self, migration: str, plan_id: str = "") -> dict[str, Json] | None:
        return self._store.read_plan(migration, plan_id)

    def work(self, migration: str) -> Work:
        return self._store.work(migration)

    def append_journal(self, migration: str, line: dict[str, Json]) -> None:
        self._store.append_journal(migration, line)

    def lock(self, migration: str, *, user: str | None = None, lease: float | None = None) -> Lock:
        return self._store.lock(migration, user=user, lease=lease)

    def locked_by(self, migration: str) -> Any:
        return self._store.locked_by(migration)

    def force_unlock(self, migration: str) -> Any:
        return self._store.force_unlock(migration)

    def _effect(self, name: str, write: Callable[[], T]) -> T:
        self._fate.before(name)
        written = write()
        self._fate.after()
        return written
