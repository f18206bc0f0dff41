"""What the set-up of strategy `backup` changes in a simulated world: keys, vaults, roles, grants, shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from migrate.core.codec import canonical
from migrate.core.frozen import replace
from migrate.core.iam_policy import with_statement, without_statement
from migrate.observe.inventory import BackupFacts, BackupSide, KeyFacts, RoleFacts, VaultFacts
from migrate.plan.world import Result, Turn, owned_ids
from migrate.state.model import OwnedResource

AIR_GAPPED = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"


def _key(turn: Turn) -> Result:
    alias, arn = turn.params["alias"], _arn(turn, "kms", f"key/{turn.record.token}")
    facts = KeyFacts(alias, arn, policy=canonical(turn.params["policy"]), id=alias)
    _change(turn, "keys", {alias: facts})
    _name_keys(turn, facts)
    id = _arn(turn, "kms", alias)
    return {"arn": arn}, (_owned(turn, id, "key", vault=turn.params["vault"], key=arn),), ()


def _vault(turn: Turn) -> Result:
    name, side = turn.params["vault"], _side(turn)
    arn = _arn(turn, "backup", f"backup-vault:{name}")
    found = side.keys.get(turn.params["key"]) or _named_key(turn, turn.params["key"])
    key = replace(found, name=found.arn, id=found.arn)
    _change(turn, "keys", {found.arn: key})
    _change(turn, "vaults", {name: VaultFacts(name, arn, key=found.arn)})
    return {"arn": arn}, (_owned(turn, arn, "vault"),), ()


def _air_gapped_vault(turn: Turn) -> Result:
    name = turn.params["vault"]
    arn = _arn(turn, "backup", f"backup-vault:{name}")
    _change(turn, "vaults", {name: VaultFacts(name, arn, AIR_GAPPED)})
    return {"arn": arn}, (_owned(turn, arn, "air-gapped-vault"),), ()


def _vault_policy(turn: Turn) -> Result:
    name, ours = turn.params["vault"], turn.params["statement"]
    vault = _side(turn).vaults[name]
    _change(turn, "vaults", {name: replace(vault, policy=with_statement(vault.policy, ours))})
    return {"sid": ours["Sid"]}, (_owned(turn, f"{vault.arn}?policy#{ours['Sid']}", "vault-policy"),), ()


def _role(turn: Turn) -> Result:
    name, account = turn.params["role"], turn.world.before.account(turn.action.side.value)
    arn = f"arn:{account.partition}:iam::{account.id}:role/{name}"
    _change_role(turn, RoleFacts(name, arn, canonical(turn.params["trust"])))
    return {"arn": arn}, (_owned(turn, arn, "role"),), ()


def _share(turn: Turn) -> Result:
    name = turn.params["vault"]
    _change(turn, "vaults", {name: replace(_side(turn).vaults[name], is_shared=True)})
    id = f"ram://{turn.world.before.source.id}/{turn.params['share']}"
    return {"vault_arn": turn.params["vault_arn"]}, (_owned(turn, id, "share"),), ()


def _key_removal(turn: Turn) -> Result:
    for resource in turn.world.owned_by(turn.params["of"]):
        alias = resource.id.split(":", 5)[5]
        if not _side(turn).vaults.get(resource.proof["vault"], VaultFacts("")).arn:
            _change(turn, "keys", {alias: KeyFacts(alias, arn="", id=alias)})
            _name_keys(turn, KeyFacts(alias, arn="", id=alias))
    return {}, (), owned_ids(turn.world, turn.params)


def _vault_removal(turn: Turn) -> Result:
    for resource in turn.world.owned_by(turn.params["of"]):
        name = resource.id.rpartition(":")[2]
        key = _side(turn).vaults[name].key if name in _side(turn).vaults else None
        if not any(one.proof.get("vault") == name for one in _points(turn)):
            _change(turn, "vaults", {name: VaultFacts(name)})
            _change(turn, "keys", {}, without=key)
    return {}, (), owned_ids(turn.world, turn.params)


def _vault_policy_removal(turn: Turn) -> Result:
    for resource in turn.world.owned_by(turn.params["of"]):
        arn, sid = resource.id.split("?policy#")
        name = arn.rpartition(":")[2]
        vault = _side(turn).vaults[name]
        _change(turn, "vaults", {name: replace(vault, policy=without_statement(vault.policy, sid))})
    return {}, (), owned_ids(turn.world, turn.params)


def _role_removal(turn: Turn) -> Result:
    for resource in turn.world.owned_by(turn.params["of"]):
        name = resource.id.rpartition("/")[2]
        _change_role(turn, RoleFacts(name))
    return {}, (), owned_ids(turn.world, turn.params)


def _share_removal(turn: Turn) -> Result:
    for name, vault in _side(turn).vaults.items():
        if vault.is_shared:
            _change(turn, "vaults", {name: replace(vault, is_shared=False)})
    return {}, (), owned_ids(turn.world, turn.params)


EFFECTS: Mapping[str, Callable[[Turn], Result]] = {
    "key": _key,
    "vault": _vault,
    "air-gapped-vault": _air_gapped_vault,
    "vault-policy": _vault_policy,
    "role": _role,
    "share": _share,
    "key-removal": _key_removal,
    "vault-removal": _vault_removal,
    "vault-policy-removal": _vault_policy_removal,
    "role-removal": _role_removal,
    "share-removal": _share_removal,
}


def _side(turn: Turn) -> BackupSide:
    return (turn.world.backup or BackupFacts()).side(turn.action.side.value)


def _change(turn: Turn, what: str, values: Mapping[str, Any], *, without: str | None = None) -> None:
    """Facts of the action's side, with these values in place of what is there."""
    side, facts = turn.action.side.value, turn.world.backup or BackupFacts()
    known = {name: value for name, value in getattr(facts.side(side), what).items() if name != without}
    more: dict[str, Any] = {what: {**known, **values}}
    whole: dict[str, Any] = {side: replace(facts.side(side), **more)}
    turn.world.backup = replace(facts, **whole)


def _change_role(turn: Turn, facts: RoleFacts) -> None:
    """A role is known where it was asked about: with those of the Spark job, of AWS Backup (also when nobody asked),
    or both."""
    at = f"{turn.action.side.value} {facts.name}"
    is_of_spark = at in turn.world.roles
    if is_of_spark:
        turn.world.roles[at] = facts
    if facts.name in _side(turn).roles or not is_of_spark:
        _change(turn, "roles", {facts.name: facts})


def _named_key(turn: Turn, id: str) -> KeyFacts:
    return next((key for key in turn.world.keys.values() if id in (key.id, key.arn)), KeyFacts(id, arn=""))


def _name_keys(turn: Turn, found: KeyFacts) -> None:
    """The keys that the manifest names by this alias."""
    for name, key in turn.world.keys.items():
        if key.id == found.id:
            turn.world.keys[name] = replace(found, name=name)


def _points(turn: Turn) -> list[OwnedResource]:
    return [one for one in turn.world.state().owned().values() if one.kind == "recovery-point"]


def _arn(turn: Turn, service: str, rest: str) -> str:
    account = turn.world.before.account(turn.action.side.value)
    return f"arn:{account.partition}:{service}:{account.region}:{account.id}:{rest}"


def _owned(turn: Turn, id: str, kind: str, **proof: str) -> OwnedResource:
    return OwnedResource(id, kind, turn.action.side.value, turn.action.address, is_confirmed=True, proof=proof)
