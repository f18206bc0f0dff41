"""Who needs to be allowed what, for a whole plan: what looking takes, what each action declares, and the state.

Pure. The one place to ask: `needed` for principals, `needs` for the policies of resources too.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from migrate.actions.places import UNKNOWN, Places
from migrate.actions.registry import handlers
from migrate.core.access import (
    KEY_POLICY,
    RUNNER,
    SOURCE,
    TARGET,
    TRUST,
    Access,
    Grant,
    Permission,
    Place,
    allow,
    partition_of,
    stated,
    statement,
)
from migrate.core.codec import canonical
from migrate.core.merging import merged
from migrate.core.table import CUSTOMER_MANAGED
from migrate.manifest.model import AccountConfig, Manifest
from migrate.manifest.tables import is_enough_without_listing, resolve_tables, target_name
from migrate.observe.collect import look_access
from migrate.observe.copies import copies_access
from migrate.observe.inventory import AccountFacts, Inventory
from migrate.plan.model import Action, Change, Plan, PlannedAccount
from migrate.state.s3 import state_access
from migrate.strategies.backup_options import read_options
from migrate.strategies.questions import questions
from migrate.strategies.s3_bucket import exporter_principal


class Use(str, enum.Enum):
    """What somebody wants to be able to do. Applying includes planning."""

    PLAN = "plan"
    APPLY = "apply"
    CLEANUP = "cleanup"


EVERY_USE = frozenset(Use)


@dataclass(frozen=True)
class PrincipalNeeds:
    """What one principal must be allowed, sorted; at least in this account's own policies.

    `who` is source, target, runner (`core.access`) or a role's ARN; `principal` its ARN, '' when nobody knows it here.
    `side` is source, target or runner; `account` is '' for the runner. `trust` are the statements of a role's trust
    policy. `made_by` is the address of the action that makes the role: then nobody else has to.
    """

    who: str
    side: str
    title: str
    account: str
    principal: str
    permissions: tuple[Permission, ...]
    trust: tuple[Grant, ...] = ()
    made_by: str = ""


@dataclass(frozen=True)
class Needs:
    """Everything. `grants` are statements in the policies of buckets, keys, vaults and tables."""

    principals: tuple[PrincipalNeeds, ...]
    grants: tuple[Grant, ...] = ()

    def renamed(self, rename: Callable[[str], str]) -> Needs:
        """The same with every ARN through `rename`."""

        def grant(one: Grant) -> Grant:
            text = rename(canonical(one.statement))
            return replace(one, resource=rename(one.resource), statement=json.loads(text))

        def permission(one: Permission) -> Permission:
            condition = json.loads(rename(canonical(one.condition))) if one.condition else None
            return replace(one, resources=tuple(map(rename, one.resources)), condition=condition)

        principals = tuple(
            replace(one, permissions=tuple(map(permission, one.permissions)), trust=tuple(map(grant, one.trust)))
            for one in self.principals
        )
        return Needs(principals, tuple(map(grant, self.grants)))


def needed(
    plan: Plan,
    manifest: Manifest,
    inventory: Inventory | None = None,
    *,
    state: str = "",
    uses: Collection[Use] = EVERY_USE,
    cleanup: Plan | None = None,
) -> tuple[PrincipalNeeds, ...]:
    """What each principal of a migration needs for `uses`: callers first, then roles.

    `plan` is what is still to be done: for the whole migration, one of a state in which nothing has happened
    (`plan.untouched`). `inventory` is what it was made from; without one, keys of tables and buckets are not known.
    `state` is the place of the state, `cleanup` the plan of `migrate cleanup` after it.
    """
    return needs(plan, manifest, inventory, state=state, uses=uses, cleanup=cleanup).principals


def needs(
    plan: Plan,
    manifest: Manifest,
    inventory: Inventory | None = None,
    *,
    state: str = "",
    uses: Collection[Use] = EVERY_USE,
    cleanup: Plan | None = None,
    possible: Collection[str] = (),
) -> Needs:
    """The same, with the policies of resources. `possible` are addresses of actions of which nobody knows yet
    whether they are planned."""
    places = _places(plan, inventory, cleanup)
    removals = cleanup.actions if cleanup else ()
    found = [*_looking(plan, manifest, places)] if {Use.PLAN, Use.APPLY} & set(uses) else []
    if Use.APPLY in uses:
        found += _acting(plan.actions, places, possible)
    if Use.CLEANUP in uses:
        found += _acting((*(one for one in plan.actions if one.change is Change.DELETE), *removals), places)
    found += _running(manifest, state, places)
    permissions = [one for one in found if isinstance(one, Permission)]
    grants = [one for one in (*found, *_foreign_keys(places, permissions)) if isinstance(one, Grant)]
    unique = {canonical([one.kind, one.resource, one.statement]): one for one in grants}
    roles = list(_roles(places, permissions, list(unique.values())))
    callers = [_caller(who, plan, manifest, inventory, permissions) for who in (SOURCE, TARGET, RUNNER)]
    return Needs(
        tuple(one for one in (*callers, *roles) if one.permissions or one.trust),
        tuple(one for one in unique.values() if one.kind != TRUST),
    )


def in_patterns(found: Needs, plan: Plan, manifest: Manifest) -> Needs:
    """The same with the manifest's patterns in place of the names of the tables that they match: for thousands of
    tables, whose names fit into no policies."""
    names: dict[str, str] = {}
    for one in resolve_tables(manifest, [table.source for table in plan.tables])[0]:
        rule = manifest.tables[one.rule_index]
        if rule.match:
            names[one.source_name] = rule.match
            names[one.target_name] = target_name(rule, rule.match)
    folder = re.escape(f"/{plan.migration}/")
    place = re.compile(rf"(?<=table/)[\w.-]+|(?<={folder})[\w.-]+(?=/)|(?<=job/migrate-)[\w.-]+(?=-[0-9a-f]{{8}})")
    because = "the manifest names these tables by a pattern"

    def widened(one: Permission) -> Permission:
        is_wide = any("*" in name and ":dynamodb:" in name for name in one.resources)
        return replace(one, wide=one.wide or (because if is_wide else ""))

    renamed = found.renamed(lambda text: place.sub(lambda name: names.get(name[0], name[0]), text))
    principals = (replace(one, permissions=merged(map(widened, one.permissions))) for one in renamed.principals)
    return Needs(tuple(principals), renamed.grants)


def _looking(plan: Plan, manifest: Manifest, places: Places) -> Iterator[Access]:
    """What `plan` reads."""
    mappings, _problems = resolve_tables(manifest, [table.source for table in plan.tables])
    asked = questions(manifest, mappings)
    listed = not is_enough_without_listing(manifest)
    yield from look_access(places.source, places.target, is_listed=listed, **asked)
    if any(mapping.protect for mapping in mappings):
        yield copies_access(places.target, read_options(manifest.protection_options()).target_vault)
    for name in sorted(asked["samples"]):
        yield from places.items_of(SOURCE, name)
    for place in (places.source, places.target):
        keys = {key for arn, key in places.table_keys.items() if arn.startswith(place.table("")) and key}
        for key in sorted(keys):
            yield allow(place.side, "kms:DescribeKey", place.key(key))
        if places.unlooked:
            when, wide = "a table is encrypted with a key of AWS KMS", "the key is known when the table is read"
            yield allow(place.side, "kms:DescribeKey", place.key("*"), when=when, wide=wide)


def _acting(actions: Iterable[Action], places: Places, possible: Collection[str] = ()) -> Iterator[Access]:
    """What the handlers of these actions declare."""
    known = handlers()
    for action in actions:
        is_forgotten = "of" in action.params and places.maker(action) is None
        for one in known[action.kind].access(action, places):
            if isinstance(one, Grant):
                yield one
                continue
            is_wide = is_forgotten and any("*" in name for name in one.resources)
            yield replace(
                one,
                when=one.when or (_IF_PLANNED if action.address in possible else ""),
                wide=one.wide or ("an earlier plan made it: its name stands in the state" if is_wide else ""),
            )


_IF_PLANNED = "the table turns out to need it"


def _running(manifest: Manifest, state: str, places: Places) -> Iterator[Access]:
    """What the ambient credentials (or a profile's) do."""
    for config in (manifest.source, manifest.target):
        if config.role:
            yield allow(RUNNER, "sts:AssumeRole", config.role)
    yield from state_access(state, places.source.partition)


def _foreign_keys(places: Places, permissions: Iterable[Permission]) -> Iterator[Grant]:
    """Statements in the policies of keys of another account than that of who uses them."""
    for one in permissions:
        for resource in one.resources if one.who != RUNNER else ():
            owner = resource.split(":")[4] if ":kms:" in resource else ""
            if owner in ("", places.account_of(one.who)):
                continue
            side = SOURCE if owner == places.source.account else TARGET
            who = {"AWS": places.callers.get(one.who, one.who)}
            yield Grant(KEY_POLICY, side, resource, statement(who, tuple(sorted(one.actions)), "*", one.condition))


def _roles(places: Places, permissions: Iterable[Permission], grants: Iterable[Grant]) -> Iterator[PrincipalNeeds]:
    """Roles that services work with; one that a plan makes has the policy that the plan gives it."""
    made = {_role_arn(one, places): one for one in places.actions.values() if one.kind == "role"}
    found: dict[str, list[Permission]] = {}
    for one in permissions:
        if one.who.startswith("arn:"):
            found.setdefault(one.who, []).append(one)
    trusts = [one for one in grants if one.kind == TRUST]
    for arn in sorted({*found, *(one.resource for one in trusts)}):
        maker = made.get(arn)
        given = stated(arn, maker.params["policy"], when=_WITH_ROLE) if maker else found.get(arn, [])
        yield PrincipalNeeds(
            who=arn,
            side=SOURCE if arn.split(":")[4] == places.source.account else TARGET,
            title=maker.title if maker else f"role {arn.rpartition('/')[2]}",
            account=arn.split(":")[4],
            principal=arn,
            permissions=merged(given),
            trust=tuple(one for one in trusts if one.resource == arn),
            made_by=maker.address if maker else "",
        )


_WITH_ROLE = "the service works with the role"


def _role_arn(action: Action, places: Places) -> str:
    return places.of(action.side).role(str(action.params["role"]))


def _caller(
    who: str, plan: Plan, manifest: Manifest, inventory: Inventory | None, permissions: Iterable[Permission]
) -> PrincipalNeeds:
    own = merged(one for one in permissions if one.who == who)
    if who == RUNNER:
        return PrincipalNeeds(who, who, "whoever runs migrate: the ambient credentials", "", "", own)
    config = manifest.source if who == SOURCE else manifest.target
    account = plan.source if who == SOURCE else plan.target
    facts = inventory.account(who) if inventory else None
    title = f"the caller in the {who} account ({_credentials(config)})"
    return PrincipalNeeds(who, who, title, account.id, config.role or _known_role(facts), own)


def _credentials(config: AccountConfig) -> str:
    if config.role:
        return f"role {config.role}"
    return f"profile {config.profile}" if config.profile else "the ambient credentials"


def _known_role(facts: AccountFacts | None) -> str:
    """The user or role behind an observed caller; the path of a role is not in what AWS tells."""
    caller = facts.caller if facts else ""
    session = re.fullmatch(r"arn:([^:]+):sts::(\d{12}):assumed-role/([^/]+)/.+", caller)
    return f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}" if session else caller


