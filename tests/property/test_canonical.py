"""The text behind every digest: saved states and plans hold digests of it, so it must never change by a byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.codec import canonical, digest

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=6), inner, max_size=3)
        | st.dictionaries(st.integers(), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(values)
def test_canonical_text_is_the_standard_librarys(value: Any) -> None:
    assert canonical(value) == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 128, 1000])
def test_long_lists_are_written_whole(length: int) -> None:
    value = {"actions": [{"b": number, "a": [number]} for number in range(length)], "top": list(range(length))}
    for one in (value, value["actions"], [value["actions"]] * 2):
        assert canonical(one) == json.dumps(one, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_digests_in_saved_states_stay_what_they_are() -> None:
    value = {
        "zäh": [{"b": 1.5, "a": [True, None, -0.0, 1e22]}, [], {}],
        "A": {"deep": {"y": "\x00\u2028\ud800", "x": {}}},
    }
    assert digest(value) == "b9c9efc39fe161b7952b3e45ead02ba3fbdafd0d0e97f681cf2d81d1310b3807"
