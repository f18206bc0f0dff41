"""Settings in words: what the reader of a plan sees of a change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from migrate.core.codec import Json, canonical
from migrate.core.table import AWS_MANAGED, AWS_OWNED, ON_DEMAND, Index
from migrate.plan.diff import FieldChange, explain

Parts = dict[str, str]
"""What a setting says, by what it says it about; '' is the whole."""

_WIDTH = 100


def change_lines(change: FieldChange) -> list[str]:
    """The difference, a line for each part of the setting that differs: `old -> new`, or `part: old -> new`."""
    name = change.setting.name
    if name == "resource-policy":
        return _policy(change.before, change.after)
    if name == "tags":
        return _tags(change.before or {}, change.after or {})
    describe = _WORDS.get(name, _plain)
    before, after = describe(change.before), describe(change.after)
    absent = "none" if name in ("auto-scaling", "on-demand-maximum") else "off"
    lines = []
    for part in sorted({*before, *after}, key=lambda part: (part.startswith("index"), part)):
        old, new = before.get(part, absent), after.get(part, absent)
        if old != new and not (part and "" in after and part not in after):
            lines.append(f"{part}: {old} -> {new}" if part else f"{old} -> {new}")
    return lines or explain(change.before, change.after)


def index_words(index: Index) -> str:
    """A global index: `key PK (S), all attributes`."""
    projection = {"ALL": "all attributes", "KEYS_ONLY": "keys only"}.get(index.projection)
    return f"key {index.keys}; {projection or 'keys and ' + ', '.join(index.projected)}"


def _plain(value: Json) -> Parts:
    if value is None or value is False:
        return {"": "off"}
    return {"": "on" if value is True else str(value)}


def _enumerated(value: Json) -> Parts:
    """`NEW_AND_OLD_IMAGES` as the manifest writes it."""
    return {"": "off" if value is None else str(value).lower().replace("_", "-")}


def _recovery(value: Json) -> Parts:
    return {"": "off" if value is None else f"on ({value} day{'' if value == 1 else 's'})"}


def _ttl(value: Json) -> Parts:
    return {"": "off" if value is None else f"on, attribute {value}"}


def _billing(value: Json) -> Parts:
    if value["mode"] == ON_DEMAND:
        return {"": "on-demand"}
    parts = {"": f"provisioned, {_units(value.get('table'))}"}
    indexes = value.get("indexes") or {}
    return {**parts, **{f"index {name}": _units(units) for name, units in indexes.items()}}


def _maximum(value: Json) -> Parts:
    if value is None:
        return {}
    parts = {"table": _units(value["table"])} if value.get("table") else {}
    indexes = value.get("indexes") or {}
    return {**parts, **{f"index {name}": _units(units) for name, units in indexes.items()}}


def _units(units: Mapping[str, int] | None) -> str:
    found = [f"{units[side]:,} {side}" for side in ("read", "write") if units and units.get(side)]
    return " and ".join(found) or "none"


def _encryption(value: Json) -> Parts:
    kinds = {AWS_OWNED: "a key that AWS owns", AWS_MANAGED: "the AWS managed key"}
    return {"": kinds.get(value["kind"]) or f"key {value.get('key', '(unknown)')}"}


def _kinesis(value: Json) -> Parts:
    return {"": "off" if value is None else f"{value['stream']}, times in {value['precision'].lower()}s"}


def _insights(value: Json) -> Parts:
    return {
        f"index {name}" if name else "table": mode.lower().replace("_", "-") for name, mode in (value or {}).items()
    }


def _scaling(value: Json) -> Parts:
    return {_place(place): _scaled(target) for place, target in (value or {}).items()}


def _place(place: str) -> str:
    """`index/by-date:Read` as `index by-date, read`."""
    what, _, side = place.rpartition(":")
    return f"{what.replace('/', ' ', 1)}, {side.lower()}"


def _scaled(target: Mapping[str, Any]) -> str:
    words = [f"{target['minimum']:,} to {target['maximum']:,}"]
    for name, policy in sorted((target.get("policies") or {}).items()):
        tracked = policy.get("TargetTrackingScalingPolicyConfiguration") or {}
        percent = tracked.get("TargetValue")
        words.append(f"at {percent:g} % use" if isinstance(percent, (int, float)) else f"policy {name}")
    schedules = target.get("schedules") or {}
    return ", ".join([*words, *(f"schedule {name}" for name in sorted(schedules))])


def _tags(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Tags are only ever added or changed, so nothing is said of the others."""
    texts = [
        f"{name}={value}" + (f" (was {before[name]})" if name in before else "")
        for name, value in sorted(after.items())
        if before.get(name) != value
    ]
    return wrapped(texts)


def wrapped(texts: list[str]) -> list[str]:
    """The texts in lines of about 100 characters, with commas between."""
    lines: list[str] = []
    for text in texts:
        if lines and len(lines[-1]) + len(text) < _WIDTH:
            lines[-1] += f", {text}"
        else:
            lines.append(text)
    return lines


def _policy(before: str | None, after: str | None) -> list[str]:
    if before is None or after is None:
        return [f"{_policy_words(before)} -> {_policy_words(after)}", *_statement_lines(after)]
    try:
        return explain(json.loads(before), json.loads(after))
    except ValueError:
        return ["changed"]


def _statement_lines(text: str | None) -> list[str]:
    """Every statement in full, for somebody to review: it names accounts and roles."""
    try:
        found = json.loads(text).get("Statement", []) if text else []
    except (ValueError, AttributeError):
        return []
    return [canonical(one) for one in (found if isinstance(found, list) else [found])]


def _policy_words(text: str | None) -> str:
    if text is None:
        return "none"
    try:
        count = len(json.loads(text).get("Statement", []))
    except (ValueError, AttributeError):
        return "a policy"
    return f"{count} statement{'' if count == 1 else 's'}"


_WORDS: Mapping[str, Callable[[Json], Parts]] = {
    "table-class": _enumerated,
    "billing": _billing,
    "on-demand-maximum": _maximum,
    "encryption": _encryption,
    "stream": _enumerated,
    "recovery": _recovery,
    "kinesis": _kinesis,
    "contributor-insights": _insights,
    "auto-scaling": _scaling,
    "ttl": _ttl,
}
"""By the names of `plan/settings.py`; the others say `on`, `off` or their value."""
