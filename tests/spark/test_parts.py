"""What can be said of the job without Spark: its arguments, its archive, its JSON, its books, its desk."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.core.clock import SystemClock
from migrate.core.errors import MigrateError, NotFound, Refused
from migrate.data import plainjson, rawitems
from migrate.data.messages import Ask, Failed, Goodbye, Grant, SetRate
from migrate.spark import archive
from migrate.spark.arguments import MODES, JobSpec, as_list, of, parse
from migrate.spark.cloud import SOURCE, TARGET
from migrate.spark.desk import Desk, DeskAddress
from migrate.spark.sums import BucketSums, unpacked
from migrate.spark.verifying import Matching

SPEC = JobSpec("copy", "s3://bucket/work", "eu-west-1", "copied", "eu-west-1", "pk", None, "orders", "eu-west-1")
NAMES = st.text("abc-_.#,= \"'ü", min_size=1)


@settings(deadline=None)
@given(
    mode=st.sampled_from(MODES),
    partition_key=NAMES,
    sort_key=st.none() | NAMES,
    segments=st.integers(1, 10**6),
    consistent=st.booleans(),
    write_units=st.none() | st.floats(0, 10**6),
    source_role=st.none() | NAMES,
    buckets=st.integers(0, 20).map(lambda power: 1 << power),
)
def test_arguments_arrive_as_they_were_said(**said: Any) -> None:
    spec = JobSpec(**{**vars(SPEC), "export": "s3://b/e/manifest-summary.json", "keys_from": "s3://b/keys", **said})
    assert parse(["--JOB_NAME", "x", *as_list(spec), "--TempDir", "s3://t/", "--enable-metrics", "true"]) == spec
    assert [*of(spec).items()] == [*zip(as_list(spec)[::2], as_list(spec)[1::2], strict=True)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--migrate-mode": "move"}, "mode move is none of copy, load-export, verify, repair"),
        ({"--migrate-segments": "many"}, "--migrate-segments: invalid literal"),
        ({"--migrate-segment": "4"}, "--migrate-segment: unknown"),
        ({"--migrate-work": "bucket/prefix"}, "work bucket/prefix is not s3://bucket/prefix"),
        ({"--migrate-mode": "load-export"}, "load-export needs an export"),
        ({"--migrate-mode": "repair"}, "repair needs keys-from"),
        ({"--migrate-buckets": "1000"}, "buckets must be a power of two"),
        ({"--migrate-consistent": "maybe"}, "maybe is neither true nor false"),
    ],
)
def test_arguments_that_cannot_be_used_say_why(changed: dict[str, str], said: str) -> None:
    with pytest.raises(Refused) as caught:
        parse([part for pair in (of(SPEC) | changed).items() for part in pair])
    assert said in caught.value.why


def test_other_work_has_another_identity_and_another_pace_has_not() -> None:
    assert SPEC.identity == JobSpec(**{**vars(SPEC), "write_units": 5.0, "token": "t", "source_role": "r"}).identity
    assert SPEC.identity != JobSpec(**{**vars(SPEC), "segments": 9}).identity
    assert SPEC.identity != JobSpec(**{**vars(SPEC), "target_id": "id-2"}).identity


@pytest.mark.parametrize(
    ("places", "mark"),
    [
        ([(SOURCE, 1), (TARGET, 1)], "="),
        ([(SOURCE, 1), (TARGET, 2)], "*"),
        ([(SOURCE, 1)], "+"),
        ([(TARGET, 1)], "-"),
        ([(SOURCE, None), (TARGET, 1)], "!"),
        ([(SOURCE, 1), (SOURCE, 1), (TARGET, 1)], "!"),
        ([(SOURCE, 1), (SOURCE, 2)], "!"),
    ],
)
def test_a_key_that_a_transform_gives_to_several_items_is_an_error(
    places: list[tuple[str, int | None]], mark: str
) -> None:
    matching = Matching(SPEC, "differences/")
    counts: Counter[str] = Counter()
    named: list[dict[str, Any]] = []
    seen = [(b"key", tuple((side, digest, '{"pk":{"S":"a"}}') for side, digest in places))]
    lines = list(matching._lines(seen, counts, named))
    assert counts == {mark: 1}
    assert [json.loads(line)["mark"] for line in lines] == [one["mark"] for one in named] == [mark] * (mark != "=")


def test_the_archive_is_the_same_and_is_all_that_the_job_imports(tmp_path: Path) -> None:
    made = archive.build()
    assert made == archive.build()
    names = zipfile.ZipFile(io.BytesIO(made.content)).namelist()
    assert not [name for name in names if name.split("/")[1] not in ("__init__.py", "core", "data", "spark")]
    (tmp_path / "migrate.zip").write_bytes(made.content)
    (tmp_path / "job.py").write_bytes(archive.script())
    # Without pyspark it gets as far as refusing its arguments.
    ran = subprocess.run(
        [sys.executable, "job.py", "--migrate-mode", "copy"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "migrate.zip")},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert "migrate: the job's arguments cannot be used | --migrate-work is missing; " in ran.stderr


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@settings(deadline=None, max_examples=50)
@given(items=st.lists(st.dictionaries(st.text(), VALUES)), space=st.sampled_from(["", " ", "\n\t"]))
def test_plain_python_cuts_items_where_msgspec_does(items: list[Any], space: str) -> None:
    texts = [json.dumps(item, ensure_ascii=False) for item in items]
    try:
        body = ('{"Items":[' + f"{space},{space}".join(texts) + f'],"Count":{len(items)},"Other":[1,{{}}]}}').encode()
    except UnicodeEncodeError:  # half a surrogate pair is no text that could be sent
        return
    fast = rawitems.read_page(body, "t")
    plain = plainjson.Decoder(dict[str, plainjson.Raw]).decode(body)
    assert plainjson.Decoder(list[plainjson.Raw]).decode(plain["Items"]) == [bytes(item) for item in fast.items]
    assert plainjson.json.decode(body) == msgspec.json.decode(body)
    assert plainjson.json.encode({"a": [plainjson.Raw(text.encode()) for text in texts]}) == msgspec.json.encode(
        {"a": [msgspec.Raw(text.encode()) for text in texts]}
    )


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"Items":[{]}', b'{"Items":[{},]}', b'{"Items":[1}', b'{"a":1}x', b"\xff"]
)
def test_plain_python_takes_nothing_for_a_page_that_is_none(body: bytes) -> None:
    class Answer(plainjson.Struct):
        Items: list[plainjson.Raw]

    Answer.__annotations__["Items"] = list[plainjson.Raw]
    with pytest.raises(plainjson.DecodeError):
        plainjson.Decoder(Answer).decode(body)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(0, (1 << 128) - 1))))
def test_sums_arrive_as_they_were_packed_and_in_any_order(entries: list[tuple[int, int, int]]) -> None:
    parts = [(bucket, (count, value, 0)) for bucket, count, value in entries]
    here, there = BucketSums(), BucketSums()
    here.add(parts)
    there.add(reversed(parts))
    assert dict(unpacked(here.packed())) == there.entries


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def desk(failures: list[str]) -> Any:
    made = Desk(
        "127.0.0.1", "127.0.0.1", {"read": 100.0, "write": None}, lambda: failures.append("told"), SystemClock()
    )
    yield made
    made.close()


def test_the_desk_lends_to_callers_that_know_the_secret(desk: Desk, failures: list[str]) -> None:
    call = desk.address.call()
    assert [call.recv(), call.recv()] == [SetRate("read", 100.0), SetRate("write", None)]
    call.send(Ask("read", 3.0))
    assert call.recv() == Grant("read", 3.0)
    stranger = DeskAddress("127.0.0.1", desk.address.port, "guessed", ("read",))
    with pytest.raises(MigrateError, match="cannot be reached"):
        stranger.call()
    call.send(Failed(NotFound("first")))
    with pytest.raises(EOFError):
        call.recv()
    other = desk.address.call()
    other.send(Failed(NotFound("second")))
    while other.poll(10):
        try:
            other.recv()
        except EOFError:
            break
    assert (str(desk.failure), failures) == ("first", ["told"])


def test_a_caller_that_has_left_keeps_no_units(desk: Desk) -> None:
    leaving, staying = desk.address.call(), desk.address.call()
    for call in (leaving, staying):
        assert isinstance(call.recv(), SetRate)
        assert isinstance(call.recv(), SetRate)
    for _ in range(50):
        leaving.send(Ask("read", 1e9))
    leaving.send(Goodbye())
    assert leaving.poll(10)
    staying.send(Ask("write", 5.0))
    assert staying.recv() == Grant("write", 5.0)
