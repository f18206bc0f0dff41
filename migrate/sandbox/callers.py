"""Who sends a request: the principal that a policy of another account is compared with.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html

Not emulated: identity policies (a caller is taken to hold every permission of its own account), permission boundaries,
service control policies, federated users, checks of the signature.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from moto.core.responses import BaseResponse
from moto.iam import models as iam_models
from moto.organizations.models import organizations_backends
from moto.sts.models import sts_backends

from migrate.sandbox.settings import ROLE_NAME

_PARTITION = "aws"
_PRESIGNED_KEY = re.compile(r"[?&](?:X-Amz-Credential|AWSAccessKeyId)=([A-Z0-9]{12,})")
_SESSION_KEY = re.compile(r"ASIA(\d{12})[A-Z]{4}")
"""Keys of the sandbox's own sessions carry their account."""


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


def caller_of(response: BaseResponse) -> Caller:
    """The principal that signed the request that this moto response object is answering."""
    key = _presigned_key(response.uri)
    if key:
        return _principal(_account_of(key), key)
    if "Authorization" not in response.headers:
        return ANONYMOUS
    return _principal(response.current_account, response.get_access_key())


def _presigned_key(url: str) -> str:
    match = _PRESIGNED_KEY.search(unquote(url))
    return match.group(1) if match else ""


def _account_of(access_key: str) -> str:
    match = _SESSION_KEY.fullmatch(access_key)
    return match.group(1) if match else str(iam_models.get_account_id_from(access_key))


def _principal(account: str, access_key: str) -> Caller:
    role = sts_backends[account][_PARTITION].get_assumed_role_from_access_key(access_key)
    if role is not None:
        return Caller(account, role.arn, role.role_arn)
    if access_key.startswith("ASIA"):  # a session that outlived a reset
        return _session(account)
    user = iam_models.iam_backends[account][_PARTITION].get_user_from_access_key_id(access_key)
    return Caller(account, user.arn if user else f"arn:{_PARTITION}:iam::{account}:root")


def _session(account: str) -> Caller:
    return Caller(
        account,
        f"arn:{_PARTITION}:sts::{account}:assumed-role/{ROLE_NAME}/session",
        f"arn:{_PARTITION}:iam::{account}:role/{ROLE_NAME}",
    )


def principal_context(caller: Caller) -> dict[str, str]:
    """The condition keys that describe the caller, in lower case.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    return {
        "aws:principalaccount": caller.account,
        "aws:principalarn": caller.role_arn or caller.arn,
        "aws:principalorgid": _organization_of(caller.account),
    }


def _organization_of(account: str) -> str:
    for owner in list(organizations_backends):
        backend = organizations_backends[owner]["aws"]
        if backend.org is not None and any(member.id == account for member in backend.accounts):
            return str(backend.org.id)
    return ""
