"""Prices, preferences and comparisons through the command line, in the sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from migrate.core.schemas import read_schema
from migrate.manifest.prices import shipped_prices, written
from tests.e2e.world import World


def test_prices_compare_and_the_gate_on_dollars(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.table("orders")
    world.manifest()
    Path("dear.yaml").write_text(written(shipped_prices()).replace("import_gb: 0.15", "import_gb: 9000000000000"))
    Path("bad.yaml").write_text(written(shipped_prices()).replace("import_gb: 0.15", "import_gb: -1"))
    Path("org.yaml").write_text("version: 1\nmax_dollars: 1\n")
    for command in (("plan", "m.yaml"), ("compare", "m.yaml"), ("apply", "m.yaml", "--auto-approve")):
        wrong = world.run(*command, "--prices", "bad.yaml")
        assert wrong.code == 3
        assert "bad.yaml:8:16: error: regions.us-east-1.import_gb must be 0 or more" in wrong.err
    assert world.run("plan", "m.yaml", "--policy", "org.yaml").code == 0
    monkeypatch.setenv("MIGRATE_PRICES", "dear.yaml")
    gated = world.run("plan", "m.yaml", "--policy", "org.yaml")
    assert gated.code == 4
    assert "org.yaml:2:1: error: the plan costs about $" in gated.err
    compared = world.run("compare", "m.yaml", "--json")
    assert compared.code == 0
    document = json.loads(compared.out)
    assert not list(Draft202012Validator(read_schema("compare")).iter_errors(document))
    options = {one["strategy"]: one for one in document["tables"][0]["options"]}
    assert options["s3"]["estimate"]["dollars"] > 1 > options["copy"]["estimate"]["dollars"]
    assert options["s3"]["is_named"] or options["s3"]["is_auto"]
    assert not world.target.list_tables()["TableNames"]
