"""What somebody must be allowed: the words in which every part that calls AWS says so. No evaluation, no client.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrate.core.codec import Json

SOURCE, TARGET, RUNNER = "source", "target", "runner"
"""Who acts: the caller in the source account, the one in the target account, and the ambient credentials, which assume
roles and keep the state. Everybody else is named by the ARN of a role."""


@dataclass(frozen=True)
class Permission:
    """`who` does these IAM `actions` on these `resources` (ARNs).

    `when` is empty for what every run calls; else it says in which case, or which service does it with the permissions
    of `who`. `wide` says why a resource is not named: AWS has none to name, or its name is not known before.
    """

    who: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Json = None
    when: str = ""
    wide: str = ""


@dataclass(frozen=True)
class Grant:
    """A statement in the policy of a resource. `kind` is one of `KINDS`; `side` the account of the resource.

    `made_by` is the address of the action that puts it there; without one it is the user's to put there.
    """

    kind: str
    side: str
    resource: str
    statement: Json
    made_by: str = ""


TRUST, BUCKET_POLICY, KEY_POLICY, VAULT_POLICY, TABLE_POLICY = KINDS = (
    "trust policy",
    "bucket policy",
    "key policy",
    "vault access policy",
    "table resource policy",
)

Access = Permission | Grant


@dataclass(frozen=True)
class Place:
    """An account in one Region, as a maker of ARNs. `side` is source or target."""

    side: str
    account: str
    region: str
    partition: str = "aws"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of something of this account and Region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def table(self, name: str) -> str:
        """ARN of a table."""
        return self.arn("dynamodb", f"table/{name}")

    def bucket(self, name: str) -> str:
        """ARN of a bucket."""
        return f"arn:{self.partition}:s3:::{name}"

    def objects(self, bucket: str, prefix: str = "") -> str:
        """ARN of every object of a bucket below a prefix."""
        folder = prefix.strip("/")
        return f"{self.bucket(bucket)}/{folder}/*" if folder else f"{self.bucket(bucket)}/*"

    def role(self, name: str) -> str:
        """ARN of a role, by its name (and path)."""
        return f"arn:{self.partition}:iam::{self.account}:role/{name}"

    def vault(self, name: str) -> str:
        """ARN of a backup vault."""
        return self.arn("backup", f"backup-vault:{name}")

    def key(self, id: str) -> str:
        """ARN of a KMS key or of an alias (`alias/...`), by what the manifest says; of every key for `*`."""
        if id.startswith("arn:"):
            return id
        return self.arn("kms", id if id.startswith("alias/") else f"key/{id}")

    def host(self, service: str) -> str:
        """The name of a service in `kms:ViaService` and the like."""
        return f"{service}.{self.region}.amazonaws.com{'.cn' if self.partition == 'aws-cn' else ''}"


def statement(principal: Json, actions: tuple[str, ...], resource: str = "", condition: Json = None) -> Json:
    """A statement of a resource's policy. A trust policy names no resource."""
    one: dict[str, Json] = {"Effect": "Allow", "Principal": principal, "Action": _one_or_all(actions)}
    if resource:
        one["Resource"] = resource
    if condition:
        one["Condition"] = condition
    return one


def stated(who: str, policy: Json, *, when: str) -> Iterator[Permission]:
    """What a policy allows, as permissions of `who`."""
    for one in policy["Statement"]:
        actions, resources = (tuple(one[name]) if isinstance(one[name], list) else (one[name],) for name in _LISTS)
        wide = "a role is the same for every table" if any("*" in name for name in resources) else ""
        yield Permission(who, actions, resources, one.get("Condition"), when, wide)


_LISTS = ("Action", "Resource")


def _one_or_all(values: tuple[str, ...]) -> Json:
    return values[0] if len(values) == 1 else list(values)


def partition_of(region: str) -> str:
    """The partition that a Region belongs to, by its name."""
    known = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    return next((partition for start, partition in known.items() if region.startswith(start)), "aws")


def allow(
    who: str, actions: str, *resources: str, when: str = "", wide: str = "", condition: Json = None
) -> Permission:
    """A permission; `actions` are IAM names with blanks between them: `iam:GetRole PutRolePolicy s3:GetObject`."""
    return Permission(who, named(actions), resources, condition, when, wide)


def named(actions: str) -> tuple[str, ...]:
    """The IAM names in a text, in which a service is written once for all that follow."""
    found, service = [], ""
    for word in actions.split():
        service, _, name = word.rpartition(":") if ":" in word else (service, "", word)
        found.append(f"{service}:{name}")
    return tuple(found)


NO_RESOURCE = "AWS has no resource-level permission for it"


def anywhere(who: str, actions: str, *, when: str = "", condition: Json = None) -> Permission:
    """A permission for actions that AWS can restrict to no resource."""
    return allow(who, actions, "*", when=when, wide=NO_RESOURCE, condition=condition)


def through(who: str, actions: str, key: str, host: str, *, when: str) -> Permission:
    """Use of a KMS key by a service (`Place.host`) with the permissions of `who`."""
    wide = "the id of the key is not known here" if "*" in key else ""
    return allow(who, f"kms:{actions}", key, when=when, wide=wide, condition={"StringEquals": {"kms:ViaService": host}})


def linked_role(place: Place, service: str, role: str) -> Permission:
    """Having AWS make the role of its own for a service, once in the life of an account."""
    condition = {"StringEquals": {"iam:AWSServiceName": service}}
    arn = place.role(f"aws-service-role/{service}/{role}")
    when = f"the account has never used {service}"
    return allow(place.side, "iam:CreateServiceLinkedRole", arn, when=when, condition=condition)


def pass_role(who: str, role: str, service: str) -> Permission:
    """Giving a role to a service that then works with it."""
    condition = {"StringEquals": {"iam:PassedToService": service}}
    return allow(who, "iam:PassRole", role, when=f"{service} gets the role", condition=condition)
