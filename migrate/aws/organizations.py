"""The organization that an account belongs to. API reference: AWS Organizations 2016-11-28."""

from __future__ import annotations

from migrate.aws.errors import call
from migrate.aws.session import Account
from migrate.core.errors import NotFound

SERVICE = "organizations"


def organization_id(account: Account) -> str | None:
    """Id of the account's organization (`o-...`); None when it is in none. Works in member accounts too."""
    try:
        return str(call(account, SERVICE, "DescribeOrganization")["Organization"]["Id"])
    except NotFound:
        return None
