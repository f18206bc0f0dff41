"""The store, on top of any `Objects`: names, serials, lineages, format versions."""

from __future__ import annotations

import abc
import dataclasses
import hashlib
import json
import re
import threading
from typing import NamedTuple, TypeVar

from migrate.core.clock import Clock
from migrate.core.codec import Json, Undecodable, decode, encode
from migrate.core.errors import StateLocked, StateUnusable
from migrate.state.lock import LEASE, Lock, LockInfo, acquire, force_unlock, read_lock, refuse_if_held
from migrate.state.model import SHARED, MigrationFile, State, StepFile
from migrate.state.objects import Found, Objects
from migrate.state.process import this_process
from migrate.state.upgrades import upgrade
from migrate.state.work import Work

F = TypeVar("F", MigrationFile, StepFile)
MIGRATION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
PLAN_ID = re.compile(r"[0-9a-f]{64}")
TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
LONGEST_PLAIN_NAME = 200
RESTORE = (
    "put back a copy of the file (in a bucket, its version before); without one, move it away and run: "
    "migrate state adopt"
)


class Known(NamedTuple):
    """What this store object last saw of a file. `serial` 0: there was none."""

    serial: int
    lineage: str
    version: str | None


NOTHING = Known(0, "", None)


class ObjectStore(abc.ABC):
    """A `Store` on `objects`; see `Store` for what each method promises.

    It remembers the version of every file that it read or wrote, so that a write compares without reading again.
    """

    def __init__(self, objects: Objects, clock: Clock, *, lease: float = LEASE) -> None:
        self.objects = objects
        """Where everything is kept; see `state/transfer.py`."""

        self._lease = lease
        self._clock = clock
        self._known: dict[str, Known] = {}
        self._mutex = threading.Lock()
        self._locks: dict[str, Lock] = {}

    def migrations(self) -> list[str]:
        """See `Store.migrations`."""
        return [name for name in self.objects.folders() if _migration_key(name) in self.objects.keys(name)]

    def read(self, migration: str) -> State | None:
        """See `Store.read`."""
        _check_name(migration)
        key = _migration_key(migration)
        keys = [k for k in self.objects.keys(migration) if k == f"{migration}/{SHARED}.json"]
        keys += self.objects.keys(f"{migration}/tables")
        own = self._read(key, MigrationFile)
        wanted = [f"{migration}/{name}" for name in own.files] if own else [key] if keys else []
        missing = [k for k in wanted if k not in keys]
        if missing:
            where = ", ".join(map(self.objects.where, missing))
            raise StateUnusable(f"the state of {migration} is incomplete: {where} is missing", hint=RESTORE)
        if own is None:
            return None
        if own.migration != migration:
            why = f"it is the state of {own.migration}"
            raise StateUnusable(f"not the state of {migration}: {self.objects.where(key)}", why=why, hint=RESTORE)
        files = [
            self._steps(k, own, found)
            for k, found in zip(keys, self.objects.get_all(keys), strict=True)
            if found is not None
        ]
        return State(own, {file.name: file for file in files})

    def create(self, migration: str, lineage: str) -> State:
        """See `Store.create`."""
        return State(self.write_migration(MigrationFile(migration, lineage)))

    def write_migration(self, file: MigrationFile) -> MigrationFile:
        """See `Store.write_migration`."""
        own = _migration_key(file.migration)
        with self._mutex:
            known = [key for key in self._known if key.startswith(f"{file.migration}/") and key != own]
        files = {*file.files, *(key.partition("/")[2] for key in known)}
        return self._write(file.migration, own, dataclasses.replace(file, files=tuple(sorted(files))))

    def write_steps(self, migration: str, file: StepFile) -> StepFile:
        """See `Store.write_steps`."""
        return self._write(migration, steps_key(migration, file), file)

    def write_plan(self, migration: str, plan: dict[str, Json]) -> None:
        """See `Store.write_plan`."""
        self._check_lock(migration)
        key = f"{migration}/plan.json"
        found = self.objects.get(key)
        if found and (before := _plan_id(found)) and before != plan.get("plan_id"):
            self.objects.put(_plan_key(migration, before), found.data, None)  # refused when it is there already
        if self.objects.put(key, _text(plan), found.version if found else None) is None:
            raise self._moved(key, "its version is another one")

    def read_plan(self, migration: str, plan_id: str = "") -> dict[str, Json] | None:
        """See `Store.read_plan`."""
        _check_name(migration)
        if plan_id and not PLAN_ID.fullmatch(plan_id):
            return None
        key = _plan_key(migration, plan_id)
        found = self.objects.get(key)
        return self._parse(key, found) if found else None

    @abc.abstractmethod
    def work(self, migration: str) -> Work:
        """See `Store.work`."""

    def append_journal(self, migration: str, line: dict[str, Json]) -> None:
        """See `Store.append_journal`."""
        _check_name(migration)
        text = json.dumps(encode(line), ensure_ascii=True)
        self.objects.append(f"{migration}/journal.jsonl", f"{text}\n".encode())

    def lock(self, migration: str, *, user: str | None = None, lease: float | None = None) -> Lock:
        """See `Store.lock`."""
        _check_name(migration)
        lock = acquire(self.objects, migration, this_process(user), self._clock, lease or self._lease)
        with self._mutex:
            # What was seen before the lock was held may have been changed by its last holder, rightly.
            self._known = {key: known for key, known in self._known.items() if not key.startswith(f"{migration}/")}
            self._locks[migration] = lock
        return lock

    def locked_by(self, migration: str) -> LockInfo | None:
        """See `Store.locked_by`."""
        _check_name(migration)
        return read_lock(self.objects, migration)

    def refuse_if_locked(self, migration: str) -> None:
        """Raise `StateLocked`, naming the holder, when somebody alive has the lock."""
        _check_name(migration)
        refuse_if_held(self.objects, migration, self._clock)

    def force_unlock(self, migration: str) -> LockInfo | None:
        """See `Store.force_unlock`."""
        _check_name(migration)
        return force_unlock(self.objects, migration)

    def _check_lock(self, migration: str) -> None:
        _check_name(migration)
        lock = self._locks.get(migration)
        if lock is None:
            raise StateLocked(f"this run does not hold the lock of {migration}", why="writing its state needs the lock")
        lock.check()

    def _write(self, migration: str, key: str, file: F) -> F:
        self._check_lock(migration)
        # A first write needs no look: it is refused when there is something already.
        known = self._known.get(key) or (self._look(key, type(file)) if file.serial else NOTHING)
        if known.serial != file.serial:
            raise self._moved(key, f"it has serial {known.serial}, this run knows {file.serial}")
        if known.serial and known.lineage != file.lineage:
            raise self._moved(key, f"it has lineage {known.lineage}, this run knows {file.lineage}")
        written = dataclasses.replace(file, serial=file.serial + 1)
        version = self.objects.put(key, _text(encode(written)), known.version)
        if version is None:
            raise self._moved(key, "its version is another one")
        with self._mutex:
            self._known[key] = Known(written.serial, written.lineage, version)
        return written

    def _look(self, key: str, kind: type[F]) -> Known:
        """Read a file only to learn what a write must expect."""
        self._read(key, kind)
        return self._known.get(key) or NOTHING

    def _read(self, key: str, kind: type[F]) -> F | None:
        found = self.objects.get(key)
        return self._take(key, found, kind) if found else None

    def _take(self, key: str, found: Found, kind: type[F]) -> F:
        """The file in `found`, whose version is remembered."""
        file = self._decode(key, found, kind)
        with self._mutex:
            known = self._known.get(key)
            # A reader that was overtaken by a writer in another thread must not bring the older version back.
            if known is None or known.serial <= file.serial:
                self._known[key] = Known(file.serial, file.lineage, found.version)
        return file

    def _steps(self, key: str, own: MigrationFile, found: Found) -> StepFile:
        file = self._take(key, found, StepFile)
        if file.lineage != own.lineage:
            why = f"it has lineage {file.lineage}, the migration has {own.lineage}"
            raise StateUnusable(f"a file of another state: {self.objects.where(key)}", why=why, hint=RESTORE)
        if steps_key(own.migration, file) != key:
            why = f"its content belongs to {file.name}"
            raise StateUnusable(f"a misplaced state file: {self.objects.where(key)}", why=why, hint=RESTORE)
        return file

    def _decode(self, key: str, found: Found, kind: type[F]) -> F:
        value = self._parse(key, found)
        try:
            return decode(kind, upgrade(value))
        except Undecodable as error:
            raise self._damaged(key, str(error)) from error
        except StateUnusable as error:
            why = f"{self.objects.where(key)}: {error.why or error.summary}"
            raise StateUnusable(error.summary, why=why, hint=error.hint) from error

    def _parse(self, key: str, found: Found) -> dict[str, Json]:
        try:
            value = json.loads(found.data)
        except (ValueError, RecursionError) as error:
            raise self._damaged(key, str(error)) from error
        if not isinstance(value, dict):
            raise self._damaged(key, "it is not a JSON object")
        return value

    def _damaged(self, key: str, why: str) -> StateUnusable:
        return StateUnusable(f"a damaged state file: {self.objects.where(key)}", why=why, hint=RESTORE)

    def _moved(self, key: str, why: str) -> StateUnusable:
        summary = f"changed by another process: {self.objects.where(key)}"
        return StateUnusable(summary, why=f"{why}; nothing was written", hint="run the same command again")


