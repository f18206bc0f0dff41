"""What a manifest alone tells about two accounts that nobody may look at yet: names, and everything that may be there.

Tables are taken to have every setting, since each may have any; what a manifest says is made is not there, all else is
there and fit. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from migrate.core.access import Place, partition_of
from migrate.core.table import PROVISIONED, Key, KeySchema, ScalingTarget, TableFacts, TableSpec, Throughput
from migrate.manifest.model import AccountConfig, Manifest, TableMapping
from migrate.observe.backup import BackupQuestions
from migrate.observe.inventory import (
    AccountFacts,
    BackupFacts,
    BackupSide,
    BucketFacts,
    Inventory,
    KeyFacts,
    RecoveryPointFacts,
    RoleFacts,
    VaultFacts,
)
from migrate.strategies.backup_resources import AIR_GAPPED
from migrate.strategies.questions import questions
from migrate.strategies.spark_setup import DEFAULT_PROFILE

UNKNOWN_KEY = "KEY-ID-OF-"
"""What stands for the id of a key that is known by its alias only; the alias follows."""

_EVERYBODY = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
"""The policy of what is taken to be fit."""

_POLICY = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70.0}}
_SCHEDULE = {"Schedule": "cron(0 6 * * ? *)", "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 1}}


def stand_ins(manifest: Manifest) -> dict[str, str]:
    """A table name for each table and pattern of the manifest -> that name, or that pattern."""
    names = [rule.name or rule.match or "" for rule in manifest.tables]
    return {name.replace("*", "ANYTHING").replace("?", "Q"): name for name in names}


def with_patterns(text: str, names: Mapping[str, str]) -> str:
    """An ARN in which patterns are again what they were. What is made of a name behind one is not known either."""
    for stand_in, pattern in names.items():
        if stand_in != pattern:
            text = re.sub(re.escape(stand_in) + r"-[0-9a-f]{8}\b", f"{stand_in}-*", text).replace(stand_in, pattern)
    return text


def imagine(manifest: Manifest, mappings: Sequence[TableMapping], *, has_settings: bool) -> Inventory:
    """Both accounts. Tables have every setting, or none: a move may have to turn on what a table does not have."""
    places = {"source": _place(manifest.source), "target": _place(manifest.target)}
    asked = questions(manifest, mappings)
    tables = {one.source_name: _spec(one, has_settings=has_settings) for one in mappings}
    filled = {one.target_name: tables[one.source_name] for one in mappings if _is_into_existing(manifest, one)}
    return Inventory(
        _account(places["source"]),
        _account(places["target"]),
        source_tables={name: _table(places["source"], name, spec) for name, spec in tables.items()},
        target_tables={name: _table(places["target"], name, spec) for name, spec in filled.items()},
        buckets={name: _bucket(manifest, name) for name in asked["buckets"]},
        keys={name: _key(places[side], name, id) for name, (side, id) in asked["keys"].items()},
        backup=_backup(manifest, asked["backup"], places) if asked["backup"] else None,
        roles={f"{side} {name}": _role(manifest, name) for side, name in asked["roles"]},
    )


def _place(config: AccountConfig) -> Place:
    return Place(config.side, config.id, config.region, partition_of(config.region))


def _account(place: Place) -> AccountFacts:
    return AccountFacts(place.account, place.region, "", place.partition)


def _spec(mapping: TableMapping, *, has_settings: bool) -> TableSpec:
    asserted = mapping.keys or mapping.target.keys
    names = asserted.attributes if asserted else [("key", "S")]
    keys = KeySchema(tuple(Key(*one) for one in names[:1]), tuple(Key(*one) for one in names[1:]))
    if not has_settings:
        return TableSpec(keys)
    capacity = Throughput(1, 1)
    return TableSpec(
        keys,
        billing=PROVISIONED,
        provisioned=capacity,
        table_class="STANDARD_INFREQUENT_ACCESS",
        ttl="expires",
        recovery_days=35,
        stream="NEW_AND_OLD_IMAGES",
        tags={"some": "tag"},
        deletion_protection=True,
        resource_policy=_EVERYBODY,
        contributor_insights={"": "ACCESSED_AND_THROTTLED_KEYS"},
        auto_scaling={"table:Read": ScalingTarget(1, 1, {"policy": _POLICY}, {"schedule": _SCHEDULE})},
    )


def _table(place: Place, name: str, spec: TableSpec) -> TableFacts:
    return TableFacts(name, place.table(name), f"id-of-{name}", "ACTIVE", spec, item_count=1, size_bytes=1)


def _is_into_existing(manifest: Manifest, mapping: TableMapping) -> bool:
    options = manifest.strategy_options("copy", mapping.options)
    return mapping.strategy == "copy" and options.get("into") == "existing"


def _makes(manifest: Manifest, *strategies: str, option: str = "create") -> bool:
    """True when one of these strategies makes what is missing, for all tables or for one."""
    own = [rule.options for rule in manifest.tables if rule.strategy in strategies]
    return any(options.get(option) for options in (*map(manifest.strategy_options, strategies), *own))


def _bucket(manifest: Manifest, name: str) -> BucketFacts:
    if _makes(manifest, "s3", "glue", "emr", option="create_bucket"):
        return BucketFacts(name, exists=False)
    return BucketFacts(name, exists=True, ownership="BucketOwnerEnforced", is_private=True, encryption="AES256")


def _role(manifest: Manifest, name: str) -> RoleFacts:
    """A role of the Spark job. The one of a cluster's instances is never made."""
    options = [manifest.strategy_options("emr", rule.options) for rule in manifest.tables]
    profiles = {str(one.get("role", DEFAULT_PROFILE)).rpartition("/")[2] for one in options if one["mode"] == "cluster"}
    is_made = _makes(manifest, "glue", "emr") and name not in profiles
    return RoleFacts(name, is_hidden=None if is_made else True)


