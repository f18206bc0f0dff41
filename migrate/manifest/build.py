"""A manifest's plain value, already found valid, -> the model."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from migrate.manifest.document import Document
from migrate.manifest.model import (
    SCHEDULES,
    AccountConfig,
    Defaults,
    KeyAssertion,
    KeyRef,
    Manifest,
    Protection,
    ProvisionedCapacity,
    Share,
    Side,
    TableRule,
    TargetSettings,
    Verify,
)


def build_manifest(document: Document) -> Manifest:
    """The model of a document that has no errors; on any other it may raise."""
    value = document.value
    own = dict(value.get("defaults", {}))
    standard = {"verify": _verify(own.get("verify"), Verify()), "protect": _protection(own.get("protect"), None)}
    defaults = Defaults(**{**own, **standard})
    tables = tuple(_table(table, defaults, document, index) for index, table in enumerate(value["tables"]))
    return Manifest(
        version=int(value["version"]),
        name=value["name"],
        source=_account("source", value["accounts"]["source"]),
        target=_account("target", value["accounts"]["target"]),
        keys={name: KeyRef(name, key["account"], key["id"]) for name, key in value.get("keys", {}).items()},
        strategies={name: dict(options) for name, options in value.get("strategies", {}).items()},
        defaults=defaults,
        tables=tables,
        file=document.file,
        digest=digest_of(value),
        policy=value.get("policy"),
        positions=document,
    )


def digest_of(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of `value`: the same whatever the order of keys and the formatting."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _account(side: Side, value: Mapping[str, Any]) -> AccountConfig:
    return AccountConfig(side=side, **value)


def _table(value: Mapping[str, Any], defaults: Defaults, document: Document, index: int) -> TableRule:
    protect = _protection(value.get("protect"), defaults.protect)
    return TableRule(
        name=value.get("name"),
        match=value.get("match"),
        exclude=tuple(value.get("exclude", ())),
        strategy=value.get("strategy", defaults.strategy),
        options=dict(value.get("options", {})),
        keys=_keys(value.get("keys")),
        transform=tuple(value["transform"]) if "transform" in value else None,
        target=_target(value.get("target", {})),
        verify=_verify(value.get("verify"), defaults.verify),
        cleanup=value.get("cleanup", defaults.cleanup),
        protect=protect,
        prefer=value.get("prefer", defaults.prefer),
        share=tuple(_share(one) for one in value.get("share", ())),
        is_moved=protect is None or "strategy" in value,
        location=document.location(("tables", index, "name" if "name" in value else "match")),
    )


def _verify(value: str | Mapping[str, Any] | None, default: Verify) -> Verify:
    """A mode alone keeps the default's other options."""
    if value is None:
        return default
    return dataclasses.replace(default, **({"mode": value} if isinstance(value, str) else value))


def _protection(value: Mapping[str, Any] | bool | None, default: Protection | None) -> Protection | None:
    if value is None:
        return default
    if not isinstance(value, Mapping):
        return None
    return Protection(**{**value, "schedule": SCHEDULES.get(value["schedule"], value["schedule"])})


def _share(value: Mapping[str, Any]) -> Share:
    access: Any = value["access"]
    kinds: Any = [access] if isinstance(access, str) else access
    return Share(value["principal"], tuple(sorted(kinds)))


def _keys(value: Mapping[str, Any] | None) -> KeyAssertion | None:
    if value is None:
        return None
    sort = value.get("sort")
    partition = value["partition"]
    return KeyAssertion((partition["name"], partition["type"]), (sort["name"], sort["type"]) if sort else None)


def _target(value: Mapping[str, Any]) -> TargetSettings:
    own: dict[str, Any] = dict(value)
    if isinstance(own.get("billing"), dict):
        own["billing"] = ProvisionedCapacity(**own["billing"])
    if own.get("point_in_time_recovery") is True:
        own["point_in_time_recovery"] = 35
    if own.get("stream") is False:
        own["stream"] = "off"
    own["keys"] = _keys(own.get("keys"))
    return TargetSettings(**own)
