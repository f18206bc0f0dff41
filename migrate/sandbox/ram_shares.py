"""Resource shares of AWS Resource Access Manager: what is shared, with whom, and who has accepted.

https://docs.aws.amazon.com/ram/latest/userguide/getting-started-sharing.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/logicallyairgappedvault.html

Within one organization a share holds at once (sharing within the organization is taken to be on); any other account
gets an invitation, which expires after 12 hours. Only air-gapped backup vaults can be shared here.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.ram.models import ram_backends

from migrate.sandbox import clock
from migrate.sandbox.backup_store import Vault, vault_of
from migrate.sandbox.organizations import organization_of

_INVITATION_LASTS = timedelta(hours=12)


@dataclass(eq=False)
class Invitation:
    """What another organization's account has to accept."""

    arn: str
    share: Share
    receiver: str
    sent: datetime = field(default_factory=clock.moment)
    answer: str = ""

    @property
    def status(self) -> str:
        """PENDING, ACCEPTED, REJECTED or EXPIRED."""
        if self.answer:
            return self.answer
        return "PENDING" if clock.moment() < self.sent + _INVITATION_LASTS else "EXPIRED"


@dataclass(eq=False)
class Share:
    """One resource share. `principals` has the invitation of each account, None for one that needs none."""

    arn: str
    name: str
    owner: str
    allow_external: bool
    tags: dict[str, str]
    resources: list[str] = field(default_factory=list)
    principals: dict[str, Invitation | None] = field(default_factory=dict)
    created: datetime = field(default_factory=clock.moment)
    changed: datetime = field(default_factory=clock.moment)
    status: str = "ACTIVE"

    def is_external(self, account: str) -> bool:
        """Whether an account is in another organization than the owner, or in none."""
        return not organization_of(account) or organization_of(account) != organization_of(self.owner)

    def invite(self, account: str) -> None:
        """Shares with an account, which must accept if it is not in the owner's organization. Idempotent."""
        if account in self.principals:
            return
        arn = f"{self.arn.replace(':resource-share/', ':resource-share-invitation/').rpartition('/')[0]}/{uuid.uuid4()}"
        self.principals[account] = Invitation(arn, self, account) if self.is_external(account) else None
        self.changed = clock.moment()

    def state_of(self, account: str) -> str:
        """An association's status: ASSOCIATED once the account needs no invitation or has accepted it."""
        invitation = self.principals[account]
        if invitation is None or invitation.status == "ACCEPTED":
            return "ASSOCIATED"
        return "ASSOCIATING" if invitation.status == "PENDING" else "FAILED"

    def holds_for(self, account: str) -> bool:
        """Whether an account may use what is shared."""
        return self.status == "ACTIVE" and account in self.principals and self.state_of(account) == "ASSOCIATED"


def shares_of(account: str, region: str) -> dict[str, Share]:
    """The shares that an account owns in a Region, by ARN."""
    backend: Any = ram_backends[account][region]
    if not hasattr(backend, "sandbox_shares"):
        backend.sandbox_shares = {}
    kept: dict[str, Share] = backend.sandbox_shares
    return kept


def all_shares(region: str) -> Iterator[Share]:
    """The shares of all accounts in a Region."""
    for account in list(ram_backends):
        yield from list(shares_of(account, region).values())


def is_shared_with(arn: str, account: str) -> bool:
    """Whether a resource is shared with an account that has accepted."""
    return any(arn in share.resources and share.holds_for(account) for share in all_shares(arn.split(":")[3]))


def vaults_shared_with(account: str, region: str) -> list[Vault]:
    """The vaults of a Region that other accounts share with this one."""
    arns = {arn for share in all_shares(region) if share.holds_for(account) for arn in share.resources}
    return [vault for arn in sorted(arns) if (vault := vault_of(arn)) is not None]
