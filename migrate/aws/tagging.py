"""Tags of many resources at once. API reference: AWS Resource Groups Tagging API 2017-01-26."""

from __future__ import annotations

from migrate.aws.errors import pages
from migrate.aws.session import Account

SERVICE = "resourcegroupstaggingapi"
_PAGE = 100


def table_tags(account: Account) -> dict[str, dict[str, str]]:
    """Tags by ARN of every DynamoDB table of the account in its Region that has, or once had, a tag.

    A table that is not in the answer has none. Eventually consistent, and later than ListTagsOfResource: what is
    decided by a tag of our own is decided by the table's own list.
    https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
    """
    token = ("PaginationToken", "PaginationToken")
    wish = {"ResourceTypeFilters": ["dynamodb:table"], "ResourcesPerPage": _PAGE}
    found = pages(account, SERVICE, "GetResources", token=token, **wish)
    return {
        entry["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in entry.get("Tags") or []}
        for page in found
        for entry in page.get("ResourceTagMappingList") or []
    }
