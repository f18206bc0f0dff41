"""The canonical form against a slow, obvious reference: equal forms exactly for equal items."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.item import MalformedItem, canonical_item, canonical_number, item_digest, key_digest, key_of

Value = dict[str, Any]


def reference(typed: Value) -> object:
    """What a value means, in Python's own types."""
    ((kind, value),) = typed.items()
    if kind == "N":
        return kind, Decimal(value)
    if kind == "B":
        return kind, base64.b64decode(value)
    if kind == "L":
        return kind, tuple(reference(one) for one in value)
    if kind == "M":
        return kind, frozenset((name, reference(one)) for name, one in value.items())
    if kind in ("SS", "NS", "BS"):
        return kind, frozenset(reference({kind[0]: one}) for one in value)
    return kind, value


def spellings(number: Decimal) -> st.SearchStrategy[str]:
    """Ways to write the same number."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    whole = ("-" if sign else "") + "".join(map(str, digits))
    forms = [f"{whole}E{exponent}", f"{whole}0e{exponent - 1}", f"{whole}.00E{exponent:+d}", f"{number:f}"]
    if exponent < 0:
        forms.append(f"{number:f}000")
    return st.sampled_from(forms)


numbers = st.one_of(
    st.integers(-12, 12).map(Decimal),
    st.builds(
        lambda digits, exponent, minus: Decimal((int(minus), tuple(map(int, str(digits))), exponent)),
        st.integers(0, 10**38 - 1),
        st.integers(-130, 88),
        st.booleans(),
    ),
    st.builds(lambda digits, exponent: Decimal(digits).scaleb(exponent), st.integers(-30, 30), st.integers(-3, 3)),
).flatmap(spellings)
# A small alphabet with the letters of the form itself, so that hypothesis finds parts that could run together.
texts = st.one_of(st.text("SNBM0123:;", max_size=4), st.text(max_size=6))
binaries = st.binary(max_size=4).map(lambda raw: base64.b64encode(raw).decode())
scalars: st.SearchStrategy[Value] = st.one_of(
    st.builds(lambda value: {"S": value}, texts),
    st.builds(lambda value: {"N": value}, numbers),
    st.builds(lambda value: {"B": value}, binaries),
    st.builds(lambda value: {"BOOL": value}, st.booleans()),
    st.just({"NULL": True}),
    st.builds(lambda value: {"SS": value}, st.lists(texts, max_size=3)),
    st.builds(lambda value: {"NS": value}, st.lists(numbers, max_size=3)),
    st.builds(lambda value: {"BS": value}, st.lists(binaries, max_size=3)),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(lambda value: {"L": value}, st.lists(inner, max_size=3)),
        st.builds(lambda value: {"M": value}, st.dictionaries(texts, inner, max_size=3)),
    ),
    max_leaves=8,
)
items = st.dictionaries(texts, values, max_size=4)


def respelled(draw: st.DrawFn, typed: Value) -> Value:
    """The same value, written in another way."""
    ((kind, value),) = typed.items()
    if kind == "N":
        return {"N": draw(spellings(Decimal(value)))}
    if kind == "L":
        return {"L": [respelled(draw, one) for one in value]}
    if kind == "M":
        return {"M": respelled_map(draw, value)}
    if kind == "NS":
        return {"NS": [draw(spellings(Decimal(one))) for one in draw(st.permutations(value))]}
    if kind in ("SS", "BS"):
        return {kind: draw(st.permutations(value))}
    return typed


def respelled_map(draw: st.DrawFn, item: dict[str, Value]) -> dict[str, Value]:
    """The same map with its names in another order and its values written in another way."""
    return {name: respelled(draw, item[name]) for name in draw(st.permutations(sorted(item)))}


@given(items, items)
def test_two_items_share_a_form_exactly_when_they_are_equal(first: dict[str, Value], second: dict[str, Value]) -> None:
    same = reference({"M": first}) == reference({"M": second})
    assert (canonical_item(first) == canonical_item(second)) == same
    assert (item_digest(first) == item_digest(second)) == same


@given(values, values)
def test_two_values_share_a_form_exactly_when_they_are_equal(first: Value, second: Value) -> None:
    same = reference(first) == reference(second)
    assert (canonical_item({"a": first}) == canonical_item({"a": second})) == same
    assert (key_digest({"a": first}, ("a",)) == key_digest({"a": second}, ("a",))) == same


@given(st.data(), items)
def test_another_spelling_of_the_same_item_has_the_same_form(data: st.DataObject, item: dict[str, Value]) -> None:
    other = data.draw(st.composite(respelled_map)(item))
    assert canonical_item(item) == canonical_item(other)


@given(numbers, numbers)
def test_numbers_are_equal_by_value(first: str, second: str) -> None:
    assert (canonical_number(first) == canonical_number(second)) == (Decimal(first) == Decimal(second))
    assert Decimal(canonical_number(first)) == Decimal(first)
    assert "E" not in canonical_number(first)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", "1"),
        ("1.0", "1"),
        ("1E0", "1"),
        ("10E-1", "1"),
        ("+1", "1"),
        ("01", "1"),
        ("-0", "0"),
        ("0.000", "0"),
        ("-0E5", "0"),
        (".5", "0.5"),
        ("-5.", "-5"),
        ("100", "100"),
        ("1e2", "100"),
        ("9.99E125", "999" + "0" * 123),
        ("1E-130", "0." + "0" * 129 + "1"),
        ("-12345678901234567890123456789012345678", "-12345678901234567890123456789012345678"),
        ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"),
    ],
)
def test_known_numbers(text: str, expected: str) -> None:
    assert canonical_number(text) == expected


@pytest.mark.parametrize(
    "bad",
    [
        {"N": "one"},
        {"N": ""},
        {"N": "."},
        {"N": "1E"},
        {"N": "٣"},
        {"N": "²"},
        {"N": "1E999999999"},
        {"N": "NaN"},
        {"N": 1},
        {"B": "*"},
        {"B": "QQ==*"},
        {"BOOL": "true"},
        {"NULL": False},
        {"X": "future type"},
        {},
        {"S": "a", "N": "1"},
        "a",
        {"L": [{"S": "a"}, {"Z": 1}]},
    ],
)
def test_what_is_not_an_item_is_refused(bad: Any) -> None:
    with pytest.raises(MalformedItem):
        canonical_item({"a": bad})


def test_binary_is_compared_by_its_bytes() -> None:
    assert canonical_item({"a": {"B": "QQ=="}}) == canonical_item({"a": {"B": "QR=="}})


def test_the_key_digest_sees_the_key_only() -> None:
    item = {"pk": {"S": "a"}, "sk": {"N": "1.0"}, "x": {"S": "1"}}
    other = {"x": {"S": "2"}, "sk": {"N": "1"}, "pk": {"S": "a"}}
    assert key_digest(item, ("pk", "sk")) == key_digest(other, ("pk", "sk"))
    assert key_digest(item, ("pk", "sk")) != key_digest(item, ("sk", "pk"))
    assert key_of(item, ("pk", "sk")) == {"pk": {"S": "a"}, "sk": {"N": "1.0"}}
    with pytest.raises(MalformedItem, match="zk"):
        key_digest(item, ("zk",))


def test_an_error_does_not_show_the_values() -> None:
    with pytest.raises(MalformedItem) as caught:
        canonical_item({"card": {"X": "4111-1111"}})
    assert "4111" not in str(caught.value)


@given(items)
def test_the_wire_keeps_the_form(item: dict[str, Value]) -> None:
    assert canonical_item(json.loads(json.dumps(item))) == canonical_item(item)
