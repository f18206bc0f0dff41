"""A whole state, brought to another place: never over a newer one, or one of another lineage, unless told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrate.core.errors import StateUnusable
from migrate.state.model import SHARED, MigrationFile, State, StepFile
from migrate.state.objectstore import ObjectStore


@dataclass(frozen=True)
class Transfer:
    """What was brought: how many files, and how many of them the place had already."""

    files: int
    unchanged: int


def transfer(
    migration: str, origin: ObjectStore, target: ObjectStore, *, is_forced: bool, tell: Callable[[str], None]
) -> Transfer:
    """Make the state of `migration` in `target` that of `origin`: records, plans and checkpoints, not the journal.

    Raises `StateUnusable` when there is none in `origin`, or when the one in `target` is newer, has other content or is
    of another lineage; with `is_forced` it is overwritten instead, and `tell` is told what is lost. Raises
    `StateLocked` when somebody works on either. After an interruption the same call goes on.
    """
    origin.refuse_if_locked(migration)
    new = origin.read(migration)
    if new is None:
        names = ", ".join(origin.migrations()) or "none"
        why = f"migrations there: {names}"
        raise StateUnusable(f"no migration called {migration} has a state in {origin.objects.where('')}", why=why)
    with target.lock(migration) as lock:
        for note in lock.notes:
            tell(f"note: {note}")
        losses = _losses(new, target, migration)
        if losses and not is_forced:
            raise StateUnusable(
                f"the state of {migration} in {target.objects.where('')} would be overwritten",
                why="\n".join(losses),
                hint="migrate state show   shows either; --force overwrites it",
            )
        for loss in losses:
            tell(f"overwritten: {loss}")
        return _bring(migration, origin, target)


def _losses(new: State, target: ObjectStore, migration: str) -> list[str]:
    """Everything in `target` that is not older than `new`, in words."""
    try:
        old = target.read(migration)
    except StateUnusable as error:
        return [f"{error.summary}: {error.why}" if error.why else error.summary]
    if old is None:
        return []
    if old.lineage != new.lineage:
        return [f"its lineage is {old.lineage}, not {new.lineage}: it was begun apart and is no older form of this one"]
    pairs: list[tuple[str, MigrationFile | StepFile, MigrationFile | StepFile | None]]
    pairs = [("the migration", old.migration, new.migration)]
    pairs += [(name, file, new.files.get(name)) for name, file in sorted(old.files.items())]
    found = []
    for name, there, here in pairs:
        if here is None:
            found.append(f"{name} is known there only (serial {there.serial})")
        elif there.serial > here.serial:
            found.append(f"{name} has serial {there.serial} there, and {here.serial} in what would replace it")
        elif there.serial == here.serial and there != here:
            found.append(f"{name} has serial {there.serial} in both, with different content")
    return found


def _bring(migration: str, origin: ObjectStore, target: ObjectStore) -> Transfer:
    """The migration's own file comes last: until then, an interrupted transfer shows as an incomplete state."""
    keys = _keys(migration, origin)
    there = _keys(migration, target)
    versions = dict(zip(there, target.objects.get_all(there), strict=True))
    unchanged = 0
    for key, found in zip(keys, origin.objects.get_all(keys), strict=True):
        before = versions.get(key)
        if found is None or (before is not None and before.data == found.data):
            unchanged += 1
        elif target.objects.put(key, found.data, before.version if before else None) is None:
            raise _moved(target, key)
    for key in there:
        found = versions[key]
        if key not in keys and found is not None and not target.objects.delete(key, found.version):
            raise _moved(target, key)
    return Transfer(len(keys), unchanged)


def _keys(migration: str, store: ObjectStore) -> list[str]:
    objects = store.objects
    work = [f"{migration}/work/{name}" for name in objects.folders(f"{migration}/work")]
    folders = (f"{migration}/plans", f"{migration}/tables", *work)
    found = [key for folder in folders for key in objects.keys(folder)]
    direct = objects.keys(migration)
    own = [f"{migration}/{name}.json" for name in (SHARED, "plan", "migration")]
    return [*found, *(key for key in own if key in direct)]


def _moved(target: ObjectStore, key: str) -> StateUnusable:
    where = target.objects.where(key)
    return StateUnusable(f"changed by another process: {where}", hint="run the same command again")
