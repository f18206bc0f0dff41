"""Saved plans: read from a file, and held against the world before they are carried out."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from migrate.cli.world import World
    from migrate.manifest.model import Manifest
    from migrate.plan.model import Plan
    from migrate.state.model import State
    from migrate.state.store import Store

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")


def read_file(path: str) -> Plan:
    """The plan in a file. Raises `ManifestInvalid` when it is not one."""
    from migrate.core.diagnostics import error
    from migrate.core.errors import ManifestInvalid
    from migrate.plan.planfile import read_plan

    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError) as problem:
        hint = "migrate plan MANIFEST --out FILE   saves one"
        raise ManifestInvalid([error(f"{path} is no saved plan", why=str(problem), hint=hint)]) from problem
    return read_plan(value, path)


def is_plan_file(path: str) -> bool:
    """True when the file is JSON (a plan) rather than YAML (a manifest), by its name or what it begins with."""
    if path.endswith(".json"):
        return True
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(64).lstrip().startswith("{")
    except (OSError, UnicodeDecodeError):
        return False


def check_expected(path: str, plan: Plan, expected: str) -> None:
    """Raise `PlanIsStale` unless the plan has the digest that was approved."""
    from migrate.core.errors import PlanIsStale
    from migrate.plan.planfile import plan_digest

    found = _DIGEST.match(expected)
    if found is None:
        raise typer.BadParameter(f"--expect wants sha256: and 64 hexadecimal digits, not {expected!r}")
    if found[1] != plan.plan_id:
        raise PlanIsStale(
            f"{path} is not the plan that was approved; nothing was changed",
            why=f"approved: sha256:{found[1]}\nthis one: {plan_digest(plan)}",
            hint=f"migrate show {path}   shows what it would do, for somebody to approve",
        )


def manifest_of(saved: Plan) -> Manifest:
    """The manifest at the plan's place. Raises `ManifestInvalid` when there is none, `PlanIsStale` for another one."""
    from migrate.apply.resume import stale
    from migrate.cli.world import read_manifest
    from migrate.core.diagnostics import error
    from migrate.core.errors import ManifestInvalid

    if not os.path.exists(saved.manifest_file):
        what = f"{saved.manifest_file}, from which the plan was made, is not here"
        raise ManifestInvalid([error(what, hint="run this in the folder in which the plan was made")])
    manifest = read_manifest(saved.manifest_file)
    if manifest.name != saved.migration:
        raise stale(saved, [f"it is a plan of {saved.migration}, and {manifest.file} describes {manifest.name} by now"])
    return manifest


def is_done(saved: Plan, states: Store) -> bool:
    """True when all steps of the saved plan were carried out."""
    from migrate.apply.resume import is_finished

    return is_finished(saved, states.read(saved.migration))


def hold_against_world(world: World, kept: State | None, saved: Plan) -> tuple[Plan, bool]:
    """What would be planned now for the tables of the saved plan, and whether that plan was begun before.

    The saved plan's own broken safety gates, if it has any, are among the diagnostics.
    Raises `PlanIsStale`, with every reason, when the saved plan no longer fits.
    """
    from migrate.apply.resume import check_fresh, is_begun
    from migrate.cli.world import look, make_plan, mapped_tables, state_or_new
    from migrate.plan.gates import broken_gates

    mappings, problems = mapped_tables(world)
    planned = {(table.source, table.target) for table in saved.tables}
    still = [one for one in mappings if (one.source_name, one.target_name) in planned]
    state = state_or_new(kept, world.manifest)
    now = make_plan(world, look(world, still, problems, is_partial=len(still) < len(mappings)), state)
    check_fresh(saved, now, kept)
    now = dataclasses.replace(now, diagnostics=(*now.diagnostics, *broken_gates(saved, state)))
    return now, is_begun(saved, kept)