def _key(place: Place, name: str, id: str) -> KeyFacts:
    known = id if not id.rpartition(":")[2].startswith("alias/") else UNKNOWN_KEY + id.rpartition("/")[2]
    return KeyFacts(name, place.key(known), policy=_EVERYBODY, id=id)


def _backup(manifest: Manifest, asked: BackupQuestions, places: Mapping[str, Place]) -> BackupFacts:
    is_made = _makes(manifest, "backup")
    source, target = (_side(asked, places[side], is_made=is_made) for side in ("source", "target"))
    points = {
        table: (RecoveryPointFacts(_point(places[side], point), vault, places["source"].table(table)),)
        for table, side, vault, point in asked.points
    }
    return BackupFacts(source, target, is_cross_account_on=True, recovery_points=points)


def _side(asked: BackupQuestions, place: Place, *, is_made: bool) -> BackupSide:
    wanted = asked.side(place.side)
    return BackupSide(
        organization="o-unknown",
        is_opted_in=True,
        is_managed=True,
        vaults={name: VaultFacts(name) if is_made else _vault(place, name, asked) for name in sorted(wanted.vaults)},
        roles={
            name: RoleFacts(name) if is_made else RoleFacts(name, place.role(name), _EVERYBODY)
            for name in sorted(wanted.roles)
        },
        keys={} if is_made else {one.arn: one for one in (_vault_key(place, name) for name in sorted(wanted.vaults))},
    )


def _vault(place: Place, name: str, asked: BackupQuestions) -> VaultFacts:
    kind = AIR_GAPPED if name in asked.shared else "BACKUP_VAULT"
    return VaultFacts(name, place.vault(name), kind, _vault_key(place, name).arn, _EVERYBODY, is_shared=True)


def _vault_key(place: Place, vault: str) -> KeyFacts:
    arn = place.key(f"{UNKNOWN_KEY}vault-{vault}")
    return KeyFacts(arn, arn, policy=_EVERYBODY, id=arn)


def _point(place: Place, point: str) -> str:
    return point if point.startswith("arn:") else place.arn("backup", "recovery-point:LATEST")
