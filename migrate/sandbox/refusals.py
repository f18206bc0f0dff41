"""How the sandbox says no: one exception that becomes AWS's error body.

Follows https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html (`__type` and `message`).
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import JsonRESTError

_DYNAMODB_SHAPES = "com.amazonaws.dynamodb.v20120810#"
_UNMODELLED = "com.amazon.coral.validate#"


class Refused(JsonRESTError):
    """An AWS error of a JSON service. moto's own handlers turn it into the same answer as the sandbox's."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        prefix = _UNMODELLED if code in ("ValidationException",) else _DYNAMODB_SHAPES
        super().__init__(prefix + code, message)
        self.code = status
        self.name_only = code
        self.description = json.dumps({"__type": self.error_type, "message": message, **members})


def not_found(name: str) -> Refused:
    """DescribeTable and its kin on a table that does not exist."""
    return Refused("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")


def error_body(error: JsonRESTError) -> tuple[int, bytes]:
    """Status and body for any of moto's or the sandbox's JSON errors."""
    return int(error.code or 400), error.description.encode()
