"""A folder per case: manifest, what was observed, what is remembered -> the plan as text and JSON, and diagnostics.

`MIGRATE_UPDATE_GOLDEN=1 pytest tests/golden` writes what comes out now; read every line of the difference before you
commit it, as the user would.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from migrate.cli import exit_codes
from migrate.core.codec import decode, encode
from migrate.core.diagnostics import Diagnostic, has_errors
from migrate.core.schemas import read_schema
from migrate.manifest.load import load_text
from migrate.manifest.tables import resolve_tables
from migrate.observe.inventory import Inventory
from migrate.plan.build import build
from migrate.plan.compare import compare_strategies
from migrate.plan.model import Plan
from migrate.plan.planfile import plan_document, read_plan
from migrate.render.compare_text import compare_text
from migrate.render.diagnostics import diagnostics_text
from migrate.render.plan_text import plan_text
from migrate.render.style import Style
from migrate.state.model import State
from migrate.strategies.registry import by_name
from tests.worlds import PRICES, state_of

HERE = Path(__file__).parent
CASES = sorted(folder.name for folder in HERE.iterdir() if (folder / "manifest.yaml").exists())
PLAIN = Style(colour=False)


def outcome(case: str) -> dict[str, str]:
    """The files that this case should have, by name."""
    folder = HERE / case
    text = (folder / "manifest.yaml").read_text(encoding="utf-8")
    manifest, found = load_text(text, "manifest.yaml", {})
    if manifest is None:
        return {"diagnostics.txt": _diagnostics(found, exit_codes.INVALID)}
    inventory = decode(Inventory, json.loads((folder / "inventory.json").read_text(encoding="utf-8")))
    state = state_of(manifest)
    if (folder / "state.json").exists():
        state = decode(State, json.loads((folder / "state.json").read_text(encoding="utf-8")))
    mappings, problems = resolve_tables(manifest, inventory.source_tables)
    plan = build(manifest, mappings, inventory, state, by_name(), prices=PRICES)
    plan = dataclasses.replace(plan, diagnostics=(*problems, *plan.diagnostics))  # as the command does
    found = [*found, *plan.diagnostics]
    code = exit_codes.REFUSED if has_errors(found) else exit_codes.OK
    files = {"plan.txt": plan_text(plan, PLAIN) + "\n", "plan.json": _document(plan)}
    if case.startswith("compare-"):
        compared = compare_strategies(manifest, mappings, inventory, state, by_name(), PRICES)
        files["compare.txt"] = compare_text(compared, PLAIN) + "\n"
        files["compare.json"] = json.dumps(encode(compared), indent=2, ensure_ascii=False) + "\n"
    return {**files, "diagnostics.txt": _diagnostics(found, code)}


def _document(plan: Plan) -> str:
    return json.dumps(plan_document(plan), indent=2, ensure_ascii=False) + "\n"


def _diagnostics(found: list[Diagnostic], code: int) -> str:
    text = diagnostics_text(found, PLAIN)
    return f"{text}\n" * bool(text) + f"exit {code}\n"


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    for name, text in outcome(case).items():
        path = HERE / case / name
        if os.environ.get("MIGRATE_UPDATE_GOLDEN"):
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text


def test_the_schema_of_plans_is_sound() -> None:
    Draft202012Validator.check_schema(read_schema("plan"))


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("compare-")])
def test_comparisons_follow_their_schema(case: str) -> None:
    document = json.loads((HERE / case / "compare.json").read_text(encoding="utf-8"))
    assert not [one.message for one in Draft202012Validator(read_schema("compare")).iter_errors(document)]


@pytest.mark.parametrize("case", CASES)
def test_plan_files_follow_their_schema(case: str) -> None:
    path = HERE / case / "plan.json"
    if not path.exists():
        pytest.skip("the manifest itself is refused")
    document = json.loads(path.read_text(encoding="utf-8"))
    problems = [one.message for one in Draft202012Validator(read_schema("plan")).iter_errors(document)]
    assert not problems
    assert read_plan(document, "plan.json").plan_id == document["plan_id"]