def steps_key(migration: str, file: StepFile) -> str:
    """Key of a step file. Raises `StateUnusable` for what cannot be the name of a table.

    Table names are safe as file names, with two exceptions: capitals (`Orders` and `orders` are one file on some file
    systems) and great length. Such a name gets `~` and eight digits of its digest; no table name contains `~`.
    """
    name = file.name
    if name == SHARED:
        if file.source:
            hint = "give the table another name under target.name in the manifest"
            raise StateUnusable(f"the target table of {file.source} cannot be called {SHARED}", hint=hint)
        return f"{migration}/{SHARED}.json"
    if not TABLE_NAME.fullmatch(name):
        raise StateUnusable(f"not a table name: {name!r}")
    if name != name.lower() or len(name) > LONGEST_PLAIN_NAME:
        name = f"{name[:LONGEST_PLAIN_NAME]}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{migration}/tables/{name}.json"


def _migration_key(migration: str) -> str:
    return f"{migration}/migration.json"


def _plan_key(migration: str, plan_id: str = "") -> str:
    return f"{migration}/plans/{plan_id}.json" if plan_id else f"{migration}/plan.json"


def _plan_id(found: Found) -> str:
    """The id of a plan that was kept; empty when it is damaged and has none."""
    try:
        value = json.loads(found.data)
    except (ValueError, RecursionError):
        return ""
    name = str(value.get("plan_id")) if isinstance(value, dict) else ""
    return name if PLAN_ID.fullmatch(name) else ""


def _check_name(migration: str) -> None:
    if not MIGRATION_NAME.fullmatch(migration):
        raise StateUnusable(f"not the name of a migration: {migration!r}", hint="use letters, digits and . _ -")


def _text(value: Json) -> bytes:
    # Not indented: that takes the slow encoder, a third of the cost of a write. `migrate state show` is for people.
    return (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
