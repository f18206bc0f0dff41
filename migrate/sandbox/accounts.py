"""Two accounts in one organization, each with a role that everybody may assume.

Follows https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (AccessDenied for a role that does not
exist, or whose trust policy or the caller's own role does not allow it). Not emulated: expiry of sessions, identity
policies of users.
"""

from __future__ import annotations

import secrets
import string
import warnings
from typing import Any

from migrate.sandbox import organizations, service_policies
from migrate.sandbox.requests import current_caller
from migrate.sandbox.service_roles import find_role, is_allowed, is_trusted
from migrate.sandbox.settings import ROLE_NAME, SOURCE_ACCOUNT, TARGET_ACCOUNT, Timing

ACCOUNTS = (SOURCE_ACCOUNT, TARGET_ACCOUNT)
OUTSIDE_ACCOUNT = "123456789012"
"""Where credentials land that name no account: they can assume a role and nothing useful else."""


def install(_timing: Timing) -> None:
    """Teaches moto's STS the accounts' rules. Idempotent."""
    from moto.sts.models import STSBackend

    if getattr(STSBackend, "sandbox_rules", False):
        return
    # moto warns on stderr about codes that the service model does not list; AWS's own AccessDenied is one of them.
    warnings.filterwarnings("ignore", message=r"Exception\(STSClientError\) with code AccessDenied")
    original = STSBackend.assume_role

    def session(self: Any, *args: Any, **kwargs: Any) -> Any:
        role = original(self, *args, **kwargs)
        # The account is part of the key, so that a session outlives a reset and a restart of the sandbox.
        role.access_key_id = f"ASIA{role.role_arn.split(':')[4]}{_random_letters(4)}"
        return role

    def assume_role(self: Any, *args: Any, **kwargs: Any) -> Any:
        _check_assumable(kwargs["role_arn"], kwargs.get("external_id") or "")
        return session(self, *args, **kwargs)

    def get_caller_identity(self: Any, access_key_id: str, _region: str) -> tuple[str, str, str]:
        arn = current_caller().arn
        name = arn.rsplit("/", 1)[-1]
        user_id = self.account_id if arn.endswith(":root") else f"AROASANDBOX{self.account_id}:{name}"
        return user_id, arn, self.account_id

    STSBackend.assume_role = assume_role
    STSBackend.session_for_service = session
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


def _check_assumable(role_arn: str, external_id: str) -> None:
    from moto.sts.exceptions import STSClientError

    caller, role = current_caller(), find_role(role_arn)
    if role is not None and role.account_id in ACCOUNTS:
        own = find_role(caller.role_arn)
        may_ask = own is None or own.name == ROLE_NAME or is_allowed(own, "sts:AssumeRole", role_arn)
        if role.name == ROLE_NAME or (may_ask and is_trusted(role, caller, external_id)):
            return
    raise STSClientError(
        "AccessDenied", f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
    )


def _random_letters(count: int) -> str:
    return "".join(secrets.choice(string.ascii_uppercase) for _ in range(count))
