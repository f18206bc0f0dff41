"""Trouble in the middle of a `copy`, as a user meets it: a clear end, nothing lost, and the same command goes on."""

from __future__ import annotations

import json
import resource
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import jsonschema
import pytest

from migrate.core.schemas import read_schema
from tests.e2e.checker import differences
from tests.e2e.world import TARGET, Outcome, World

APPLY = ("apply", "m.yaml", "--auto-approve")
KEY, SORT = 'p"k\n\x1b[31m', "é"
EVIL = '\x1b]0;t\x07\x9b31m\u202e"\\\n\t'


def furnish(world: World, items: int = 100, **options: Any) -> None:
    world.table("orders", items=items)
    world.manifest("[{name: orders, strategy: copy}]", strategies={"copy": {"segments": 2, **options}})


def ends_equal(world: World, outcome: Outcome, name: str = "orders") -> None:
    assert outcome.code == 0, outcome.out + outcome.err
    assert differences(world.source, world.target, name, settings=False) == []


def is_harmless(text: str) -> bool:
    return all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Zl") for c in text)


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "deep"}
    for level in range(levels - 1):
        value = {"L": [value]} if level % 2 else {"M": {"m": value}}
    return value


ODD: list[dict[str, Any]] = [
    {"large": {"S": "x" * (400 * 1024 - 60)}},
    {"escaped": {"S": "\x01" * 60_000}},
    {"nested": nested(32)},
    {"n": {"N": "1E-130"}, "m": {"N": "9.9999999999999999999999999999999999999E+125"}, "k": {"N": "-" + "9" * 38}},
    {"ns": {"NS": ["-1E-130", "0", "12345678901234567890123456789012345678"]}},
    {"s": {"S": ""}, "b": {"B": b""}, "l": {"L": []}, "m": {"M": {}}, "null": {"NULL": True}},
    {"é1": {"S": "composed"}, "e\u03011": {"S": "decomposed"}, "\\u00e91": {"S": "literal"}, "a.b": {"S": "dot"}},
    {"\x1b[2J\x00": {"S": "\x00\x7f\x9b\ud7ff\U0010ffff"}, "bs": {"BS": [b"\x00", b"\xff"]}},
]


def test_odd_values_arrive_and_odd_keys_are_shown_escaped(world: World) -> None:
    keys = [{"AttributeName": KEY, "KeyType": "HASH"}, {"AttributeName": SORT, "KeyType": "RANGE"}]
    kinds = [{"AttributeName": KEY, "AttributeType": "B"}, {"AttributeName": SORT, "AttributeType": "S"}]
    world.table("odd", items=0, KeySchema=keys, AttributeDefinitions=kinds)
    for number, values in enumerate(ODD):
        key = {KEY: {"B": bytes([number, 0, 255])}, SORT: {"S": EVIL if number == 5 else "s"}}
        world.source.put_item(TableName="odd", Item={**key, **values})
    world.manifest("[{name: odd, strategy: copy}]", strategies={"copy": {"segments": 2}})
    done = world.run(*APPLY)
    ends_equal(world, done, "odd")
    assert is_harmless(done.out + done.err)

    lost = {KEY: {"B": bytes([5, 0, 255])}, SORT: {"S": EVIL}}
    world.target.delete_item(TableName="odd", Key=lost)
    told = world.run("verify", "m.yaml")
    assert told.code == 8
    assert is_harmless(told.out + told.err)
    assert r"\x1b]0;t\x07\x9b31m\u202e\"\\\n\t" in told.out
    as_json = world.run("verify", "m.yaml", "--json")
    assert is_harmless(as_json.out)
    assert as_json.json["tables"][0]["named"][0]["key"][SORT] == {"S": EVIL}


@pytest.mark.parametrize("operation", ["Scan", "BatchWriteItem"])
def test_credentials_that_expire_for_good_end_the_run_and_the_same_command_goes_on(
    world: World, operation: str
) -> None:
    furnish(world)
    world.faults({"kind": "expired-token", "operation": operation, "after": 1})
    stopped = world.run(*APPLY)
    assert stopped.code == 9
    assert "ExpiredTokenException" in stopped.out
    assert "renew the credentials" in stopped.out
    world.faults()
    ends_equal(world, world.run(*APPLY))


def test_credentials_that_are_renewed_in_time_are_not_noticed(world: World) -> None:
    furnish(world)
    world.faults({"kind": "expired-token", "operation": "BatchWriteItem", "after": 1, "times": 2})
    ends_equal(world, world.run(*APPLY))


