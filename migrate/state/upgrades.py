"""Files of older versions, brought up to date while they are read. They are written back in the new form."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from migrate.core.codec import Json
from migrate.core.errors import StateUnusable
from migrate.state.model import FORMAT_VERSION

Upgrade = Callable[[dict[str, Json]], dict[str, Json]]

UPGRADES: Mapping[int, Upgrade] = {}
"""From a format version to the function that makes the next one of it: pure, from plain JSON to plain JSON."""


def upgrade(
    value: dict[str, Json], upgrades: Mapping[int, Upgrade] = UPGRADES, newest: int = FORMAT_VERSION
) -> dict[str, Json]:
    """The content of a state file in the form of this program.

    Raises `StateUnusable` when the file is newer than this program, or older than anything it knows.
    """
    version = value.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise StateUnusable("a state file has no format_version", hint="restore the file from a copy of the state")
    if version > newest:
        why = f"it has format version {version}, this program knows versions up to {newest}"
        raise StateUnusable("the state was written by a newer version of migrate", why=why, hint="upgrade migrate")
    while version < newest:
        if version not in upgrades:
            why = f"it has format version {version}, and nothing here can read that"
            raise StateUnusable("the state was written by an unknown version of migrate", why=why)
        version += 1
        value = {**upgrades[version - 1](value), "format_version": version}
    return value
