"""A manifest's transform as the planner sees it: its plain form, what it does to the target's spec, what it leaves out.

Pure, but for the user's own Python: the text of the files is handed in, and loading one runs its code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.core.diagnostics import Diagnostic, error, warning
from migrate.core.frozen import replace
from migrate.core.table import Key, KeySchema, TableSpec
from migrate.data.transform import TransformSpec, code_digest, digest_of, split_function
from migrate.manifest.model import TableMapping


def transform_of(mapping: TableMapping, keys: KeySchema, code: Mapping[str, str]) -> TransformSpec | None:
    """What becomes of the items of a table with these keys; None when they stay as they are.

    `code` is that of `Manifest`.
    """
    if mapping.transform is None and mapping.target.keys is None:
        return None
    steps = tuple(mapping.transform or ())
    named = {split_function(step["python"])[0] for step in steps if "python" in step}
    target = mapping.target.keys
    attributes = target.attributes if target else [(key.name, key.type) for key in keys.attributes]
    return TransformSpec(
        steps=steps,
        keys=tuple(attributes),
        source_keys=tuple(key.name for key in keys.attributes),
        code={path: text for path, text in code.items() if path in named},
    )


def rekeyed(spec: TableSpec, mapping: TableMapping) -> tuple[TableSpec, list[Diagnostic]]:
    """The spec with the key of `target.keys`, if it has any, and what does not fit to it.

    A local index has the partition key of its table, so it gets the new one.
    """
    if mapping.target.keys is None:
        return spec, []
    (name, kind), *sort = mapping.target.keys.attributes
    keys = KeySchema((Key(name, kind),), tuple(Key(*one) for one in sort))
    local = {
        index: replace(one, keys=KeySchema(keys.partition, one.keys.sort)) for index, one in spec.local_indexes.items()
    }
    changed = replace(spec, keys=keys, local_indexes=local)
    return changed, list(_misfits(changed, f"{mapping.address}.target.keys"))


def _misfits(spec: TableSpec, address: str) -> Iterator[Diagnostic]:
    if spec.local_indexes and not spec.keys.sort:
        yield error(
            f"a table without sort key has no local indexes, and the source has {', '.join(spec.local_indexes)}",
            address=address,
            hint="give the new key a sort key",
        )
    types = {key.name: key.type for key in spec.keys.attributes}
    for index, one in sorted({**spec.global_indexes, **spec.local_indexes}.items()):
        for key in one.keys.attributes:
            if types.setdefault(key.name, key.type) != key.type:
                what = f"{key.name} would be {types[key.name]} in the key and {key.type} in the index {index}"
                yield error(what, address=address, why="an attribute of keys has one type in its whole table")


def transform_params(transform: TransformSpec | None) -> dict[str, Any]:
    """Parameters of an action that needs the transform: Python files by their digest, so that a change is another."""
    if transform is None:
        return {}
    return {
        "transform": {
            "steps": [dict(step) for step in transform.steps],
            "keys": [list(key) for key in transform.keys],
            "source_keys": list(transform.source_keys),
            "code": {path: code_digest(text) for path, text in sorted(transform.code.items())},
        }
    }


def planned_digest(params: Mapping[str, Any]) -> dict[str, str]:
    """What an action with these parameters will say of its transform when it is done; nothing without one."""
    planned = params.get("transform")
    return {"transform": digest_of(planned["steps"], planned["keys"], planned["code"])} if planned else {}


def lost_attributes(mapping: TableMapping, transform: TransformSpec, spec: TableSpec) -> Iterator[Diagnostic]:
    """What no item has after the steps, and the target needs: an error for a key, a warning for indexes and TTL."""
    gone = _gone(transform)
    for name in transform.key_names:
        if name in gone:
            yield error(
                f"no item has the key attribute {name} after this step",
                address=f"{mapping.address}.transform[{gone[name]}]",
                why="every item would be refused",
                hint=f"leave {name} as it is, or say under target.keys what the key is then",
            )
    users = {f"the index {index}": one.keys.attributes for index, one in spec.global_indexes.items()}
    users |= {f"the local index {index}": one.keys.attributes for index, one in spec.local_indexes.items()}
    used = [(who, key.name) for who, keys in sorted(users.items()) for key in keys]
    used += [("TTL", spec.ttl)] if spec.ttl else []
    for who, name in used:
        if name in gone and name not in transform.key_names:
            yield warning(
                f"no item has {name} after this step, and {who} works by it",
                address=f"{mapping.address}.transform[{gone[name]}]",
                why=f"{who} is carried over and would have no item" if who != "TTL" else "no item would ever expire",
            )


def _gone(transform: TransformSpec) -> dict[str, int]:
    """Attributes that certainly nobody has at the end, with the step that took them away."""
    gone: dict[str, int] = {}
    for number, step in enumerate(transform.steps):
        ((kind, value),) = step.items()
        if kind == "python":
            gone = {}
        elif kind == "drop":
            gone |= dict.fromkeys(value, number)
        elif kind == "rename":
            made = {new for old, new in value.items() if old not in gone}
            gone = {name: at for name, at in {**gone, **dict.fromkeys(value, number)}.items() if name not in made}
        elif kind == "set":
            gone = {name: at for name, at in gone.items() if name not in value}
    return gone
