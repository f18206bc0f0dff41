"""Where states are kept: the protocol that the rest of the program sees, and how a place is chosen."""

from __future__ import annotations

from typing import Protocol

from migrate.core.clock import Clock
from migrate.core.codec import Json
from migrate.core.errors import StateUnusable
from migrate.state.folder import FolderStore
from migrate.state.lock import LEASE, Lock, LockInfo
from migrate.state.model import MigrationFile, State, StepFile
from migrate.state.objectstore import ObjectStore
from migrate.state.s3 import S3Store
from migrate.state.work import Work


class Store(Protocol):
    """The states of all migrations in one place.

    Usage: take the lock, read (or create), then write, always passing what the last read or write returned. Reading
    needs no lock.

    An implementation MUST

    - have a file on durable storage before a write returns, and leave the old or the new file, whole, after a crash;
    - refuse a write (`StateUnusable`) when the file is not the one that the caller read: another serial, another
      lineage, or changed in place;
    - refuse a write (`StateLocked`) by a store object that does not hold the migration's lock, or lost it;
    - raise `StateWriteFailed` when there is no room or no permission, with what was saved before intact; the same
      write may then be repeated;
    - refuse (`StateUnusable`) to read what is damaged, of mixed lineages, or written by a newer version;
    - take the same time for `write_steps` however many tables the migration has.

    It MAY be called from several threads at once, for different files. Files of one migration are read one after the
    other: without the lock, a reader may see a table's file newer than the migration's.

    It MUST NOT retry a refused write, merge files, wait for a lock, or use the journal for a decision.

    Most implementations are `ObjectStore` on a new `Objects`.
    """

    def migrations(self) -> list[str]:
        """Names of the migrations that have a state, sorted."""

    def read(self, migration: str) -> State | None:
        """The whole state, brought to this version's form; None when there is none. Writes nothing."""

    def create(self, migration: str, lineage: str) -> State:
        """Make the state of a new migration. Raises `StateUnusable` when it has one. Needs the lock."""

    def write_migration(self, file: MigrationFile) -> MigrationFile:
        """Save the migration's own file over the one with `file.serial`. Returns it with the next serial."""

    def write_steps(self, migration: str, file: StepFile) -> StepFile:
        """Save the steps of one table, or the shared ones, over the file with `file.serial` (0: there is none yet).

        Returns the file with the next serial: the one to change and pass the next time. One small durable write.
        """

    def write_plan(self, migration: str, plan: dict[str, Json]) -> None:
        """Keep the JSON of the plan that is being carried out. An earlier one is kept by its id. Needs the lock."""

    def read_plan(self, migration: str, plan_id: str = "") -> dict[str, Json] | None:
        """What `write_plan` kept last, or an earlier plan by its id; None when it is not there."""

    def work(self, migration: str) -> Work:
        """The long local work of this migration: folders for its checkpoints, which outlive this machine if need be."""

    def append_journal(self, migration: str, line: dict[str, Json]) -> None:
        """Add one line to the journal, for people. Needs no lock; a crash of the machine may lose the last lines."""

    def lock(self, migration: str, *, user: str | None = None, lease: float | None = None) -> Lock:
        """Take the migration's lock for this store object, without waiting.

        Raises `StateLocked`, naming the holder, when somebody has it. A holder that is gone, or silent for longer than
        its lease of `lease` seconds (by default the store's), loses it: then the result's `notes` say so. `user` is the
        name shown to others.
        """

    def locked_by(self, migration: str) -> LockInfo | None:
        """Who holds the lock, or None."""

    def force_unlock(self, migration: str) -> LockInfo | None:
        """Remove the lock, whoever holds it, and return who did. A run that still works stops before its next write."""


def open_store(url: str, clock: Clock | None = None, *, lease: float = LEASE) -> ObjectStore:
    """The store at `url`: `s3://bucket/prefix`, or a local folder (made at the first write). Touches nothing yet.

    `lease` is that of its locks, in seconds. Raises `StateUnusable` for a kind of URL that is not known.
    """
    scheme, separator, _ = url.partition("://")
    if scheme == "s3" and separator:
        return S3Store(url, clock, lease=lease)
    if separator or url.lower().startswith("s3:"):
        hint = "give a local folder or a bucket: --state state/, --state s3://bucket/prefix"
        raise StateUnusable(f"not a place for states: {url}", hint=hint)
    return FolderStore(url, clock, lease=lease)
