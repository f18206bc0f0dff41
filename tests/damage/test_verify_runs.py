"""Verification that is stopped, killed, slowed down, misled by spelling, or saved half of its work by the copy."""

from __future__ import annotations

import copy
import json
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.core.errors import Interrupted
from migrate.data.books import CONTROL, digest_text
from migrate.data.endpoints import EndpointSpec
from migrate.data.pagedigest import page_digest
from migrate.data.transport import Credentials
from migrate.verify.compare import ScanSide, Taken, VerifyOptions, verify_tables
from migrate.verify.report import VerifyReport
from migrate.verify.sums import SUMS
from tests.crash.test_copy_killed import workers_of
from tests.property.test_items import items as any_items
from tests.property.test_items import respelled_map
from tests.stubs.scan_server import Item, PatientClock, ScanServer

KEYS = ("pk",)
ITEMS: list[Item] = [
    {
        "pk": {"S": f"key {n}"},
        "n": {"N": str(n)},
        "s": {"SS": [f"a{n}", "b"]},
        "m": {"M": {"x": {"S": "1"}, "y": {"S": "2"}}},
    }
    for n in range(600)
]
SEGMENTS, PAGES = 6, 6 * 5


@pytest.fixture
def server() -> Iterator[ScanServer]:
    with ScanServer(KEYS, page_items=20) as made:
        made.put_table("here", ITEMS)
        made.put_table("there", ITEMS)
        yield made


def credentials() -> Credentials:
    return Credentials("AKID", "secret", "token")


def verify(server: ScanServer, options: VerifyOptions | None = None, **calls: Any) -> VerifyReport:
    spec = server.patient(PatientClock())
    here, there = (ScanSide(spec, table, KEYS) for table in ("here", "there"))
    return verify_tables(here, there, options or VerifyOptions(segments=SEGMENTS), **calls)


def scans(server: ScanServer, table: str) -> Counter[str]:
    """How often each page of a table was asked for, the sample left out."""
    wanted = [one for one in server.requests if one["TableName"] == table and "Limit" not in one]
    return Counter(json.dumps([one["Segment"], one.get("ExclusiveStartKey")]) for one in wanted)


def damaged(number: int) -> list[Item]:
    items = copy.deepcopy(ITEMS)
    items[number]["n"] = {"N": "-1"}
    return items


def names(report: VerifyReport) -> list[tuple[str, str]]:
    return [(one.mark, one.key["pk"]["S"]) for one in report.named]


def interrupted(server: ScanServer, options: VerifyOptions, requests: int) -> None:
    with pytest.raises(Interrupted):
        verify(server, options, should_stop=lambda: len(server.requests) >= requests)


@pytest.mark.parametrize("requests", [3, 15, 40])
def test_a_stopped_verification_goes_on_where_it_stood(server: ScanServer, tmp_path: Path, requests: int) -> None:
    server.page_items = 4
    options = VerifyOptions(segments=SEGMENTS, folder=tmp_path / "work", attempt="1")
    interrupted(server, options, requests)
    report = verify(server, options)
    assert (report.is_equal, report.source_items, report.target_items) == (True, 600, 600)
    again = [page for table in ("here", "there") for page, count in scans(server, table).items() if count > 1]
    assert len(again) <= 8  # in flight, one for each thread
    assert not (tmp_path / "work" / SUMS).exists()


def test_pages_are_not_read_twice_when_resumed_at_the_end(server: ScanServer, tmp_path: Path) -> None:
    options = VerifyOptions(segments=SEGMENTS, folder=tmp_path, attempt="1")
    seen: list[int] = []
    server.put_table("there", damaged(5))
    with pytest.raises(Interrupted):  # in the second pass: the first is complete
        verify(
            server,
            options,
            should_stop=lambda: bool(seen),
            on_progress=lambda p: seen.extend([1] * ("naming" in p.message)),
        )
    before = sum(scans(server, "here").values())
    assert names(verify(server, options)) == [("*", "key 5")]
    assert sum(scans(server, "here").values()) - before < PAGES / 2


