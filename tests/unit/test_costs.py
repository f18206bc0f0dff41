"""The formulas of cost and time against examples worked out by hand, and figures in words."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from migrate.core.table import PROVISIONED, Index, Key, KeySchema, TableFacts, TableSpec, Throughput
from migrate.manifest.model import STRATEGY_DEFAULTS
from migrate.plan import costs
from migrate.plan.choice import Candidate
from migrate.plan.figures import about, dollars_words, estimate_words, minutes_words
from migrate.plan.model import Estimate, Range
from migrate.plan.strategy import TableRequest
from migrate.plan.verification import verification
from migrate.strategies.copy_cost import load_units
from migrate.strategies.registry import by_name
from tests.worlds import MINIMAL, PLAIN, PRICES, facts, inventory, manifest_of, state_of

KIB, GIB, TIB = 2**10, 2**30, 2**40


def request(source: TableFacts, strategy: str = "s3", region: str = "", **options: Any) -> TableRequest:
    manifest, seen = manifest_of(MINIMAL), inventory(source)
    if region:
        seen = dataclasses.replace(seen, target=dataclasses.replace(seen.target, region=region))
    given = {"bucket": "b", "create_bucket": True, "create": True}
    options = {**STRATEGY_DEFAULTS[strategy], **given, **options}
    return TableRequest(
        manifest.name, source, "orders", source.spec, options, seen, state_of(manifest), PRICES, verify="none"
    )


def moved(source: TableFacts, strategy: str, region: str = "", **options: Any) -> Estimate:
    return Candidate(by_name()[strategy], request(source, strategy, region, **options)).estimate.rounded


TERA = facts("orders", dataclasses.replace(PLAIN, recovery_days=35), item_count=2**30, size_bytes=TIB)
"""1 TiB in items of 1 KiB, with point-in-time recovery on."""


def test_scanning_one_tebibyte() -> None:
    """134,217,728 units of 8 KiB at $0.125 a million: $16.78."""
    units, dollars = costs.scan(request(TERA))
    assert units == 134_217_728
    assert dollars == pytest.approx(16.777216)


def test_writing_one_tebibyte_of_small_items() -> None:
    """2^30 units at $0.625 a million: $671.09 where every item is 1 KiB; twice that where each is a bit more."""
    cost = moved(TERA, "copy").cost
    assert cost.low == pytest.approx(16.777216 + 671.08864)
    assert cost.high == pytest.approx(16.777216 + 2 * 671.08864)


def test_importing_one_tebibyte() -> None:
    """Export $102.40; import of 1.2 to 2 TiB of JSON $184.32 to $307.20; files of a day at $0.023 a month."""
    cost = moved(TERA, "s3").cost
    assert cost.low == pytest.approx(102.40 + 184.32 + 1.2 * 1024 * 0.023 / 30)
    assert cost.high == pytest.approx(102.40 + 307.20 + 2 * 1024 * 0.023 / 30)


def test_recovery_that_is_turned_on_is_paid_for_a_day() -> None:
    off = dataclasses.replace(TERA, spec=PLAIN)
    assert moved(off, "s3").dollars - moved(TERA, "s3").dollars == pytest.approx(1024 * 0.20 / 30, abs=1e-5)


def test_restoring_one_tebibyte() -> None:
    """Two recovery points for a day at $0.10 a month, and $0.15 a GiB: $6.83 and $153.60. AWS promises no time."""
    found = moved(TERA, "backup")
    assert found.cost.low == found.cost.high == pytest.approx(2 * 1024 * 0.10 / 30 + 153.60)
    assert found.took.low < 120 < found.took.high


def test_an_export_takes_ten_minutes_at_least() -> None:
    """10 to 15 minutes, then 5 to 10; an hour a TiB more or less, each."""
    assert moved(facts("orders", size_bytes=0, item_count=0), "s3").took == Range(15, 25)
    assert moved(TERA, "s3").took == Range(15 + 60, 25 + 240)


def test_a_rate_holds_a_copy_back() -> None:
    """2^30 units at 10,000 a second are 29.8 hours, at twice as many units 59.7; a minute to begin."""
    took = moved(TERA, "copy", write_units=10_000).took
    assert took.low == pytest.approx(1 + 2**30 / 10_000 / 60, abs=0.1)
    assert took.high == pytest.approx(max(1 + 2**31 / 10_000 / 60, 1 + TIB / 2**20 / 5 / 60), abs=0.1)


def test_a_new_table_takes_4000_writes_a_second_at_first_and_40000_at_most() -> None:
    """24 million items of 100 bytes are up to 26,343,750 units: half an hour at 4,000 a second, half an hour at 8,000,
    and the rest at 16,000; or 10 minutes at 40,000."""
    source = facts("orders", item_count=24_000_000, size_bytes=24_000_000 * 100)
    took = moved(source, "copy").took
    assert took.low == pytest.approx(1 + 10, abs=0.1)
    left = 26_343_750 - 1800 * (4_000 + 8_000)
    assert took.high == pytest.approx(1 + 60 + left / 16_000 / 60, abs=0.1)


def test_indexes_are_counted() -> None:
    """An item of 3.5 KiB is 4 units; an index of everything doubles it, one of keys adds 1 to 4."""
    whole = Index(KeySchema((Key("a", "S"),)))
    keys = dataclasses.replace(whole, projection="KEYS_ONLY")
    source = facts("orders", TableSpec(PLAIN.keys, {"a": whole, "b": keys}), item_count=1000, size_bytes=3_584_000)
    plain = load_units(request(source), ())
    assert plain == Range(3500, 4500)
    assert load_units(request(source), [whole]) == Range(7000, 9000)
    assert load_units(request(source), [keys]) == Range(4500, 9000)


def test_provisioned_capacity_is_paid_for_already() -> None:
    spec = dataclasses.replace(PLAIN, billing=PROVISIONED, provisioned=Throughput(100, 100))
    assert moved(facts("orders", spec, size_bytes=GIB, item_count=10**6), "copy").dollars == 0


@pytest.mark.parametrize("strategy", ["s3", "copy", "backup"])
def test_another_region_costs_transfer(strategy: str) -> None:
    here, there = moved(TERA, strategy), moved(TERA, strategy, region="us-west-2")
    assert 1024 * 0.02 - 1e-3 <= there.dollars - here.dollars <= 2 * 1024 * 0.02


def test_glue_pays_for_the_tables_and_its_workers() -> None:
    """10 DPU at $0.44 an hour for as long as it runs; the driver's worker moves nothing."""
    tables, found = moved(TERA, "copy"), moved(TERA, "glue")
    assert found.cost.low == pytest.approx(tables.cost.low + found.took.low / 60 * 4.40, rel=1e-4)


