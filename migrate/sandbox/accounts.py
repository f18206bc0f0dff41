"""Two accounts in one organization, each with a role that everybody may assume.

Follows https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (AccessDenied for a role that does not
exist). Not emulated: trust policies, external ids, expiry of sessions, identity policies.
"""

from __future__ import annotations

import re
import secrets
import string
import warnings
from typing import Any

from migrate.sandbox import organizations, service_policies
from migrate.sandbox.requests import current_caller
from migrate.sandbox.settings import ROLE_NAME, SOURCE_ACCOUNT, TARGET_ACCOUNT, Timing

ACCOUNTS = (SOURCE_ACCOUNT, TARGET_ACCOUNT)
OUTSIDE_ACCOUNT = "123456789012"
"""Where credentials land that name no account: they can assume a role and nothing useful else."""

_ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)$")


def install(_timing: Timing) -> None:
    """Teaches moto's STS the accounts' rules. Idempotent."""
    from moto.sts.models import STSBackend

    if getattr(STSBackend, "sandbox_rules", False):
        return
    # moto warns on stderr about codes that the service model does not list; AWS's own AccessDenied is one of them.
    warnings.filterwarnings("ignore", message=r"Exception\(STSClientError\) with code AccessDenied")
    original = STSBackend.assume_role

    def assume_role(self: Any, *args: Any, **kwargs: Any) -> Any:
        account = _assumable_account(kwargs["role_arn"], self.account_id)
        role = original(self, *args, **kwargs)
        # The account is part of the key, so that a session outlives a reset and a restart of the sandbox.
        role.access_key_id = f"ASIA{account}{_random_letters(4)}"
        return role

    def get_caller_identity(self: Any, access_key_id: str, _region: str) -> tuple[str, str, str]:
        arn = current_caller().arn
        name = arn.rsplit("/", 1)[-1]
        user_id = self.account_id if arn.endswith(":root") else f"AROASANDBOX{self.account_id}:{name}"
        return user_id, arn, self.account_id

    STSBackend.assume_role = assume_role
    STSBackend.get_caller_identity = get_caller_identity
    STSBackend.sandbox_rules = True


def seed() -> None:
    """Creates the organization and the roles in an empty moto. Call it once after a start or a reset."""
    from moto.iam.models import iam_backends

    organizations.seed()
    for account in ACCOUNTS:
        service_policies.seed(account)
        iam = iam_backends[account]["aws"]
        if all(role.name != ROLE_NAME for role in iam.roles.values()):
            iam.create_role(
                role_name=ROLE_NAME,
                assume_role_policy_document='{"Version":"2012-10-17","Statement":[]}',
                path="/",
                permissions_boundary=None,
                description="The sandbox's role",
                tags=[],
                max_session_duration="3600",
            )


def _assumable_account(role_arn: str, caller_account: str) -> str:
    from moto.iam.models import iam_backends
    from moto.sts.exceptions import STSClientError

    match = _ROLE_ARN.match(role_arn)
    if match and match.group(1) in ACCOUNTS:
        roles = iam_backends[match.group(1)]["aws"].roles.values()
        if any(role.name == match.group(2) for role in roles):
            return match.group(1)
    raise STSClientError(
        "AccessDenied",
        f"User: arn:aws:iam::{caller_account}:root is not authorized to perform: sts:AssumeRole "
        f"on resource: {role_arn}",
    )


def _random_letters(count: int) -> str:
    return "".join(secrets.choice(string.ascii_uppercase) for _ in range(count))
