"""AWS's Price List: what things cost today. API reference: AWS Price List Service 2017-10-15.

Prices are found by the end of their usage type, which begins with a code of the Region (`EUW1-ReadRequestUnits`; in
us-east-1 often with nothing). Nobody but AWS keeps these names, so a price that is not found, or found more than once,
is left out rather than guessed.
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from migrate.aws.errors import pages
from migrate.aws.session import Account, AccountAccess, connect
from migrate.core.clock import Clock

SERVICE = "pricing"
_ENDPOINTS = {"eu": "eu-central-1", "ap": "ap-south-1"}
"""The API has three endpoints, of which any tells the prices of every Region: by the beginning of a Region's name."""

_MILLION = 1_000_000
USAGE: Mapping[str, tuple[str, str, int]] = {
    "read_units_million": ("AmazonDynamoDB", "ReadRequestUnits", _MILLION),
    "write_units_million": ("AmazonDynamoDB", "WriteRequestUnits", _MILLION),
    "export_gb": ("AmazonDynamoDB", "ExportDataSize-Bytes", 1),
    "import_gb": ("AmazonDynamoDB", "ImportDataSize-Bytes", 1),
    "recovery_gb_month": ("AmazonDynamoDB", "TimedPITRStorage-ByteHrs", 1),
    "backup_gb_month": ("AWSBackup", "WarmStorage-ByteHrs-DynamoDB", 1),
    "restore_gb": ("AWSBackup", "Restore-WarmBytes-DynamoDB", 1),
    "s3_gb_month": ("AmazonS3", "TimedStorage-ByteHrs", 1),
    "glue_dpu_hour": ("AWSGlue", "ETL-DPU-Hour", 1),
    "glue_flex_dpu_hour": ("AWSGlue", "ETL-Flex-DPU-Hour", 1),
    "emr_vcpu_hour": ("ElasticMapReduce", "EMR-SERVERLESS-vCPUHours", 1),
    "emr_gb_hour": ("ElasticMapReduce", "EMR-SERVERLESS-MemoryGBHours", 1),
    "emr_arm_vcpu_hour": ("ElasticMapReduce", "EMR-SERVERLESS-ARM-vCPUHours", 1),
    "emr_arm_gb_hour": ("ElasticMapReduce", "EMR-SERVERLESS-ARM-MemoryGBHours", 1),
}
"""Name of a price in a price file -> service code, end of the usage type, and how many of AWS's units it is for."""


def price_list(region: str, clock: Clock) -> Account:
    """Access to the price list with the ambient credentials, by the endpoint nearest to the Region. Calls nothing."""
    endpoint = _ENDPOINTS.get(region.partition("-")[0], "us-east-1")
    return connect(AccountAccess("price list", "", endpoint), read_only=True, clock=clock)


def region_prices(account: Account, region: str) -> dict[str, float]:
    """Dollars of one Region, by the names of a price file, as far as they are in the list. Raises `AwsError`."""
    found: dict[str, float] = {}
    for service in dict.fromkeys(service for service, _, _ in USAGE.values()):
        prices = _by_usage(_products(account, service, region))
        for name, (where, usage, units) in USAGE.items():
            if where == service and len(prices.get(usage, ())) == 1:
                found[name] = float(f"{next(iter(prices[usage])) * units:.10g}")
    return found


def _products(account: Account, service: str, region: str) -> Iterator[Mapping[str, Any]]:
    where = [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}]
    token = ("NextToken", "NextToken")
    for page in pages(account, SERVICE, "GetProducts", token=token, ServiceCode=service, Filters=where):
        yield from (json.loads(text) for text in page.get("PriceList", ()))


def _by_usage(products: Iterable[Mapping[str, Any]]) -> dict[str, set[float]]:
    """The prices of each usage type, without the Region's code."""
    found: dict[str, set[float]] = {}
    for product in products:
        usage = re.sub(r"^(?:[A-Z]{2,4}[0-9]|EU)-", "", product["product"]["attributes"].get("usagetype", ""))
        if price := _first_tier(product):
            found.setdefault(usage, set()).add(price)
    return found


def _first_tier(product: Mapping[str, Any]) -> float | None:
    """Dollars a unit, in the first range that is not free; None when it is not sold on demand."""
    tiers = [
        (float(one.get("beginRange") or 0), float(one["pricePerUnit"].get("USD") or 0))
        for term in product.get("terms", {}).get("OnDemand", {}).values()
        for one in term.get("priceDimensions", {}).values()
    ]
    return next((dollars for _, dollars in sorted(tiers) if dollars), None)
