"""Exports to S3 and imports from S3. API reference: ExportTableToPointInTime, ImportTable and their neighbours.

Always pass a stored ClientToken: botocore fills in a random one when it is left out, and a crash would lose it.
"""

from __future__ import annotations

from typing import Any

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.errors import NotFound

SERVICE = "dynamodb"


def start_export(account: Account, **params: Any) -> dict[str, Any]:
    """ExportTableToPointInTime; the ExportDescription. The same ClientToken within 8 hours gives the same export."""
    return dict(call(account, SERVICE, "ExportTableToPointInTime", **params)["ExportDescription"])


def describe_export(account: Account, arn: str) -> dict[str, Any] | None:
    """The ExportDescription; None when AWS does not know it (any more: 90 days)."""
    try:
        return dict(call(account, SERVICE, "DescribeExport", ExportArn=arn)["ExportDescription"])
    except NotFound:
        return None


def list_exports(account: Account, table_arn: str) -> list[dict[str, Any]]:
    """ExportSummaries (ExportArn, ExportStatus, ExportType) of a table, of the last 90 days. Not sorted by time."""
    token = ("NextToken", "NextToken")
    found = pages(account, SERVICE, "ListExports", token=token, TableArn=table_arn, MaxResults=25)
    return [entry for page in found for entry in page.get("ExportSummaries", [])]


def start_import(account: Account, **params: Any) -> dict[str, Any]:
    """ImportTable; the ImportTableDescription. Raises `AlreadyExists` when the table is there."""
    return dict(call(account, SERVICE, "ImportTable", **params)["ImportTableDescription"])


def describe_import(account: Account, arn: str) -> dict[str, Any] | None:
    """The ImportTableDescription; None when AWS does not know it (any more: 90 days)."""
    try:
        return dict(call(account, SERVICE, "DescribeImport", ImportArn=arn)["ImportTableDescription"])
    except NotFound:
        return None


def list_imports(account: Account, table_arn: str) -> list[dict[str, Any]]:
    """ImportSummaryList (ImportArn, ImportStatus, S3BucketSource, ...) of a table, of the last 90 days."""
    token = ("NextToken", "NextToken")
    found = pages(account, SERVICE, "ListImports", token=token, TableArn=table_arn, PageSize=25)
    return [entry for page in found for entry in page.get("ImportSummaryList", [])]


def transfers_in_progress(account: Account) -> dict[str, int]:
    """How many exports and imports the account has in progress in its Region: `exports` and `imports`."""
    token = ("NextToken", "NextToken")
    exports = pages(account, SERVICE, "ListExports", token=token, MaxResults=25)
    imports = pages(account, SERVICE, "ListImports", token=token, PageSize=25)
    states = {
        "exports": [one["ExportStatus"] for page in exports for one in page.get("ExportSummaries", [])],
        "imports": [one["ImportStatus"] for page in imports for one in page.get("ImportSummaryList", [])],
    }
    return {name: found.count("IN_PROGRESS") for name, found in states.items()}
