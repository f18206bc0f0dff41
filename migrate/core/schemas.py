"""Where the JSON Schemas are, whatever way the program was installed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent.parent
# A wheel carries the folder inside the package; a bare checkout and an editable install have it beside the package.
_PLACES = (_PACKAGE / "_schemas", _PACKAGE.parent / "schemas")


class SchemaNotFound(LookupError):
    """No JSON Schema of that name was shipped with this installation."""


def schema_path(name: str) -> Path:
    """The file of the JSON Schema called `name` ("manifest", "plan", ...).

    Works in a wheel, an editable install and a bare checkout. Raises SchemaNotFound, which for a name that exists
    means a broken installation.
    """
    return schema_file(f"{name}.schema.json")


def schema_file(name: str) -> Path:
    """The file called `name` among the JSON Schemas: `prices.yaml` is one, too. Raises SchemaNotFound."""
    for folder in _PLACES:
        path = folder / name
        if path.is_file():
            return path
    places = " or ".join(str(folder) for folder in _PLACES)
    raise SchemaNotFound(f"{name} is neither in {places}")


@cache
def _text(name: str) -> str:
    return schema_path(name).read_text(encoding="utf-8")


def read_schema(name: str) -> dict[str, Any]:
    """The JSON Schema called `name`, as a fresh dict that the caller may change. Raises SchemaNotFound."""
    schema: dict[str, Any] = json.loads(_text(name))
    return schema
