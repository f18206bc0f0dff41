"""ConsumedWriteCapacityUnits of tables, as moto's CloudWatch hands them out.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html. Each item that a call
writes counts as one unit, in the minute of the call; CloudWatch shows it at once. Not emulated: exact units, indexes,
all other metrics of DynamoDB.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

from moto.cloudwatch.models import MetricDatum
from moto.core.common_models import CloudWatchMetricProvider
from moto.dynamodb.models import dynamodb_backends

KEPT_MINUTES = 60


def note_writes(account: str, region: str, table: str, count: int) -> None:
    """Counts items that a call has written to a table."""
    written = _written(account, region)
    minute = int(time.time() // 60)
    minutes = written.setdefault(table, {})
    minutes[minute] = minutes.get(minute, 0) + count
    for old in [one for one in minutes if one < minute - KEPT_MINUTES]:
        del minutes[old]


class WrittenUnits(CloudWatchMetricProvider):
    """moto asks every subclass of its provider."""

    @staticmethod
    def get_cloudwatch_metrics(account_id: str, region: str) -> list[MetricDatum]:
        return [
            MetricDatum(
                namespace="AWS/DynamoDB",
                name="ConsumedWriteCapacityUnits",
                value=count,
                dimensions=[{"Name": "TableName", "Value": table}],
                # moto takes moments as naive and in UTC
                timestamp=datetime.fromtimestamp(minute * 60, timezone.utc).replace(tzinfo=None),
                unit="Count",
            )
            for table, minutes in _written(account_id, region).items()
            for minute, count in minutes.items()
        ]


def _written(account: str, region: str) -> dict[str, dict[int, int]]:
    """Table -> minute -> items. It hangs on moto's backend, so that a reset drops it."""
    backend: Any = dynamodb_backends[account][region]
    if not hasattr(backend, "sandbox_written"):
        backend.sandbox_written = {}
    kept: dict[str, dict[int, int]] = backend.sandbox_written
    return kept
