"""Items changed on their way by strategy `copy`, through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import TARGET, World

CONVERT = """\
def convert(item):
    if item.value("n") == 3:
        return None
    item.put("label", f"{item.value('id')}-{item.value('n') * 2}")
    if item.value("n") == 4:
        return [dict(item), dict(item, id={"S": "second"})]
    return item
"""
RE_KEYED = """\
[{name: orders, strategy: copy, transform: [
   {rename: {id: customerId}},
   {filter: "n <> 7"},
   {set: {schema: {N: "2.0"}}}],
  target: {keys: {partition: {name: customerId, type: S}}}}]"""
BY_PYTHON = """\
[{name: orders, strategy: copy, transform: [
   {python: "transforms/orders.py:convert"},
   {rename: {id: customerId}}],
  target: {keys: {partition: {name: customerId, type: S}}}}]"""


def by_key(world: World, key: str = "customerId") -> dict[str, Any]:
    return {item[key]["S"]: item for item in world.items(TARGET, "orders")}


def code(world: World, text: str) -> Path:
    file = Path(world.folder) / "transforms" / "orders.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def copying(world: World, tables: str, **more: Any) -> None:
    world.manifest(tables, strategies={"copy": {}}, **more)


def test_three_steps_and_another_key(world: World) -> None:
    world.table("orders", items=20)
    copying(world, RE_KEYED)
    planned = world.ok("plan", "m.yaml").out
    assert "of 20 items tried: 19 written, 1 left out, 0 fail" in planned
    assert "- id, + customerId S ***" in planned
    assert "i3" not in planned
    assert "+ customerId S " in world.ok("plan", "m.yaml", "--show-values").out
    done = world.ok("apply", "m.yaml", "--auto-approve").out
    assert "19 items are equal" in done
    assert "1 left out by the transform" in done
    assert by_key(world) == {
        f"i{n}": {"customerId": {"S": f"i{n}"}, "n": {"N": str(n)}, "schema": {"N": "2"}} for n in range(20) if n != 7
    }
    assert "No changes" in world.ok("plan", "m.yaml").out
    world.ok("verify", "m.yaml")
    world.target.put_item(TableName="orders", Item={"customerId": {"S": "i5"}, "n": {"N": "50"}})
    world.target.delete_item(TableName="orders", Key={"customerId": {"S": "i6"}})
    found = world.run("verify", "m.yaml")
    assert found.code == 8
    assert '* customerId "i5" (S)' in found.out
    assert '+ customerId "i6" (S)' in found.out


def test_values_are_never_saved(world: World) -> None:
    world.table("orders", items=2)
    copying(world, RE_KEYED)
    for flag in (["--out", "p.json"], ["--json"], ["--markdown"]):
        assert world.run("plan", "m.yaml", "--show-values", *flag).code == 64


def test_a_python_function_splits_and_leaves_out(world: World) -> None:
    world.table("orders", items=6)
    code(world, CONVERT)
    copying(world, BY_PYTHON)
    done = world.ok("apply", "m.yaml", "--auto-approve", "--json").json
    assert done["verified"][0]["same"] == 6
    found = by_key(world)
    assert set(found) == {"i0", "i1", "i2", "i4", "i5", "second"}
    assert found["i5"] == {"customerId": {"S": "i5"}, "n": {"N": "5"}, "label": {"S": "i5-10"}}
    world.ok("verify", "m.yaml")
    code(world, CONVERT.replace("* 2", "* 3"))
    changed = world.run("plan", "m.yaml")
    assert changed.code == 4
    assert "filled with another transform" in changed.err
    assert world.run("verify", "m.yaml").code == 8


def test_a_pinned_plan_with_another_python_file_is_stale(world: World) -> None:
    world.table("orders", items=3)
    file = code(world, CONVERT)
    copying(world, BY_PYTHON)
    world.ok("plan", "m.yaml", "--out", "p.json")
    file.write_text(CONVERT + "\n# changed\n")
    stale = world.run("apply", "p.json", "--auto-approve")
    assert stale.code == 5, stale.err
    assert "a Python file of its transforms" in stale.err
    file.write_text(CONVERT)
    world.ok("apply", "p.json", "--auto-approve")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("def convert(item):\n    return item['nothing']\n", "fail: KeyError at transforms/orders.py:2"),
        ("def convert(item):\n    return 'text'\n", "returned str, not an item"),
        ("def convert(item):\n    item['n'] = 1.5\n    return item\n", "returned an item that is not in wire form"),
        ("def convert(item):\n    item.put('n', 1.5)\n    return item\n", "fail: TypeError at transforms/orders.py:2"),
        ("def convert(item):\n    del item['id']\n    return item\n", "the item has no key attribute customerId"),
        ("def convert(item):\n    item['id'] = {'S': ''}\n    return item\n", "the key attribute customerId is empty"),
        ("raise SystemExit(3)\ndef convert(item):\n    return item\n", "cannot be loaded: SystemExit"),
        ("def convert(item):\n    item['id'] = {'S': 'same'}\n    return item\n", "get a key that another one has"),
    ],
)
def test_a_bad_function_is_refused_before_anything_runs(world: World, function: str, said: str) -> None:
    world.table("orders", items=4)
    code(world, function)
    copying(world, BY_PYTHON)
    refused = world.run("plan", "m.yaml")
    assert refused.code == 4, refused.err
    assert said in refused.err
    assert "m.yaml:" in refused.err
    assert world.run("apply", "m.yaml", "--auto-approve").code == 4
    assert world.target.list_tables()["TableNames"] == []


@pytest.mark.parametrize(
    ("function", "path", "said"),
    [
        ("def convert(item:\n", "transforms/orders.py:convert", "transforms/orders.py is no Python"),
        ("def other(item): ...\n", "transforms/orders.py:othre", "did you mean `other`?"),
        ("", "transforms/none.py:convert", "transforms/none.py does not exist"),
        ("", "../orders.py:convert", "not below the manifest's folder"),
        ("", "/etc/orders.py:convert", "not below the manifest's folder"),
    ],
)
def test_a_python_file_that_cannot_be_used(world: World, function: str, path: str, said: str) -> None:
    code(world, function)
    copying(world, f'[{{name: orders, strategy: copy, transform: [{{python: "{path}"}}]}}]')
    refused = world.run("validate", "m.yaml")
    assert refused.code == 3
    assert said in refused.err


def test_an_item_that_fails_since_the_plan_was_made_refuses_it(world: World) -> None:
    world.table("orders", items=4)
    code(world, "def convert(item):\n    item['m'] = item['n']\n    return item\n")
    copying(world, BY_PYTHON)
    world.ok("plan", "m.yaml", "--out", "p.json")
    world.source.put_item(TableName="orders", Item={"id": {"S": "bad"}})
    refused = world.run("apply", "p.json", "--auto-approve")
    assert refused.code == 5
    assert "KeyError at transforms/orders.py:2" in refused.err
    assert world.target.list_tables()["TableNames"] == []


def test_items_beyond_the_sample_fail(world: World) -> None:
    world.table("orders", items=104)
    sampled = {item["id"]["S"] for item in world.source.scan(TableName="orders", Limit=100)["Items"]}
    bad, *_ = sorted({f"i{n}" for n in range(104)} - sampled)
    code(world, f"def convert(item):\n    assert item.value('id') != '{bad}', 'not this one'\n    return item\n")
    copying(world, BY_PYTHON)
    failed = world.run("apply", "m.yaml", "--auto-approve")
    assert failed.code == 7, failed.err
    assert "the transform failed on 1 of 104 items" in failed.out
    (letters,) = Path(world.folder).rglob("dead-letters.jsonl")
    letter = json.loads(letters.read_text())
    assert letter["key"] == {"id": {"S": bad}}
    assert "not this one" in letter["reason"]
    assert len(by_key(world)) == 103
    code(world, "def convert(item):\n    return item\n")
    begun = world.run("apply", "m.yaml", "--auto-approve")
    assert begun.code == 7
    assert "begun with another transform" in begun.out
    assert "delete the target table orders" in begun.out
    world.target.delete_table(TableName="orders")
    world.ok("apply", "m.yaml", "--auto-approve")
    assert len(by_key(world)) == 104


def test_keys_that_meet_beyond_the_sample_are_found_by_the_verification(world: World) -> None:
    world.table("orders", items=104)
    sampled = [item["id"]["S"] for item in world.source.scan(TableName="orders", Limit=100)["Items"]]
    later, *_ = sorted({f"i{n}" for n in range(104)} - set(sampled))
    text = f"def convert(item):\n    if item.value('id') == '{later}':\n        item.put('id', '{sampled[0]}')\n"
    code(world, text + "    return item\n")
    copying(world, BY_PYTHON)
    failed = world.run("apply", "m.yaml", "--auto-approve")
    assert failed.code == 8, failed.err
    assert f'! customerId "{sampled[0]}"' in failed.out
    assert "1 have a key that the transform gives to several items" in failed.out
    report = world.run("verify", "m.yaml", "--json").json
    assert report["tables"][0]["errors"] == 1
    assert report["tables"][0]["is_transformed"] is True


def test_into_a_table_that_has_items(world: World) -> None:
    world.table("orders", items=5)
    world.target.create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "customerId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "customerId", "AttributeType": "S"}],
    )
    for key in ("i1", "theirs"):
        world.target.put_item(TableName="orders", Item={"customerId": {"S": key}})
    world.manifest(RE_KEYED, strategies={"copy": {"into": "existing", "on_conflict": "overwrite"}})
    world.ok("apply", "m.yaml", "--auto-approve")
    found = by_key(world)
    assert found.pop("theirs") == {"customerId": {"S": "theirs"}}
    assert found == {
        f"i{n}": {"customerId": {"S": f"i{n}"}, "n": {"N": str(n)}, "schema": {"N": "2"}} for n in range(5)
    }
    assert "No changes" in world.ok("plan", "m.yaml").out
    world.ok("verify", "m.yaml")


def test_an_item_that_the_transform_cannot_take_by_now_is_named(world: World) -> None:
    world.table("orders", items=3)
    code(world, "def convert(item):\n    item['m'] = item['n']\n    return item\n")
    copying(world, BY_PYTHON)
    world.ok("apply", "m.yaml", "--auto-approve")
    world.source.put_item(TableName="orders", Item={"id": {"S": "new"}})
    found = world.run("verify", "m.yaml")
    assert found.code == 8
    assert "KeyError at transforms/orders.py:2" in found.out
    assert '\\"new\\"' in found.out


def test_carried_by_boto3(world: World) -> None:
    world.table("orders", items=5)
    copying(world, RE_KEYED)
    world.ok("apply", "m.yaml", "--auto-approve", "--transport", "boto3")
    world.ok("verify", "m.yaml", "--transport", "boto3")
    assert len(by_key(world)) == 5


def test_no_verification_with_keys_that_may_meet(world: World) -> None:
    world.table("orders", items=2)
    copying(world, RE_KEYED, defaults={"verify": "none"})
    refused = world.run("plan", "m.yaml")
    assert refused.code == 4
    assert "`verify: none` with a transform" in refused.err


def test_counts_are_those_after_the_transform(world: World) -> None:
    world.table("orders", items=9)
    copying(world, RE_KEYED, defaults={"verify": "counts"})
    world.ok("apply", "m.yaml", "--auto-approve")
    world.ok("verify", "m.yaml")
    world.target.delete_item(TableName="orders", Key={"customerId": {"S": "i1"}})
    assert world.run("verify", "m.yaml").code == 8


def test_compared_with_what_was_copied(world: World) -> None:
    world.table("orders", items=9)
    copying(world, RE_KEYED, defaults={"verify": {"mode": "digest", "source": "as-copied"}})
    world.ok("apply", "m.yaml", "--auto-approve")
    assert len(by_key(world)) == 8


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("[{drop: [id]}]", "no item has the key attribute id after this step"),
        ("[{filter: 'n = '}]", "ends where an attribute or a value should follow"),
        ("[{filter: {condition: 'n = :v'}}]", "uses :v, which has no value"),
        ("[{rename: {a: x, b: x}}]", "makes x of a second attribute"),
        ("[{rename: {n: id}}]", "has an attribute id already"),
        ("[{set: {id: {N: '1'}}}]", "the key attribute id is N"),
        ("[{set: {id: {S: same}}}]", "get a key that another one has"),
    ],
)
def test_a_step_that_cannot_be(world: World, steps: str, said: str) -> None:
    world.table("orders", items=3)
    copying(world, f"[{{name: orders, strategy: copy, transform: {steps}}}]")
    refused = world.run("plan", "m.yaml")
    assert refused.code in (3, 4)
    assert said in refused.err
    assert "m.yaml:" in refused.err


def test_other_strategies_refuse(world: World) -> None:
    world.table("orders", items=3)
    for strategy in ("s3", "backup"):
        copying(world, f"[{{name: orders, strategy: {strategy}, transform: [{{drop: [n]}}]}}]")
        assert world.run("plan", "m.yaml").code == 3
