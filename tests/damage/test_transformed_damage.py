"""A target that should be what a transform makes of the source, damaged: exactly the damaged keys are named."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.data.endpoints import EndpointSpec
from migrate.data.transform import TransformSpec
from migrate.data.transport import Credentials
from migrate.verify.compare import ScanSide, VerifyOptions, verify_tables
from migrate.verify.report import VerifyReport
from tests.stubs.scan_server import Item, PatientClock, ScanServer

FUNCTION = """
def split(item):
    number = int(item["n"]["N"])
    if number % 10 == 9:
        return None
    if number % 5 == 0:
        return [item, dict(item, id={"S": f"{number} again"})]
    return item
"""
JOINING = """
def split(item):
    return {"id": {"S": str(len(item.value("id")))}, "n": {"N": "1"}}
"""
TRANSFORM = TransformSpec(
    ({"filter": "n <> 7"}, {"rename": {"pk": "id"}}, {"python": "t.py:split"}),
    (("id", "S"),),
    ("pk",),
    {"t.py": FUNCTION},
)
SOURCE: list[Item] = [{"pk": {"S": str(n)}, "n": {"N": str(n)}, "s": {"SS": ["a", str(n)]}} for n in range(200)]


def wanted() -> dict[str, Item]:
    """What the target should have, without any code of ours."""
    found: dict[str, Item] = {}
    for n in range(200):
        if n != 7 and n % 10 != 9:
            for id in (str(n), f"{n} again") if n % 5 == 0 else (str(n),):
                found[id] = {"id": {"S": id}, "n": {"N": str(n)}, "s": {"SS": ["a", str(n)]}}
    return found


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[ScanServer, ScanServer]]:
    with ScanServer(("pk",), page_items=20) as source, ScanServer(("id",), page_items=30) as target:
        source.put_table("here", SOURCE)
        yield source, target


def verify(
    servers: tuple[ScanServer, ScanServer], target: list[Item], transform: TransformSpec = TRANSFORM, **options: Any
) -> VerifyReport:
    servers[1].put_table("there", target)
    is_in_process = not options.get("processes")
    here, there = (server.patient(PatientClock()) if is_in_process else endpoint(server) for server in servers)
    return verify_tables(
        ScanSide(here, "here", ("id",), transform=transform),
        ScanSide(there, "there", ("id",)),
        VerifyOptions(**{"segments": 3, **options}),
    )


def endpoint(server: ScanServer) -> EndpointSpec:
    return EndpointSpec(server.url, "eu-west-1", credentials)


def credentials() -> Credentials:
    return Credentials("AKID", "secret")


def named(report: VerifyReport) -> set[tuple[str, str]]:
    return {(one.mark, one.key["id"]["S"]) for one in report.named}


@pytest.mark.parametrize("mode", ["digest", "counts"])
def test_what_the_transform_makes_is_equal(servers: tuple[ScanServer, ScanServer], mode: str) -> None:
    report = verify(servers, list(wanted().values()), mode=mode)
    assert report.is_equal
    assert report.source_items == report.target_items == len(wanted())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), counts=st.tuples(*[st.integers(0, 4)] * 3), most=st.sampled_from([20, 500_000]))
def test_exactly_the_damaged_keys_are_named(
    servers: tuple[ScanServer, ScanServer], seed: int, counts: tuple[int, int, int], most: int
) -> None:
    target, chance = wanted(), random.Random(seed)
    changed, removed = counts[0], counts[1]
    chosen = chance.sample(sorted(target), changed + removed)
    for key in chosen[:changed]:
        target[key] = {**target[key], "n": {"N": "0.5"}}
    for key in chosen[changed:]:
        del target[key]
    added = [f"more {n}" for n in range(counts[2])]
    items = [*target.values(), *({"id": {"S": key}} for key in added)]
    report = verify(servers, items, max_kept=most, buckets=64)
    assert named(report) == {
        *(("*", key) for key in chosen[:changed]),
        *(("+", key) for key in chosen[changed:]),
        *(("-", key) for key in added),
    }


@pytest.mark.parametrize("most", [20, 500_000])
def test_keys_that_meet_are_errors_however_equal_their_items_are(
    servers: tuple[ScanServer, ScanServer], most: int
) -> None:
    joining = dataclasses.replace(TRANSFORM, steps=TRANSFORM.steps[1:], code={"t.py": JOINING})
    target: list[Item] = [{"id": {"S": key}, "n": {"N": "1"}} for key in ("1", "2", "3")]
    report = verify(servers, target, joining, max_kept=most)
    assert not report.is_equal
    assert report.errors == 200 - 3
    assert {mark for mark, _ in named(report)} == {"!"}


def test_worker_processes_transform_as_threads_do(servers: tuple[ScanServer, ScanServer]) -> None:
    target = wanted()
    del target["12"]
    assert verify(servers, list(wanted().values()), processes=2).is_equal
    assert named(verify(servers, list(target.values()), processes=2)) == {("+", "12")}
