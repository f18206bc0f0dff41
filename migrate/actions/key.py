"""A customer managed KMS key with its alias.

CreateKey has no idempotency token, so the key carries our lineage and the action's address as tags from its creation
on: a run that died before it gave the key its alias finds it again.
https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate.actions.base import Absent, Conflicting, Context, Done, Observation, Satisfied, Step, StepResult
from migrate.actions.ownership import ADDRESS_TAG, once_seen, ours, own_tags
from migrate.actions.places import LATER, Places
from migrate.aws import kms
from migrate.aws.session import Account
from migrate.core.access import KEY_POLICY, Access, Grant, Permission, Place, allow, anywhere
from migrate.core.codec import Json
from migrate.core.errors import StepError
from migrate.plan.model import Action
from migrate.state.model import OwnedResource


class KeyHandler:
    """Kind `key`: params `alias`, `policy`, `vault` (the vault that it is made for, and goes with)."""

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, params = places.of(action.side), action.params
        yield from key_access(place, action.address, params["alias"])
        for statement in params["policy"]["Statement"]:
            yield Grant(KEY_POLICY, place.side, place.key(params["alias"]), statement, action.address)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The key, by its alias: it has no name yet."""
        return (_owned(step, context, None),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`. A key without our tags that has the alias is a conflict."""
        account, alias = context.account(step.side), step.params["alias"]
        found = kms.describe_key(account, alias)
        if found is None:
            return Absent()
        if ours(kms.key_tags(account, found["Arn"]), step, context):
            return Satisfied()
        return Conflicting(
            StepError(
                f"{alias} in {account.id} {account.region} is the alias of a key that this migration did not make",
                "it appeared after the plan was made",
                "migrate plan   shows what would happen with the key as it is",
            )
        )

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        account, alias = context.account(step.side), step.params["alias"]
        tags = own_tags(step, context)
        found = kms.find_keys(account, tags)
        if not found:
            made = kms.create_key(account, step.params["policy"], _description(step), tags)
            found = kms.find_keys(account, tags) or [{"Arn": made}]
        for double in found[1:]:
            kms.schedule_deletion(account, double["KeyId"])
        kms.create_alias(account, alias, found[0]["Arn"])
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        found = kms.describe_key(context.account(step.side), step.params["alias"])
        arn = found["Arn"] if found else None
        return once_seen(self, step, context, Done({"arn": arn}, owned=(_owned(step, context, arn),)))

    def undo(self, step: Step, context: Context) -> None:
        """Take the alias away and have the key deleted, if it is ours."""
        for resource in step.owned:
            remove_key(context.account(step.side), resource, context.lineage)


def key_access(place: Place, address: str, alias: str) -> Iterator[Permission]:
    """What making a key takes. AWS chooses its id, so it is known by the tags that come with its creation."""
    keys, ours, tagged = place.key("*"), _tagged("Resource", address), _tagged("Request", address)
    yield from _finding(place, address, alias)
    yield anywhere(place.side, "kms:CreateKey", condition=tagged)
    yield allow(place.side, "kms:TagResource", keys, condition=tagged, wide=LATER, when="the key is made with tags")
    yield allow(place.side, "kms:CreateAlias", place.key(alias))
    yield allow(place.side, "kms:CreateAlias", keys, condition=ours, wide=LATER)
    twice = "a request was repeated, and has made two"
    yield allow(place.side, "kms:ScheduleKeyDeletion", keys, condition=ours, wide=LATER, when=twice)


def removal_access(place: Place, maker: str, alias: str) -> Iterator[Permission]:
    """What removing the key takes that the action `maker` has made."""
    keys, ours = place.key("*"), _tagged("Resource", maker)
    yield from _finding(place, maker, alias)
    yield allow(place.side, "kms:ScheduleKeyDeletion DeleteAlias", keys, condition=ours, wide=LATER)
    yield allow(place.side, "kms:DeleteAlias", place.key(alias))


def _finding(place: Place, maker: str, alias: str) -> Iterator[Permission]:
    keys, named = place.key("*"), {"StringEquals": {"kms:RequestAlias": alias}}
    yield allow(place.side, "kms:DescribeKey", keys, condition=named, wide=LATER)
    yield allow(place.side, "kms:DescribeKey", keys, condition=_tagged("Resource", maker), wide=LATER)
    yield allow(place.side, "kms:ListResourceTags", keys, wide="a key of ours is found by its tags, among all")
    yield anywhere(place.side, "kms:ListKeys", when="a run was stopped before the key had its alias")


def _tagged(whose: str, maker: str) -> Json:
    return {"StringEquals": {f"aws:{whose}Tag/{ADDRESS_TAG}": maker}}


def remove_key(account: Account, resource: OwnedResource, lineage: str) -> None:
    """Have the key deleted in 30 days and take its alias away, if it carries our lineage. Idempotent."""
    alias, found = alias_of(resource), find_owned(account, resource, lineage)
    if found is None:
        return
    if found.get("KeyState") != "PendingDeletion":
        kms.schedule_deletion(account, found["KeyId"])
    behind = kms.describe_key(account, alias)
    if behind is not None and behind["Arn"] == found["Arn"]:
        kms.delete_alias(account, alias)


def find_owned(account: Account, resource: OwnedResource, lineage: str) -> dict[str, Any] | None:
    """The key behind an owned resource, whatever its state; None when it was never made."""
    tags = {"migrate:lineage": lineage, "migrate:address": resource.address}
    found = kms.describe_key(account, resource.proof.get("key") or alias_of(resource))
    if found is not None:
        return found if tags.items() <= kms.key_tags(account, found["Arn"]).items() else None
    return next(iter(kms.find_keys(account, tags)), None)


def alias_of(resource: OwnedResource) -> str:
    """The alias of an owned key (`alias/...`)."""
    return resource.id.split(":", 5)[5]


def _owned(step: Step, context: Context, arn: str | None) -> OwnedResource:
    account = context.account(step.side)
    id = f"arn:{account.partition}:kms:{account.region}:{account.id}:{step.params['alias']}"
    proof = {"vault": step.params["vault"], **({"key": arn} if arn else {})}
    return OwnedResource(id, "key", step.side.value, step.address, arn is not None, proof)


def _description(step: Step) -> str:
    return f"Backup vault {step.params['vault']} (made by migrate)"
