"""Table rules against the tables that an account has."""

from __future__ import annotations

from migrate.core.diagnostics import Severity
from migrate.manifest.load import load_text
from migrate.manifest.model import Manifest
from migrate.manifest.tables import is_enough_without_listing, resolve_tables

HEAD = """\
version: 1
name: test
accounts:
  source: {id: "111111111111", region: eu-west-1}
  target: {id: "222222222222", region: eu-west-1}
tables:
"""


def manifest_of(*tables: str, head: str = HEAD) -> Manifest:
    manifest, found = load_text(head + "".join(f"  - {table}\n" for table in tables), "m.yaml", {})
    assert found == []
    assert manifest is not None
    return manifest


def resolved(manifest: Manifest, *names: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    mappings, found = resolve_tables(manifest, names)
    told = [(str(one.location), f"{one.severity.value}: {one.summary} {one.hint}".strip()) for one in found]
    return {one.source_name: one.target_name for one in mappings}, told


def test_names_and_patterns() -> None:
    manifest = manifest_of('{match: "ev-*", exclude: ["ev-tmp-*"]}', "{name: orders, target: {name: orders2}}")
    got = resolved(manifest, "orders", "ev-b", "ev-a", "ev-tmp-1", "Ev-c", "other")
    assert got == ({"ev-a": "ev-a", "ev-b": "ev-b", "orders": "orders2"}, [])


def test_a_mapping_carries_its_rule() -> None:
    manifest = manifest_of("{name: orders}", '{match: "ev-*", strategy: copy, options: {segments: 2}, verify: counts}')
    mappings, _ = resolve_tables(manifest, ["ev-a", "orders"])
    event = mappings[1]
    assert (event.strategy, event.options, event.verify.mode, event.cleanup) == (
        "copy",
        {"segments": 2},
        "counts",
        "after-verify",
    )
    assert (event.rule_index, event.address, str(event.location)) == (1, "tables[1]", "m.yaml:8:13")


def test_a_name_wins_over_a_pattern_wherever_it_stands() -> None:
    for tables in (['{match: "*"}', "{name: orders, verify: none}"], ["{name: orders, verify: none}", '{match: "*"}']):
        mappings, found = resolve_tables(manifest_of(*tables), ["orders", "other"])
        assert found == []
        assert {one.source_name: one.verify.mode for one in mappings} == {"orders": "none", "other": "digest"}


def test_two_patterns_for_one_table() -> None:
    got = resolved(manifest_of('{match: "ev-*"}', '{match: "*-a"}'), "ev-a", "or-a")
    assert got[0] == {"ev-a": "ev-a", "or-a": "or-a"}
    assert got[1][0][0] == "m.yaml:8:5"
    assert got[1][0][1].startswith("error: the table ev-a belongs to tables[0] and to tables[1]")


def test_a_named_table_that_is_not_there() -> None:
    got = resolved(manifest_of("{name: ordres}"), "orders", "customers")
    what = "error: the table ordres does not exist in 111111111111 eu-west-1 did you mean `orders`?"
    assert got == ({}, [("m.yaml:7:12", what)])


def test_a_pattern_without_tables_is_a_warning() -> None:
    mappings, found = resolve_tables(manifest_of('{match: "ev-*"}'), ["orders"])
    assert (mappings, [one.severity for one in found]) == ([], [Severity.WARNING])


def test_patterns_share_a_target_without_a_template() -> None:
    got = resolved(manifest_of('{match: "ev-*", target: {name: events}}'), "ev-a", "ev-b")
    what = "error: ev-a and ev-b would both become events write {name} in target.name"
    assert got == ({"ev-a": "events"}, [("m.yaml:7:36", what)])


def test_templates() -> None:
    manifest = manifest_of('{match: "*", target: {name: "prod-{name}"}}', "{name: one, target: {name: prod-two}}")
    got = resolved(manifest, "one", "two", "six")
    assert got[0] == {"six": "prod-six", "two": "prod-two"}
    assert got[1][0][1].startswith("error: two and one would both become prod-two")


def test_a_template_can_make_a_name_too_long() -> None:
    got = resolved(manifest_of('{match: "*", target: {name: "prod-{name}"}}'), "a" * 251)
    assert got[0] == {}
    assert "is not a table name" in got[1][0][1]


def test_a_table_is_never_moved_onto_itself() -> None:
    head = HEAD.replace("222222222222", "111111111111")
    manifest = manifest_of('{match: "*", target: {name: orders}}', head=head)
    got = resolved(manifest, "orders")
    assert got == ({}, [("m.yaml:7:33", "error: orders would be moved onto itself")])


def test_when_the_tables_need_not_be_listed() -> None:
    assert is_enough_without_listing(manifest_of("{name: orders}"))
    assert not is_enough_without_listing(manifest_of("{name: orders}", '{match: "*"}'))
