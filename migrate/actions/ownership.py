"""Whose a resource is, by the tags that are put with its creation: the lineage and the action's address."""

from __future__ import annotations

from collections.abc import Mapping

from migrate.actions.base import Absent, ActionHandler, Context, Done, Running, Step, StepResult, was_just_started
from migrate.aws.session import Account
from migrate.state.model import OwnedResource

LINEAGE_TAG = "migrate:lineage"
ADDRESS_TAG = "migrate:address"


def own_tags(step: Step, context: Context) -> dict[str, str]:
    """The tags of what this step makes: the same for every attempt."""
    return {LINEAGE_TAG: context.lineage, ADDRESS_TAG: step.address}


def ours(tags: Mapping[str, str], step: Step, context: Context) -> bool:
    """True when the tags say that this step has made it."""
    return own_tags(step, context).items() <= tags.items()


def account_of(resource: OwnedResource, context: Context) -> Account:
    """The account that an owned resource is in."""
    return context.source if resource.side == "source" else context.target


def once_seen(handler: ActionHandler, step: Step, context: Context, done: Done) -> StepResult:
    """`done` as soon as its effect is seen: IAM, KMS and lists may not show at once what was just made."""
    if was_just_started(step, context) and isinstance(handler.observe(step, context), Absent):
        return Running(1.0)
    return done
