"""A first manifest, written for somebody to read and change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrate.manifest.model import AccountConfig, KeyAttribute

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*\Z")
_READ_AS_OTHER = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
_ESCAPED = re.compile('[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|["\\\\]')

_HEAD = """\
# What should be true after the migration. Next: migrate validate, migrate plan, migrate apply.
# For completion in an editor: migrate schema manifest > manifest.schema.json, and a first line
# yaml-language-server: $schema=manifest.schema.json
version: 1
name: {name}                    # names the migration and its state
"""

_MIDDLE = """
# Options of each strategy. With `auto`, the planner chooses among those that can do it and says why.
strategies:
  s3:                           # point-in-time export to S3, import into a new table
    bucket: {bucket}
    create_bucket: true         # make it when it is not there
  copy: {{segments: auto}}        # parallel scan and write from this machine

defaults:
  strategy: auto                # auto | s3 | backup | glue | emr | copy
  prefer: simplicity            # what auto goes by: simplicity | cost | time
  verify: digest                # digest (every item) | counts | none
  cleanup: after-verify         # after-verify | keep

# Every setting of a table is carried over unless it is named under `target`, for instance:
#   target: {{name: other-name, billing: on-demand, tags: {{team: checkout}}, deletion_protection: true}}
"""


@dataclass(frozen=True)
class TableSketch:
    """What a scaffold may say of one table. `notes` become comments; sizes are AWS's own, hours old."""

    name: str
    partition: KeyAttribute | None = None
    sort: KeyAttribute | None = None
    items: int | None = None
    size_bytes: int | None = None
    notes: tuple[str, ...] = ()


def scaffold(
    source: AccountConfig,
    target: AccountConfig,
    tables: Sequence[str | TableSketch],
    *,
    name: str = "migration",
) -> str:
    """A commented manifest that moves `tables` and passes its own validation, given valid account values.

    Without tables it holds a pattern that matches all of them. Pure: nothing is looked up.
    """
    sketches = [TableSketch(table) if isinstance(table, str) else table for table in tables]
    lines = [_HEAD.format(name=_text(name)), "accounts:"]
    for side in (source, target):
        lines.extend(_account(side))
    lines.append(_MIDDLE.format(bucket=f"dynamodb-migration-{target.id}-{target.region}"))
    lines.append("tables:")
    for sketch in sketches:
        lines.extend(_table(sketch))
    if not sketches:
        lines.append('  - match: "*"                  # every table of the source account')
    return "\n".join(lines) + "\n"


def _account(account: AccountConfig) -> Iterator[str]:
    yield f"  {account.side}:"
    yield f'    id: "{account.id}"          # compared with what AWS says before anything else'
    yield f"    region: {_text(account.region)}"
    for name in ("profile", "role", "external_id", "session_name", "endpoint_url"):
        value = getattr(account, name)
        if value is not None:
            yield f"    {name}: {_text(value)}"
    if account.profile is None and account.role is None:
        yield "    # profile: ...              # or role: arn:aws:iam::...; without either, the ambient credentials"


def _table(table: TableSketch) -> Iterator[str]:
    size = [f"{table.items:,} items"] if table.items is not None else []
    size += [_size(table.size_bytes)] if table.size_bytes is not None else []
    line = f"  - name: {_text(table.name)}"
    yield f"{line:<31} # about {', '.join(size)}" if size else line
    for note in table.notes:
        yield f"    # {_ESCAPED.sub(' ', note)}"
    if table.partition:
        yield "    keys:"
        yield f"      partition: {_attribute(table.partition)}"
        if table.sort:
            yield f"      sort: {_attribute(table.sort)}"


def _attribute(attribute: KeyAttribute) -> str:
    name, kind = attribute
    return f"{{name: {_text(name)}, type: {kind}}}"


def _size(size: int) -> str:
    amount, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:,.0f} {unit}" if unit == "bytes" or amount >= 10 else f"{amount:,.1f} {unit}"


def _text(value: str) -> str:
    """A YAML scalar that reads back as this very text, quoted only where it must be."""
    if _PLAIN.match(value) and value.lower() not in _READ_AS_OTHER:
        return value
    inside = _ESCAPED.sub(lambda m: "\\" + m[0] if m[0] in '"\\' else f"\\U{ord(m[0]):08X}", value)
    return '"' + inside.replace("${", "$${") + '"'
