"""Reading YAML: values, places, and the traps of the format."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.manifest.document import Document
from migrate.manifest.yamltext import read_yaml


def read(text: str) -> Document:
    document, found = read_yaml(text, "m.yaml")
    assert found == []
    assert document is not None
    return document


def refused(text: str) -> list[tuple[str, str]]:
    return [(str(one.location), one.summary) for one in read_yaml(text, "m.yaml")[1]]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("1_000", 1000),
        ("5.10", 5.1),
        ('"5"', "5"),
        ("!!str 5", "5"),
        ("yes", True),
        ("off", False),
        ("~", None),
        ("", None),
        ("2026-11-22", "2026-11-22"),
        ("12:30", "12:30"),
        ("0x1F", "0x1F"),
        ("9" * 5000, "9" * 5000),
        ("N", "N"),
        ("[a, 1]", ["a", 1]),
        ("|\n  one\n  two\n", "one\ntwo\n"),
    ],
)
def test_values(written: str, value: Any) -> None:
    got = read(f"a: {written}").value["a"]
    assert got == value
    assert type(got) is type(value)


def test_keys_are_text_as_written() -> None:
    assert read("{1: a, on: b, 2026-11-22: c, ~: d}").value == {"1": "a", "on": "b", "2026-11-22": "c", "~": "d"}


def test_places_hold_the_line_and_what_to_underline() -> None:
    document = read("a:\r\n  - b: 'x y'  # comment\r\n    c: {d: 1}\r\n")
    value, key = document.location(("a", 0, "b")), document.location(("a", 0, "b"), key=True)
    assert (str(value), value.length, value.text) == ("m.yaml:2:8", 5, "  - b: 'x y'  # comment")
    assert (str(key), key.length) == ("m.yaml:2:5", 1)
    assert str(document.location(("a", 0, "c", "d"))) == "m.yaml:3:12"
    assert str(document.location(("a",))) == "m.yaml:1:1"
    assert str(document.location(("a", 0, "missing"))) == "m.yaml:2:5"


def test_a_byte_order_mark_moves_nothing() -> None:
    assert str(read("\ufeffa: 1").location(("a",))) == "m.yaml:1:4"


def test_a_value_over_two_lines_is_underlined_to_the_end_of_the_first() -> None:
    where = read('a: "one\n  two"').location(("a",))
    assert (str(where), where.length) == ("m.yaml:1:4", 4)


def test_aliases_and_merges() -> None:
    document = read("x: &x {p: 1, q: 2}\ny: *x\nz:\n  <<: *x\n  q: 3\nw: {<<: [{p: 7}, *x]}\n")
    assert document.value == {
        "x": {"p": 1, "q": 2},
        "y": {"p": 1, "q": 2},
        "z": {"p": 1, "q": 3},
        "w": {"p": 7, "q": 2},
    }
    assert str(document.location(("y", "q"))) == "m.yaml:1:17"
    assert str(document.location(("y",), key=True)) == "m.yaml:2:1"


def test_a_key_written_twice_names_both_places() -> None:
    _, found = read_yaml("a:\n  b: 1\n  b: 2\n", "m.yaml")
    assert [(str(one.location), one.summary) for one in found] == [("m.yaml:3:3", "a.b is written twice")]
    assert "m.yaml:2:3" in found[0].why


@pytest.mark.parametrize(
    ("text", "place", "summary"),
    [
        ("a:\n\tb: 1\n", "2:1", "a tab is used to indent"),
        ("a: b: c\n", "1:5", "this is not YAML: mapping values are not allowed in this context"),
        ("a: 'open\n", "2:1", "this is not YAML: found unexpected end of stream"),
        ("- a\n", "1:1", "a manifest is a mapping of keys, such as `version: 1`"),
        ("just text", "1:1", "a manifest is a mapping of keys, such as `version: 1`"),
        ("", "1:1", "the file is empty"),
        ("a: 1\n---\nb: 1\n", "2:1", "a manifest is one YAML document"),
        ("a: 010", "1:4", "010 is ambiguous"),
        ("a: !!python/object:os.system x", "1:4", "the tag tag:yaml.org,2002:python/object:os.system is not supported"),
        ("a: !secret x", "1:4", "the tag !secret is not supported"),
        ("a: *nothing", "1:4", "*nothing is not defined here"),
        ("a: &a [*a]", "1:8", "*a is not defined here"),
        ("? [a]\n: 1", "1:3", "a key must be plain text"),
        ("a: {<<: 5}", "1:9", "`<<` merges mappings only"),
        ("a: x\x07", "1:5", "the character U+0007 is not allowed in YAML"),
        ("a: " + "[" * 50 + "]" * 50, "1:44", "this is nested too deeply"),
    ],
)
def test_what_is_refused(text: str, place: str, summary: str) -> None:
    got = refused(text)
    assert len(got) == 1
    assert got[0][0] == f"m.yaml:{place}"
    assert got[0][1].startswith(summary)


def test_interpolation_without_quotes_in_braces_gets_a_hint() -> None:
    _, found = read_yaml("a: {id: ${env:A}}", "m.yaml")
    assert "in quotes" in found[0].hint


def test_a_billion_laughs_are_cut_short() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    got = refused("\n".join(lines))
    assert len(got) == 1
    assert "more than 200,000 values" in got[0][1]


def test_a_flood_of_brackets_is_no_crash() -> None:
    assert len(refused("a: " + "[" * 500_000)) == 1
    assert len(refused("a: " + "{a: " * 200_000)) == 1
    assert len(refused("- " * 200_000)) == 1


def test_a_flood_of_problems_ends() -> None:
    assert len(refused("\n".join(["a: 1"] * 10_000))) == 51
