"""What a copy does about each throttling reason, and that it says so, against a stub that answers with that reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.core.events import Progress
from migrate.data.copy import CopyJob, copy_table
from migrate.data.live import LiveStatus, read_live
from migrate.render.live_text import live_lines
from tests.stubs.scan_server import Item
from tests.stubs.table_server import TableServer

ITEMS: list[Item] = [{"pk": {"S": f"key {n}"}, "n": {"N": str(n)}} for n in range(400)]
CODE = "x#ProvisionedThroughputExceededException"
TABLE = "arn:aws:dynamodb:eu-west-1:222222222222:table/to"
SEGMENTS = 5


@pytest.fixture
def server() -> Iterator[TableServer]:
    with TableServer(page_items=20) as made:
        made.put_table("from", ITEMS)
        yield made


@pytest.fixture
def job(tmp_path: Path) -> CopyJob:
    folder = tmp_path / "copy"
    return CopyJob("from", "to", ("pk",), folder, segments=SEGMENTS, processes=0, patience=30, save_seconds=0.05)


def copied(server: TableServer, job: CopyJob) -> tuple[LiveStatus, list[Progress]]:
    """What the copy said at its end, and all the way. Every item has arrived."""
    told: list[Progress] = []
    copy_table(server.spec(), server.spec(), job, on_progress=told.append)
    assert server.table("to") == sorted(ITEMS, key=server.key)
    said = read_live(job.folder)
    assert said is not None
    return said, told


def throttle(server: TableServer, field: str, reason: str, *, times: int, resource: str = TABLE) -> None:
    """Requests with that field are refused so many times: for longer than the governor looks back."""
    left = iter(range(times))

    def choose(request: dict[str, Any]) -> Any:
        return (400, CODE, reason, resource) if field in request and next(left, None) is not None else None

    server.choose_fault = choose


@pytest.mark.parametrize(
    ("reason", "resource", "cause", "words"),
    [
        ("TableWriteProvisionedThroughputExceeded", TABLE, "provisioned", "the capacity of the table"),
        ("TableWriteMaxOnDemandThroughputExceeded", TABLE, "maximum", "the on-demand maximum of the table"),
        ("TableWriteAccountLimitExceeded", TABLE, "account", "higher quota"),
        ("IndexWriteProvisionedThroughputExceeded", f"{TABLE}/index/by-date", "provisioned", "the index by-date"),
        ("IndexWriteKeyRangeThroughputExceeded", f"{TABLE}/index/by-date", "key-range", "hot key range"),
        ("TableWriteKeyRangeThroughputExceeded", TABLE, "key-range", "only its segments"),
    ],
)
def test_every_reason_has_its_reaction(
    server: TableServer, job: CopyJob, reason: str, resource: str, cause: str, words: str
) -> None:
    throttle(server, "RequestItems", reason, times=12, resource=resource)
    said, told = copied(server, job)
    write = said.rates["write"]
    reaction = next(one for one in write.reactions if one.cause == cause)
    assert words in reaction.done
    named = f"{reason} ({resource.rpartition('/')[2]})" if "/index/" in resource else reason
    assert write.throttles == {named: 12}
    assert sum(reaction.reasons.values()) <= 12
    assert reaction.reasons[named] > 0
    assert any(words in progress.notice for progress in told)
    assert said.rates["read"].reactions == ()
    shown = "\n".join(live_lines(said))
    assert words in shown
    assert f"x {named}" in shown


def test_reads_that_are_throttled_lower_the_rate_of_reads_only(server: TableServer, job: CopyJob) -> None:
    throttle(server, "Segment", "TableReadProvisionedThroughputExceeded", times=6)
    said, told = copied(server, job)
    assert "reads are throttled by the capacity of the table" in said.rates["read"].reactions[-1].done
    assert said.rates["write"].throttles == {}
    assert any("reads are throttled" in progress.notice for progress in told)


def test_only_the_hot_segment_waits(server: TableServer, job: CopyJob) -> None:
    """The hot keys are refused until all others have arrived: a batch that mixes both must not wait as a whole."""

    def segment(item: Item) -> int:
        return int(server._position(item)[:10]) % SEGMENTS

    cold = sum(segment(item) != 2 for item in ITEMS)

    def choose(request: dict[str, Any]) -> Any:
        batch = [one["PutRequest"]["Item"] for one in request.get("RequestItems", {}).get("to", [])]
        is_hot = any(segment(item) == 2 for item in batch) and len(server.written.get("to", {})) < cold
        return (400, CODE, "TableWriteKeyRangeThroughputExceeded", TABLE) if is_hot else None

    server.choose_fault = choose
    said, _ = copied(server, replace(job, writes_in_flight=2, segments_at_once=SEGMENTS))
    assert said.rates["write"].held is None


def test_an_account_limit_holds_the_rate(server: TableServer, job: CopyJob) -> None:
    throttle(server, "RequestItems", "TableWriteAccountLimitExceeded", times=12)
    said, _ = copied(server, job)
    assert said.rates["write"].held is not None
    assert "for a minute" in said.rates["write"].reactions[-1].done


def test_damaged_answers_are_asked_for_again_and_counted(server: TableServer, job: CopyJob) -> None:
    server.misbehave(0.3, 5, ("torn", "damaged", "cut"))
    said, _told = copied(server, job)
    faults = {code: count for rate in said.rates.values() for code, count in (rate.faults or {}).items()}
    assert set(faults) == {"DamagedAnswer", "NoAnswer"}
    assert all(rate.held is None for rate in said.rates.values())
    assert {one.cause for rate in said.rates.values() for one in rate.reactions} <= {"fault"}


def test_the_file_says_where_the_copy_stands(server: TableServer, job: CopyJob) -> None:
    said, _ = copied(server, replace(job, write_units=100_000))
    assert (said.items, said.segments, said.segments_done, said.rejected) == (400, SEGMENTS, SEGMENTS, 0)
    assert (said.rates["write"].allowed, said.rates["write"].held) == (100_000, 100_000)
    assert said.rates["write"].used == 400
    text = (job.folder / "status.json").read_text()
    assert "token" not in text
    (job.folder / "status.json").write_text(text[: len(text) // 2])
    assert read_live(job.folder) is None
    (job.folder / "status.json").write_text(json.dumps({"items": "many"}))
    assert read_live(job.folder) is None