def test_an_export_saves_glue_the_reads() -> None:
    found = Candidate(by_name()["glue"], request(TERA, "glue", **{"from": "export"}))
    assert found.estimate.source_read_units == 0
    assert found.parts["export"].dollars == pytest.approx(102.40, abs=2)


def test_verifying_reads_both_tables_consistently() -> None:
    """2 x 268,435,456 units; of the source, half of them."""
    asked = dataclasses.replace(request(TERA), verify="digest")
    found = verification(asked, is_copied=False)
    assert found.source_read_units == 268_435_456
    assert found.dollars == pytest.approx(2 * 33.554432)
    as_copied = dataclasses.replace(asked, verify_as_copied=True)
    half = verification(as_copied, is_copied=True)
    assert half.source_read_units == 0
    assert half.dollars == pytest.approx(33.554432)
    assert verification(as_copied, is_copied=False) == found  # only a copy has digests of what it read


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 0.2, "less than 1 min"),
        (0.2, 3, "less than 3 min"),
        (24, 24.4, "24 min"),
        (23.6, 40, "24-40 min"),
        (90, 130, "1.5-2.2 h"),
        (600, 1800, "10-30 h"),
        (1440, 12960, "1.0-9.0 days"),
        (14400, 129600, "10-90 days"),
    ],
)
def test_minutes_in_words(low: float, high: float, words: str) -> None:
    assert minutes_words(Range(low, high)) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 0, "$0"),
        (0, 0.004, "less than $0.01"),
        (0.001, 0.02, "less than $0.02"),
        (0.31, 0.312, "$0.31"),
        (0.312, 0.449, "$0.31-0.45"),
        (9.5, 12.25, "$9.50-12.25"),
        (687.865856, 1358.95, "$690-1,360"),
        (171.2, 250.9, "$171-251"),
        (12_345, 12_345, "$12,300"),
    ],
)
def test_dollars_in_words(low: float, high: float, words: str) -> None:
    assert dollars_words(Range(low, high)) == words


def test_what_is_nothing_is_not_said() -> None:
    assert estimate_words(Range(0, 0.4), Range(0, 0.001)) == ""
    assert estimate_words(Range(3, 4), Range(0, 0.001)) == "~3-4 min"
    assert about("less than $0.01") == "less than $0.01"
