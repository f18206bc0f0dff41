"""Compare two table specs setting by setting, and explain a difference in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.core.codec import Json, canonical
from migrate.core.frozen import replace
from migrate.core.table import PROVISIONED, Index, TableSpec, Throughput
from migrate.plan.settings import SETTINGS, Setting, index_value


@dataclass(frozen=True)
class FieldChange:
    """One setting that differs: `before` is observed, `after` is desired (JSON values; None is off or absent)."""

    setting: Setting
    before: Json
    after: Json


def compare(desired: TableSpec, observed: TableSpec) -> list[FieldChange]:
    """The settings in which `observed` differs from `desired`, in the order of application.

    Tags that only the observed table has are left alone: somebody else may need them. Capacities that auto scaling
    moves are no difference. Indexes that only one of the tables has are passed over: what the observed one lacks is
    created with its settings, and what only it has is not ours to change.
    """
    if desired == observed:
        return []
    observed = _with_the_same_indexes(desired, observed)
    observed = _without_extra_tags(desired, _without_scaled_capacity(desired, observed))
    changes = []
    for setting in SETTINGS:
        after, before = setting.read(desired), setting.read(observed)
        if after != before:
            changes.append(FieldChange(setting, before, after))
    return changes


def missing_indexes(desired: TableSpec, observed: TableSpec) -> dict[str, Index]:
    """Global indexes that the observed table lacks."""
    return {name: index for name, index in desired.global_indexes.items() if name not in observed.global_indexes}


def foreign_indexes(desired: TableSpec, observed: TableSpec) -> tuple[list[str], list[str]]:
    """Names of global indexes that only the observed table has, and of those that both have but with another shape."""
    extra = [name for name in observed.global_indexes if name not in desired.global_indexes]
    shaped_otherwise = [
        name
        for name, index in desired.global_indexes.items()
        if name in observed.global_indexes and index_value(index) != index_value(observed.global_indexes[name])
    ]
    return sorted(extra), sorted(shaped_otherwise)


def explain(before: Json, after: Json) -> list[str]:
    """The difference of two JSON values as lines of text, `path: before -> after`. Empty when they are equal."""
    if before == after:
        return []
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return [f"{show(before)} -> {show(after)}"]
    return sorted(_explain_mappings(before, after))


def show(value: Json) -> str:
    """A setting's value for people."""
    if value is None or value is False:
        return "off"
    if value is True:
        return "on"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and not value:
        return "none"
    return canonical(value)


def _explain_mappings(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    from deepdiff import DeepDiff  # 0.3 s to import, so only once a difference is known

    tree: Any = DeepDiff(before, after, view="tree", ignore_order=False)
    for nodes in tree.values():
        for node in nodes:
            path = ".".join(str(part) for part in node.path(output_format="list"))
            old = None if type(node.t1).__name__ == "NotPresent" else node.t1
            new = None if type(node.t2).__name__ == "NotPresent" else node.t2
            if old is None or new is None:
                yield f"{path}: {'added' if old is None else 'removed'} {show(new if old is None else old)}"
            else:
                yield f"{path}: {show(old)} -> {show(new)}"


def _with_the_same_indexes(desired: TableSpec, observed: TableSpec) -> TableSpec:
    """`observed` with exactly the indexes of `desired`: with the desired capacity where it has none of its own."""
    if observed.global_indexes.keys() == desired.global_indexes.keys():
        return observed
    extra = set(observed.global_indexes) - set(desired.global_indexes)
    return replace(
        observed,
        global_indexes={
            name: observed.global_indexes.get(name, index) for name, index in desired.global_indexes.items()
        },
        contributor_insights={name: mode for name, mode in observed.contributor_insights.items() if name not in extra},
        auto_scaling={
            place: value
            for place, value in observed.auto_scaling.items()
            if place.rsplit(":", 1)[0].removeprefix("index/") not in extra or place.startswith("table:")
        },
    )


def _without_extra_tags(desired: TableSpec, observed: TableSpec) -> TableSpec:
    if observed.tags.keys() <= desired.tags.keys():
        return observed
    return replace(observed, tags={k: v for k, v in observed.tags.items() if k in desired.tags})


def _without_scaled_capacity(desired: TableSpec, observed: TableSpec) -> TableSpec:
    """`observed` with the desired capacities wherever auto scaling moves them, and shall go on to."""
    scaled = set(observed.auto_scaling) & set(desired.auto_scaling)
    if desired.billing != PROVISIONED or observed.billing != PROVISIONED or not scaled:
        return observed

    def settle(name: str, wanted: Throughput | None, seen: Throughput | None) -> Throughput | None:
        if wanted is None or seen is None:
            return seen
        read = wanted.read if f"{name}:Read" in scaled else seen.read
        write = wanted.write if f"{name}:Write" in scaled else seen.write
        return Throughput(read, write)

    indexes = {}
    for name, index in observed.global_indexes.items():
        wanted = desired.global_indexes.get(name)
        provisioned = settle(f"index/{name}", wanted.provisioned if wanted else None, index.provisioned)
        indexes[name] = replace(index, provisioned=provisioned)
    provisioned = settle("table", desired.provisioned, observed.provisioned)
    return replace(observed, provisioned=provisioned, global_indexes=indexes)
