"""What an account, and what an organization, has switched on in AWS Backup.

https://docs.aws.amazon.com/aws-backup/latest/devguide/API_UpdateRegionSettings.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_UpdateGlobalSettings.html

Everything is on at the start, cross-account backup too (on AWS it is off until the management account switches it on),
so that the sandbox is of use at once. Only the management account may change the global settings, members may read
them. Not emulated: resource types other than DynamoDB (their preferences are kept, without effect), the 15 minutes for
which copies still run.
"""

from __future__ import annotations

from typing import Any

from moto.backup.models import backup_backends

from migrate.sandbox import clock
from migrate.sandbox.backup_store import shelf
from migrate.sandbox.organizations import management_of
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation

_CROSS_ACCOUNT = "isCrossAccountBackupEnabled"
_KNOWN = {_CROSS_ACCOUNT, "isMpaEnabled", "isDelegatedAdministratorEnabled"}
_GLOBAL_REGION = "us-east-1"


@operation("backup", "DescribeRegionSettings", "")
def describe_region(call: Call) -> dict[str, Any]:
    kept = shelf(call.account, call.region)
    return {"ResourceTypeOptInPreference": kept.opted_in, "ResourceTypeManagementPreference": kept.managed}


@operation("backup", "UpdateRegionSettings", "ResourceTypeOptInPreference ResourceTypeManagementPreference")
def update_region(call: Call) -> dict[str, Any]:
    kept = shelf(call.account, call.region)
    kept.opted_in.update(call.body.get("ResourceTypeOptInPreference") or {})
    kept.managed.update(call.body.get("ResourceTypeManagementPreference") or {})
    return {}


@operation("backup", "DescribeGlobalSettings", "")
def describe_global(call: Call) -> dict[str, Any]:
    management = management_of(call.account)
    if not management:
        raise Refused("InvalidRequestException", f"Account {call.account} is not a member of an organization.")
    settings, changed = _global(management)
    return {"GlobalSettings": settings, "LastUpdateTime": changed}


@operation("backup", "UpdateGlobalSettings", "GlobalSettings")
def update_global(call: Call) -> dict[str, Any]:
    if management_of(call.account) != call.account:
        raise Refused("InvalidRequestException", "Only the organization's management account can change this setting.")
    wanted = call.body.get("GlobalSettings") or {}
    if not set(wanted) <= _KNOWN or not set(wanted.values()) <= {"true", "false"}:
        raise Refused("InvalidParameterValueException", f"GlobalSettings has unknown names or values: {wanted}")
    backend: Any = backup_backends[call.account][_GLOBAL_REGION]
    backend.sandbox_global = {**_global(call.account)[0], **wanted}, clock.moment()
    return {}


def is_cross_account_on(account: str) -> bool:
    """Whether the organization of this account lets its members copy to one another."""
    management = management_of(account)
    return bool(management) and _global(management)[0][_CROSS_ACCOUNT] == "true"


def _global(management: str) -> tuple[dict[str, str], Any]:
    backend: Any = backup_backends[management][_GLOBAL_REGION]
    if not hasattr(backend, "sandbox_global"):
        backend.sandbox_global = {_CROSS_ACCOUNT: "true"}, clock.moment()
    kept: tuple[dict[str, str], Any] = backend.sandbox_global
    return kept
