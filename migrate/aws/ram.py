"""Resource shares of AWS RAM: the one way to show a logically air-gapped vault to another account.

API reference: AWS Resource Access Manager 2018-01-04.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.errors import AlreadyExists, NotFound

SERVICE = "ram"
_NEXT = ("nextToken", "nextToken")


def find_share(account: Account, name: str) -> dict[str, Any] | None:
    """Our own share of that name that is not deleted: resourceShareArn, status, tags; None when there is none."""
    found = pages(account, SERVICE, "GetResourceShares", token=_NEXT, resourceOwner="SELF", name=name)
    shares = (share for page in found for share in page.get("resourceShares", []))
    return next((share for share in shares if share.get("status") not in ("DELETED", "DELETING")), None)


def create_share(
    account: Account, name: str, resource: str, principal: str, tags: Mapping[str, str], token: str
) -> str:
    """Share one resource with one account, inside or outside the organization; the share's ARN."""
    answer = call(
        account,
        SERVICE,
        "CreateResourceShare",
        name=name,
        resourceArns=[resource],
        principals=[principal],
        allowExternalPrincipals=True,
        tags=[{"key": key, "value": value} for key, value in sorted(tags.items())],
        clientToken=token,
    )
    return str(answer["resourceShare"]["resourceShareArn"])


def pending_invitation(account: Account, share_arn: str) -> str | None:
    """ARN of the invitation to this share that waits for the account's answer; None when there is none.

    Inside an organization that shares by itself there never is one.
    """
    found = pages(account, SERVICE, "GetResourceShareInvitations", token=_NEXT)
    for page in found:
        for invitation in page.get("resourceShareInvitations", []):
            if invitation.get("resourceShareArn") == share_arn and invitation.get("status") == "PENDING":
                return str(invitation["resourceShareInvitationArn"])
    return None


def accept_invitation(account: Account, invitation_arn: str) -> None:
    """Accept an invitation; nothing happens when it is accepted already."""
    try:
        call(account, SERVICE, "AcceptResourceShareInvitation", resourceShareInvitationArn=invitation_arn)
    except AlreadyExists:
        return


def delete_share(account: Account, share_arn: str) -> None:
    """Delete a share of ours; nothing happens when it is gone."""
    try:
        call(account, SERVICE, "DeleteResourceShare", resourceShareArn=share_arn)
    except NotFound:
        return
