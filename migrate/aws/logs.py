"""What jobs say in CloudWatch Logs: imports about items that they refused, others at their end. API: GetLogEvents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from migrate.aws.errors import call
from migrate.aws.session import Account
from migrate.core.errors import NotFound

SERVICE = "logs"
IMPORT_GROUP = "/aws-dynamodb/imports"


def import_errors(account: Account, import_arn: str, limit: int = 10_000) -> Iterator[dict[str, Any]]:
    """The events of an import's error log, oldest first, at most `limit`: itemS3Pointer, importArn, errorMessages.

    Nothing when there is no log. An event that is not a JSON object comes as {"errorMessages": [its text]}.
    """
    stream = f"{import_arn.rsplit('/', 1)[-1]}/error"
    given, token = 0, ""
    while given < limit:
        position = {"nextToken": token} if token else {"startFromHead": True}
        try:
            page = call(account, SERVICE, "GetLogEvents", logGroupName=IMPORT_GROUP, logStreamName=stream, **position)
        except NotFound:
            return
        for event in page.get("events", [])[: limit - given]:
            given += 1
            yield _parsed(event.get("message", ""))
        # The end of the stream is the token that comes back unchanged; a page may be empty before it.
        if page.get("nextForwardToken", token) == token:
            return
        token = page["nextForwardToken"]


def tail(account: Account, group: str, stream: str, lines: int) -> list[str]:
    """The last lines of a log stream, oldest first; none when it is not there."""
    try:
        page = call(
            account,
            SERVICE,
            "GetLogEvents",
            logGroupName=group,
            logStreamName=stream,
            startFromHead=False,
            limit=lines,
        )
    except NotFound:
        return []
    return [line for event in page.get("events", []) for line in event.get("message", "").splitlines()][-lines:]


def _parsed(message: str) -> dict[str, Any]:
    try:
        event = json.loads(message)
    except ValueError:
        event = None
    return event if isinstance(event, dict) else {"errorMessages": [message]}
