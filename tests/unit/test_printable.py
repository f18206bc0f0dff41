"""Text of others before a terminal sees it: nothing in it is obeyed, and nothing of it is lost."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.printable import name_text, printable, printable_json, quoted
from migrate.render.style import Style

OBEYED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
EVIL = "\x1b]0;title\x07 \x9b31m \u202e \x00\x7f"


def is_harmless(text: str) -> bool:
    return not any(unicodedata.category(c) in OBEYED for c in text.replace("\n", ""))


@given(st.text())
def test_nothing_is_obeyed(text: str) -> None:
    assert is_harmless(printable(text, "\n"))
    assert is_harmless(Style(False).safe(text))
    assert "\n" not in quoted(text)
    assert "\n" not in name_text(text)


@given(st.dictionaries(st.text(), st.text()), st.booleans())
def test_json_stays_the_same_json(value: dict[str, str], indent: bool) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1 if indent else None)
    shown = printable_json(text)
    assert json.loads(shown) == value
    assert is_harmless(shown)


@pytest.mark.parametrize("text", ["naïve 🐘 日本\u3000語", "a\u00a0b", "plain"])
def test_what_can_be_shown_is_shown(text: str) -> None:
    assert printable(text) == name_text(text) == text


def test_our_own_colours_stay_and_those_of_others_do_not() -> None:
    style = Style(True)
    painted = style.paint("red", "red", "bold")
    assert style.safe(f"{painted} {EVIL}\n") == f"{painted} {printable(EVIL)}\n"
    assert style.safe("\x1b[2J\x1b[8m") == r"\x1b[2J\x1b[8m"
