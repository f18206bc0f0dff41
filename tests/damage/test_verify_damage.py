"""Damage a copy in known places: verify must name exactly those, whatever the network does meanwhile."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.core.codec import decode, encode
from migrate.core.errors import Interrupted, NotFound
from migrate.core.events import Progress
from migrate.verify.compare import ScanSide, VerifyOptions, verify_tables
from migrate.verify.report import NamedKey, VerifyReport, build_report_document
from tests.stubs.scan_server import Item, PatientClock, ScanServer

KEYS = ("pk", "sk")
SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "report.schema.json").read_text())


def order(number: int) -> Item:
    return {
        "pk": {"S": f"customer#{number % 97}"},
        "sk": {"N": str(number)},
        "total": {"N": f"{number}.50"},
        "tags": {"SS": ["red", f"t{number % 7}"]},
        "lines": {"L": [{"M": {"sku": {"S": f"x{number}"}, "qty": {"N": "2"}}}]},
        "raw": {"B": "AAEC"},
        "gone": {"NULL": True},
    }


ORDERS = [order(number) for number in range(2000)]


def respelled(item: Item) -> Item:
    """The same item as another writer may have spelled it: sets in another order, numbers with zeros."""
    tags = [*reversed(item["tags"]["SS"])]
    return {**dict(reversed(item.items())), "tags": {"SS": tags}, "total": {"N": item["total"]["N"] + "0"}}


def change_value(item: Item) -> None:
    item["total"] = {"N": "-1"}


def change_type(item: Item) -> None:
    item["total"] = {"S": item["total"]["N"]}


def drop_attribute(item: Item) -> None:
    del item["gone"]


def change_deep_inside(item: Item) -> None:
    item["lines"]["L"][0]["M"]["qty"]["N"] = "3"


def change_one_bit(item: Item) -> None:
    item["raw"]["B"] = "AAED"


def grow_a_set(item: Item) -> None:
    item["tags"]["SS"].append("blue")


CHANGES: list[Callable[[Item], None]] = [
    change_value,
    change_type,
    drop_attribute,
    change_deep_inside,
    change_one_bit,
    grow_a_set,
]


class Damaged:
    """A copy of the orders with `changed`, `removed` and `added` items, and what a report must name for it."""

    def __init__(self, changed: int, removed: int, added: int, seed: int) -> None:
        dice = random.Random(seed)
        picked = dice.sample(range(len(ORDERS)), changed + removed)
        self.changed, self.removed = picked[:changed], set(picked[changed:])
        self.added = [10_000 + number for number in dice.sample(range(10_000), added)]
        items = {number: copy.deepcopy(item) for number, item in enumerate(ORDERS) if number not in self.removed}
        for number in self.changed:
            dice.choice(CHANGES)(items[number])
        self.items = [*items.values(), *(order(number) for number in self.added)]

    def marks(self) -> set[tuple[str, str]]:
        pairs = [*(("*", n) for n in self.changed), *(("+", n) for n in self.removed), *(("-", n) for n in self.added)]
        return {(mark, json.dumps({name: order(number)[name] for name in KEYS})) for mark, number in pairs}


def named(report: VerifyReport) -> set[tuple[str, str]]:
    return {(one.mark, json.dumps(one.key)) for one in report.named}


@pytest.fixture(scope="module")
def server() -> Iterator[ScanServer]:
    with ScanServer(KEYS, page_items=250) as running:
        running.put_table("orders", ORDERS)
        yield running


@pytest.fixture(autouse=True)
def well_behaved(server: ScanServer) -> None:
    server.choose_fault = lambda request: None
    server.page_items = 250
    server.requests.clear()


def verify(server: ScanServer, source: str = "orders", **options: Any) -> VerifyReport:
    clock = PatientClock()
    here, there = (ScanSide(server.patient(clock), table, KEYS, 2000) for table in (source, "copy"))
    calls = {name: options.pop(name) for name in ("should_stop", "on_progress") if name in options}
    return verify_tables(here, there, VerifyOptions(**{"segments": 3, **options}), clock=clock, **calls)


def test_an_equal_copy_costs_one_scan_of_each_table(server: ScanServer) -> None:
    server.put_table("copy", [respelled(item) for item in ORDERS])
    report = verify(server)
    assert report.is_equal
    assert (report.same, report.source_items, report.target_items, report.named) == (2000, 2000, 2000, ())
    for table in ("orders", "copy"):
        requests = [request for request in server.requests if request["TableName"] == table]
        first_pages = [one for one in requests if "ExclusiveStartKey" not in one and "Limit" not in one]
        assert len(first_pages) == 3
        assert sum("Limit" in one for one in requests) == 1  # the sample by which the digest is chosen
    assert report.read_units == 0.5 * len(server.requests)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changed=st.integers(0, 12),
    removed=st.integers(0, 12),
    added=st.integers(0, 12),
    seed=st.integers(0, 10**6),
    buckets=st.sampled_from([1, 64, 65536]),
    segments=st.integers(1, 5),
)
def test_exactly_the_damaged_keys_are_named(
    server: ScanServer, changed: int, removed: int, added: int, seed: int, buckets: int, segments: int
) -> None:
    damaged = Damaged(changed, removed, added, seed)
    server.put_table("copy", damaged.items)
    report = verify(server, buckets=buckets, segments=segments)
    assert named(report) == damaged.marks()
    assert (report.differs, report.missing, report.extra, report.errors) == (changed, removed, added, 0)
    assert report.same == 2000 - changed - removed
    assert report.is_equal == (changed + removed + added == 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_bad_network_changes_nothing_in_the_report(server: ScanServer, seed: int) -> None:
    damaged = Damaged(5, 4, 3, seed)
    server.put_table("copy", damaged.items)
    server.misbehave(0.3, seed)
    report = verify(server)
    assert named(report) == damaged.marks()
    assert (report.same, report.source_items, report.target_items) == (1991, 2000, 1999)


def test_small_memory_gives_the_same_answer_in_more_passes(server: ScanServer) -> None:
    damaged = Damaged(6, 6, 6, seed=3)
    server.put_table("copy", damaged.items)
    report = verify(server, buckets=64, max_kept=200)
    assert named(report) == damaged.marks()
    assert report.same == 1988
    assert report.read_units > 5


def test_counts_are_exact_when_only_some_keys_are_named(server: ScanServer) -> None:
    server.put_table("copy", Damaged(300, 200, 100, seed=1).items)
    report = verify(server, max_named=10)
    assert (report.differs, report.missing, report.extra) == (300, 200, 100)
    assert [sum(one.mark == mark for one in report.named) for mark in "*+-"] == [10, 10, 10]


@pytest.mark.parametrize("items", [[], ORDERS[:1]])
def test_an_empty_target_misses_everything(server: ScanServer, items: list[Item]) -> None:
    server.put_table("copy", items)
    report = verify(server)
    assert (report.missing, report.same, report.extra, report.differs) == (2000 - len(items), len(items), 0, 0)
    assert {one.mark for one in report.named} == {"+"}
    assert len(report.named) == 100


def test_two_empty_tables_are_equal(server: ScanServer) -> None:
    server.put_table("none", [])
    server.put_table("copy", [])
    report = verify(server, "none")
    assert report.is_equal
    assert report.source_items == report.target_items == report.same == 0


def test_swapped_values_are_seen_although_all_values_are_there(server: ScanServer) -> None:
    items = copy.deepcopy(ORDERS)
    items[5]["total"], items[6]["total"] = items[6]["total"], items[5]["total"]
    server.put_table("copy", items)
    report = verify(server, buckets=1)
    assert {mark for mark, _ in named(report)} == {"*"}
    assert {one.key["sk"]["N"] for one in report.named} == {"5", "6"}


def test_a_difference_that_settles_between_the_passes_is_no_difference(server: ScanServer) -> None:
    server.put_table("copy", Damaged(3, 2, 0, seed=2).items)

    def heal(progress: Progress) -> None:
        if "naming" not in progress.message and progress.items == 3998:
            server.put_table("copy", ORDERS)

    report = verify(server, on_progress=heal)
    assert report.is_equal
    assert report.same == 2000
    assert report.target_items == 1998


def test_an_item_of_an_unknown_type_is_an_error_of_its_key(server: ScanServer) -> None:
    items = copy.deepcopy(ORDERS)
    items[7]["total"] = {"NEW": "a type of the future"}
    server.put_table("copy", items)
    report = verify(server)
    assert not report.is_equal
    assert (report.errors, report.differs, report.same) == (1, 0, 1999)
    assert report.named == (NamedKey("!", {"pk": {"S": "customer#7"}, "sk": {"N": "7"}}),)


@pytest.mark.parametrize(("kept", "missing", "extra"), [(2000, 0, 0), (1990, 10, 0), (2005, 0, 5)])
def test_counts_mode_compares_numbers_and_reads_no_items(
    server: ScanServer, kept: int, missing: int, extra: int
) -> None:
    server.put_table("copy", [order(number) for number in range(kept)])
    report = verify(server, mode="counts")
    assert (report.missing, report.extra, report.same) == (missing, extra, min(kept, 2000))
    assert report.is_equal == (kept == 2000)
    assert {request["Select"] for request in server.requests} == {"COUNT"}


def test_progress_grows_to_the_number_of_items(server: ScanServer) -> None:
    server.put_table("copy", ORDERS)
    seen: list[Progress] = []
    verify(server, on_progress=seen.append)
    items = [progress.items or 0 for progress in seen]
    assert items == sorted(items)
    assert items[-1] == 4000
    assert seen[-1].total_items == 4000
    assert (seen[-1].bytes or 0) > 4000 * 100


def test_stopping_ends_the_comparison(server: ScanServer) -> None:
    server.put_table("copy", ORDERS)
    server.page_items = 5
    seen: list[Progress] = []
    with pytest.raises(Interrupted):
        verify(server, on_progress=seen.append, should_stop=lambda: len(seen) >= 2)
    assert len(seen) < 400  # of 800 pages


def test_an_error_of_one_side_ends_both_and_says_where(server: ScanServer) -> None:
    server.put_table("copy", ORDERS)
    server.choose_fault = lambda request: (
        (400, "x#ResourceNotFoundException") if request["TableName"] == "copy" else None
    )
    with pytest.raises(NotFound, match=r"Scan copy \(eu-west-1\): ResourceNotFoundException"):
        verify(server)


def test_tables_with_other_keys_are_not_compared(server: ScanServer) -> None:
    spec = server.patient(PatientClock())
    with pytest.raises(ValueError, match="key names differ"):
        verify_tables(ScanSide(spec, "orders", KEYS), ScanSide(spec, "orders", ("id",)))


@pytest.mark.parametrize("mode", ["digest", "counts"])
def test_the_report_follows_its_schema_and_survives_json(server: ScanServer, mode: str) -> None:
    server.put_table("copy", Damaged(2, 2, 2, seed=9).items)
    report = verify(server, mode=mode)
    document = json.loads(json.dumps(build_report_document("orders-to-prod", [report])))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["is_equal"] is False or mode == "counts"
    assert decode(VerifyReport, json.loads(json.dumps(encode(report)))) == report
