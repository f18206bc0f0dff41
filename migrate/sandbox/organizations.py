"""Which account belongs to which organization.

Follows https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeOrganization.html (members see the
organization of the management account, an account outside of any gets AWSOrganizationsNotInUseException). Source and
target account start as members of one organization, whose management account is 999999999999.
POST /sandbox/organization {"account": "222222222222", "organization": "other"} moves an account: into an organization
of its own ("other"), into none ("none"), or back ("first"). Not emulated: invitations, organizational units, policies.
"""

from __future__ import annotations

from typing import Any

from moto.organizations.models import FakeAccount, OrganizationsBackend, organizations_backends

from migrate.sandbox.settings import MANAGEMENT_ACCOUNT, REGION, SOURCE_ACCOUNT, TARGET_ACCOUNT

_MANAGEMENT = {"first": MANAGEMENT_ACCOUNT, "other": "888888888888"}
_MEMBERS = {SOURCE_ACCOUNT: "source", TARGET_ACCOUNT: "target"}


def seed() -> None:
    """Creates the organization with its members, unless it is there."""
    if organizations_backends[MANAGEMENT_ACCOUNT]["aws"].org is None:
        for account in _MEMBERS:
            place(account, "first")


def place(account: str, organization: str) -> str | None:
    """Moves an account to "first", "other" or "none"; returns what is wrong with the wish, and then moves nothing."""
    if account not in _MEMBERS:
        return f"account: one of {', '.join(_MEMBERS)}"
    if organization not in (*_MANAGEMENT, "none"):
        return f"organization: one of {', '.join(_MANAGEMENT)}, none"
    backend = _backend_of(account)
    if backend is not None:
        backend.remove_account_from_organization(AccountId=account)
    if organization != "none":
        _join(account, _MANAGEMENT[organization])
    return None


def organization_of(account: str) -> str:
    """The id of the account's organization; "" for none."""
    backend = _backend_of(account)
    return str(backend.org.id) if backend else ""


def management_of(account: str) -> str:
    """The management account of the account's organization; "" for none."""
    backend = _backend_of(account)
    return str(backend.account_id) if backend else ""


def _join(account: str, management: str) -> None:
    backend = organizations_backends[management]["aws"]
    if backend.org is None:
        backend.create_organization(REGION, FeatureSet="ALL")
    name = _MEMBERS[account]
    created = backend.create_account(AccountName=name, Email=f"{name}@example.com")
    status = created["CreateAccountStatus"]["Id"]
    member: FakeAccount = next(one for one in backend.accounts if one.create_account_status_id == status)
    organizations_backends.master_accounts.pop(member.id, None)
    member.id = account
    organizations_backends.master_accounts[account] = (management, "aws")


def _backend_of(account: str) -> Any:
    for owner in list(organizations_backends):
        backend: OrganizationsBackend = organizations_backends[owner]["aws"]
        if backend.org is not None and any(member.id == account for member in backend.accounts):
            return backend
    return None
