"""What ImportTable refuses at once.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ImportTable.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableCreationParameters.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.sandbox.transfer_requests import check_owner, not_emulated, refuse

_CREATION_PARAMETERS = {
    "TableName",
    "AttributeDefinitions",
    "KeySchema",
    "BillingMode",
    "ProvisionedThroughput",
    "OnDemandThroughput",
    "SSESpecification",
    "GlobalSecondaryIndexes",
}


def validate_import(request: Mapping[str, Any], raw: Mapping[str, Any]) -> None:
    """Refuses what AWS would refuse, and what the sandbox does not emulate. `raw` is the request as it was sent."""
    if request["InputFormat"] != "DYNAMODB_JSON":
        not_emulated(f"InputFormat={request['InputFormat']}")
    if request.get("InputCompressionType") not in (None, "GZIP", "NONE"):
        not_emulated(f"InputCompressionType={request['InputCompressionType']}")
    if request.get("InputFormatOptions"):
        refuse("ValidationException", "InputFormatOptions are for CSV only")
    check_owner(request["S3BucketSource"].get("S3BucketOwner"))
    wanted = raw["TableCreationParameters"]
    unknown = sorted(set(wanted) - _CREATION_PARAMETERS)
    if "VectorIndexes" in unknown:
        not_emulated("VectorIndexes")
    if unknown:
        refuse("ValidationException", f"TableCreationParameters has unknown parameters: {', '.join(unknown)}")
    _check_attributes(wanted)


def _check_attributes(wanted: Mapping[str, Any]) -> None:
    """Every attribute definition must be a key of the table or of an index, and the other way round."""
    schemas = [wanted["KeySchema"]]
    schemas += [index["KeySchema"] for index in wanted.get("GlobalSecondaryIndexes") or []]
    keys = sorted({key["AttributeName"] for schema in schemas for key in schema})
    defined = sorted(entry["AttributeName"] for entry in wanted["AttributeDefinitions"])
    if set(defined) - set(keys):
        refuse(
            "ValidationException",
            "One or more parameter values were invalid: Some AttributeDefinitions are not used. AttributeDefinitions: "
            f"[{', '.join(defined)}], keys used: [{', '.join(keys)}]",
        )
    if set(keys) - set(defined):
        refuse(
            "ValidationException",
            "One or more parameter values were invalid: Some index key attributes are not defined in "
            f"AttributeDefinitions. Keys: [{', '.join(keys)}], AttributeDefinitions: [{', '.join(defined)}]",
        )
