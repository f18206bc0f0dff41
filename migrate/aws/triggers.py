"""Lambda functions that a table's stream triggers. API reference: AWS Lambda 2015-03-31."""

from __future__ import annotations

from typing import Any

from migrate.aws.errors import pages
from migrate.aws.session import Account

SERVICE = "lambda"


def event_source_mappings(account: Account, stream_arn: str) -> list[dict[str, Any]]:
    """EventSourceMappings (UUID, FunctionArn, State, ...) of a stream, those that are switched off included."""
    token = ("Marker", "NextMarker")
    found = pages(account, SERVICE, "ListEventSourceMappings", token=token, EventSourceArn=stream_arn)
    return [one for page in found for one in page.get("EventSourceMappings", [])]
