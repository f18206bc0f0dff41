"""JSON as people read it. Of a plan of 2,000 tables it is 13 MB, which Python's own indenting writes in a second."""

from __future__ import annotations

import json

from migrate.core.codec import Json, compact
from migrate.core.printable import printable_json


def json_text(value: Json) -> str:
    """The value as JSON, indented by two, with nothing in it that a terminal obeys."""
    import msgspec

    try:
        return msgspec.json.format(printable_json(compact(value)), indent=2)
    except msgspec.DecodeError:  # half of a surrogate pair, which JSON may have and msgspec refuses
        return printable_json(json.dumps(value, ensure_ascii=False, indent=2))
