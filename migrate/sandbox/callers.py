"""Who sends a request: the account and the principal behind an access key.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html

An access key that is a 12-digit number acts as the root user of that account. Not emulated: identity policies (a caller
is taken to hold every permission of its own account), permission boundaries, service control policies, federated
users, checks of the signature.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from moto.iam import models as iam_models
from moto.sts.models import sts_backends

from migrate.sandbox.organizations import organization_of
from migrate.sandbox.settings import ROLE_NAME

_PARTITION = "aws"
_SESSION_KEY = re.compile(r"ASIA(\d{12})[A-Z]{4}")
"""Keys of the sandbox's own sessions carry their account, so that they outlive a reset and a restart."""

_ABSENT = ("aws:sourceaccount", "aws:sourcearn", "aws:sourcevpce", "aws:sourcevpc", "aws:calledvia")


@dataclass(frozen=True)
class Caller:
    """One principal. `account` is "" for an anonymous one; `role_arn` is "" unless a role was assumed."""

    account: str
    arn: str
    role_arn: str = ""

    @property
    def is_anonymous(self) -> bool:
        """True for a request without a signature, which only a statement for everybody can allow."""
        return not self.account


ANONYMOUS = Caller(account="", arn="")


def caller_of(access_key: str) -> Caller:
    """The principal that an access key belongs to; ANONYMOUS for no key. Never fails: any key is taken for somebody's.

    A session whose name is not known any more (it is older than a reset) is called `session`.
    """
    if not access_key:
        return ANONYMOUS
    account = account_of(access_key)
    role = sts_backends[account][_PARTITION].get_assumed_role_from_access_key(access_key)
    if role is not None:
        return Caller(account, role.arn, role.role_arn)
    if access_key.startswith("ASIA"):
        return Caller(
            account,
            f"arn:{_PARTITION}:sts::{account}:assumed-role/{ROLE_NAME}/session",
            f"arn:{_PARTITION}:iam::{account}:role/{ROLE_NAME}",
        )
    user = iam_models.iam_backends[account][_PARTITION].get_user_from_access_key_id(access_key)
    return Caller(account, user.arn if user else f"arn:{_PARTITION}:iam::{account}:root")


def account_of(access_key: str) -> str:
    """The account that an access key belongs to."""
    if re.fullmatch(r"\d{12}", access_key):
        return access_key
    match = _SESSION_KEY.fullmatch(access_key)
    return match.group(1) if match else str(iam_models.get_account_id_from(access_key))


def request_context(caller: Caller) -> dict[str, str]:
    """The condition keys of a request by this caller, in lower case; "" for those that it could have but has not.

    The sandbox speaks plain HTTP, yet policies that insist on TLS let it pass.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    return {
        **dict.fromkeys(_ABSENT, ""),
        "aws:securetransport": "true",
        "aws:principalaccount": caller.account,
        "aws:principalarn": caller.role_arn or caller.arn,
        "aws:principalorgid": organization_of(caller.account),
    }