def _places(plan: Plan, inventory: Inventory | None, cleanup: Plan | None) -> Places:
    source, target = (
        _place(side, account, inventory) for side, account in ((SOURCE, plan.source), (TARGET, plan.target))
    )
    actions = {one.address: one for one in (*(cleanup.actions if cleanup else ()), *plan.actions)}
    facts = [
        inventory.account(place.side) if inventory else AccountFacts(place.account, place.region, "", place.partition)
        for place in (source, target)
    ]
    buckets = {name: one.encryption_key for name, one in inventory.buckets.items()} if inventory else {}
    buckets |= {one.params["bucket"]: one.params["encryption_key"] for one in plan.actions if one.kind == "bucket"}
    return Places(
        source,
        target,
        actions,
        callers={SOURCE: exporter_principal(facts[0]), TARGET: exporter_principal(facts[1])},
        migration=plan.migration,
        table_keys={**_observed_keys(inventory), **dict(_made_keys(target, plan.actions))},
        bucket_keys={name: key or "" for name, key in buckets.items()},
        vault_keys={
            vault.arn: vault.key or ""
            for side in ((inventory.backup.source, inventory.backup.target) if inventory and inventory.backup else ())
            for vault in side.vaults.values()
        },
        unlooked="" if inventory else UNKNOWN,
    )


def _place(side: str, account: PlannedAccount, inventory: Inventory | None) -> Place:
    partition = inventory.account(side).partition if inventory else partition_of(account.region)
    return Place(side, account.id, account.region, partition)


def _observed_keys(inventory: Inventory | None) -> dict[str, str]:
    tables = [*inventory.source_tables.values(), *inventory.target_tables.values()] if inventory else []
    customers = {one.arn: one.spec.encryption for one in tables if one.spec.encryption.kind == CUSTOMER_MANAGED}
    return {one.arn: (customers[one.arn].key or "") if one.arn in customers else "" for one in tables}


def _made_keys(target: Place, actions: Iterable[Action]) -> Iterator[tuple[str, str]]:
    """Keys of the tables that the plan makes."""
    for one in actions:
        creation, encryption = one.params.get("creation"), one.params.get("encryption")
        if creation and "TableName" in creation:
            key = (creation.get("SSESpecification") or {}).get("KMSMasterKeyId")
            yield target.table(creation["TableName"]), key or ""
        elif one.kind == "restore-job" and encryption:
            yield target.table(one.params["table"]), encryption.get("key_arn") or ""
