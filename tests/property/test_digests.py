"""Digests do not depend on order or segmentation, see every change, and are never equal for different items."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.core.errors import Invalid
from migrate.core.item import canonical_item, key_digest
from migrate.data.pagedigest import CANONICAL, FORMS, RAW, SORTED, page_digest
from migrate.verify.digests import TableDigest, bucket_of, unequal_buckets
from migrate.verify.looks import BucketLook, NameLook
from migrate.verify.probe import choose_form
from tests.property.test_items import items, respelled_map

Item = dict[str, dict[str, Any]]

tables = st.dictionaries(st.integers(0, 10**6), st.integers(0, 3), max_size=60)
bucket_counts = st.sampled_from([1, 2, 16, 4096])


def item(key: int, value: int) -> Item:
    return {"pk": {"N": str(key)}, "value": {"N": str(value)}}


def raw(found: Item, *, ascii_only: bool = False) -> bytes:
    text = json.dumps(found, separators=(",", ":"), ensure_ascii=ascii_only)
    return text.encode("utf-8", "surrogatepass")


def digest_of(table: dict[int, int], buckets: int) -> TableDigest:
    digest = TableDigest(buckets)
    digest.add(BucketLook(("pk",), buckets)([raw(item(key, value)) for key, value in table.items()]))
    return digest


@given(tables, st.sampled_from(sorted(FORMS)), st.integers(1, 7), st.randoms(use_true_random=False))
def test_any_partition_into_pages_gives_the_same_digest(
    table: dict[int, int], form: str, pages: int, dice: random.Random
) -> None:
    rows = [raw(item(key, value)) for key, value in table.items()]
    whole = page_digest(rows, form)
    dice.shuffle(rows)
    assert sum(page_digest(rows[n::pages], form) for n in range(pages)) % 2**128 == whole


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)
@given(st.lists(items, max_size=4), st.lists(items, max_size=4), st.booleans(), st.booleans())
def test_equal_digests_are_of_equal_items(
    form: str, first: list[Item], second: list[Item], here: bool, there: bool
) -> None:
    """No false equality, in no form and however the wire escapes."""
    digests = [
        page_digest([raw(one, ascii_only=ascii_only) for one in page], form)
        for page, ascii_only in ((first, here), (second, there))
    ]
    same = sorted(map(canonical_item, first)) == sorted(map(canonical_item, second))
    if digests[0] == digests[1]:
        assert same
    elif form == CANONICAL:
        assert not same


@given(st.data(), items)
def test_the_sorted_form_does_not_see_the_order_of_attributes(data: st.DataObject, found: Item) -> None:
    other = {name: found[name] for name in data.draw(st.permutations(sorted(found)))}
    assert page_digest([raw(found)], SORTED) == page_digest([raw(other)], SORTED)


@settings(deadline=None)
@given(st.data(), st.lists(items, min_size=1, max_size=4))
def test_a_sample_shows_the_cheapest_form_that_does(data: st.DataObject, found: list[Item]) -> None:
    here = [{**one, "key": {"N": str(number)}} for number, one in enumerate(found)]
    there = [data.draw(st.composite(respelled_map)(one)) for one in here]
    chosen = choose_form([*map(raw, here)], [*map(raw, there)], ("key",))
    good = [form for form in FORMS if page_digest([*map(raw, here)], form) == page_digest([*map(raw, there)], form)]
    assert chosen == good[0]


def test_without_a_common_item_no_order_is_assumed() -> None:
    one, other = raw(item(1, 1)), raw(item(2, 1))
    assert choose_form([one], [other], ("pk",)) == choose_form([], [], ("pk",)) == SORTED
    assert choose_form([one], [raw(item(1, 2))], ("pk",)) == SORTED
    assert choose_form([one, other], [other], ("pk",)) == RAW


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


def test_an_item_of_a_future_type_is_told_from_others_and_never_called_comparable() -> None:
    odd = [{"pk": {"S": "a"}, "x": {"NEW": value}} for value in ("type", "other")]
    for form in FORMS:
        assert page_digest([raw(odd[0])], form) == page_digest([raw(odd[0])], form)
        assert page_digest([raw(odd[0])], form) != page_digest([raw(odd[1])], form)
    digests = TableDigest(16), TableDigest(16)
    for digest in digests:
        digest.add(BucketLook(("pk",), 16)([raw(odd[0])]))
    assert len(unequal_buckets(*digests)) == 1
    assert NameLook(("pk",), 16, None)([raw(odd[0])])[0].digest is None


def test_an_item_without_its_key_is_refused() -> None:
    with pytest.raises(Invalid, match="no usable key"):
        BucketLook(("pk",), 16)([raw(item(1, 1)), raw({"value": {"N": "1"}})])


@pytest.mark.parametrize("buckets", [0, 3, -4, 1 << 21])
def test_buckets_are_a_power_of_two(buckets: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        TableDigest(buckets)


def test_digests_of_different_sizes_are_not_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        unequal_buckets(TableDigest(2), TableDigest(4))
