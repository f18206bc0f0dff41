"""The reading calls of AWS Resource Access Manager.

https://docs.aws.amazon.com/ram/latest/APIReference/API_GetResourceShares.html
https://docs.aws.amazon.com/ram/latest/APIReference/API_ListResources.html
"""

from __future__ import annotations

from typing import Any

from migrate.sandbox.ram_shares import Invitation, Share, all_shares, shares_of
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation

_TYPE = "backup:backup-vault"
_OWNERS = ("SELF", "OTHER-ACCOUNTS")


@operation(
    "ram",
    "GetResourceShares",
    "resourceShareArns resourceShareStatus resourceOwner name tagFilters nextToken maxResults",
)
def list_shares(call: Call) -> dict[str, Any]:
    body = call.body
    found = [
        describe_share(share)
        for share in _visible(call)
        if (not body.get("resourceShareArns") or share.arn in body["resourceShareArns"])
        and body.get("resourceShareStatus") in (None, share.status)
        and body.get("name") in (None, share.name)
        and all(
            share.tags.get(wanted["tagKey"], "\0") in (wanted.get("tagValues") or [share.tags.get(wanted["tagKey"])])
            for wanted in body.get("tagFilters") or []
        )
    ]
    return call.page("resourceShares", found, "maxResults", "nextToken")


@operation(
    "ram",
    "GetResourceShareAssociations",
    "associationType resourceShareArns resourceArn principal associationStatus nextToken maxResults",
)
def list_associations(call: Call) -> dict[str, Any]:
    body = call.body
    found = [
        one
        for share in shares_of(call.account, call.region).values()
        if not body.get("resourceShareArns") or share.arn in body["resourceShareArns"]
        for one in associations(share)
        if one["associationType"] == body["associationType"]
        and (body.get("resourceArn") or body.get("principal")) in (None, one["associatedEntity"])
        and body.get("associationStatus") in (None, one["status"])
    ]
    return call.page("resourceShareAssociations", found, "maxResults", "nextToken")


@operation(
    "ram", "ListResources", "resourceOwner principal resourceType resourceArns resourceShareArns nextToken maxResults"
)
def list_resources(call: Call) -> dict[str, Any]:
    body = call.body
    found = [
        {
            "arn": arn,
            "type": _TYPE,
            "resourceShareArn": share.arn,
            "status": "AVAILABLE",
            "creationTime": share.created,
            "lastUpdatedTime": share.changed,
            "resourceRegionScope": "REGIONAL",
        }
        for share in _visible(call)
        if not body.get("resourceShareArns") or share.arn in body["resourceShareArns"]
        if body.get("principal") is None or body["principal"] in share.principals
        for arn in share.resources
        if not body.get("resourceArns") or arn in body["resourceArns"]
    ]
    return call.page("resources", found, "maxResults", "nextToken")


@operation(
    "ram", "ListPrincipals", "resourceOwner resourceArn principals resourceType resourceShareArns nextToken maxResults"
)
def list_principals(call: Call) -> dict[str, Any]:
    body = call.body
    found = [
        {
            "id": principal,
            "resourceShareArn": share.arn,
            "creationTime": share.created,
            "lastUpdatedTime": share.changed,
            "external": share.is_external(principal),
        }
        for share in _visible(call)
        if not body.get("resourceShareArns") or share.arn in body["resourceShareArns"]
        if body.get("resourceArn") is None or body["resourceArn"] in share.resources
        for principal in share.principals
        if not body.get("principals") or principal in body["principals"]
    ]
    return call.page("principals", found, "maxResults", "nextToken")


@operation("ram", "GetResourceShareInvitations", "resourceShareInvitationArns resourceShareArns nextToken maxResults")
def listinvitations_for(call: Call) -> dict[str, Any]:
    body = call.body
    found = [
        describe_invitation(one)
        for one in invitations_for(call)
        if (not body.get("resourceShareInvitationArns") or one.arn in body["resourceShareInvitationArns"])
        and (not body.get("resourceShareArns") or one.share.arn in body["resourceShareArns"])
    ]
    return call.page("resourceShareInvitations", found, "maxResults", "nextToken")


def _visible(call: Call) -> list[Share]:
    """The shares of the own account, or those of others that hold for it."""
    owner = call.body["resourceOwner"]
    if owner not in _OWNERS:
        raise Refused("InvalidParameterException", f"{owner} is not a valid resource owner.")
    if owner == "SELF":
        return list(shares_of(call.account, call.region).values())
    return [share for share in all_shares(call.region) if share.owner != call.account and share.holds_for(call.account)]


def invitations_for(call: Call) -> list[Invitation]:
    """What other accounts have sent to the caller's."""
    found = (share.principals.get(call.account) for share in all_shares(call.region))
    return [invitation for invitation in found if invitation is not None]


def describe_share(share: Share) -> dict[str, Any]:
    """API_ResourceShare."""
    return {
        "resourceShareArn": share.arn,
        "name": share.name,
        "owningAccountId": share.owner,
        "allowExternalPrincipals": share.allow_external,
        "status": share.status,
        "tags": [{"key": name, "value": value} for name, value in share.tags.items()],
        "creationTime": share.created,
        "lastUpdatedTime": share.changed,
        "featureSet": "STANDARD",
    }


def associations(share: Share) -> list[dict[str, Any]]:
    """API_ResourceShareAssociation of everything in a share."""
    common = {
        "resourceShareArn": share.arn,
        "resourceShareName": share.name,
        "creationTime": share.created,
        "lastUpdatedTime": share.changed,
    }
    resources = [
        {**common, "associatedEntity": arn, "associationType": "RESOURCE", "status": "ASSOCIATED", "external": False}
        for arn in share.resources
    ]
    principals = [
        {
            **common,
            "associatedEntity": account,
            "associationType": "PRINCIPAL",
            "status": share.state_of(account),
            "external": share.is_external(account),
        }
        for account in share.principals
    ]
    return resources + principals


def describe_invitation(one: Invitation) -> dict[str, Any]:
    """API_ResourceShareInvitation."""
    return {
        "resourceShareInvitationArn": one.arn,
        "resourceShareName": one.share.name,
        "resourceShareArn": one.share.arn,
        "senderAccountId": one.share.owner,
        "receiverAccountId": one.receiver,
        "invitationTimestamp": one.sent,
        "status": one.status,
    }
