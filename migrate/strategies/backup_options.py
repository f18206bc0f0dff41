"""The options of strategy `backup` as one value, and what must be looked at because of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.core.codec import digest, encode
from migrate.manifest.model import Manifest, Protection, TableMapping
from migrate.observe.backup import BackupQuestions, SideQuestions

AIR_GAPPED = "air-gapped"
LATEST = "latest"


@dataclass(frozen=True)
class BackupOptions:
    """What the manifest says. Vaults and roles by name, keys by their name in the manifest (None: a new one).

    `point` is '' for a new backup, `latest`, or the ARN of a recovery point.
    """

    is_air_gapped: bool
    source_vault: str
    target_vault: str
    air_gapped_vault: str
    create: bool
    source_key: str | None
    target_key: str | None
    source_role: str
    target_role: str
    point: str
    days: int | None

    def key(self, side: str) -> str | None:
        """The key that the manifest names for the vault of that side."""
        return self.source_key if side == "source" else self.target_key

    def role(self, side: str) -> str:
        """Name of the role of that side."""
        return self.source_role if side == "source" else self.target_role

    def is_point_in(self, account: str) -> bool:
        """True when `from` names a recovery point of that account."""
        return self.point.startswith("arn:") and self.point.split(":")[4] == account


def read_options(options: Mapping[str, Any]) -> BackupOptions:
    """The options of `Manifest.strategy_options`, defaults included."""
    role = options["role"]
    roles = role if isinstance(role, Mapping) else {"source": role, "target": role}
    return BackupOptions(
        is_air_gapped=options["mode"] == AIR_GAPPED,
        source_vault=_last(options["source_vault"], ":"),
        target_vault=_last(options["target_vault"], ":"),
        air_gapped_vault=_last(options["air_gapped_vault"], ":"),
        create=bool(options["create"]),
        source_key=options.get("source_key"),
        target_key=options.get("target_key"),
        source_role=_last(roles["source"], "/"),
        target_role=_last(roles["target"], "/"),
        point=options.get("from") or "",
        days=options.get("delete_after_days"),
    )


def default_alias(vault: str) -> str:
    """Alias of the key that is made for a vault when the manifest names none."""
    return f"alias/migrate-{vault}"


def backup_questions(manifest: Manifest, mappings: Sequence[TableMapping]) -> BackupQuestions | None:
    """What to look at for the tables that may use strategy `backup`; None when none may."""
    tables = [(mapping, _options_of(manifest, mapping)) for mapping in mappings if may_use_backup(manifest, mapping)]
    settings = [mapping.protect for mapping in mappings if mapping.protect]
    if not tables and not settings:
        return None
    standing = [read_options(manifest.protection_options())] if settings else []
    options = list(dict.fromkeys([*standing, *(one for _, one in tables)]))
    source = SideQuestions(
        frozenset(o.source_vault for o in options) | frozenset(o.air_gapped_vault for o in options if o.is_air_gapped),
        frozenset(o.source_role for o in options),
        frozenset(default_alias(o.source_vault) for o in options if not o.source_key),
        frozenset(plan_name(manifest.name, one) for one in settings),
    )
    target = SideQuestions(
        frozenset(o.target_vault for o in options if not o.is_air_gapped),
        frozenset(o.target_role for o in options),
        frozenset(default_alias(o.target_vault) for o in options if not o.target_key and not o.is_air_gapped),
    )
    return BackupQuestions(
        source,
        target,
        is_copied=any(not o.is_air_gapped for o in options),
        shared=frozenset(o.air_gapped_vault for o in options if o.is_air_gapped),
        points=tuple(point for mapping, o in tables for point in _points(manifest, mapping.source_name, o)),
    )


def may_use_backup(manifest: Manifest, mapping: TableMapping) -> bool:
    """True when the table shall be moved by `backup`, or may be (see `plan.build.ASKED_FOR`)."""
    is_named = mapping.strategy == "backup" or (mapping.strategy == "auto" and "backup" in manifest.strategies)
    return mapping.is_moved and is_named


def plan_name(migration: str, setting: Protection) -> str:
    """Name of the backup plan for a setting: another setting is another plan, made before the old one goes."""
    return f"migrate-{migration[:33]}-{digest(encode(setting))[:8]}"


def _options_of(manifest: Manifest, mapping: TableMapping) -> BackupOptions:
    return read_options(manifest.strategy_options("backup", mapping.options))


def _points(manifest: Manifest, table: str, options: BackupOptions) -> Iterator[tuple[str, str, str, str]]:
    """Where the recovery points are that `from` may mean."""
    if not options.point:
        return
    if options.is_point_in(manifest.target.id) and manifest.target.id != manifest.source.id:
        yield (table, "target", options.target_vault, options.point)
        return
    yield (table, "source", options.source_vault, options.point)
    if options.is_air_gapped and options.point != LATEST:
        yield (table, "source", options.air_gapped_vault, options.point)


def _last(name: str, separator: str) -> str:
    return name.rpartition(separator)[2]
