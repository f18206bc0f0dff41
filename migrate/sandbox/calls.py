"""The call log: one record for every AWS request, for tests that ask "who called what, how often?".

GET /sandbox/calls (filters `operation`, `account`, `service`) answers the list, DELETE empties it. Item data is never
recorded: request bodies above 20 KB are not even parsed.
"""

from __future__ import annotations

import json
import re
import threading
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import unescape

from migrate.sandbox.requests import PARSE_LIMIT, Request, read_request

_ITEM_MEMBERS = {"Item", "RequestItems", "TransactItems", "Key", "ExpressionAttributeValues", "Expected", "Records"}
_LONGEST = 200
_KEY = re.compile(r"<Key>(.*?)</Key>", re.DOTALL)
_ERROR_CODE = re.compile(rb'"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"|<Code>([^<]+)</Code>')


class CallLog:
    """Thread-safe list of call records, with an optional JSON-lines file."""

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._records: list[dict[str, Any]] = []
        self._count = 0
        self._file = file

    def add(self, request: Request, status: int, body: bytes) -> None:
        """Records one answered request; status 0 means that the connection was closed without an answer."""
        record = {
            "n": 0,
            "account": request.account,
            "principal": request.caller.role_arn or request.caller.arn,
            "service": request.service,
            "operation": request.operation,
            "status": status,
            "error": error_code(body) if status >= 300 else None,
            "params": parameters(request),
            "agent": request.agent.split("/", 1)[0],
        }
        with self._lock:
            self._count += 1
            record["n"] = self._count
            self._records.append(record)
            if self._file is not None:
                with self._file.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(record) + "\n")

    def select(self, **filters: str) -> list[dict[str, Any]]:
        """The records whose fields equal the filters, oldest first."""
        with self._lock:
            records = list(self._records)
        return [r for r in records if all(str(r.get(name)) == value for name, value in filters.items())]

    def clear(self) -> None:
        """Forgets all records; numbering goes on."""
        with self._lock:
            self._records.clear()


def error_code(body: bytes) -> str | None:
    """The AWS error code in a JSON or XML error body."""
    match = _ERROR_CODE.search(body[:4000])
    return (match.group(1) or match.group(2)).decode() if match else None


def parameters(request: Request) -> dict[str, Any]:
    """The request's parameters, without item data and with long strings cut; of a batch its tables' names only."""
    if request.service == "s3" or request.operation.startswith(request.method + " "):
        keys = {"Keys": [unescape(key) for key in _KEY.findall(request.body.decode())]} if _is_deletion(request) else {}
        return {"path": request.path, "query": request.query, **keys}
    if request.body.startswith(b"Action="):
        return {name: _shorten(value) for name, value in parse_qsl(request.body[:PARSE_LIMIT].decode())}
    body = {**{name: _plain(value) for name, value in request.in_path.items()}, **request.small_json()}
    shown = {name: _shorten(value) for name, value in body.items() if name not in _ITEM_MEMBERS}
    if isinstance(body.get("RequestItems"), dict):
        shown["RequestItems"] = sorted(body["RequestItems"])
    return shown


def _is_deletion(request: Request) -> bool:
    return request.operation == "DeleteObjects" and len(request.body) <= PARSE_LIMIT


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _shorten(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST:
        return value[:_LONGEST] + "..."
    if isinstance(value, dict):
        return {name: _shorten(item) for name, item in value.items() if name not in _ITEM_MEMBERS}
    if isinstance(value, list):
        return [_shorten(item) for item in value[:50]]
    return value


class CallRecorder:
    """WSGI layer that writes the call log."""

    def __init__(self, app: Any, log: CallLog) -> None:
        self._app = app
        self._log = log

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        request = read_request(environ)
        status = [0]

        def remember(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            status[0] = int(line.split(" ", 1)[0])
            return start_response(line, headers, exc_info)

        answered = False
        body = b""
        try:
            body = b"".join(self._app(environ, remember))
            answered = True
        finally:
            self._log.add(request, status[0] if answered else 0, body)
        return [body]
