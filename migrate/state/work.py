"""Files of long local work (a copy's checkpoints and dead letters), kept with the state so that they outlive a machine.

The work itself reads and writes a local folder. Beside a state in a folder that is all; with one elsewhere, the files
are brought there every few seconds. What is there may be a little old, which only makes the work repeat its last pages.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from migrate.core.codec import Json
from migrate.core.errors import MigrateError, StateLocked, StateWriteFailed
from migrate.data.books import CHECKPOINTS, CONTROL
from migrate.state.objects import Objects

SECONDS = 8.0
"""Between two looks at the local files: up to three writes (letters, status, checkpoints) and a read (rates)."""

SYNCED = ".synced"
KEPT = (".json", ".jsonl")


class Work:
    """The long local work of one migration, in the folder `local`. `is_mirrored`: its files are kept elsewhere too."""

    def __init__(self, objects: Objects, migration: str, local: Path, *, is_mirrored: bool) -> None:
        self._objects = objects
        self._folder = f"{migration}/work"
        self._local = local
        self._is_mirrored = is_mirrored

    def names(self) -> list[str]:
        """Names of all work that has left files, finished or not."""
        return self._objects.folders(self._folder)

    def where(self, name: str) -> str:
        """Where the files of this work are kept, for messages."""
        return self._objects.where(f"{self._folder}/{name}") if self._is_mirrored else str(self._local / name)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[Path]:
        """The local folder of this work, as it was last left on any machine; kept up to date elsewhere until the end.

        Needs the migration's lock. Raises `StateWriteFailed` at the end when the last files could not be brought there.
        """
        folder = self._local / name
        if not self._is_mirrored:
            yield folder
            return
        with _Mirror(self._objects, f"{self._folder}/{name}", folder):
            yield folder

    def read(self, name: str, file: str) -> bytes | None:
        """A file of this work as it is kept, which may be some seconds old; None when there is none."""
        found = self._objects.get(f"{self._folder}/{name}/{file}")
        return found.data if found else None

    def control(self, name: str, wish: Mapping[str, float]) -> None:
        """Change the rates of this work, running or not; needs no lock. A running one notices within seconds."""
        key = f"{self._folder}/{name}/{CONTROL}"
        while True:
            found = self._objects.get(key)
            text = json.dumps({**_object(found.data if found else b""), **wish}, indent=2) + "\n"
            if self._objects.put(key, text.encode(), found.version if found else None) is not None:
                return


class _Mirror:
    """Keeps a local folder and the objects below `key` the same, for as long as it is entered."""

    def __init__(self, objects: Objects, key: str, folder: Path) -> None:
        self._objects = objects
        self._key = key
        self._folder = folder
        self._versions: dict[str, str] = {}
        self._sent: dict[str, bytes] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"mirror of {key}", daemon=True)

    def __enter__(self) -> None:
        with _saving(self._folder):
            self._fetch()
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        with _saving(self._folder):
            self._send()

    def _follow(self) -> None:
        while not self._stop.wait(SECONDS):
            # A failure is met again, and raised, at the end; until then the local files are all that is needed.
            with contextlib.suppress(MigrateError), _saving(self._folder):
                self._send()
                self._fetch_control()

    def _fetch(self) -> None:
        """Take over what another machine has left. What this one sent last, it has itself, and perhaps more."""
        keys = self._objects.keys(self._key)
        found = {
            key.rsplit("/", 1)[1]: one
            for key, one in zip(keys, self._objects.get_all(keys), strict=True)
            if one is not None
        }
        self._versions = {name: one.version for name, one in found.items()}
        theirs = {name: version for name, version in self._versions.items() if name != CONTROL}
        ours = {name: one for name, one in _object(_read(self._folder / SYNCED)).items() if name != CONTROL}
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if theirs != ours:
            # All or nothing: checkpoints and letters belong together. Without checkpoints the work starts from nothing.
            for path in sorted(self._files(), key=lambda one: one.name != CHECKPOINTS):
                path.unlink()
            for name in sorted(theirs, key=lambda one: one == CHECKPOINTS):
                _replace(self._folder / name, found[name].data)
        self._note_synced()
        if CONTROL in found:
            _replace(self._folder / CONTROL, found[CONTROL].data)

    def _send(self) -> None:
        """Bring what has changed. Checkpoints are read first and sent last: the letters that they count are there."""
        files = sorted(self._files(), key=lambda one: one.name != CHECKPOINTS)
        now = {path.name: _read(path) for path in files}
        for name, data in reversed(now.items()):
            if data == self._sent.get(name):
                continue
            version = self._objects.put(f"{self._key}/{name}", data, self._versions.get(name))
            if version is None:
                where = self._objects.where(f"{self._key}/{name}")
                raise StateLocked(f"another run has taken over: {where} was written by somebody else")
            self._versions[name], self._sent[name] = version, data
            self._note_synced()

    def _fetch_control(self) -> None:
        found = self._objects.get(f"{self._key}/{CONTROL}")
        if found is not None and found.version != self._versions.get(CONTROL):
            self._versions[CONTROL] = found.version
            _replace(self._folder / CONTROL, found.data)

    def _files(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if path.suffix in KEPT and path.name != CONTROL]

    def _note_synced(self) -> None:
        _replace(self._folder / SYNCED, json.dumps(self._versions).encode())


@contextlib.contextmanager
def _saving(folder: Path) -> Iterator[None]:
    """Turns a failure of the local disk into `StateWriteFailed`."""
    try:
        yield
    except OSError as error:
        hint = "make room (or give permission) and run the same command again: it goes on where it was saved"
        why = f"{error.strerror or error}"
        raise StateWriteFailed(f"the checkpoints in {folder} cannot be kept", why=why, hint=hint) from error


def _object(data: bytes) -> dict[str, Json]:
    """The JSON object in a small file of ours; nothing when it is damaged or absent."""
    try:
        value = json.loads(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(data)
    temporary.replace(path)
