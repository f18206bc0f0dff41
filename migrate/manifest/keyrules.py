"""Rules on KMS keys: the names under `keys`, and every place that uses one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.core.diagnostics import Diagnostic
from migrate.manifest.document import Document, Path, did_you_mean

AWS_KEYS = ("aws-owned", "aws-managed")
_ARN = re.compile(r"arn:aws[a-z-]*:(kms|kinesis):([a-z0-9-]+):([0-9]{12}):")
_USES = {
    "s3": {"encryption_key": "target"},
    "glue": {"encryption_key": "target"},
    "emr": {"encryption_key": "target"},
    "backup": {"source_key": "source", "target_key": "target"},
}


def check_keys(document: Document) -> Iterator[Diagnostic]:
    """Keys that do not fit their account, and uses of keys that are not there or stand on the other side."""
    for name, key in document.mapping(("keys",)).items():
        if name in AWS_KEYS:
            yield document.error(("keys", name), "is a name that AWS's own keys have here", hint="rename it", key=True)
        if isinstance(key, dict):
            yield from _arn(document, ("keys", name, "id"), key.get("account"))
    for index, _ in document.mappings(("tables",)):
        yield from _arn(document, ("tables", index, "target", "kinesis_stream"), "target")
    for path, side in _uses(document):
        yield from _use(document, path, side)


def _arn(document: Document, path: Path, side: object) -> Iterator[Diagnostic]:
    arn = document.get(path)
    found = _ARN.match(arn) if isinstance(arn, str) else None
    if not found or side not in ("source", "target"):
        return
    account, region = document.get(("accounts", str(side), "id")), document.get(("accounts", str(side), "region"))
    if isinstance(account, str) and account != found[3]:
        yield document.error(path, f"is of account {found[3]}, and the {side} account is {account}")
    elif isinstance(region, str) and region != found[2]:
        yield document.error(path, f"is in {found[2]}, and the {side} tables are in {region}")


def _uses(document: Document) -> Iterator[tuple[Path, str]]:
    for strategy, names in _USES.items():
        for name, side in names.items():
            yield ("strategies", strategy, name), side
    for index, _ in document.mappings(("tables",)):
        for name, side in _USES.get(document.strategy_of(index), {}).items():
            yield ("tables", index, "options", name), side
        yield ("tables", index, "target", "encryption"), "target"


def _use(document: Document, path: Path, side: str) -> Iterator[Diagnostic]:
    name = document.get(path)
    if not isinstance(name, str) or not name:
        return
    keys = document.mapping(("keys",))
    ready_made = AWS_KEYS if path[-1] == "encryption" else ()
    if name in ready_made:
        return
    if name not in keys:
        hint = did_you_mean(name, [*keys, *ready_made]) or "add it under `keys`"
        yield document.error(path, f"names the key {name}, which is not under `keys`", hint=hint)
        return
    actual = keys[name].get("account") if isinstance(keys[name], dict) else None
    if actual in ("source", "target") and actual != side:
        why = f"this needs a key of the {side} account"
        yield document.error(path, f"names the key {name}, which is of the {actual} account", why=why)
