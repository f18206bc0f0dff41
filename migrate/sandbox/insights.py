"""Contributor insights of tables and indexes: state only.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateContributorInsights.html and its
neighbours. A table that never had them is DISABLED. Not emulated: the CloudWatch rules themselves, FailureException.
"""

from __future__ import annotations

import time
from typing import Any

from moto.core.utils import utcnow

from migrate.sandbox.front import Call, operation
from migrate.sandbox.lifecycle import all_tables
from migrate.sandbox.refusals import Refused
from migrate.sandbox.settings import Timing
from migrate.sandbox.values import invalid

PAGE = 100
"""Entries of a page of ListContributorInsights."""

_MODES = ("ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS")
_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long insights are ENABLING or DISABLING."""
    global _timing
    _timing = timing


@operation("UpdateContributorInsights", "TableName IndexName ContributorInsightsAction ContributorInsightsMode")
def update_contributor_insights(call: Call) -> dict[str, Any]:
    """API_UpdateContributorInsights."""
    table, index = call.table(), call.body.get("IndexName", "")
    _check_index(table, index)
    action = call.body["ContributorInsightsAction"]
    mode = call.body.get("ContributorInsightsMode", _MODES[0])
    if action not in ("ENABLE", "DISABLE") or mode not in _MODES:
        raise invalid(
            "1 validation error detected: Value at 'contributorInsightsAction' or mode failed to satisfy constraint"
        )
    _states(table)[index] = {
        "on": action == "ENABLE",
        "mode": mode,
        "until": time.time() + _timing.settings,
        "changed": utcnow(),
    }
    return _summary(table, index)


@operation("DescribeContributorInsights", "TableName IndexName")
def describe_contributor_insights(call: Call) -> dict[str, Any]:
    """API_DescribeContributorInsights."""
    table, index = call.table(), call.body.get("IndexName", "")
    _check_index(table, index)
    answer = _summary(table, index)
    state = _states(table).get(index)
    if state is not None:
        answer["LastUpdateDateTime"] = state["changed"]
        answer["ContributorInsightsRuleList"] = _rules(table, index) if state["on"] else []
    return answer


@operation("ListContributorInsights", "TableName NextToken MaxResults")
def list_contributor_insights(call: Call) -> dict[str, Any]:
    """API_ListContributorInsights: of one table, or of all tables of the account in this Region."""
    tables = [call.table()] if call.body.get("TableName") else all_tables(call.backend)
    rows = [_summary(table, index) for table in tables for index in sorted(_states(table))]
    most, token = min(call.body.get("MaxResults", PAGE), PAGE), call.body.get("NextToken", "0")
    if not token.isdigit() or most < 1:
        raise invalid("Invalid NextToken or MaxResults")
    start = int(token)
    answer: dict[str, Any] = {"ContributorInsightsSummaries": rows[start : start + most]}
    if len(rows) > start + most:
        answer["NextToken"] = str(start + most)
    return answer


def _states(table: Any) -> dict[str, dict[str, Any]]:
    if not hasattr(table, "insights"):
        table.insights = {}
    states: dict[str, dict[str, Any]] = table.insights
    return states


def _check_index(table: Any, index: str) -> None:
    if index and all(known.name != index for known in table.global_indexes):
        raise Refused("ResourceNotFoundException", f"Requested resource not found: Index: {index} not found")


def _summary(table: Any, index: str) -> dict[str, Any]:
    state = _states(table).get(index)
    answer: dict[str, Any] = {"TableName": table.name, "ContributorInsightsStatus": "DISABLED"}
    if index:
        answer["IndexName"] = index
    if state is not None:
        changing = time.time() < state["until"]
        word = "ENABL" if state["on"] else "DISABL"
        answer["ContributorInsightsStatus"] = word + ("ING" if changing else "ED")
        answer["ContributorInsightsMode"] = state["mode"]
    return answer


def _rules(table: Any, index: str) -> list[str]:
    name = f"{table.name}{'-' + index if index else ''}"
    return [f"DynamoDBContributorInsights-{kind}-{name}-{table.table_id}" for kind in ("PKC", "PKT")]
