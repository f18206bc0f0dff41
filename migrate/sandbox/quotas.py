"""Service Quotas: what an account may have of the services that a migration leans on. Nothing enforces the values.

Follows https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html (a quota for which
the account has no value of its own is not in the list), API_ListAWSDefaultServiceQuotas.html and
API_RequestServiceQuotaIncrease.html (granted at once here; never less than there is). Names and defaults are those of
the services' pages. Not emulated: other services and quotas, usage, the history of requests.
"""

from __future__ import annotations

from typing import Any

from moto.servicequotas.models import servicequotas_backends

from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation

_EC2 = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"
_DEFAULTS: dict[str, dict[str, tuple[str, float]]] = {
    "dynamodb": {
        "L-F98FE922": ("Maximum number of tables", 2500.0),
        "L-1BB77E89": ("Concurrent control plane operations", 500.0),
        "L-34F6A552": ("Account-level read throughput limit (Provisioned mode)", 80000.0),
        "L-34F8CCC8": ("Account-level write throughput limit (Provisioned mode)", 80000.0),
        "L-CF0CBE56": ("Table-level read throughput limit", 40000.0),
        "L-AB614373": ("Table-level write throughput limit", 40000.0),
    },
    "glue": {
        "L-08F3B322": ("Max task DPUs per account", 1000.0),
        "L-5E4153CA": ("Max concurrent job runs per account", 200.0),
    },
    "emr-serverless": {"L-D05C8A75": ("Max concurrent vCPUs per account", 16.0)},
    "ec2": {"L-1216C47A": (_EC2, 5.0)},
}


@operation("service-quotas", "ListAWSDefaultServiceQuotas", "ServiceCode NextToken MaxResults")
def list_defaults(call: Call) -> dict[str, Any]:
    service = str(call.body["ServiceCode"])
    return call.page("Quotas", [_quota(call, service, code) for code in _codes(service)])


@operation("service-quotas", "ListServiceQuotas", "ServiceCode NextToken MaxResults QuotaCode")
def list_applied(call: Call) -> dict[str, Any]:
    service, wanted = str(call.body["ServiceCode"]), call.body.get("QuotaCode")
    found = {code: value for code, value in _applied(call, service).items() if wanted in (None, code)}
    return call.page("Quotas", [{**_quota(call, service, code), "Value": value} for code, value in found.items()])


@operation("service-quotas", "RequestServiceQuotaIncrease", "ServiceCode QuotaCode DesiredValue")
def request_increase(call: Call) -> dict[str, Any]:
    service, code, value = (call.body[name] for name in ("ServiceCode", "QuotaCode", "DesiredValue"))
    if code not in _codes(service):
        raise Refused("NoSuchResourceException", "The quota does not exist")
    if value <= _applied(call, service).get(code, _DEFAULTS[service][code][1]):
        raise Refused("IllegalArgumentException", "The desired value must be more than the present one")
    _applied(call, service)[code] = float(value)
    quota = _quota(call, service, code)
    return {"RequestedQuota": {**{name: quota[name] for name in quota if name != "Value"}, "DesiredValue": value}}


def _codes(service: str) -> list[str]:
    if service not in _DEFAULTS:
        raise Refused("NoSuchResourceException", "The service is not known to Service Quotas")
    return list(_DEFAULTS[service])


def _applied(call: Call, service: str) -> dict[str, float]:
    """The account's own values, by code. They hang on moto's backend, so that a reset drops them."""
    _codes(service)
    backend: Any = servicequotas_backends[call.account][call.region]
    if not hasattr(backend, "sandbox_applied"):
        backend.sandbox_applied = {}
    kept: dict[str, float] = backend.sandbox_applied.setdefault(service, {})
    return kept


def _quota(call: Call, service: str, code: str) -> dict[str, Any]:
    name, value = _DEFAULTS[service][code]
    arn = f"arn:aws:servicequotas:{call.region}:{call.account}:{service}/{code}"
    return {"ServiceCode": service, "QuotaCode": code, "QuotaArn": arn, "QuotaName": name, "Value": value}
