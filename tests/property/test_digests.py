"""The table digest does not depend on order or segmentation, and sees every change."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.item import MalformedItem, key_digest
from migrate.verify.digests import TableDigest, bucket_of, unequal_buckets

Item = dict[str, dict[str, str]]

tables = st.dictionaries(st.integers(0, 10**6), st.integers(0, 3), max_size=60)
bucket_counts = st.sampled_from([1, 2, 16, 4096])


def item(key: int, value: int) -> Item:
    return {"pk": {"N": str(key)}, "value": {"N": str(value)}}


def digest_of(table: dict[int, int], buckets: int) -> TableDigest:
    digest = TableDigest(("pk",), buckets)
    digest.add([item(key, value) for key, value in table.items()])
    return digest


@given(tables, bucket_counts, st.integers(1, 7), st.randoms(use_true_random=False))
def test_any_partition_into_segments_gives_the_same_digest(
    table: dict[int, int], buckets: int, segments: int, dice: random.Random
) -> None:
    parts = [TableDigest(("pk",), buckets) for _ in range(segments)]
    rows = list(table.items())
    dice.shuffle(rows)
    for key, value in rows:
        dice.choice(parts).add([item(key, value)])
    merged = TableDigest(("pk",), buckets)
    for part in parts:
        merged.merge(part)
    assert merged == digest_of(table, buckets)
    assert merged.items == len(table)


@given(tables, tables, bucket_counts)
def test_two_digests_are_equal_exactly_when_the_tables_are(
    first: dict[int, int], second: dict[int, int], buckets: int
) -> None:
    assert (digest_of(first, buckets) == digest_of(second, buckets)) == (first == second)


@given(tables, tables, st.sampled_from([1, 16, 4096]))
def test_the_unequal_buckets_hold_exactly_the_changed_keys(
    first: dict[int, int], second: dict[int, int], buckets: int
) -> None:
    changed = {key for key in {*first, *second} if first.get(key) != second.get(key)}
    expected = {bucket_of(key_digest(item(key, 0), ("pk",)), buckets) for key in changed}
    assert set(unequal_buckets(digest_of(first, buckets), digest_of(second, buckets))) == expected


@given(st.binary(min_size=16, max_size=16), st.integers(0, 20))
def test_a_bucket_is_the_first_bits_of_the_key_digest(key: bytes, bits: int) -> None:
    assert bucket_of(key, 1 << bits) == int.from_bytes(key, "big") >> (128 - bits)


def test_a_malformed_item_never_passes_as_equal() -> None:
    odd: list[dict[str, dict[str, object]]] = [{"pk": {"S": "a"}, "x": {"NEW": "type"}}]
    first, second = TableDigest(("pk",), 16), TableDigest(("pk",), 16)
    first.add(odd)
    second.add(odd)
    assert first != second
    assert len(unequal_buckets(first, second)) == 1


def test_an_item_without_its_key_is_refused() -> None:
    digest = TableDigest(("pk",), 16)
    with pytest.raises(MalformedItem, match="pk"):
        digest.add([item(1, 1), {"value": {"N": "1"}}])
    assert digest.items == 0


@pytest.mark.parametrize("buckets", [0, 3, -4, 1 << 21])
def test_buckets_are_a_power_of_two(buckets: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        TableDigest(("pk",), buckets)


def test_digests_of_different_sizes_are_not_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        unequal_buckets(TableDigest(("pk",), 2), TableDigest(("pk",), 4))
    assert TableDigest(("pk",), 2) != TableDigest(("pk",), 4)
