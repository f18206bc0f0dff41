"""GetResources of the Resource Groups Tagging API, for DynamoDB tables, which moto leaves out.

https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html

Not emulated: other types of resources, tag filters, tables that had tags once and have none now (they are left out),
the delay with which a new tag appears.
"""

from __future__ import annotations

from typing import Any

from moto.dynamodb.models import dynamodb_backends

from migrate.sandbox.lifecycle import all_tables, status_of
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation

_TYPES = ["dynamodb:table"]


@operation("resourcegroupstaggingapi", "GetResources", "ResourceTypeFilters ResourcesPerPage PaginationToken")
def get_resources(call: Call) -> dict[str, Any]:
    """API_GetResources: the last page has an empty token."""
    if call.body.get("ResourceTypeFilters") != _TYPES:
        raise Refused("NotImplemented", f"The sandbox emulates GetResources for {_TYPES} only", 501)
    found = [
        {"ResourceARN": table.table_arn, "Tags": table.tags}
        for table in all_tables(dynamodb_backends[call.account][call.region])
        if table.tags and status_of(table) != "DELETING"
    ]
    token = call.body.get("PaginationToken") or None
    call.body["PaginationToken"] = token
    page = call.page("ResourceTagMappingList", found, size="ResourcesPerPage", token="PaginationToken")
    return {"PaginationToken": "", **page}
