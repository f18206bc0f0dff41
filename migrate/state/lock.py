"""The lock of a migration: an object of its own with a lease, so that a killed run does not lock for ever."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import json
import threading
from dataclasses import dataclass
from types import TracebackType

from migrate.core.clock import Clock, timestamp
from migrate.core.codec import Undecodable, decode, encode
from migrate.core.errors import MigrateError, StateLocked, StateUnusable
from migrate.state.objects import Objects
from migrate.state.process import Process, is_gone

LEASE = 180.0
"""Seconds after its last sign of life at which a lock may be taken over. Hosts' clocks must agree within half of it."""

SIGNS_PER_LEASE = 3
ATTEMPTS = 5


@dataclass(frozen=True)
class LockInfo:
    """Who holds a lock. `since` and `renewed` are UTC timestamps, `lease` is in seconds."""

    holder: Process
    since: str
    renewed: str
    lease: float = LEASE

    def age(self, now: dt.datetime) -> float:
        """Seconds since the holder's last sign of life."""
        return max(0.0, (now - _moment(self.renewed)).total_seconds())


class Lock:
    """A held lock. Use it as a context manager: it is given back at the end, and kept alive until then.

    A thread renews the lease three times in its length: once a minute, since each sign of life may cost a request.
    `notes`, for the user, say whose lock was taken over, and what there is to know about the place.
    """

    def __init__(self, objects: Objects, migration: str, info: LockInfo, version: str, clock: Clock) -> None:
        self.migration = migration
        self.info = info
        self.notes: list[str] = []
        self._objects = objects
        self._version = version
        self._clock = clock
        self._is_held = True
        self._mutex = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, name=f"lock of {migration}", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Return if the lock is still ours, else raise `StateLocked`. Called before each write.

        It costs nothing while the lease runs. After the lease (a suspended laptop, a stopped process) it renews first,
        which fails if somebody took the lock over.
        """
        if self._is_held and self.info.age(self._clock.now()) > self.info.lease:
            self.renew()
        if not self._is_held:
            raise StateLocked(
                f"this run no longer holds the lock of {self.migration}",
                why="another run took it over, or it was unlocked by hand; nothing more is written",
                hint=f"see who works on it: migrate status {self.migration}",
            )

    def renew(self) -> None:
        """Give a sign of life. Afterwards `check` knows whether the lock is still ours."""
        with self._mutex:
            if not self._is_held:
                return
            info = dataclasses.replace(self.info, renewed=timestamp(self._clock.now()))
            version = self._objects.put(_key(self.migration), _encode(info), self._version)
            if version is None:
                self._is_held = False
            else:
                self.info, self._version = info, version

    def release(self) -> None:
        """Give the lock back if it is still ours. Harmless when repeated."""
        self._stop.set()
        self._thread.join()
        try:
            self._objects.flush()
        finally:
            with self._mutex:
                if self._is_held:
                    self._is_held = False
                    self._objects.delete(_key(self.migration), self._version)

    @property
    def is_held(self) -> bool:
        """False once the lock was given back or found to be lost."""
        return self._is_held

    def _keep_alive(self) -> None:
        while not self._stop.wait(self.info.lease / SIGNS_PER_LEASE):
            # Missing one sign of life is no loss: the next one, or `check` after the lease, finds out and says so.
            with contextlib.suppress(MigrateError):
                self.renew()
                self._objects.flush()

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def acquire(objects: Objects, migration: str, holder: Process, clock: Clock, lease: float = LEASE) -> Lock:
    """Take the lock, or take it over from a holder that is gone or silent for longer than its lease.

    Does not wait: raises `StateLocked`, naming the holder, when somebody else has it. Of several processes that try at
    once, exactly one succeeds.
    """
    note: str | None = None
    for attempt in range(ATTEMPTS):
        now = clock.now()
        found = objects.get(_key(migration))
        old = _decode(migration, found.data) if found else None
        reason = why_free(old, now) if old else "free"
        if old and not reason:
            raise _locked(migration, old, now)
        note = note if attempt else objects.check(migration)
        info = LockInfo(holder, since=timestamp(now), renewed=timestamp(now), lease=lease)
        version = objects.put(_key(migration), _encode(info), found.version if found else None)
        if version is not None:
            objects.sweep(migration)  # before the first sign of life, whose own temporary file must stay
            lock = Lock(objects, migration, info, version, clock)
            if old:
                lock.notes.append(f"took over the lock of {old.holder} (since {old.since}): {reason}")
            if note:
                lock.notes.append(note)
            return lock
    raise StateLocked(f"the state of {migration} is being locked by others", hint="run the same command again")


def read_lock(objects: Objects, migration: str) -> LockInfo | None:
    """Who holds the lock, alive or not; None when nobody does."""
    found = objects.get(_key(migration))
    return _decode(migration, found.data) if found else None


def refuse_if_held(objects: Objects, migration: str, clock: Clock) -> None:
    """Raise `StateLocked`, naming the holder, when somebody has the lock who is neither gone nor silent too long."""
    info, now = read_lock(objects, migration), clock.now()
    if info and not why_free(info, now):
        raise _locked(migration, info, now)


def force_unlock(objects: Objects, migration: str) -> LockInfo | None:
    """Remove the lock, whoever holds it. Returns who held it; None when nobody did, or nobody readable.

    A run that still works notices before its next write or at its next sign of life, and stops.
    """
    while found := objects.get(_key(migration)):
        if objects.delete(_key(migration), found.version):
            with contextlib.suppress(StateUnusable):
                return _decode(migration, found.data)
            return None
    return None


def why_free(info: LockInfo, now: dt.datetime) -> str:
    """Why this lock may be taken over: nobody works under it any more. Empty when it may not."""
    if is_gone(info.holder):
        return "that process is gone"
    age = info.age(now)
    return f"its last sign of life was {age:.0f} s ago" if age > info.lease else ""


def _locked(migration: str, info: LockInfo, now: dt.datetime) -> StateLocked:
    return StateLocked(
        f"the state of {migration} is locked by {info.holder}",
        why=f"held since {info.since}, last sign of life {info.age(now):.0f} s ago",
        hint=f"wait for that run; if it can no longer be running: migrate state unlock {migration}",
    )


def _key(migration: str) -> str:
    return f"{migration}/lock.json"


def _encode(info: LockInfo) -> bytes:
    return (json.dumps(encode(info)) + "\n").encode()


def _decode(migration: str, data: bytes) -> LockInfo:
    try:
        info = decode(LockInfo, json.loads(data))
        _moment(info.renewed)
    except (ValueError, Undecodable) as error:
        hint = f"if no run is active: migrate state unlock {migration}"
        raise StateUnusable(f"the lock of {migration} cannot be read", why=str(error), hint=hint) from error
    return info


@functools.lru_cache(maxsize=8)
def _moment(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=dt.timezone.utc)
