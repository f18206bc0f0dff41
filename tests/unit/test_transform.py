"""Steps on single items, and what becomes of pages: exact values, balanced books, reasons without values."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal
from typing import Any

import pytest

from migrate.core.errors import Invalid
from migrate.core.item import MalformedItem, item_digest
from migrate.data.rewriting import MAX_ITEM_BYTES, Rewriter, item_size
from migrate.data.transform import FAILED, Pipeline, TransformFailed, TransformSpec
from migrate.data.transform_python import from_wire, to_wire

ITEM: dict[str, Any] = {"id": {"S": "a"}, "n": {"N": "1234567890123456789012345678901234567.8"}, "x": {"BOOL": True}}


def spec(*steps: dict[str, Any], keys: tuple[tuple[str, str], ...] = (("id", "S"),), code: str = "") -> TransformSpec:
    return TransformSpec(steps, keys, ("id",), {"t.py": code} if code else {})


def apply(*steps: dict[str, Any], item: dict[str, Any] = ITEM, **more: Any) -> list[dict[str, Any]]:
    return Pipeline(spec(*steps, **more)).apply({name: dict(value) for name, value in item.items()})


def python(body: str, item: dict[str, Any] = ITEM) -> list[dict[str, Any]]:
    return apply({"python": "t.py:f"}, item=item, code=f"def f(item):\n    {body}\n")


@pytest.mark.parametrize(
    ("step", "left"),
    [
        ({"rename": {"n": "x", "x": "n"}}, {"id": ITEM["id"], "x": ITEM["n"], "n": ITEM["x"]}),
        ({"rename": {"none": "y"}}, ITEM),
        ({"drop": ["x", "none"]}, {"id": ITEM["id"], "n": ITEM["n"]}),
        ({"set": {"x": {"N": "2.50"}}}, {**ITEM, "x": {"N": "2.5"}}),
        ({"filter": "x = true"}, ITEM),
    ],
)
def test_a_step_touches_what_it_names(step: dict[str, Any], left: dict[str, Any]) -> None:
    assert apply(step) == [left]


def test_what_a_filter_leaves_out_is_no_item() -> None:
    assert apply({"filter": "x = false"}, {"python": "t.py:f"}, code="def f(item): raise ValueError") == []


def test_renaming_onto_an_attribute_loses_nothing() -> None:
    with pytest.raises(TransformFailed, match="would overwrite it"):
        apply({"rename": {"n": "x"}})


def test_what_is_set_belongs_to_each_item_alone() -> None:
    steps = ({"set": {"tags": {"SS": ["a"]}}}, {"python": "t.py:f"})
    pipeline = Pipeline(
        spec(*steps, code="def f(item):\n    item['tags']['SS'].append(item['id']['S'])\n    return item\n")
    )
    made = [pipeline.apply({"id": {"S": name}})[0]["tags"]["SS"] for name in ("1", "2")]
    assert made == [["a", "1"], ["a", "2"]]


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("return None", []),
        ("return item", [ITEM]),
        ("return [item, dict(item, id={'S': 'b'})]", [ITEM, {**ITEM, "id": {"S": "b"}}]),
        ("yield item", [ITEM]),
        ("item.put('n', item.value('n') * 2); return item", None),
        ("item.put('n', {'a': [1, b'x', {'s'}, None]}); return item", None),
    ],
)
def test_what_a_function_returns(body: str, made: list[Any] | None) -> None:
    found = python(body)
    if made is not None:
        assert found == made
    elif "* 2" in body:
        assert found[0]["n"] == {"N": "2469135780246913578024691357802469135.6"}
    else:
        assert found[0]["n"] == {"M": {"a": {"L": [{"N": "1"}, {"B": "eA=="}, {"SS": ["s"]}, {"NULL": True}]}}}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise KeyError(item['id']['S'])", "KeyError at t.py:2"),
        ("return 5", "returned int, not an item"),
        ("return [item, 5]", "returned int, not an item"),
        ("return {'id': 'a'}", "not in wire form"),
        ("return {'id': {'S': 1}}", "not in wire form"),
        ("item.put('n', 1.5); return item", "TypeError at t.py:2"),
        ("item.put('n', float('nan')); return item", "TypeError at t.py:2"),
        ("item.put('n', 10**38 + 1); return item", "TypeError at t.py:2"),
        ("item.put('n', set()); return item", "TypeError at t.py:2"),
        ("raise SystemExit", "SystemExit at t.py:2"),
        ("return {'id': {'N': '1'}}", "the key attribute id is N, and the table's key is S"),
        ("return {}", "the item has no key attribute id"),
        ("return {'id': {'S': ''}}", "the key attribute id is empty"),
        ("return {'id': {'S': 'ä' * 1025}}", "the key attribute id is longer than 2048 bytes"),
    ],
)
def test_a_function_that_goes_wrong(body: str, reason: str) -> None:
    with pytest.raises(TransformFailed) as caught:
        python(body)
    assert reason in caught.value.reason


def test_what_a_function_prints_is_no_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert python("print('seen', end=''); return item") == [ITEM]
    assert capsys.readouterr() == ("", "seen")


def test_a_reason_shows_no_value() -> None:
    with pytest.raises(TransformFailed) as caught:
        python("raise ValueError(item['n']['N'])")
    assert ITEM["n"]["N"] not in caught.value.reason
    assert ITEM["n"]["N"] in caught.value.detail


@pytest.mark.parametrize(
    "value", ["a", Decimal("1.10"), b"\0", True, None, {"a"}, {Decimal(1)}, [Decimal(1), "x"], {"k": [None]}]
)
def test_python_values_and_back(value: Any) -> None:
    assert from_wire(to_wire(value)) == value


def test_a_page_balances() -> None:
    code = (
        "def f(item):\n"
        "    n = int(item['id']['S'])\n"
        "    if n == 3:\n        raise ValueError('three')\n"
        "    return [] if n % 2 else [item, dict(item, id={'S': f'{n}b'})]\n"
    )
    items = [json.dumps({"id": {"S": str(n)}}).encode() for n in range(6)]
    page = Rewriter(spec({"python": "t.py:f"}, code=code)).page(items)
    assert len(items) + page.extra == len(page.items) + page.filtered + len(page.failed)
    assert (page.extra, page.filtered, len(page.items)) == (3, 2, 6)
    (failed,) = page.failed
    assert (failed.item, failed.code) == (items[3], FAILED)
    assert "three" in failed.reason


def test_an_item_that_fails_is_expected_as_something_that_no_table_has() -> None:
    rewriter = Rewriter(spec({"rename": {"id": "key"}}, keys=(("key", "S"), ("sort", "N"))))
    (raw,) = rewriter.expected([b'{"id":{"S":"a"}}'])
    stand_in = json.loads(raw)
    assert '"id"' in stand_in["key"]["S"]
    with pytest.raises(MalformedItem):
        item_digest(stand_in)


def test_what_is_not_touched_stays_as_it_came() -> None:
    raw = b'{"id":{"S":"\xc3\xa9"},"n":{"N":"1.50"},"l":{"L":[{"B":"AA=="},{"NULL":true}]},"gone":{"S":"x"}}'
    page = Rewriter(spec({"drop": ["gone"]})).page([raw])
    assert page.items == [raw.replace(b',"gone":{"S":"x"}', b"")]


def test_an_item_that_grows_too_large_fails() -> None:
    code = f"def f(item):\n    item.put('b', b'x' * {MAX_ITEM_BYTES - 4})\n    item.put('c', '')\n    return item\n"
    rewriter = Rewriter(spec({"python": "t.py:f"}, code=code))
    assert len(rewriter.page([b'{"id":{"S":""}}'.replace(b'""', b'"a"')]).failed) == 1
    code = code.replace(f"{MAX_ITEM_BYTES - 4}", f"{MAX_ITEM_BYTES - 5}")
    assert len(Rewriter(spec({"python": "t.py:f"}, code=code)).page([b'{"id":{"S":"a"}}']).items) == 1


def test_sizes_are_those_of_the_documentation() -> None:
    item: dict[str, Any] = {
        "a": {"S": "ä"},
        "n": {"N": "-12.30"},
        "l": {"L": [{"BOOL": True}]},
        "m": {"M": {"k": {"NULL": True}}},
    }
    assert item_size(item) == (1 + 2) + (1 + 1 + 2 + 1) + (1 + 3 + 1 + 1) + (1 + 3 + 1 + 1 + 1)


def test_a_step_that_cannot_be_compiled_ends_the_job_not_the_item() -> None:
    for broken in ({"filter": "a ="}, {"python": "t.py:none"}):
        with pytest.raises(Invalid):
            Rewriter(spec(broken, code="x = 1"))


def test_it_travels_to_other_processes_as_it_is() -> None:
    one = spec({"python": "t.py:f"}, code="def f(item): return item")
    assert pickle.loads(pickle.dumps(one)) == one
    assert one.digest != spec({"python": "t.py:f"}, code="def f(item): return None").digest


@pytest.mark.parametrize(
    ("one", "may_join"),
    [
        (spec({"drop": ["x"]}), False),
        (spec({"filter": "x = 1"}), False),
        (spec({"rename": {"x": "id"}}), True),
        (spec({"set": {"id": {"S": "a"}}}), True),
        (spec({"python": "t.py:f"}, code="f = None"), True),
        (spec(keys=(("x", "S"),)), True),
    ],
)
def test_when_two_items_may_get_one_key(one: TransformSpec, may_join: bool) -> None:
    assert one.may_join is may_join
