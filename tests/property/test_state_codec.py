"""Whatever the state's types can hold survives the way through a file."""

from __future__ import annotations

import json
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.core.codec import decode, encode
from migrate.core.errors import StepError
from migrate.state.folder import FolderStore
from migrate.state.model import (
    ActivePlan,
    Attempt,
    MigrationFile,
    OwnedResource,
    Run,
    State,
    Status,
    StepFile,
    StepRecord,
)

texts = st.text(max_size=12)
maybe = st.none() | texts
# An absent field and a None are one thing in the files; inside free-form outputs a null stays a null.
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
statuses = st.sampled_from(Status)
errors = st.none() | st.builds(StepError, texts, texts, texts, texts)
records = st.builds(
    StepRecord,
    address=texts,
    kind=texts,
    action_digest=texts,
    status=statuses,
    attempt=st.integers(1, 99),
    token=texts,
    plan_id=texts,
    handle=maybe,
    outputs=st.dictionaries(texts, values, max_size=3),
    error=errors,
    started=maybe,
    ended=maybe,
    earlier=st.lists(st.builds(Attempt, st.integers(1, 99), statuses, texts, errors, maybe, maybe), max_size=2).map(
        tuple
    ),
)
resources = st.builds(
    OwnedResource, texts, texts, texts, texts, st.booleans(), st.dictionaries(texts, texts, max_size=2)
)
files = st.builds(
    StepFile,
    name=st.just("orders"),
    lineage=st.just("lineage"),
    source=texts,
    serial=st.just(0),
    steps=st.dictionaries(texts, records, max_size=3),
    owned=st.dictionaries(texts, resources, max_size=3),
)
plans = st.none() | st.builds(ActivePlan, texts, texts, texts, st.booleans())
sides = st.dictionaries(st.sampled_from(["source", "target"]), texts)
runs = st.builds(Run, texts, texts, texts, texts, sides, texts, st.lists(texts, max_size=2).map(tuple), maybe, texts)
migrations = st.builds(
    MigrationFile,
    texts,
    texts,
    st.integers(0),
    texts,
    texts,
    plans,
    runs=st.lists(runs, max_size=2).map(tuple),
)


@given(st.builds(State, migrations, st.dictionaries(texts, files, max_size=2)))
def test_a_state_survives_json(state: State) -> None:
    assert decode(State, json.loads(json.dumps(encode(state)))) == state


@settings(max_examples=50, deadline=None)
@given(files)
def test_a_step_file_survives_the_disk(file: StepFile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = FolderStore(folder)
        with store.lock("m"):
            store.create("m", "lineage")
            written = store.write_steps("m", file)
        state = FolderStore(folder).read("m")
        assert state is not None
        assert state.files == {"orders": written}
