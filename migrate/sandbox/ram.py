"""The calls of AWS Resource Access Manager with which a vault is shared and a share is accepted or taken back.

https://docs.aws.amazon.com/ram/latest/APIReference/API_CreateResourceShare.html
https://docs.aws.amazon.com/ram/latest/APIReference/API_AcceptResourceShareInvitation.html

Not emulated: principals other than account ids, permissions, leaving an organization, resource types other than
air-gapped vaults.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from moto.ram.models import ram_backends

from migrate.sandbox.backup_store import vault_of
from migrate.sandbox.jobs import Tokens
from migrate.sandbox.ram_lists import associations, describe_invitation, describe_share, invitations_for
from migrate.sandbox.ram_shares import Share, shares_of
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation

_ACCOUNT = re.compile(r"\d{12}")


@operation("ram", "CreateResourceShare", "name resourceArns principals tags allowExternalPrincipals clientToken")
def create(call: Call) -> dict[str, Any]:
    body, kept = dict(call.body), shares_of(call.account, call.region)
    token = str(body.pop("clientToken", None) or uuid.uuid4())
    found, differs = _tokens(call).find(token, body)
    if differs:
        raise Refused("IdempotentParameterMismatchException", "The clientToken belongs to another request.")
    share = kept[found] if found else _new(call)
    kept[share.arn] = share
    _tokens(call).keep(token, body, share.arn)
    return {"resourceShare": describe_share(share), "clientToken": token}


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
    return {"resourceShareAssociations": [one for one in associations(share) if one["associatedEntity"] in wanted]}


@operation("ram", "DisassociateResourceShare", "resourceShareArn resourceArns principals clientToken")
def disassociate(call: Call) -> dict[str, Any]:
    share = _own(call)
    wanted = {*(call.body.get("resourceArns") or []), *(call.body.get("principals") or [])}
    gone = [one | {"status": "DISASSOCIATED"} for one in associations(share) if one["associatedEntity"] in wanted]
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


@operation("ram", "AcceptResourceShareInvitation", "resourceShareInvitationArn clientToken")
def accept(call: Call) -> dict[str, Any]:
    return _answered(call, "ACCEPTED")


@operation("ram", "RejectResourceShareInvitation", "resourceShareInvitationArn clientToken")
def reject(call: Call) -> dict[str, Any]:
    return _answered(call, "REJECTED")


def _answered(call: Call, answer: str) -> dict[str, Any]:
    arn = call.body["resourceShareInvitationArn"]
    invitation = next((one for one in invitations_for(call) if one.arn == arn), None)
    if invitation is None:
        raise Refused("ResourceShareInvitationArnNotFoundException", f"Invitation {arn} could not be found.")
    if invitation.status != "PENDING":
        code = f"ResourceShareInvitation{_ALREADY[invitation.status]}Exception"
        raise Refused(code, f"Invitation {arn} is {invitation.status}.")
    invitation.answer = answer
    return {"resourceShareInvitation": describe_invitation(invitation)}


_ALREADY = {"ACCEPTED": "AlreadyAccepted", "REJECTED": "AlreadyRejected", "EXPIRED": "Expired"}


def _own(call: Call) -> Share:
    share = shares_of(call.account, call.region).get(call.body["resourceShareArn"])
    if share is None or share.status == "DELETED":
        raise Refused("UnknownResourceException", f"ResourceShare {call.body['resourceShareArn']} could not be found.")
    return share
