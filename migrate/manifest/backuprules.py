"""Rules on the options of strategy `backup`: vaults that cannot serve, recovery points of nobody, days that are few."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.core.diagnostics import Diagnostic
from migrate.manifest.document import Document, Path
from migrate.manifest.model import STRATEGY_DEFAULTS

AIR_GAPPED_DAYS = 7
"""A logically air-gapped vault keeps everything for at least so many days: the least that AWS takes."""

_VAULT = re.compile(r"arn:aws[a-z-]*:backup:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):backup-vault:")
_POINT = re.compile(r"arn:aws[a-z-]*:backup:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):recovery-point:")
_VAULTS = {"source_vault": "source", "target_vault": "target", "air_gapped_vault": "source"}


def backup_options(document: Document) -> Iterator[Path]:
    """Every place with options of strategy `backup`: the shared ones, and those of tables."""
    yield ("strategies", "backup")
    for index, _ in document.mappings(("tables",)):
        if document.strategy_of(index) == "backup":
            yield ("tables", index, "options")


def check_backup(document: Document) -> Iterator[Diagnostic]:
    """What AWS Backup would refuse, or do with something else than was meant."""
    for path in backup_options(document):
        for name, side in _VAULTS.items():
            yield from _vault(document, (*path, name), side)
        yield from _same_vault(document, path)
        yield from _same_mode(document, path)
        yield from _role(document, (*path, "role"))
        yield from _point(document, (*path, "from"))
        yield from _days(document, path)


def _vault(document: Document, path: Path, side: str) -> Iterator[Diagnostic]:
    vault = document.get(path)
    if not isinstance(vault, str):
        return
    if vault.rpartition(":")[2] == "Default":
        yield document.error(
            path,
            "is the vault Default, from and into which nothing can be copied between accounts",
            why="its key aws/backup belongs to AWS and cannot be shared with another account",
            hint="name another vault; `create: true` makes it",
        )
    yield from _foreign(document, path, _VAULT.match(vault), side, "vault")


def _same_vault(document: Document, path: Path) -> Iterator[Diagnostic]:
    names = [_name(document, path, name) for name in ("source_vault", "air_gapped_vault")]
    if _option(document, path, "mode") == "air-gapped" and names[0] == names[1]:
        where = next((name for name in ("air_gapped_vault", "source_vault") if document.get((*path, name))), "mode")
        what = f"makes {names[0]} both vaults of the source account"
        yield document.error((*path, where), what, why="a backup is made in one and copied into the other")


def _same_mode(document: Document, path: Path) -> Iterator[Diagnostic]:
    mode, general = document.get((*path, "mode")), _option(document, ("strategies", "backup"), "mode")
    if path[0] == "tables" and mode is not None and mode != general:
        yield document.error(
            (*path, "mode"),
            f"is {mode}, and that of all tables is {general}",
            why="tables share the source vault, and its key is made for one mode",
            hint="set strategies.backup.mode, or give these tables a manifest of their own",
        )


def _role(document: Document, path: Path) -> Iterator[Diagnostic]:
    """The role as one ARN serves one account; `rules.py` looks at those of one side."""
    if isinstance(role := document.get(path), str) and role.startswith("arn:"):
        what = "is one ARN, and each account needs a role of its own"
        yield document.error(path, what, hint="write the name, or {source: ARN, target: ARN}")


def _point(document: Document, path: Path) -> Iterator[Diagnostic]:
    point = document.get(path)
    if not isinstance(point, str) or not point.startswith("arn:"):
        return
    found = _POINT.match(point)
    if found is None:
        yield document.error(
            path,
            "is not a recovery point of AWS Backup, and cannot leave its account",
            why="backups whose ARN begins arn:aws:dynamodb: were taken without full management (advanced features)",
            hint="take a new one: leave `from` out",
        )
        return
    accounts = {side: document.get(("accounts", side, "id")) for side in ("source", "target")}
    side = next((side for side, id in accounts.items() if id == found["account"]), None)
    if side is None:
        yield document.error(path, f"is of account {found['account']}, which is neither the source nor the target")
    else:
        yield from _foreign(document, path, found, side, "recovery point")


def _days(document: Document, path: Path) -> Iterator[Diagnostic]:
    days = document.get((*path, "delete_after_days"))
    if _option(document, path, "mode") != "air-gapped" or not isinstance(days, int):
        return
    if not isinstance(days, bool) and days < AIR_GAPPED_DAYS:
        what = f"is {days}, and an air-gapped vault keeps what is in it for at least {AIR_GAPPED_DAYS} days"
        yield document.error((*path, "delete_after_days"), what)


def _foreign(document: Document, path: Path, found: re.Match[str] | None, side: str, what: str) -> Iterator[Diagnostic]:
    account, region = document.get(("accounts", side, "id")), document.get(("accounts", side, "region"))
    if found and isinstance(account, str) and account != found["account"]:
        yield document.error(path, f"is a {what} of {found['account']}, and the {side} account is {account}")
    elif found and isinstance(region, str) and region != found["region"]:
        yield document.error(
            path,
            f"is a {what} of {found['region']}, and the {side} tables are in {region}",
            why="AWS Backup backs up and restores within the Region of the vault",
        )


def _option(document: Document, path: Path, name: str) -> object:
    """An option with what it means when it is not written here."""
    for value in (document.get((*path, name)), document.get(("strategies", "backup", name))):
        if value is not None:
            return value
    return STRATEGY_DEFAULTS["backup"].get(name)


def _name(document: Document, path: Path, name: str) -> str:
    return str(_option(document, path, name)).rpartition(":")[2]
