"""Lambda functions that a table's stream triggers. API reference: AWS Lambda 2015-03-31."""

from __future__ import annotations

from typing import Any

from migrate.aws.errors import pages
from migrate.aws.session import Account

SERVICE = "lambda"


def event_source_mappings(account: Account) -> list[dict[str, Any]]:
    """All EventSourceMappings (UUID, EventSourceArn, FunctionArn, State, ...) of the account in its Region.

    Those that are switched off are among them, and those of queues and other sources, which may have no ARN.
    """
    found = pages(account, SERVICE, "ListEventSourceMappings", token=("Marker", "NextMarker"))
    return [one for page in found for one in page.get("EventSourceMappings", [])]
