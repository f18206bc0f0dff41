"""Encryption of tables: which KMS key, and its description.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSESpecification.html and
API_SSEDescription.html: no SSEDescription with the AWS owned key; Enabled without a key means the AWS managed key
alias/aws/dynamodb. Not emulated: key policies and grants; a foreign key is found by its ARN without a look at its
policy.
"""

from __future__ import annotations

import time
from typing import Any

from migrate.sandbox.kms import find_key
from migrate.sandbox.values import invalid


def resolve_key(table: Any, specification: dict[str, Any]) -> str | None:
    """The ARN of the KMS key that a specification means; None for the AWS owned key."""
    if not specification.get("Enabled", False):
        if specification.get("KMSMasterKeyId") or specification.get("SSEType"):
            raise invalid("One or more parameter values were invalid: SSEType and KMSMasterKeyId need Enabled true")
        return None
    if specification.get("SSEType", "KMS") != "KMS":
        raise invalid("One or more parameter values were invalid: SSEType AES256 is not supported")
    wanted = specification.get("KMSMasterKeyId")
    if wanted is None:
        default: str = table._get_default_encryption_key(table.account_id, table.region_name)
        return default
    return _existing_key(table, wanted)


def _existing_key(table: Any, wanted: str) -> str:
    key = find_key(wanted, table.account_id, table.region_name)
    if key is None or key.region != table.region_name:
        raise invalid(f"KMS validation error: the key does not exist in this Region or is not accessible: {wanted}")
    if key.key_state != "Enabled":
        raise invalid(f"KMS validation error: {key.arn} is {key.key_state}")
    return str(key.arn)


def describe(table: Any) -> dict[str, Any] | None:
    """SSEDescription, or None when AWS shows none."""
    if table.key_arn is None:
        return None
    status = "UPDATING" if time.time() < table.key_changing_until else "ENABLED"
    return {"Status": status, "SSEType": "KMS", "KMSMasterKeyArn": table.key_arn}
