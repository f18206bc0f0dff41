"""States in a local folder: every write is a temporary file, flushed, renamed into place, and the folder flushed.

POSIX only: it relies on atomic rename, hard links and `flock`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from migrate.core.clock import Clock, SystemClock, new_lineage
from migrate.core.errors import StateUnusable, StateWriteFailed
from migrate.state.lock import LEASE
from migrate.state.objects import Found
from migrate.state.objectstore import ObjectStore
from migrate.state.work import Work

GUARD = ".guard"
TEMPORARY = ".tmp"
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}
NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


class FolderStore(ObjectStore):
    """A `Store` in the local folder `root` (made at the first write)."""

    def __init__(self, root: Path | str, clock: Clock | None = None, *, lease: float = LEASE) -> None:
        super().__init__(Folder(Path(root)), clock or SystemClock(), lease=lease)
        self._root = Path(root)

    def work(self, migration: str) -> Work:
        """See `Store.work`: in `<root>/<migration>/work`."""
        return Work(self.objects, migration, (self._root / migration / "work").absolute(), is_mirrored=False)


class Folder:
    """`Objects` in the folder `root`, which is made at the first write. See `Objects` for what each method promises.

    The version of a file is the digest of its bytes. Inode and time of change would save reading a few kilobytes, but
    file systems reuse inodes at once and round times to milliseconds: two files could pass for one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._place = str(root)

    def folders(self, parent: str = "") -> list[str]:
        """See `Objects.folders`."""
        folder = self.root / parent
        return [name for name in self._names(folder) if (folder / name).is_dir()]

    def keys(self, folder: str) -> list[str]:
        """See `Objects.keys`. Temporary files and the guard are not objects."""
        names = self._names(self.root / folder)
        return [f"{folder}/{name}" for name in names if name.endswith((".json", ".jsonl"))]

    def get(self, key: str) -> Found | None:
        """See `Objects.get`."""
        try:
            with open(self.root / key, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(self.root / key, error) from error
        return Found(data, _version(data))

    def get_all(self, keys: Sequence[str]) -> list[Found | None]:
        """See `Objects.get_all`."""
        return [self.get(key) for key in keys]

    def put(self, key: str, data: bytes, expected: str | None) -> str | None:
        """See `Objects.put`. The old file stays as it is until the rename; a failed write leaves no temporary file."""
        # Plain strings: this runs three times a step, and pathlib costs as much as the system calls.
        path = f"{self._place}/{key}"
        folder = path.rsplit("/", 1)[0]
        # A random name: process numbers repeat between containers that share the folder.
        temporary = f"{path}.{new_lineage()}{TEMPORARY}"
        try:
            if not os.path.isdir(folder):
                _make_folder(Path(folder))
            try:
                _write(temporary, data)
                # Only the comparison and the rename are serialised: the slow flush is not.
                with self._guard(key):
                    if _version_at(path) != expected or not _publish(temporary, path, expected is None):
                        return None
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
            _flush_folder(folder)
        except OSError as error:
            raise _unwritable(path, error) from error
        return _version(data)

    def delete(self, key: str, expected: str) -> bool:
        """See `Objects.delete`."""
        path = self.root / key
        try:
            with self._guard(key):
                if _version_at(path) != expected:
                    return False
                os.unlink(path)
            _flush_folder(path.parent)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unwritable(path, error) from error
        return True

    def append(self, key: str, data: bytes) -> None:
        """See `Objects.append`. Not flushed: a crash of the machine may lose the last lines."""
        path = f"{self._place}/{key}"
        try:
            if not os.path.isdir(path.rsplit("/", 1)[0]):
                _make_folder(Path(path).parent)
            with open(path, "ab", buffering=0) as file:
                file.write(data)
        except OSError as error:
            raise _unwritable(path, error) from error

    def flush(self) -> None:
        """See `Objects.flush`: nothing waits here."""

    def check(self, migration: str) -> str | None:
        """See `Objects.check`: a folder is found out when it is written."""
        return None

    def sweep(self, migration: str) -> None:
        """See `Objects.sweep`. Another process that waits for the lock and loses its file here has lost the race."""
        for folder in (self.root / migration, self.root / migration / "tables"):
            for name in self._names(folder):
                if name.endswith(TEMPORARY):
                    with contextlib.suppress(OSError):
                        os.unlink(folder / name)

    def where(self, key: str) -> str:
        """See `Objects.where`."""
        return str(self.root / key)

    def _names(self, folder: Path) -> list[str]:
        try:
            return sorted(os.listdir(folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreadable(folder, error) from error

    @contextlib.contextmanager
    def _guard(self, key: str) -> Iterator[None]:
        """One process and thread at a time between a comparison and the change that depends on it."""
        guard = f"{self._place}/{key.split('/', 1)[0]}/{GUARD}"
        descriptor = os.open(guard, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            # A network file system without flock still has the atomic link and the check of the lock before each write.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _unreadable(self, path: Path, error: OSError) -> StateUnusable:
        hint = "check the path and its permissions, or choose another place with --state"
        return StateUnusable(f"the state cannot be read: {path}", why=error.strerror or str(error), hint=hint)


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(temporary: str, path: str, is_new: bool) -> bool:
    """Put the finished file in its place. A new one by a link, which fails if another host was faster."""
    try:
        if is_new:
            os.link(temporary, path)
            return True
    except (FileExistsError, FileNotFoundError):
        return False
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
    try:
        os.replace(temporary, path)
    except FileNotFoundError:  # swept by a process that took the lock over
        return False
    return True


def _make_folder(path: Path) -> None:
    if path.is_dir():
        return
    if path.parent != path:
        _make_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)
    _flush_folder(path.parent)


def _flush_folder(path: Path | str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _version_at(path: Path | str) -> str | None:
    try:
        with open(path, "rb") as file:
            return _version(file.read())
    except FileNotFoundError:
        return None


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _unwritable(path: Path | str, error: OSError) -> StateWriteFailed:
    if error.errno in NO_ROOM:
        hint = "free some space, then run the same command again: it goes on from what is saved"
    elif error.errno in NO_PERMISSION:
        hint = "make the folder writable for this user, or choose another place with --state"
    else:
        hint = "check the folder given with --state, then run the same command again"
    why = f"{error.strerror or error}; what was saved before is intact"
    return StateWriteFailed(f"the state could not be saved: {path}", why=why, hint=hint)
