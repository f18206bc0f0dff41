"""msgspec where it is installed, else the part of it that we need: `from migrate.data.jsonengine import msgspec`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import msgspec
else:
    try:
        import msgspec
    except ImportError:
        from migrate.data import plainjson as msgspec

__all__ = ["msgspec"]
