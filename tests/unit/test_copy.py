"""Copies against a stub that misbehaves: every item arrives once, and the books balance, whatever happens."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.aws.items import open_boto3
from migrate.core.errors import (
    AccessDenied,
    CredentialsExpired,
    Interrupted,
    Invalid,
    MigrateError,
    NotFound,
    Refused,
    StateWriteFailed,
    Throttled,
)
from migrate.core.events import Progress
from migrate.data import books as books_module
from migrate.data.books import CHECKPOINTS, CONTROL, DEAD_LETTERS, read_dead_letters
from migrate.data.copy import CopyJob, CopyResult, copy_table, retry_dead_letters
from migrate.data.endpoints import OpenTransport, open_lean
from migrate.data.rawitems import RawItem, parse_item
from migrate.data.transport import Credentials
from migrate.verify.digests import TableDigest
from migrate.verify.taken import DigestTaker, digest_of
from tests.stubs.scan_server import Item
from tests.stubs.table_server import WRITE_FAULTS, TableServer

ITEMS: list[Item] = [{"pk": {"S": f"key {n}"}, "n": {"N": str(n)}} for n in range(1500)]


@pytest.fixture
def server() -> Iterator[TableServer]:
    with TableServer(page_items=60) as made:
        made.put_table("from", ITEMS)
        yield made


@pytest.fixture
def job(tmp_path: Path) -> CopyJob:
    return CopyJob("from", "to", ("pk",), tmp_path / "copy", segments=5, processes=0, patience=2, save_seconds=0.05)


def copy(server: TableServer, job: CopyJob, **options: Any) -> CopyResult:
    return copy_table(server.spec(), server.spec(), job, **options)


def arrived(server: TableServer, but: Sequence[Item] = ()) -> None:
    expected = [item for item in ITEMS if item not in but]
    assert server.table("to") == sorted(expected, key=server.key)


def balanced(result: CopyResult) -> None:
    assert result.read == len(ITEMS) == result.written + result.kept + result.rejected


def stop_when(server: TableServer, requests: int) -> Callable[[], bool]:
    return lambda: len(server.requests) >= requests


def pages_read(server: TableServer) -> int:
    return sum("Segment" in request for request in server.requests)


@pytest.mark.parametrize("seed", range(3))
def test_every_item_arrives_once_whatever_the_service_does(server: TableServer, job: CopyJob, seed: int) -> None:
    server.misbehave(0.15, seed, (*WRITE_FAULTS, "empty", "short"))
    result = copy(server, replace(job, patience=60))
    arrived(server)
    balanced(result)
    assert (result.rejected, result.kept) == (0, 0)


def test_without_faults_nothing_is_written_twice(server: TableServer, job: CopyJob) -> None:
    result = copy(server, job)
    arrived(server)
    assert set(server.puts.values()) == {1}
    assert (result.write_units, result.read_units) == (1500.0, 0.5 * pages_read(server))


def test_writes_are_spread_over_segments(server: TableServer, job: CopyJob) -> None:
    copy(server, replace(job, writes_in_flight=1))
    batches = [request for request in server.requests if "RequestItems" in request]
    segments = [
        {int(server._position(one["PutRequest"]["Item"])[:10]) % 5 for one in request["RequestItems"]["to"]}
        for request in batches
    ]
    assert sum(len(found) > 1 for found in segments) > len(segments) / 2


def test_a_finished_copy_is_not_read_again(server: TableServer, job: CopyJob) -> None:
    first = copy(server, job)
    server.requests.clear()
    again = copy(server, job)
    assert server.requests == []
    assert (again.read, again.written, again.read_units) == (first.read, first.written, first.read_units)


@pytest.mark.parametrize("processes", [0, 2])
def test_a_stopped_copy_goes_on_where_it_was(server: TableServer, job: CopyJob, processes: int) -> None:
    job = replace(job, processes=processes)
    with pytest.raises(Interrupted):
        copy(server, job, should_stop=stop_when(server, 40))
    balanced(copy(server, job))
    arrived(server)
    # The table has 28 pages or so. At most the unacknowledged ones of the segments were read again.
    assert pages_read(server) <= 30 + 5 * 3


def test_stopped_again_and_again_it_gets_there(server: TableServer, job: CopyJob) -> None:
    for _ in range(200):
        try:
            result = copy(server, job, should_stop=stop_when(server, len(server.requests) + 45))
            break
        except Interrupted:
            continue
    arrived(server)
    balanced(result)


def test_items_refused_for_themselves_are_set_aside_and_can_be_retried(server: TableServer, job: CopyJob) -> None:
    bad = [ITEMS[3], ITEMS[700], ITEMS[701], ITEMS[1499]]
    server.refuse = lambda item: "Item size has exceeded the maximum allowed size" if item in bad else None
    result = copy(server, job)
    balanced(result)
    arrived(server, but=bad)
    assert result.rejected == 4
    letters = read_dead_letters(job.folder)
    assert sorted(json.loads(one.item)["n"]["N"] for one in letters) == ["1499", "3", "700", "701"]
    assert {one.reason for one in letters} == {"Item size has exceeded the maximum allowed size"}
    assert {one.key["pk"]["S"] for one in letters if one.key} == {item["pk"]["S"] for item in bad}

    server.refuse = lambda item: "still too large" if item == ITEMS[3] else None
    server.requests.clear()
    retried = retry_dead_letters(server.spec(), job)
    balanced(retried)
    assert retried.rejected == 1
    arrived(server, but=[ITEMS[3]])
    asked = {one["PutRequest"]["Item"]["n"]["N"] for r in server.requests for one in r["RequestItems"]["to"]}
    assert asked == {"3", "700", "701", "1499"}

    server.refuse = lambda item: None
    assert retry_dead_letters(server.spec(), job).rejected == 0
    arrived(server)


def test_interrupted_with_rejects_the_books_balance(server: TableServer, job: CopyJob) -> None:
    bad = {item["pk"]["S"] for item in ITEMS[::100]}
    server.refuse = lambda item: "no" if item["pk"]["S"] in bad else None
    for _ in range(100):
        try:
            result = copy(server, job, should_stop=stop_when(server, len(server.requests) + 120))
            break
        except Interrupted:
            continue
    balanced(result)
    assert result.rejected == 15 == len(read_dead_letters(job.folder))


def test_a_target_that_refuses_everything_ends_the_copy(server: TableServer, job: CopyJob) -> None:
    server.refuse = lambda item: "The provided key element does not match the schema"
    with pytest.raises(Invalid, match="refuses too many") as caught:
        copy(server, job)
    assert caught.value.why == "The provided key element does not match the schema"
    assert server.table("to") == []


def test_keep_leaves_what_is_there(server: TableServer, job: CopyJob) -> None:
    theirs = {server.key(item): {**item, "n": {"S": "theirs"}} for item in ITEMS[:40]}
    server.written["to"] = dict(theirs)
    server.refuse = lambda item: "no" if item == ITEMS[50] else None
    result = copy(server, replace(job, write_mode="keep"))
    balanced(result)
    assert (result.kept, result.rejected) == (40, 1)
    assert all(server.written["to"][key] == item for key, item in theirs.items())
    assert len(server.table("to")) == len(ITEMS) - 1


def test_overwrite_replaces_what_is_there(server: TableServer, job: CopyJob) -> None:
    server.written["to"] = {server.key(ITEMS[0]): {**ITEMS[0], "n": {"S": "theirs"}}}
    copy(server, job)
    arrived(server)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("throttle", Throttled),
        ((400, "x#ResourceNotFoundException"), NotFound),
        ((400, "x#AccessDeniedException"), AccessDenied),
        ((400, "x#ExpiredTokenException"), CredentialsExpired),
    ],
)
def test_trouble_in_the_middle_is_raised_and_can_be_resumed(
    server: TableServer, job: CopyJob, fault: Any, expected: type[MigrateError]
) -> None:
    seen = iter(range(10**9))
    server.choose_fault = lambda request: fault if next(seen) > 30 else None
    with pytest.raises(expected):
        copy(server, job)
    server.choose_fault = lambda request: None
    balanced(copy(server, job))
    arrived(server)


def test_fresh_credentials_reach_the_workers(server: TableServer, job: CopyJob) -> None:
    asked: list[int] = []
    refused = threading.Event()

    def ask() -> Credentials:
        asked.append(1)
        return Credentials("FRESH" if refused.is_set() else "STALE", "secret")

    def expired(request: Any) -> Any:
        if len(server.requests) > 30 and "STALE" in server.headers[-1]["Authorization"]:
            refused.set()
            return 400, "x#ExpiredTokenException"
        return None

    server.choose_fault = expired
    spec = replace(server.spec(), credentials=ask)
    balanced(copy_table(spec, spec, job))
    assert refused.is_set()
    arrived(server)


def test_checkpoints_of_another_copy_are_refused(server: TableServer, job: CopyJob) -> None:
    with pytest.raises(Interrupted):
        copy(server, job, should_stop=stop_when(server, 20))
    others = {"segments": 6, "source_id": "another", "target_id": "another", "config": "x", "write_mode": "keep"}
    for name, value in others.items():
        with pytest.raises(Refused) as caught:
            copy(server, replace(job, **{name: value}))  # type: ignore[arg-type]
        assert "theirs" in caught.value.why


@pytest.mark.parametrize("cut", [1, 10, 60, 200, 500])
def test_a_torn_checkpoint_file_loses_nothing(server: TableServer, job: CopyJob, cut: int) -> None:
    server.refuse = lambda item: "no" if item == ITEMS[9] else None
    with pytest.raises(Interrupted):
        copy(server, job, should_stop=stop_when(server, 50))
    for name in (CHECKPOINTS, DEAD_LETTERS):
        path = job.folder / name
        if path.exists():
            path.write_bytes(path.read_bytes()[:-cut])
    result = copy(server, job)
    balanced(result)
    arrived(server, but=[ITEMS[9]])
    assert [json.loads(one.item) for one in read_dead_letters(job.folder)] == [ITEMS[9]]


def test_a_damaged_line_only_sets_its_segment_back(server: TableServer, job: CopyJob) -> None:
    with pytest.raises(Interrupted):
        copy(server, job, should_stop=stop_when(server, 60))
    path = job.folder / CHECKPOINTS
    lines = path.read_bytes().split(b"\n")
    lines[-2] = lines[-2].replace(b"1", b"2")
    lines[len(lines) // 2] = b"\xff\x00 nonsense"
    path.write_bytes(b"\n".join(lines))
    balanced(copy(server, job))
    arrived(server)


def test_a_full_disk_stops_and_is_resumed(server: TableServer, job: CopyJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: bytes) -> None:
        with open(path, "ab") as file:
            file.write(text[: len(text) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(books_module, "_append", full)
        with pytest.raises(StateWriteFailed) as caught:
            copy(server, job)
    assert caught.value.why == "No space left on device"
    balanced(copy(server, job))
    arrived(server)


def test_progress_tells_items_and_bytes(server: TableServer, job: CopyJob) -> None:
    told: list[Progress] = []
    result = copy(server, job, on_progress=told.append)
    assert (told[-1].items, told[-1].bytes) == (1500, result.bytes)


def test_a_hot_key_range_slows_its_segments_and_is_reported(server: TableServer, job: CopyJob) -> None:
    hot = iter(range(4))
    error = (400, "x#ProvisionedThroughputExceededException", "TableWriteKeyRangeThroughputExceeded")
    server.choose_fault = lambda request: error if "RequestItems" in request and next(hot, None) is not None else None
    result = copy(server, replace(job, patience=60, writes_in_flight=2))
    arrived(server)
    assert result.status["rates"]["write"]["throttles"] == {"TableWriteKeyRangeThroughputExceeded": 4}
    assert "held" not in result.status["rates"]["write"]


def test_a_batch_left_unprocessed_for_ever_ends_the_copy(server: TableServer, job: CopyJob) -> None:
    server.unprocessed = 1.0
    server.choose_fault = lambda request: "unprocessed" if "RequestItems" in request else None
    with pytest.raises(Throttled, match="unprocessed"):
        copy(server, replace(job, patience=1))
    server.choose_fault = lambda request: None
    balanced(copy(server, job))
    arrived(server)


def test_two_items_of_one_key_are_written_in_order(server: TableServer, job: CopyJob) -> None:
    """As after a transform that maps two items to one key: the later one stays."""
    first, later = ({"pk": {"S": "same"}, "n": {"N": str(n)}} for n in (1, 2))
    server.put_table("from", [first, later])
    result = copy(server, replace(job, segments=1))
    assert server.table("to") == [later]
    assert (result.read, result.written) == (2, 2)


class Numbers:
    """A consumer that adds up an attribute."""

    def __init__(self) -> None:
        self.total = self.items = 0

    def add(self, items: Sequence[RawItem]) -> None:
        self.items += len(items)
        self.total += sum(int(parse_item(item)["n"]["N"]) for item in items)

    def result(self) -> tuple[int, int]:
        return self.items, self.total


@pytest.mark.parametrize("processes", [0, 2])
def test_a_consumer_sees_every_item(server: TableServer, job: CopyJob, processes: int) -> None:
    result = copy(server, replace(job, processes=processes, make_consumer=Numbers))
    assert result.consumed is not None
    assert tuple(map(sum, zip(*result.consumed, strict=True))) == (1500, sum(range(1500)))


def test_the_digest_taken_while_copying_is_that_of_the_table(server: TableServer, job: CopyJob) -> None:
    take = functools.partial(DigestTaker, ("pk",), 1024)
    result = copy(server, replace(job, processes=2, make_consumer=take))
    assert result.consumed is not None
    expected = TableDigest(("pk",), 1024)
    expected.add(server.table("to"))
    assert digest_of(("pk",), 1024, result.consumed) == expected
    expected.add([ITEMS[0]])
    assert digest_of(("pk",), 1024, result.consumed) != expected


def test_a_consumer_of_a_resumed_copy_is_not_trusted(server: TableServer, job: CopyJob) -> None:
    job = replace(job, make_consumer=Numbers)
    with pytest.raises(Interrupted):
        copy(server, job, should_stop=stop_when(server, 40))
    assert copy(server, job).consumed is None


def test_a_pause_by_the_control_file_and_its_end(server: TableServer, job: CopyJob) -> None:
    job.folder.mkdir(parents=True)
    control = job.folder / CONTROL
    control.write_text('{"write_units": 0}')
    told: list[Progress] = []

    def listen(progress: Progress) -> None:
        told.append(progress)
        if len(told) == 2:
            assert server.table("to") == []
            control.write_text("torn {")
        if len(told) == 4:
            assert server.table("to") == []
            control.write_text('{"write_units": null}')

    balanced(copy(server, job, on_progress=listen))
    assert len(told) > 4
    arrived(server)


@pytest.mark.parametrize("open_transport", [open_lean, open_boto3])
@pytest.mark.parametrize("fault", ["torn", "cut", "damaged"])
def test_a_damaged_answer_is_never_taken(
    server: TableServer, job: CopyJob, fault: str, open_transport: OpenTransport
) -> None:
    server.put_table("from", ITEMS[:300])
    server.misbehave(0.2, 5, (fault,))
    spec = server.spec(open_transport)
    result = copy_table(spec, spec, replace(job, patience=30))
    assert server.table("to") == sorted(ITEMS[:300], key=server.key)
    assert (result.read, result.written) == (300, 300)
    assert sum(sum(rate["faults"].values()) for rate in result.status["rates"].values()) > 0


def test_unprocessed_items_in_a_damaged_answer_are_not_lost(server: TableServer, job: CopyJob) -> None:
    """What the service left out stands only in the part that was cut off."""
    left = iter(range(5))

    def choose(request: dict[str, Any]) -> Any:
        return "unprocessed torn" if "RequestItems" in request and next(left, None) is not None else None

    server.choose_fault = choose
    spec = server.spec(open_boto3)
    balanced(copy_table(spec, spec, replace(job, writes_in_flight=2)))
    arrived(server)


def test_dead_letters_keep_odd_items_exactly_and_show_nothing_raw(server: TableServer, job: CopyJob) -> None:
    evil = '\x1b]0;t\x07\x7f\x9b31m\u202e"\\\n\t\u2028'
    deep: dict[str, Any] = {"S": "x"}
    for _ in range(31):
        deep = {"L": [deep]}
    odd: list[Item] = [
        {"pk": {"S": evil}, evil: {"S": evil}},
        {"pk": {"S": "large"}, "v": {"S": "x" * (400 * 1024)}},
        {"pk": {"S": "deep"}, "v": deep},
        {"pk": {"S": "empty set"}, "v": {"SS": []}},
        {"pk": {"S": "numbers"}, "n": {"N": "1E-130"}, "m": {"N": "9" * 38}, "b": {"B": "AP8="}},
    ]
    server.put_table("from", odd)
    server.refuse = lambda item: f"no: {evil}"
    result = copy(server, replace(job, segments=1))
    assert (result.read, result.rejected) == (5, 5)
    text = (job.folder / DEAD_LETTERS).read_text()
    assert text.replace("\n", "").isprintable()
    letters = {str(one.key): one for one in read_dead_letters(job.folder)}
    assert sorted((json.loads(one.item) for one in letters.values()), key=str) == sorted(odd, key=str)
    assert {one.reason for one in letters.values()} == {f"no: {evil}"}
    server.refuse = lambda item: None
    assert retry_dead_letters(server.spec(), replace(job, segments=1)).rejected == 0
    assert server.table("to") == sorted(odd, key=server.key)
