"""What an account may have: Service Quotas 2019-06-24, and DynamoDB's own DescribeLimits."""

from __future__ import annotations

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.errors import NotFound

SERVICE = "service-quotas"
_TOKEN = ("NextToken", "NextToken")


def service_quotas(account: Account, service: str) -> dict[str, float]:
    """The account's quotas of a service (`dynamodb`, `glue`, ...) in its Region: QuotaName -> value.

    AWS's default stands where the account has no value of its own, for ListServiceQuotas leaves those out. Names are
    what AWS documents; codes are not. Empty for a service that Service Quotas does not know.
    https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html
    """
    found: dict[str, float] = {}
    for operation in ("ListAWSDefaultServiceQuotas", "ListServiceQuotas"):
        try:
            for page in pages(account, SERVICE, operation, token=_TOKEN, ServiceCode=service, MaxResults=100):
                found.update(
                    (one["QuotaName"], float(one["Value"])) for one in page.get("Quotas", []) if "Value" in one
                )
        except NotFound:
            continue
    return found


def capacity_limits(account: Account) -> dict[str, int]:
    """AccountMax... and TableMax...CapacityUnits of provisioned tables. AWS wants at most one call a minute.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeLimits.html
    """
    return {name: int(value) for name, value in call(account, "dynamodb", "DescribeLimits").items()}