def test_another_attempt_reads_everything_again(server: ScanServer, tmp_path: Path) -> None:
    options = VerifyOptions(segments=SEGMENTS, folder=tmp_path, attempt="1")
    interrupted(server, options, 30)
    assert (tmp_path / SUMS).exists()
    server.requests.clear()
    verify(server, VerifyOptions(segments=SEGMENTS, folder=tmp_path, attempt="2"))
    assert len(scans(server, "here")) == sum(scans(server, "here").values()) > SEGMENTS


def test_a_finished_verification_is_never_used_again(server: ScanServer, tmp_path: Path) -> None:
    options = VerifyOptions(segments=SEGMENTS, folder=tmp_path, attempt="1")
    assert verify(server, options).is_equal
    server.put_table("there", damaged(5))
    assert names(verify(server, options)) == [("*", "key 5")]
    server.put_table("there", ITEMS)
    assert verify(server, options).is_equal


@pytest.mark.parametrize("text", [b"", b"torn", b"00000000 {}"])
def test_damaged_sums_are_not_believed(server: ScanServer, tmp_path: Path, text: bytes) -> None:
    options = VerifyOptions(segments=SEGMENTS, folder=tmp_path, attempt="1")
    interrupted(server, options, 30)
    whole = (tmp_path / SUMS).read_bytes()
    (tmp_path / SUMS).write_bytes(text or whole.replace(b'"sum": ', b'"sum": 1'))
    report = verify(server, options)
    assert report.is_equal
    assert report.source_items == 600


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers in /proc")
def test_a_killed_worker_loses_and_doubles_nothing(server: ScanServer) -> None:
    server.page_items = 2
    spec = EndpointSpec(server.url, "eu-west-1", credentials)
    server.put_table("there", damaged(9))
    here, there = (ScanSide(spec, table, KEYS) for table in ("here", "there"))
    killed = threading.Event()

    def kill_one(_progress: object) -> None:
        if not killed.is_set():
            killed.set()
            os.kill(workers_of(os.getpid())[0], signal.SIGKILL)

    options = VerifyOptions(segments=SEGMENTS, processes=2)
    report = verify_tables(here, there, options, on_progress=kill_one)
    assert killed.is_set()
    assert (report.source_items, report.target_items, names(report)) == (600, 600, [("*", "key 9")])


def test_a_pause_by_the_control_file_and_its_end(server: ScanServer, tmp_path: Path) -> None:
    (tmp_path / CONTROL).write_text('{"read_units": 0}')
    looks: list[int] = []

    def look() -> bool:
        looks.append(sum(scans(server, "here").values()))
        if len(looks) == 8:
            (tmp_path / CONTROL).write_text('{"read_units": 100000}')
        return False

    assert verify(server, VerifyOptions(segments=SEGMENTS, folder=tmp_path), should_stop=look).is_equal
    assert set(looks[:8]) == {0}


def test_low_rates_make_small_pages(server: ScanServer) -> None:
    spec = server.patient(PatientClock())
    here, there = (ScanSide(spec, table, KEYS, read_units=400) for table in ("here", "there"))
    assert verify_tables(here, there, VerifyOptions(segments=2)).is_equal
    limits = [request.get("Limit") for request in server.requests]
    assert None not in limits


def taken_from(items: list[Item]) -> Taken:
    return Taken(len(items), digest_text(page_digest([json.dumps(item).encode() for item in items])))


def test_the_source_is_not_read_when_the_copy_has_taken_its_digest(server: ScanServer) -> None:
    report = verify(server, VerifyOptions(segments=SEGMENTS, taken=taken_from(ITEMS)))
    assert (report.is_equal, report.compared_with, report.same) == (True, "copy", 600)
    assert not scans(server, "here")
    assert sum(scans(server, "there").values()) >= SEGMENTS


@pytest.mark.parametrize(
    "taken", [taken_from(damaged(3)), taken_from(ITEMS[1:]), Taken(600, "raw-0:" + taken_from(ITEMS).digest[6:])]
)
def test_a_digest_that_does_not_fit_makes_both_tables_be_read(server: ScanServer, taken: Taken) -> None:
    options = VerifyOptions(segments=SEGMENTS, taken=taken)
    report = verify(server, options)
    assert (report.is_equal, report.compared_with) == (True, "source")
    server.put_table("there", damaged(5))
    assert names(verify(server, options)) == [("*", "key 5")]
    assert max(scans(server, "there").values()) <= 3  # twice the sums, once the names


