"""Cutting pages and joining batches changes nothing, and the mixer neither loses nor doubles an item."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.clock import SystemClock
from migrate.core.errors import Invalid
from migrate.data.mixer import Mixer, Page
from migrate.data.rawitems import batch_body, put_body, raw_key, read_batch_answer, read_page

texts = st.text(max_size=20)
numbers = st.from_regex(r"-?[0-9]{1,38}(\.[0-9]{1,10})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
scalars = (
    texts.map(lambda value: {"S": value})
    | numbers.map(lambda value: {"N": value})
    | st.booleans().map(lambda value: {"BOOL": value})
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda found: {"L": found})
        | st.dictionaries(texts, inner, max_size=3).map(lambda found: {"M": found})
    ),
    max_leaves=8,
)
items = st.dictionaries(texts, values, max_size=5)
styles = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")])


@given(st.lists(items, max_size=30), styles, st.booleans(), texts)
def test_what_is_cut_and_joined_is_the_same_text(
    found: list[Any], style: tuple[str, str], ascii_only: bool, table: str
) -> None:
    slices = [json.dumps(item, separators=style, ensure_ascii=ascii_only) for item in found]
    joined = style[0].join(slices)
    body = f'{{"Count":{len(slices)},"ScannedCount":9,"Items":[{joined}],"LastEvaluatedKey":{{"pk":{{"S":"]}}"}}}}}}'
    page = read_page(body.encode(), table)
    assert [bytes(item).decode() for item in page.items] == slices
    assert page.last_key == b'{"pk":{"S":"]}"}}'
    if found:
        sent = json.loads(batch_body(table, page.items))
        assert sent["RequestItems"] == {table: [{"PutRequest": {"Item": item}} for item in found]}
        assert all(one.encode() in batch_body(table, page.items) for one in slices)
        assert json.loads(put_body(table, page.items[0], "pk"))["Item"] == found[0]


@given(st.lists(items, min_size=1, max_size=10), st.data())
def test_what_was_not_processed_is_read_back(found: list[Any], data: st.DataObject) -> None:
    left = data.draw(st.lists(st.sampled_from(found), max_size=5))
    answer = {"UnprocessedItems": {"t": [{"PutRequest": {"Item": item}} for item in left]} if left else {}}
    assert [json.loads(bytes(one)) for one in read_batch_answer(json.dumps(answer).encode(), "t").unprocessed] == left


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<html>",
        b'{"Items":[]}',
        b'{"Count":1,"Items":[]}',
        b'{"Count":1,"Items":[{}',
        b'{"Count":0}',
        b"[]",
    ],
)
def test_a_strangers_answer_is_no_empty_page(body: bytes) -> None:
    with pytest.raises(Invalid, match="not DynamoDB's"):
        read_page(body, "t")
    with pytest.raises(Invalid, match="not DynamoDB's"):
        read_batch_answer(body, "t")


def test_a_key_is_the_same_however_its_number_is_written() -> None:
    forms = [b'{"k":{"N":"1.50"},"v":{"S":"a"}}', b'{"k":{"N":"15E-1"}}', b'{ "k" : {"N":"1.5"} }']
    assert len({raw_key(form, ("k",)) for form in forms}) == 1
    assert raw_key(b'{"k":{"N":"1.51"}}', ("k",)) not in {raw_key(form, ("k",)) for form in forms}


@given(
    st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=2), min_size=1, max_size=6),
    st.integers(1, 25),
    st.randoms(use_true_random=False),
)
def test_the_mixer_deals_every_item_once_and_tells_pages_in_order(
    segments: list[list[int]], most: int, dice: Any
) -> None:
    done: list[Page] = []
    mixer = Mixer(SystemClock(), done.append)
    wanted = []
    for segment, sizes in enumerate(segments):
        for number, size in enumerate(sizes):
            found = [b"%d/%d/%d" % (segment, number, n) for n in range(size)]
            wanted += found
            mixer.put(Page(segment, found, b"x" if number + 1 < len(sizes) else None, size, size), lambda: False)
    taken: list[bytes] = []
    out = []
    while len(taken) < len(wanted):
        parts = mixer.take(most, lambda: False)
        assert 0 < sum(len(part.items) for part in parts) <= most
        taken += [bytes(item) for part in parts for item in part.items]
        out.append(parts)
    dice.shuffle(out)
    for parts in out:
        mixer.finish(parts)
    assert sorted(taken) == sorted(wanted)
    assert mixer.is_empty()
    for segment, sizes in enumerate(segments):
        assert [len(page.items) for page in done if page.segment == segment] == sizes
    assert all(page.written == len(page.items) for page in done)
