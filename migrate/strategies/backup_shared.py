"""The actions that tables moved by `backup` share: keys, vaults, roles, grants, and their removal.

Each appears once whatever the number of tables. What is there already is used as it is and never removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from migrate.core.iam_policy import allows
from migrate.manifest.backuprules import AIR_GAPPED_DAYS
from migrate.observe.inventory import KeyFacts
from migrate.plan.model import Action, Change, Risk, Side
from migrate.state.model import SHARED
from migrate.strategies import backup_policies as policies
from migrate.strategies.backup_setup import Setup

LONGEST_DAYS = 36500
"""Maximum retention of an air-gapped vault that is made here: how long each recovery point stays is its own matter."""


def prerequisites(setup: Setup) -> list[Action]:
    """What is missing, in the order in which it is made."""
    found = [action for side, name in setup.vaults for action in _vault(setup, side, name)]
    found += _air_gapped(setup) if setup.options.is_air_gapped else _grant(setup, found)
    return [*found, *(action for side in setup.sides_of_roles for action in _role(setup, side))]


def removals(setup: Setup, planned: Iterable[Action] = ()) -> list[Action]:
    """Take back, last made first, what this migration has made or `planned` is going to make.

    Never an air-gapped vault: what is in it cannot be deleted yet.
    """
    file = setup.request.state.files.get(SHARED)
    ours = {resource.address for resource in file.owned.values()} if file else set()
    ours |= {action.address for action in planned}
    found: list[Action] = []
    for kind, side, name, title, why in _removable(setup):
        if _address(kind, side, name) in ours:
            found.append(_removal(kind, side, name, title, why, tuple(action.address for action in found)))
    return found


def in_use(setup: Setup) -> frozenset[str]:
    """Addresses of what this set-up consists of, whoever has made it."""
    return frozenset(_address(kind, side, name) for kind, side, name, _title, _why in _removable(setup))


def _removable(setup: Setup) -> Iterator[tuple[str, str, str, str, str]]:
    """(kind, side, name, title, why) of everything that may be ours, in the order of its removal."""
    options, source = setup.options, setup.account("source").id
    if options.is_air_gapped:
        yield "share", "source", options.air_gapped_vault, _share_title(setup), "the vault stays, the share does not"
    else:
        title = f"access policy of vault {options.target_vault}: take back what {source} was allowed"
        yield "vault-policy", "target", options.target_vault, title, "only the statement that this migration added"
    for side, name in _own_vaults(setup):
        yield "vault", side, name, f"backup vault {name}", "made by this migration; kept when anything else is in it"
    for side, name in _own_vaults(setup):
        alias = _alias(setup.chosen_key(side, name)) or ""
        why = "made by this migration; can be saved for 30 days; kept when its vault is kept"
        yield "key", side, _short(alias), f"key {alias}, in 30 days", why
    for side in ("source", "target"):
        yield "role", side, options.role(side), f"role {options.role(side)}", "made by this migration"


def _own_vaults(setup: Setup) -> tuple[tuple[str, str], ...]:
    """The vaults of this table whatever `from` says now: an earlier plan may have made them."""
    source = ("source", setup.options.source_vault)
    return (source,) if setup.options.is_air_gapped else (source, ("target", setup.options.target_vault))


def _vault(setup: Setup, side: str, name: str) -> Iterator[Action]:
    if not setup.request.is_due(_address("vault", side, name), is_missing=not setup.vault(side, name).arn):
        return
    key = setup.key(side, name)
    yield from _key(setup, side, name, key)
    yield _action(
        _address("vault", side, name),
        "vault",
        side,
        f"backup vault {name}, encrypted with {key.id or key.arn}",
        {"vault": name, "key": key.id or key.arn},
        needs=(_address("key", side, _short(_alias(key) or "")),),
        why="the recovery points; not the vault Default, whose key cannot be shared",
    )


def _key(setup: Setup, side: str, vault: str, key: KeyFacts) -> Iterator[Action]:
    alias = _alias(key)
    if alias is None or not setup.request.is_due(_address("key", side, _short(alias)), is_missing=not key.arn):
        return
    other = None if setup.options.is_air_gapped else setup.account("target" if side == "source" else "source")
    use = f", which {other.id} may use for copies" if other else ""
    request = setup.request
    monthly = (request.source_prices if side == "source" else request.target_prices).kms_key_month
    yield _action(
        _address("key", side, _short(alias)),
        "key",
        side,
        f"KMS key {alias} for the vault {vault}{use} (about ${monthly:g} a month)",
        {"alias": alias, "vault": vault, "policy": policies.key_policy(setup.account(side), other)},
        risk=Risk.COST,
        why="what is encrypted with AWS's own key cannot be copied to another account",
    )


def _grant(setup: Setup, planned: list[Action]) -> Iterator[Action]:
    """Unless the target vault takes copies from the source account already."""
    name, source = setup.options.target_vault, setup.account("source")
    at = _address("vault-policy", "target", name)
    is_missing = not allows(setup.vault("target", name).policy, source.id, policies.COPY_INTO)
    if setup.is_copied_already or not setup.request.is_due(at, is_missing=is_missing):
        return
    yield _action(
        at,
        "vault-policy",
        "target",
        f"access policy of vault {name}: {source.id} may copy into it",
        {"vault": name, "statement": policies.copy_statement(source, setup.request.migration)},
        needs=tuple(action.address for action in planned if action.address == _address("vault", "target", name)),
        why="added to what is there; a copy between accounts needs it",
    )


def _role(setup: Setup, side: str) -> Iterator[Action]:
    name, account = setup.options.role(side), setup.account(side)
    if not setup.request.is_due(_address("role", side, name), is_missing=not setup.role(side).arn):
        return
    does, policy = ("back up and copy", policies.backup_and_copy(account))
    if side == "target":
        does, policy = ("restore", policies.restore(account))
    yield _action(
        _address("role", side, name),
        "role",
        side,
        f"role {name}: AWS Backup may {does} tables",
        {"role": name, "trust": policies.trust(), "policy": policy},
        why="AWS Backup works with the permissions of a role",
    )


def _air_gapped(setup: Setup) -> Iterator[Action]:
    name, target = setup.options.air_gapped_vault, setup.account("target")
    made = _address("air-gapped-vault", "source", name)
    if setup.request.is_due(made, is_missing=not setup.air_gapped_vault.arn):
        yield _action(
            made,
            "air-gapped-vault",
            "source",
            f"logically air-gapped vault {name}: keeps everything for at least {AIR_GAPPED_DAYS} days",
            {"vault": name, "min_days": AIR_GAPPED_DAYS, "max_days": LONGEST_DAYS},
            risk=Risk.IRREVERSIBLE,
            why="a vault that another organization can restore from",
        )
    shared = _address("share", "source", name)
    if setup.request.is_due(shared, is_missing=not setup.air_gapped_vault.is_shared):
        share = f"migrate-{setup.request.migration}-{name}"
        yield _action(
            shared,
            "share",
            "source",
            f"share vault {name} with {target.id} (AWS RAM), and accept it there",
            {"share": share, "vault": name, "vault_arn": setup.vault_arn("source", name), "principal": target.id},
            needs=(made,),
            why="the target account restores from it directly",
        )


def _share_title(setup: Setup) -> str:
    return f"share of vault {setup.options.air_gapped_vault} with {setup.account('target').id}"


def _action(
    address: str,
    kind: str,
    side: str,
    title: str,
    params: dict[str, Any],
    *,
    needs: tuple[str, ...] = (),
    risk: Risk = Risk.NONE,
    why: str,
) -> Action:
    """A shared action; one in the source account is a change of that account, whatever else it is."""
    if side == "source" and risk is not Risk.IRREVERSIBLE:
        risk = Risk.SOURCE_WRITE
    undo = "none: it is locked for its minimum retention" if kind == "air-gapped-vault" else f"{kind}-removal"
    return Action(address, kind, Side(side), Change.CREATE, title, params, needs=needs, risk=risk, undo=undo, why=why)


def _removal(kind: str, side: str, name: str, title: str, why: str, needs: tuple[str, ...]) -> Action:
    return Action(
        address=_address(f"{kind}-removal", side, name),
        kind=f"{kind}-removal",
        side=Side(side),
        change=Change.DELETE,
        title=title,
        params={"of": _address(kind, side, name)},
        needs=needs,
        risk=Risk.DESTRUCTIVE,
        undo=kind,
        why=why,
    )


def _address(kind: str, side: str, name: str) -> str:
    return f"{SHARED}/{kind}.{side}.{name}"


def _alias(key: KeyFacts) -> str | None:
    """The alias under which the key is known or is to be made; None when the manifest names it otherwise."""
    return key.id if key.id and key.id.startswith("alias/") else None


def _short(alias: str) -> str:
    return alias.removeprefix("alias/").replace("/", ".")
