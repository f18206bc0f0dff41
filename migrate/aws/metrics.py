"""What CloudWatch has counted. API reference: Amazon CloudWatch 2010-08-01."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from migrate.aws.errors import pages
from migrate.aws.session import Account

SERVICE = "cloudwatch"
QUERIES = 500
"""Metrics that one GetMetricData takes."""


def written_units(account: Account, tables: Sequence[str], begin: dt.datetime, end: dt.datetime) -> dict[str, float]:
    """Table -> write units that it has consumed between two moments; 0 for a table without any.

    CloudWatch is a minute or two behind. Deletions by TTL cost no units and are not in it.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    """
    found = dict.fromkeys(tables, 0.0)
    for start in range(0, len(tables), QUERIES):
        some = tables[start : start + QUERIES]
        wish = {"MetricDataQueries": [_query(f"t{number}", name) for number, name in enumerate(some)]}
        window = {"StartTime": begin, "EndTime": end}
        for page in pages(account, SERVICE, "GetMetricData", token=("NextToken", "NextToken"), **wish, **window):
            for result in page.get("MetricDataResults", []):
                found[some[int(result["Id"][1:])]] += sum(result.get("Values", []))
    return found


def _query(id: str, table: str) -> dict[str, object]:
    metric = {
        "Namespace": "AWS/DynamoDB",
        "MetricName": "ConsumedWriteCapacityUnits",
        "Dimensions": [{"Name": "TableName", "Value": table}],
    }
    return {"Id": id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
