"""A scaffold is a valid manifest that says what was asked."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.manifest.load import load_text
from migrate.manifest.model import AccountConfig, KeyAssertion, Manifest
from migrate.manifest.scaffold import TableSketch, scaffold

SOURCE = AccountConfig("source", "011111111111", "eu-west-1", profile="legacy")
TARGET = AccountConfig(
    "target", "222222222222", "us-east-1", role="arn:aws:iam::222222222222:role/R", external_id="yes"
)


def valid(text: str) -> Manifest:
    manifest, found = load_text(text, "m.yaml", {})
    assert found == []
    assert manifest is not None
    return manifest


def test_it_says_what_was_asked() -> None:
    orders = TableSketch("orders", ("PK", "S"), ("on", "N"), 1204331, 851443712, ("stream\nwith trigger",))
    tables: list[str | TableSketch] = [orders, "2024.log"]
    text = scaffold(SOURCE, TARGET, tables, name="to-prod")
    manifest = valid(text)
    assert (manifest.name, manifest.source, manifest.target) == ("to-prod", SOURCE, TARGET)
    assert [table.name for table in manifest.tables] == ["orders", "2024.log"]
    assert manifest.tables[0].keys == KeyAssertion(("PK", "S"), ("on", "N"))
    assert "# about 1,204,331 items, 812 MiB" in text
    assert "# stream with trigger" in text


def test_without_tables_it_takes_all() -> None:
    assert valid(scaffold(SOURCE, TARGET, [])).tables[0].match == "*"


names = st.text("abcdefXYZ0123456789_.-", min_size=3, max_size=30)
attributes = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(deadline=None)
@given(st.lists(names, min_size=1, max_size=5, unique=True), attributes)
def test_any_table_and_attribute_reads_back(tables: list[str], attribute: str) -> None:
    manifest = valid(scaffold(SOURCE, TARGET, [TableSketch(name, (attribute, "S")) for name in tables]))
    assert [table.name for table in manifest.tables] == tables
    assert manifest.tables[0].keys == KeyAssertion((attribute, "S"))