def stop_in_the_middle(world: World) -> None:
    """One page is checkpointed; then the credentials run out."""
    world.faults({"kind": "expired-token", "operation": "BatchWriteItem", "after": 5})
    assert world.run(*APPLY).code == 9
    world.faults()


def test_a_source_that_was_made_again_is_not_copied_from_the_middle(world: World) -> None:
    furnish(world, items=200)
    stop_in_the_middle(world)
    world.source.delete_table(TableName="orders")
    world.table("orders", items=150)
    refused = world.run(*APPLY)
    assert refused.code == 7
    assert "the source table orders was deleted and made again" in refused.out
    assert "delete the target table orders" in refused.out
    world.target.delete_table(TableName="orders")
    ends_equal(world, world.run(*APPLY))
    assert len(world.items(TARGET, "orders")) == 150


def test_a_target_that_was_made_again_is_not_written(world: World) -> None:
    furnish(world, items=200)
    stop_in_the_middle(world)
    world.target.delete_table(TableName="orders")
    world.target.create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "other", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "other", "AttributeType": "N"}],
    )
    refused = world.run(*APPLY)
    assert refused.code == 7
    assert "the target table orders in 222222222222 is another one" in refused.out
    assert world.items(TARGET, "orders") == []
    # The next plan says so before anything runs.
    assert world.run(*APPLY).code == 4
    world.target.delete_table(TableName="orders")
    ends_equal(world, world.run(*APPLY))


def test_a_target_of_another_key_schema_is_refused_by_the_plan(world: World) -> None:
    furnish(world)
    world.target.create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
    )
    for words in (("plan", "m.yaml"), APPLY, ("verify", "m.yaml")):
        assert world.run(*words).code == 4
    assert "the keys of orders (id (S)) and orders (id (N)) differ" in world.run("verify", "m.yaml").err
    assert world.items(TARGET, "orders") == []


def test_a_disk_that_is_full_for_checkpoints(world: World) -> None:
    furnish(world, items=300, segments=200)
    world.ok("plan", "m.yaml")

    def little_room() -> None:  # enough for the state and the plan, not for 200 segments
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, 16_000))

    full = world.process(*APPLY, preexec_fn=little_room)
    text = full.stdout + full.stderr
    assert full.returncode == 1, text
    assert "cannot be saved" in text
    assert "make room" in text
    assert "Traceback" not in text
    ends_equal(world, world.run(*APPLY))


@contextmanager
def throttled_for(world: World, seconds: float, operation: str) -> Iterator[Any]:
    """An apply in the background, with every such call throttled for so long once some have passed."""
    world.faults({"kind": "throttle", "operation": operation, "after": 1})
    with ThreadPoolExecutor(1) as pool:
        applied = pool.submit(world.process, *APPLY, timeout=100)
        try:
            yield applied
            time.sleep(seconds)
        finally:
            world.faults()


@pytest.mark.parametrize(("operation", "words"), [("Scan", "reads"), ("BatchWriteItem", "writes")])
def test_a_throttled_copy_goes_on_and_says_so(world: World, operation: str, words: str) -> None:
    furnish(world)
    with throttled_for(world, 0.2, operation) as applied:
        live = wait_for_reaction(world)
        text = world.ok("status").out
    outcome = applied.result()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    said = f"{words} are throttled by the capacity of the table: the rate follows what is accepted"
    assert f"orders/copy: {said}" in outcome.stderr
    assert said in text
    assert "x Table" in text
    side = live["rates"]["read" if operation == "Scan" else "write"]
    assert any(reason.endswith("ProvisionedThroughputExceeded") for reason in side["throttles"])
    assert side["held"] >= 5
    assert differences(world.source, world.target, "orders", settings=False) == []
    assert "live" not in json.dumps(world.ok("status", "--json").json)


def wait_for_reaction(world: World) -> Any:
    """What `status --json` says of the copy once it has reacted; it follows its schema."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = world.run("status", "--json")
        if found.code == 0 and found.json["migrations"]:
            jsonschema.validate(found.json, read_schema("status"))
            tables = found.json["migrations"][0]["tables"]
            lives = [step["live"] for table in tables for step in table["steps"] if step.get("live")]
            if any(rate["reactions"] for live in lives for rate in live["rates"].values()):
                return lives[0]
        time.sleep(0.2)
    raise AssertionError("the copy does not say that it is throttled")
