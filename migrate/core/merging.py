"""Permissions put together: nothing twice, nothing that a wider one contains, always in the same order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from migrate.core.access import Permission
from migrate.core.codec import canonical


class _Terms(NamedTuple):
    """On what terms something is allowed."""

    condition: str
    when: str
    wide: str


def merged(permissions: Iterable[Permission]) -> tuple[Permission, ...]:
    """The same permissions of one principal in as few statements as say it, sorted.

    What is needed in every run is not said once more for a case; what is allowed without a condition, not with one.
    """
    by_action: dict[str, dict[str, dict[_Terms, Permission]]] = {}
    for one in permissions:
        terms = _Terms(canonical(one.condition) if one.condition else "", one.when, one.wide)
        for action in one.actions:
            for resource in one.resources:
                by_action.setdefault(action, {}).setdefault(resource, {}).setdefault(terms, one)
    kept = {action: _least(found) for action, found in by_action.items()}
    return tuple(_joined(kept))


def _least(found: Mapping[str, Mapping[_Terms, Permission]]) -> dict[str, dict[_Terms, Permission]]:
    """By resource: without what another resource's pattern or lighter terms contain."""
    always = {resource for resource, terms in found.items() if any(not one.condition and not one.when for one in terms)}
    stems = {resource[:-1] for resource in always if resource.endswith("*")}
    return {
        resource: _lightest(terms)
        for resource, terms in found.items()
        if not any(resource[:end] in stems and resource[end:] != "*" for end in range(len(resource)))
    }


def _lightest(terms: Mapping[_Terms, Permission]) -> dict[_Terms, Permission]:
    """The one of every run that has no condition, if there is one. Else one for each condition."""
    best: dict[str, _Terms] = {}
    for one in sorted(terms, key=lambda one: one.when != ""):
        best.setdefault(one.condition, one)
    free = best.get("")
    chosen = [free] if free and not free.when else best.values()
    return {one: terms[one] for one in chosen}


def _joined(kept: Mapping[str, Mapping[str, Mapping[_Terms, Permission]]]) -> list[Permission]:
    """First the actions that share a resource, then the resources that share actions."""
    actions: dict[tuple[str, _Terms], set[str]] = {}
    samples: dict[_Terms, Permission] = {}
    for action, found in kept.items():
        for resource, by_terms in found.items():
            for terms, one in by_terms.items():
                actions.setdefault((resource, terms), set()).add(action)
                samples[terms] = one
    resources: dict[tuple[tuple[str, ...], _Terms], set[str]] = {}
    for (resource, terms), names in actions.items():
        services = {name.partition(":")[0] for name in names} if resource != "*" else {""}
        for service in services:
            own = tuple(sorted(name for name in names if name.startswith(f"{service}:" if service else "")))
            resources.setdefault((own, terms), set()).add(resource)
    ordered = sorted(resources.items(), key=lambda one: (one[0][1].when != "", one[0], sorted(one[1])))
    return [
        Permission(samples[terms].who, names, tuple(sorted(found)), samples[terms].condition, terms.when, terms.wide)
        for (names, terms), found in ordered
    ]
