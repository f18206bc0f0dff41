"""The state in memory while a plan is carried out. Every change is durable before the call returns."""

from __future__ import annotations

import dataclasses
import threading
from collections import defaultdict
from collections.abc import Iterable

from migrate.core.codec import Json
from migrate.state.model import MigrationFile, OwnedResource, State, StepFile, StepRecord
from migrate.state.store import Store


class Ledger:
    """Reads and writes step records. Thread-safe; files of different tables are written in parallel."""

    def __init__(self, store: Store, state: State, sources: dict[str, str] | None = None) -> None:
        self._store = store
        self._migration = state.migration
        self._files = dict(state.files)
        self._sources = sources or {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()
        self._unsaved: set[str] = set()

    @property
    def lineage(self) -> str:
        """The lineage of the state."""
        return self._migration.lineage

    def state(self) -> State:
        """The state as it is now."""
        return State(self._migration, dict(self._files))

    def record(self, address: str) -> StepRecord | None:
        """The record of a step, or None."""
        file = self._files.get(_owner(address))
        return file.steps.get(address) if file else None

    def outputs(self, address: str) -> dict[str, Json]:
        """The outputs of a step; empty when it is not done."""
        record = self.record(address)
        return dict(record.outputs) if record else {}

    def owned_by(self, address: str) -> tuple[OwnedResource, ...]:
        """What the action at `address` has made and not yet removed."""
        file = self._files.get(_owner(address))
        return tuple(one for one in file.owned.values() if one.address == address) if file else ()

    def write(
        self,
        record: StepRecord,
        owned: Iterable[OwnedResource] = (),
        released: Iterable[str] = (),
        gone: str = "",
        *,
        is_urgent: bool = True,
    ) -> None:
        """Save the record, with what it owns from now on and no longer, in one durable write.

        What is not urgent goes along with the next write of the same file, or with `flush`: for a result that would be
        observed again after a crash, when the next step of the table is about to write anyway.

        `gone` is an address: everything of it that is neither confirmed nor in `owned` is released too (claims that
        turned out otherwise).
        """
        name = _owner(record.address)
        with self._lock(name):
            file = self._files.get(name) or StepFile(name, self.lineage, self._sources.get(name, ""))
            kept = {one.id for one in owned}
            unclaimed = [
                one.id
                for one in file.owned.values()
                if gone and one.address == gone and not one.is_confirmed and one.id not in kept
            ]
            changed = file.updated(record, owned, {*unclaimed, *released})
            if is_urgent:
                self._files[name] = self._store.write_steps(self._migration.migration, changed)
                self._unsaved.discard(name)
            else:
                self._files[name] = changed
                self._unsaved.add(name)

    def flush(self) -> None:
        """Save what was not urgent."""
        for name in sorted(self._unsaved):
            with self._lock(name):
                self._files[name] = self._store.write_steps(self._migration.migration, self._files[name])
                self._unsaved.discard(name)

    def write_migration(self, **changes: object) -> MigrationFile:
        """Save changed fields of the migration's own file."""
        with self._guard:
            wanted: MigrationFile = dataclasses.replace(self._migration, **changes)  # type: ignore[arg-type]
            self._migration = self._store.write_migration(wanted)
            return self._migration

    def _lock(self, name: str) -> threading.Lock:
        with self._guard:
            return self._locks[name]


def _owner(address: str) -> str:
    return address.split("/", 1)[0]