def otherwise(item: Item) -> Item:
    """Every value that can be written in another way, is."""
    changed = {**item, "n": {"N": item["n"]["N"] + ".0"}, "s": {"SS": item["s"]["SS"][::-1]}}
    changed["m"] = {"M": dict(reversed(item["m"]["M"].items()))}
    return dict(reversed(changed.items()))


def test_a_table_that_is_all_written_otherwise_costs_one_scan(server: ScanServer) -> None:
    server.put_table("there", [otherwise(item) for item in ITEMS])
    assert verify(server).is_equal
    assert max(scans(server, "here").values()) == max(scans(server, "there").values()) == 1


@pytest.mark.parametrize("max_kept", [10_000, 100])
def test_a_sample_that_misleads_costs_time_and_no_truth(server: ScanServer, max_kept: int) -> None:
    """The first items look alike, all others are written otherwise; one differs."""
    first = {
        json.dumps(one["pk"])
        for one in server.scan({"TableName": "here", "Segment": 0, "TotalSegments": SEGMENTS}, None)["Items"]
    }
    items = [item if json.dumps(item["pk"]) in first else otherwise(item) for item in ITEMS]
    server.put_table("there", items)
    options = VerifyOptions(segments=SEGMENTS, max_kept=max_kept, buckets=1024)
    assert verify(server, options).is_equal
    assert max(scans(server, "there").values()) == 2
    changed = next(n for n, item in enumerate(ITEMS) if json.dumps(item["pk"]) not in first)
    items[changed]["n"] = {"N": "-1"}
    server.put_table("there", items)
    assert names(verify(server, options)) == [("*", f"key {changed}")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), found=st.lists(any_items, max_size=8), max_kept=st.sampled_from([1, 1000]))
def test_another_spelling_is_never_called_different(
    server: ScanServer, data: st.DataObject, found: list[dict[str, Any]], max_kept: int
) -> None:
    """Attributes, maps and sets in another order, numbers with other digits, keys included."""
    here = [{**one, "pk": {"N": str(number)}} for number, one in enumerate(found)]
    there = [data.draw(st.composite(respelled_map)(one)) if data.draw(st.booleans()) else one for one in here]
    server.put_table("here", here)
    server.put_table("there", there)
    report = verify(server, VerifyOptions(segments=2, max_kept=max_kept))
    assert (report.is_equal, report.same) == (True, len(here))


COUNT = 100_000


def order(number: int) -> Item:
    return {
        "pk": {"S": f"customer#{number}"},
        "total": {"N": f"{number}.5"},
        "tags": {"SS": ["red", f"t{number % 7}"]},
        "note": {"S": "x" * 40},
    }


@pytest.mark.slow
def test_a_thousand_changes_among_a_hundred_thousand_items_are_named() -> None:
    dice = random.Random(20261123)
    picked = dice.sample(range(COUNT), 700)
    changed, missing, extra = picked[:400], set(picked[400:]), range(COUNT, COUNT + 300)
    source = [order(number) for number in range(COUNT)]
    target = [*source, *map(order, extra)]
    for number in changed:
        target[number] = {**target[number], dice.choice(["total", "note", "tags"]): {"S": "damaged"}}
    with ScanServer(KEYS, page_items=1000) as server:
        server.put_table("here", source)
        server.put_table("there", [item for number, item in enumerate(target) if number not in missing])
        report = verify(server, VerifyOptions(segments=16, max_named=1000))
    expected = {("*", n) for n in changed} | {("+", n) for n in missing} | {("-", n) for n in extra}
    assert {(mark, int(key.removeprefix("customer#"))) for mark, key in names(report)} == expected
    counts = (report.same, report.differs, report.missing, report.extra, report.errors)
    assert counts == (COUNT - 700, 400, 300, 300, 0)
