"""Where the things are that the actions of a plan work on: ARNs, keys, and which action makes what. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.core.access import (
    BUCKET_POLICY,
    SOURCE,
    TARGET,
    TRUST,
    VAULT_POLICY,
    Grant,
    Permission,
    Place,
    allow,
    named,
    statement,
    through,
)
from migrate.core.codec import Json
from migrate.plan.model import Action, Side, is_ref

LATER = "AWS chooses its id"
UNKNOWN = "*"

_OWN_KEY = "DynamoDB uses the table's key with the permissions of the caller"
_MAKING = "Encrypt Decrypt ReEncryptFrom ReEncryptTo GenerateDataKey GenerateDataKeyWithoutPlaintext DescribeKey"


@dataclass(frozen=True)
class Places:
    """Both accounts, and every action that a removal or a reference may mean.

    `callers` are the ARNs by which policies can name who acts in an account. `table_keys` and `bucket_keys` are the
    customer managed keys of tables (by ARN) and of what is in buckets (by name): '' or absent without one; `UNKNOWN`
    is what nobody has looked up.
    """

    source: Place
    target: Place
    actions: Mapping[str, Action]
    callers: Mapping[str, str]
    migration: str = ""
    table_keys: Mapping[str, str] = field(default_factory=dict)
    bucket_keys: Mapping[str, str] = field(default_factory=dict)
    vault_keys: Mapping[str, str] = field(default_factory=dict)
    """ARNs of the keys of vaults that are there, by the vault's ARN."""

    unlooked: str = ""
    """The key of what is in neither: '' when everything was looked at, else `UNKNOWN`."""

    def of(self, side: Side | str) -> Place:
        """The account in which an action of that side works (the target for both)."""
        return self.source if side in (Side.SOURCE, SOURCE) else self.target

    def account_of(self, who: str) -> str:
        """The account id of a side's caller, or of a role."""
        if who.startswith("arn:"):
            return who.split(":")[4]
        return self.of(who).account

    def maker(self, action: Action) -> Action | None:
        """The action whose work a removal removes; None when an earlier plan had it."""
        return self.actions.get(str(action.params.get("of")))

    def made(self, action: Action, name: str) -> str:
        """Parameter `name` of what a removal removes; `UNKNOWN` when only the state knows it."""
        maker = self.maker(action)
        return str((maker.params if maker else action.params).get(name) or UNKNOWN)

    def origin(self, value: Any) -> Action | None:
        """The action to whose output a parameter refers."""
        return self.actions.get(value["$ref"]) if is_ref(value) else None

    def text(self, value: Any, name: str) -> str:
        """A parameter that may refer to another action, whose parameter `name` is the same."""
        if not is_ref(value):
            return str(value)
        origin = self.origin(value)
        return str(origin.params.get(name, UNKNOWN)) if origin else UNKNOWN

    def export_prefix(self, value: Any) -> str:
        """Where the export is to whose files a parameter refers; '' when an earlier plan has made it."""
        origin = self.origin(value)
        if origin is not None and "manifest_key" in origin.params:
            origin = self.origin(origin.params["manifest_key"])
        return str(origin.params["prefix"]) if origin is not None else ""

    def items_of(self, side: Side | str, table: str, who: str = "") -> Iterator[Permission]:
        """What reading or writing items needs beside the table: its key, if that is the user's own."""
        place = self.of(side)
        key = self.table_keys.get(place.table(table), self.unlooked)
        if key:
            yield through(who or place.side, "Decrypt", place.key(key), place.host("dynamodb"), when=_OWN_KEY)

    def encrypted_with(self, side: Side | str, key: str | None) -> Iterator[Permission]:
        """What making a table with a key of the user's own needs."""
        if key:
            place = self.of(side)
            yield through(place.side, f"{_MAKING} CreateGrant", place.key(key), place.host("dynamodb"), when=_OWN_KEY)

    def objects_of(self, bucket: str, actions: str, who: str = "") -> Iterator[Permission]:
        """What reading (`Decrypt`) or writing (`GenerateDataKey`) the objects of a bucket needs: its key."""
        key = self.bucket_keys.get(bucket, self.unlooked)
        if key:
            place, words = self.target, "S3 uses the bucket's key with the permissions of the caller"
            yield through(who or place.side, actions, place.key(key), place.host("s3"), when=words)

    def trusted_by(self, role: str, principal: Json, condition: Json = None) -> Grant:
        """The statement of a role's trust policy that lets somebody assume it (`{"Service": ...}`, `{"AWS": ...}`)."""
        side = "source" if role.split(":")[4] == self.source.account else "target"
        wish = statement(principal, ("sts:AssumeRole",), condition=condition)
        made = self._action("role", side, role=role.rpartition("/")[2])
        return Grant(TRUST, side, role, wish, made.address if made else "")

    def written_by(self, who: str, bucket: str, objects: str, actions: str) -> Grant:
        """The statement of the bucket's policy that lets a caller of the other account write below a prefix."""
        made = self._action("bucket-policy", bucket=bucket)
        wish = statement({"AWS": self.callers[who]}, tuple(sorted(named(actions))), objects)
        grant = made.params["statement"] if made else wish
        return Grant(BUCKET_POLICY, "target", self.target.bucket(bucket), grant, made.address if made else "")

    def copied_into(self, vault: str, wish: Json) -> Grant:
        """The statement of a vault's access policy that lets the source account copy into it."""
        made = self._action("vault-policy", vault=vault)
        grant = made.params["statement"] if made else wish
        return Grant(VAULT_POLICY, "target", self.target.vault(vault), grant, made.address if made else "")

    def vault_key(self, side: Side | str, vault: str) -> str:
        """The key of a vault that is there; '' for one that is made, whose key comes with its policy."""
        arn = self.of(side).vault(vault)
        is_made = self._action("vault", self.of(side).side, vault=vault) is not None
        return "" if is_made else self.vault_keys.get(arn, self.of(side).key(f"KEY-ID-OF-vault-{vault}"))

    def _action(self, kind: str, side: str = TARGET, **params: str) -> Action | None:
        """The action that makes such a thing in the account of that side."""
        found = (one for one in self.actions.values() if one.kind == kind and one.side.value == side)
        return next((one for one in found if params.items() <= one.params.items()), None)


def new_role(who: str, role: str) -> Permission:
    """The look at a role that a service has just refused: it may be new."""
    return allow(who, "iam:GetRole", role, when="a service does not know the role yet")
