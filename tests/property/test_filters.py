"""Conditions, against a reference that evaluates a tree over plain Python values."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.data.transform_filter import FilterError, compile_filter
from migrate.data.transform_python import to_wire

MISSING = object()
NAMES = ("a", "b", "c")
PATHS = ("a", "b", "c", "c.x", "c.l[0]", "c.l[2]", "a.x", "b[1]")
SIGNS = ("=", "<>", "<", "<=", ">", ">=")

numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-100, max_value=100, places=1)
texts = st.text(alphabet="ab'\"\\ é", max_size=3)
scalars = numbers | texts | st.booleans() | st.none() | st.binary(max_size=2)
values = st.recursive(
    scalars | st.sets(texts, min_size=1, max_size=3) | st.sets(numbers, min_size=1, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xl"), inner, max_size=2),
    max_leaves=6,
)
items = st.dictionaries(st.sampled_from(NAMES), values, max_size=3)


class Tree:
    """A condition as text and as a function over Python values."""

    def __init__(self, text: str, holds: Any) -> None:
        self.text, self.holds = text, holds

    def __repr__(self) -> str:
        return self.text


def look_up(item: dict[str, Any], path: str) -> Any:
    found: Any = item
    for part in path.replace("[", ".[").split("."):
        try:
            if part.startswith("["):
                found = found[int(part[1:-1])] if isinstance(found, list) else MISSING
            else:
                found = found[part] if isinstance(found, dict) else MISSING
        except (KeyError, IndexError):
            return MISSING
    return found


def kind(value: Any) -> str:
    return next(iter(to_wire(value)))


def equal(one: Any, other: Any) -> bool:
    """Of one type, all the way down: Python calls True equal to 1."""
    if one is MISSING or other is MISSING or kind(one) != kind(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    return bool(one == other)


def compared(sign: str, one: Any, other: Any) -> bool:
    if sign == "=":
        return equal(one, other)
    if sign == "<>":
        return not equal(one, other)
    if one is MISSING or other is MISSING or kind(one) != kind(other) or kind(one) not in "SNB":
        return False
    return bool({"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[sign])


def size(value: Any) -> Any:
    if value is MISSING or value is None or isinstance(value, (bool, Decimal)):
        return MISSING
    return Decimal(len(value.encode() if isinstance(value, str) else value))


def written(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return {True: "true", False: "false", None: "null"}[value] if not isinstance(value, Decimal) else str(value)


literals = (numbers | texts | st.booleans() | st.none()).map(lambda value: (written(value), lambda _item: value))
paths = st.sampled_from(PATHS).map(lambda path: (path, lambda item: look_up(item, path)))
sizes = st.sampled_from(PATHS).map(lambda path: (f"size({path})", lambda item: size(look_up(item, path))))
operands = literals | paths | sizes


def comparison(left: Any, sign: str, right: Any) -> Tree:
    return Tree(f"{left[0]} {sign} {right[0]}", lambda item: compared(sign, left[1](item), right[1](item)))


def between(value: Any, low: Any, high: Any) -> Tree:
    def holds(item: Any) -> bool:
        found = value[1](item)
        return compared(">=", found, low[1](item)) and compared("<=", found, high[1](item))

    return Tree(f"{value[0]} BETWEEN {low[0]} AND {high[0]}", holds)


def among(value: Any, choices: list[Any]) -> Tree:
    text = f"{value[0]} in ({', '.join(one[0] for one in choices)})"
    return Tree(text, lambda item: any(equal(value[1](item), one[1](item)) for one in choices))


def function(name: str, path: str, part: Any) -> Tree:
    def holds(item: Any) -> bool:
        found, other = look_up(item, path), part[1](item)
        if name == "attribute_exists":
            return found is not MISSING
        if name == "attribute_not_exists":
            return found is MISSING
        if found is MISSING or other is MISSING:
            return False
        if name == "begins_with":
            return kind(found) == kind(other) and kind(found) in "SB" and bool(found.startswith(other))
        if isinstance(found, (set, list)):
            return any(equal(one, other) for one in found)
        return kind(found) in "SB" and kind(found) == kind(other) and other in found

    has_two = not name.startswith("attribute")
    return Tree(f"{name}({path}{', ' + part[0] if has_two else ''})", holds)


leaves = (
    st.builds(comparison, operands, st.sampled_from(SIGNS), operands)
    | st.builds(between, operands, operands, operands)
    | st.builds(among, operands, st.lists(operands, min_size=1, max_size=3))
    | st.builds(
        function,
        st.sampled_from(("attribute_exists", "attribute_not_exists", "begins_with", "contains")),
        st.sampled_from(PATHS),
        operands,
    )
)


def both(one: Tree, other: Tree) -> Tree:
    return Tree(f"({one}) AND ({other})", lambda item: one.holds(item) and other.holds(item))


def either(one: Tree, other: Tree) -> Tree:
    return Tree(f"({one}) or ({other})", lambda item: one.holds(item) or other.holds(item))


def negated(one: Tree) -> Tree:
    return Tree(f"NOT ({one})", lambda item: not one.holds(item))


trees = st.recursive(
    leaves,
    lambda inner: st.builds(both, inner, inner) | st.builds(either, inner, inner) | st.builds(negated, inner),
    max_leaves=5,
)


@given(tree=trees, item=items)
def test_as_the_reference(tree: Tree, item: dict[str, Any]) -> None:
    wire = {name: to_wire(value) for name, value in item.items()}
    assert compile_filter(tree.text)(wire) is tree.holds(item), json.dumps(wire)


@given(st.text(alphabet="ab()=<>.,'[]# :0AND", max_size=20))
def test_any_text_is_a_condition_or_says_what_is_wrong(text: str) -> None:
    said = "nothing"
    try:
        compile_filter(text)({"a": {"N": "1"}})
    except FilterError as error:
        said = str(error)
    assert said


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a = 1 OR a = 2 AND b = 3", True),  # AND binds closer than OR
        ("NOT a = 2 AND b = 3", False),  # and NOT closer than both
        ("a = 1.000 and a = 10e-1", True),
        ("a = 1.00000000000000000000000000000000000001", False),
        ("attribute_type(a, 'N')", True),
        ("attribute_type(a, 'S')", False),
        ("zzz <> 1", True),  # as in DynamoDB, what is absent equals nothing
        ("#n = :v", True),
        ("contains(l, 2) AND contains(l, 'x')", True),
        ("contains(l, 'xy') OR contains(a, 1)", False),
        ("contains(s, 1.0) AND size(s) = 2", True),
        ("contains(t, 'ell') AND begins_with(t, 'he')", True),
        ("size(t) BETWEEN 6 AND 6", True),  # bytes of UTF-8
        ("size(a) > 0", False),
        ("l[1] IN ('y', 'x')", True),
    ],
)
def test_what_binds_and_what_is_exact(text: str, holds: bool) -> None:
    item: dict[str, Any] = {
        "a": {"N": "1"},
        "my-name": {"S": "x"},
        "l": {"L": [{"N": "2.0"}, {"S": "x"}]},
        "s": {"NS": ["1", "2"]},
        "t": {"S": "hellö"},
    }
    placeholders: tuple[Any, ...] = ({"#n": "my-name"}, {":v": {"S": "x"}}) if "#" in text else ()
    assert compile_filter(text, *placeholders)(item) is holds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("a", "ends where a comparison"),
        ("a == 1", "has `=` at character 4"),
        ("a = 1 b", "has `b` at character 7, where AND, OR or the end"),
        ("a = :v", "uses :v, which has no value"),
        ("#n = 1", "uses #n, which stands for no name"),
        ("begins_with(a)", "begins_with takes 2 arguments, not 1"),
        ("contains('a', b)", "contains takes the path of an attribute first"),
        ("attribute_type(a, 'X')", "attribute_type takes one of"),
        ("a[x] = 1", "where a position in a list"),
        ("a[-1] = 1", "which is not 0, 1, 2"),
        ("a = 'b", "has `'` at character 5"),
        ("a = $", "has `$` at character 5"),
        ("(" * 200 + "a = 1" + ")" * 200, "nested more than"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text)
    assert said in str(caught.value)


def test_a_placeholder_that_is_not_used_is_a_mistake() -> None:
    with pytest.raises(FilterError, match="does not use :v"):
        compile_filter("a = 1", {}, {":v": {"N": "1"}})
