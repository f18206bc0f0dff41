"""A dated table of prices, and what a table costs with each way. Estimates, never bills.

Prices are those of us-east-1 in USD; other Regions differ by up to 40 %. The plan prints the date.
https://aws.amazon.com/dynamodb/pricing/
"""

from __future__ import annotations

from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True)
class Prices:
    """Dollars per unit. Bytes are priced per GiB."""

    date: str = "2026-11-01"
    region: str = "us-east-1"
    export_gib: float = 0.10
    import_gib: float = 0.15
    recovery_gib_month: float = 0.20
    read_unit: float = 0.125e-6
    write_unit: float = 0.625e-6
    s3_gib_month: float = 0.023
    transfer_gib: float = 0.02
    backup_gib_month: float = 0.10
    restore_gib: float = 0.15
    warm_write_unit: float = 0.00065
    """Once, for each write unit a second of warm throughput that is added. An assumption of ours (what a provisioned
    unit costs an hour): compare it with the price page before you warm a large table."""

    glue_dpu_hour: float = 0.44
    glue_flex_dpu_hour: float = 0.29
    emr_vcpu_hour: float = 0.052624
    emr_gb_hour: float = 0.0057785
    cluster_vcpu_hour: float = 0.048
    """EC2 on demand with EMR's part, by vCPU of general purpose instances: what m6g.xlarge costs, a fourth of it."""

    def __str__(self) -> str:
        return f"prices of {self.date}, {self.region}"


PRICES = Prices()

JSON_FACTOR = 1.5
"""Bytes of DynamoDB JSON for each byte of table size (1.2 to 2.0): type tags and base64."""


def scan_units(size_bytes: int) -> int:
    """Read units of an eventually consistent scan: half a unit for 4 KiB."""
    return max(1, -(-size_bytes // 8192))
