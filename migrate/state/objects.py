"""What a place must offer to hold a state: named bytes that are written whole, and only if nobody else wrote them.

The store and the lock are written once, on top of this. A new place for states (S3, another object store) is one class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Found(NamedTuple):
    """The bytes of an object and the version they had. A version means nothing but "the same" or "another"."""

    data: bytes
    version: str


class Objects(Protocol):
    """Objects by key: `<migration>/<name>`, `<migration>/tables/<name>`, `<migration>/work/<job>/<name>`; the same
    layout in every place.

    An implementation MUST

    - make `put` all or nothing: after a crash at any point, `get` gives the old bytes or the new ones, whole;
    - make `put` and `delete` conditional: compare the version and change the object as one step, so that of two
      processes that expect the same version exactly one succeeds (S3: `If-None-Match: *` and `If-Match`,
      https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html);
    - have the bytes on durable storage before `put` returns;
    - show a finished `put` to every later `get` and `keys`, from any host;
    - raise `StateWriteFailed` when it cannot write and `StateUnusable` when it cannot read, with a hint, leaving what
      was there intact.

    It MAY be called from several threads at once, for different keys or the same; it MAY keep objects of its own in a
    migration's folder, as long as `keys` does not show them.

    It MUST NOT look into the bytes, retry a refused `put` with another version, or answer "refused" to a `put` that
    took effect (when the answer to an earlier try was lost, it reads the object and compares).
    """

    def folders(self, parent: str = "") -> list[str]:
        """Names of the folders directly in `parent`, sorted; without one those of the migrations, finished or not."""

    def keys(self, folder: str) -> list[str]:
        """Keys directly in `folder`, sorted; empty when there is no such folder."""

    def get(self, key: str) -> Found | None:
        """The object, or None when there is none."""

    def get_all(self, keys: Sequence[str]) -> list[Found | None]:
        """What `get` gives for each key; MAY ask for several at once."""

    def put(self, key: str, data: bytes, expected: str | None) -> str | None:
        """Write an object that still has the version `expected` (None: that does not exist yet).

        Returns the new version, or None, with nothing written, when it has another version.
        """

    def delete(self, key: str, expected: str) -> bool:
        """Remove an object that still has the version `expected`. False, with nothing removed, when it has not."""

    def append(self, key: str, data: bytes) -> None:
        """Add a line to a log that is for people only: MAY be kept as several objects, MAY lose the end in a crash."""

    def flush(self) -> None:
        """Bring what was appended to its place. Called from time to time, and before a lock is given back."""

    def check(self, migration: str) -> str | None:
        """Called before a lock is taken. Raises `StateUnusable` when this place cannot keep the promises above.

        Returns what the user should know about the place, or None.
        """

    def sweep(self, migration: str) -> None:
        """Remove what crashed writers left behind. Only called by the holder of the migration's lock."""

    def where(self, key: str) -> str:
        """The object's path or URL, for messages."""
