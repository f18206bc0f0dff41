"""Whatever stands in the file, loading it returns diagnostics, and they point into it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.core.diagnostics import has_errors
from migrate.manifest.document import split_lines
from migrate.manifest.load import load_text

EXAMPLES = [path.read_text() for path in (Path(__file__).resolve().parents[2] / "examples").glob("*.yaml")]
PIECES = [
    *("\n", "  ", "- ", ": ", "\t", "{", "}", "[", "]", "&a ", "*a", "<<: ", "!!int ", "? ", "|", '"', "'", "#"),
    *("${env:A}", "${", "null", "yes", "010", "5", "1.5", "x: 1", "---\n", "\x85", "é", "name", "tables", "[]", "{}"),
]


def check(text: str) -> None:
    manifest, found = load_text(text, "m.yaml", {"A": "b"})
    assert (manifest is None) == has_errors(found)
    lines = split_lines(text)
    for one in found:
        assert one.location is not None
        assert 1 <= one.location.line <= len(lines)
        assert one.location.column - 1 + one.location.length <= max(len(one.location.text), one.location.column - 1)


@settings(deadline=None)
@given(st.text())
def test_any_text(text: str) -> None:
    check(text)


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_pieces_of_yaml(pieces: list[str]) -> None:
    check("".join(pieces))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_examples(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(EXAMPLES))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + data.draw(st.sampled_from(["", *PIECES]) | st.text(max_size=3)) + text[end:]
    check(text)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_examples_with_a_value_of_another_shape(data: st.DataObject) -> None:
    """Line by line: what follows the colon becomes something else, which keeps the YAML well formed."""
    lines = data.draw(st.sampled_from(EXAMPLES)).split("\n")
    for index in data.draw(st.sets(st.integers(0, len(lines) - 1), min_size=1, max_size=3)):
        head, colon, _ = lines[index].partition(": ")
        if colon:
            lines[index] = (
                head + ": " + data.draw(st.sampled_from(["5", "[]", "{}", "[a]", "{a: b}", "null", "x", "yes"]))
            )
    check("\n".join(lines))
