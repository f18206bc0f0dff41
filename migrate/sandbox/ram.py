"""The calls of AWS Resource Access Manager with which a vault is shared.

https://docs.aws.amazon.com/ram/latest/APIReference/API_CreateResourceShare.html
https://docs.aws.amazon.com/ram/latest/APIReference/API_AcceptResourceShareInvitation.html

Not emulated: principals other than account ids, permissions, leaving an organization, resource types other than
air-gapped vaults.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from migrate.sandbox.backup_store import vault_of
from migrate.sandbox.jobs import STARTING, Tokens
from migrate.sandbox.ram_shares import Invitation, Share, all_shares, shares_of
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation

_ACCOUNT = re.compile(r"\d{12}")
_TYPE = "backup:backup-vault"
_OWNERS = ("SELF", "OTHER-ACCOUNTS")


@operation("ram", "CreateResourceShare", "name resourceArns principals tags allowExternalPrincipals clientToken")
def create(call: Call) -> dict[str, Any]:
    body, kept = dict(call.body), shares_of(call.account, call.region)
    token = str(body.pop("clientToken", None) or uuid.uuid4())
    with STARTING:
        found, differs = _tokens(call).find(token, body)
        if differs:
            raise Refused("IdempotentParameterMismatchException", "The clientToken belongs to another request.")
        share = kept[found] if found else _new(call)
        kept[share.arn] = share
        _tokens(call).keep(token, body, share.arn)
    return {"resourceShare": _describe(share), "clientToken": token}


def _new(call: Call) -> Share:
    body = call.body
    share = Share(
        f"arn:aws:ram:{call.region}:{call.account}:resource-share/{uuid.uuid4()}",
        body["name"],
        call.account,
        body.get("allowExternalPrincipals", True),
        {tag["key"]: tag["value"] for tag in body.get("tags") or []},
    )
    _extend(share, body)
    return share


def _tokens(call: Call) -> Tokens:
    from moto.ram.models import ram_backends

    backend: Any = ram_backends[call.account][call.region]
    if not hasattr(backend, "sandbox_tokens"):
        backend.sandbox_tokens = Tokens()
    kept: Tokens = backend.sandbox_tokens
    return kept


def _extend(share: Share, body: dict[str, Any]) -> None:
    """Adds resources and principals to a share; checks all of them first."""
    resources, principals = body.get("resourceArns") or [], body.get("principals") or []
    for arn in resources:
        _check_resource(arn, share.owner)
    for principal in principals:
        if not _ACCOUNT.fullmatch(principal):
            raise Refused("InvalidParameterException", f"Only account ids can be principals here: {principal}")
        if share.is_external(principal) and not share.allow_external:
            raise Refused(
                "OperationNotPermittedException",
                f"The resource share does not allow external principals, and {principal} is not in the organization.",
            )
    share.resources += [arn for arn in resources if arn not in share.resources]
    for principal in principals:
        share.invite(principal)


def _check_resource(arn: str, owner: str) -> None:
    if not re.match(r"arn:aws:backup:[\w-]+:\d{12}:backup-vault:", arn):
        raise Refused("MalformedArnException", f"You cannot share the selected resource type: {arn}")
    vault = vault_of(arn)
    if vault is None or vault.account != owner:
        raise Refused("UnknownResourceException", f"Resource {arn} could not be found.")
    if not vault.is_air_gapped:
        raise Refused("InvalidParameterException", f"Only logically air-gapped vaults can be shared: {arn}")


@operation("ram", "AssociateResourceShare", "resourceShareArn resourceArns principals clientToken")
def associate(call: Call) -> dict[str, Any]:
    share = _own(call)
    _extend(share, call.body)
    wanted = {*(call.body.get("resourceArns") or []), *(call.body.get("principals") or [])}
    return {"resourceShareAssociations": [one for one in _associations(share) if one["associatedEntity"] in wanted]}


@operation("ram", "DisassociateResourceShare", "resourceShareArn resourceArns principals clientToken")
def disassociate(call: Call) -> dict[str, Any]:
    share = _own(call)
    wanted = {*(call.body.get("resourceArns") or []), *(call.body.get("principals") or [])}
    gone = [one | {"status": "DISASSOCIATED"} for one in _associations(share) if one["associatedEntity"] in wanted]
    share.resources = [arn for arn in share.resources if arn not in wanted]
    share.principals = {name: invitation for name, invitation in share.principals.items() if name not in wanted}
    return {"resourceShareAssociations": gone}


@operation("ram", "DeleteResourceShare", "resourceShareArn clientToken")
def delete(call: Call) -> dict[str, Any]:
    share = _own(call)
    share.status, share.resources, share.principals = "DELETED", [], {}
    return {"returnValue": True}


@operation("ram", "TagResource", "resourceShareArn tags")
def tag(call: Call) -> dict[str, Any]:
    _own(call).tags.update({tag["key"]: tag["value"] for tag in call.body["tags"]})
    return {}


@operation(
    "ram",
    "GetResourceShares",
    "resourceShareArns resourceShareStatus resourceOwner name tagFilters nextToken maxResults",
)
def list_shares(call: Call) -> dict[str, Any]:
    body = call.body
    found = [
        _describe(share)
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
        for one in _associations(share)
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
def list_invitations(call: Call) -> dict[str, Any]:
    body = call.body
    found = [
        _describe_invitation(one)
        for one in _invitations(call)
        if (not body.get("resourceShareInvitationArns") or one.arn in body["resourceShareInvitationArns"])
        and (not body.get("resourceShareArns") or one.share.arn in body["resourceShareArns"])
    ]
    return call.page("resourceShareInvitations", found, "maxResults", "nextToken")


@operation("ram", "AcceptResourceShareInvitation", "resourceShareInvitationArn clientToken")
def accept(call: Call) -> dict[str, Any]:
    return _answered(call, "ACCEPTED")


@operation("ram", "RejectResourceShareInvitation", "resourceShareInvitationArn clientToken")
def reject(call: Call) -> dict[str, Any]:
    return _answered(call, "REJECTED")


def _answered(call: Call, answer: str) -> dict[str, Any]:
    arn = call.body["resourceShareInvitationArn"]
    invitation = next((one for one in _invitations(call) if one.arn == arn), None)
    if invitation is None:
        raise Refused("ResourceShareInvitationArnNotFoundException", f"Invitation {arn} could not be found.")
    if invitation.status != "PENDING":
        code = f"ResourceShareInvitation{_ALREADY[invitation.status]}Exception"
        raise Refused(code, f"Invitation {arn} is {invitation.status}.")
    invitation.answer = answer
    return {"resourceShareInvitation": _describe_invitation(invitation)}


_ALREADY = {"ACCEPTED": "AlreadyAccepted", "REJECTED": "AlreadyRejected", "EXPIRED": "Expired"}


def _own(call: Call) -> Share:
    share = shares_of(call.account, call.region).get(call.body["resourceShareArn"])
    if share is None or share.status == "DELETED":
        raise Refused("UnknownResourceException", f"ResourceShare {call.body['resourceShareArn']} could not be found.")
    return share


def _visible(call: Call) -> list[Share]:
    """The shares of the own account, or those of others that hold for it."""
    owner = call.body["resourceOwner"]
    if owner not in _OWNERS:
        raise Refused("InvalidParameterException", f"{owner} is not a valid resource owner.")
    if owner == "SELF":
        return list(shares_of(call.account, call.region).values())
    return [share for share in all_shares(call.region) if share.owner != call.account and share.holds_for(call.account)]


def _invitations(call: Call) -> list[Invitation]:
    found = (share.principals.get(call.account) for share in all_shares(call.region))
    return [invitation for invitation in found if invitation is not None]


def _describe(share: Share) -> dict[str, Any]:
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


def _associations(share: Share) -> list[dict[str, Any]]:
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


def _describe_invitation(one: Invitation) -> dict[str, Any]:
    return {
        "resourceShareInvitationArn": one.arn,
        "resourceShareName": one.share.name,
        "resourceShareArn": one.share.arn,
        "senderAccountId": one.share.owner,
        "receiverAccountId": one.receiver,
        "invitationTimestamp": one.sent,
        "status": one.status,
    }
