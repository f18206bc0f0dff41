"""What must hold for every plan, whatever the tables and the manifest are."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.core.codec import canonical, decode, digest, encode
from migrate.core.errors import ManifestInvalid
from migrate.core.table import (
    AWS_MANAGED,
    AWS_OWNED,
    ON_DEMAND,
    PROVISIONED,
    Encryption,
    Index,
    Key,
    KeySchema,
    KinesisDestination,
    ScalingTarget,
    TableFacts,
    TableSpec,
    Throughput,
)
from migrate.manifest.model import Manifest, Protection, ProvisionedCapacity, Share, TableRule, TargetSettings, Verify
from migrate.observe.inventory import BucketFacts, Inventory
from migrate.plan.model import Change
from migrate.plan.planfile import plan_document, read_plan
from migrate.plan.sharing import SHARES as SHARES_OF_TABLES
from migrate.plan.simulate import simulate
from migrate.state.model import State, Status, StepFile
from tests.worlds import BUCKET, MINIMAL, REGION, TARGET, facts, inventory, manifest_of, plan_of, state_of

quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Reading a manifest costs more than planning it, so its head is read once and its tables are made here.
HEADS = {
    pitr: manifest_of(MINIMAL.replace("create_bucket: true", f"create_bucket: true, source_pitr: {pitr}"))
    for pitr in ("keep", "restore")
}

NAMES = st.sampled_from(["orders", "events", "carts-2024", "a.b_c"])
units = st.integers(1, 500)
throughputs = st.builds(Throughput, units, units)
maxima = st.none() | st.builds(Throughput, st.none() | units, units)
words = st.sampled_from(["team", "stage", "owner"])


types = st.sampled_from(["S", "N", "B"])


def key_schemas(prefix: str) -> st.SearchStrategy[KeySchema]:
    part = st.builds(lambda kind: (Key(f"{prefix}-hash", kind),), types)
    sort = st.just(()) | st.builds(lambda kind: (Key(f"{prefix}-sort", kind),), types)
    return st.builds(KeySchema, part, sort)


KEYS = {name: key_schemas(name) for name in ("table", "by-date", "by-user")}
INDEX_NAMES = st.sets(st.sampled_from(["by-date", "by-user"]))
PROJECTIONS = st.sampled_from(["ALL", "KEYS_ONLY", "INCLUDE"])
PLACES = st.sets(st.sampled_from(["table:Read", "table:Write", "index/by-date:Read", "index/by-user:Read"]))
PLAIN_SETTINGS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "keys": KEYS["table"],
        "table_class": st.sampled_from(["STANDARD", "STANDARD_INFREQUENT_ACCESS"]),
        "encryption": st.sampled_from([Encryption(AWS_OWNED), Encryption(AWS_MANAGED)]),
        "ttl": st.none() | st.just("expires"),
        "recovery_days": st.none() | st.integers(1, 35),
        "stream": st.none() | st.sampled_from(["NEW_IMAGE", "KEYS_ONLY"]),
        "tags": st.dictionaries(words, words),
        "deletion_protection": st.booleans(),
        "resource_policy": st.none() | st.just(canonical({"Statement": []})),
        "kinesis": st.none() | st.just(KinesisDestination("arn:aws:kinesis:eu-west-1:111111111111:stream/s")),
    }
)


@st.composite
def specs(draw: st.DrawFn) -> TableSpec:
    """Any table that `s3` and `backup` can move."""
    is_provisioned = draw(st.booleans())
    found = {}
    for name in sorted(draw(INDEX_NAMES)):
        projection = draw(PROJECTIONS)
        projected = ("extra",) if projection == "INCLUDE" else ()
        index = Index(draw(KEYS[name]), projection, projected)
        found[name] = (
            dataclasses.replace(index, provisioned=draw(throughputs))
            if is_provisioned
            else dataclasses.replace(index, on_demand_maximum=draw(maxima))
        )
    here = {"table", *(f"index/{name}" for name in found)}
    scaled = [place for place in sorted(draw(PLACES)) if place.split(":")[0] in here] if is_provisioned else []
    return TableSpec(
        global_indexes=found,
        billing=PROVISIONED if is_provisioned else ON_DEMAND,
        provisioned=draw(throughputs) if is_provisioned else None,
        on_demand_maximum=None if is_provisioned else draw(maxima),
        contributor_insights={name: "THROTTLED_KEYS" for name in ("", *found) if draw(st.booleans())},
        auto_scaling={place: ScalingTarget(1, 9, {"p": {"PolicyType": "x"}}) for place in scaled},
        **draw(PLAIN_SETTINGS),
    )


TARGETS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "billing": st.sampled_from(["on-demand", ProvisionedCapacity(7, 9)]),
        "tags": st.dictionaries(words, words),
        "deletion_protection": st.booleans(),
        "table_class": st.sampled_from(["standard", "standard-infrequent-access"]),
        "point_in_time_recovery": st.sampled_from([False, 7]),
        "stream": st.sampled_from(["off", "new-image"]),
        "resource_policy": st.sampled_from(["rewrite", "none"]),
        "kinesis_stream": st.just(f"arn:aws:kinesis:{REGION}:{TARGET}:stream/changes"),
        "ttl": st.sampled_from([False, "until"]),
        "encryption": st.sampled_from(["aws-owned", "aws-managed"]),
    },
)
"""The `target` of a table rule."""

VERIFY: st.SearchStrategy[Verify] = st.builds(
    Verify,
    st.sampled_from(["digest", "counts", "none"]),
    st.sampled_from([None, 50.0]),
    st.sampled_from(["read", "as-copied"]),
)
PROTECT: st.SearchStrategy[Any] = st.sampled_from(
    [None, Protection("cron(0 3 * * ? *)"), Protection("cron(0 * * * ? *)", delete_after_days=7)]
)
PREFER: st.SearchStrategy[Any] = st.sampled_from(["simplicity", "cost", "time"])
STRATEGIES: st.SearchStrategy[Any] = st.sampled_from(["auto", "backup"])
ACCESS = st.sets(st.sampled_from(["read", "write", "stream"]), min_size=1)
SHARES = st.dictionaries(st.sampled_from(["333333333333", "arn:aws:iam::444444444444:role/R"]), ACCESS, max_size=2)
CLEANUP: st.SearchStrategy[Any] = st.sampled_from(["after-verify", "keep"])
SOME_NAMES = st.sets(NAMES, min_size=1, max_size=2)
PITR = st.sampled_from(["keep", "restore"])
ITEMS = st.integers(0, 9999)
SPECS = specs()


def shareable(wanted: Mapping[str, set[Any]], spec: TableSpec, target: Mapping[str, Any]) -> tuple[Share, ...]:
    """`wanted`, as far as the key and the stream of the target table allow it."""
    encryption, stream = target.get("encryption", spec.encryption.kind), target.get("stream", spec.stream)
    if encryption == AWS_MANAGED:
        return ()
    kept = {who: access - ({"stream"} if stream in (None, "off") else set()) for who, access in wanted.items()}
    return tuple(Share(who, tuple(sorted(access))) for who, access in sorted(kept.items()) if access)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Manifest, Inventory]:
    names = sorted(draw(SOME_NAMES))
    sources = [facts(name, draw(SPECS), item_count=draw(ITEMS)) for name in names]
    targets = [draw(TARGETS) for _ in names]
    rules = [
        TableRule(
            source.name,
            prefer=draw(PREFER),
            protect=(protect := draw(PROTECT)),
            is_moved=protect is None or draw(st.booleans()),
            strategy=draw(STRATEGIES),
            verify=draw(VERIFY),
            cleanup=draw(CLEANUP),
            target=TargetSettings(**target),
            share=shareable(draw(SHARES), source.spec, target),
        )
        for source, target in zip(sources, targets, strict=True)
    ]
    base = HEADS[draw(PITR)]
    manifest = dataclasses.replace(base, tables=tuple(rules), digest=digest(encode([base.strategies, rules])))
    found: dict[str, BucketFacts] = {}
    if draw(st.booleans()):
        found[BUCKET] = BucketFacts(BUCKET, True, region=REGION, ownership="BucketOwnerEnforced", is_private=True)
    return manifest, inventory(*sources, buckets=found)


@st.composite
def drifts(draw: st.DrawFn) -> tuple[TableSpec, bool]:
    """Another spec for the settings of a loaded table, and whether its indexes differ too."""
    return draw(SPECS), draw(st.booleans())


def drifted(table: TableFacts, other: TableSpec, with_indexes: bool) -> TableFacts:
    """`table` with somebody else's settings; key and encryption stay, for nobody can change those by hand unseen."""
    changed = dataclasses.replace(other, keys=table.spec.keys, encryption=table.spec.encryption)
    if not with_indexes:
        own = {n: dataclasses.replace(i, provisioned=None) for n, i in table.spec.global_indexes.items()}
        if changed.billing == PROVISIONED:
            own = {
                n: dataclasses.replace(i, provisioned=Throughput(1, 1), on_demand_maximum=None) for n, i in own.items()
            }
        changed = dataclasses.replace(changed, global_indexes=own, auto_scaling={}, contributor_insights={})
    return dataclasses.replace(table, spec=changed)


def end_of(seen: Inventory) -> dict[str, Any]:
    """What counts at the end: the settings of all tables, who shares them, and which buckets there are."""
    tables = {
        f"target {name}": [encode(table.spec), dict(table.own_tags), table.shares, table.stream_policy]
        for name, table in seen.target_tables.items()
    }
    sources = {f"source {name}": encode(table.spec) for name, table in seen.source_tables.items()}
    return {**tables, **sources, "buckets": sorted(name for name, one in seen.buckets.items() if one.exists)}


@quick
@given(worlds())
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(world: tuple[Manifest, Inventory]) -> None:
    manifest, seen = world
    plan = plan_of(manifest, seen)
    assert not plan.is_errored, plan.diagnostics
    assert plan.actions
    after, state = simulate(plan, seen, state_of(manifest))
    again = plan_of(manifest, after, state)
    assert [action.address for action in again.actions] == []
    assert not again.is_errored, again.diagnostics


@quick
@given(worlds(), st.data())
def test_a_plan_that_stopped_anywhere_ends_the_same_when_planned_again(
    world: tuple[Manifest, Inventory], data: st.DataObject
) -> None:
    manifest, seen = world
    plan = plan_of(manifest, seen)
    goal = end_of(simulate(plan, seen, state_of(manifest))[0])
    done: set[str] = set()
    for action in plan.actions:  # any set of actions that respects the needs
        if done.issuperset(action.needs) and data.draw(st.booleans(), label=action.address):
            done.add(action.address)
    half, state = simulate(plan, seen, state_of(manifest), done)
    again = plan_of(manifest, half, state)
    assert not again.is_errored, again.diagnostics
    imported = {address for address in done if address.endswith("/import")}
    assert not [a.address for a in again.actions if a.address in imported or a.kind == "table-removal"]
    end, state = simulate(again, half, state)
    assert end_of(end) == goal
    assert [action.address for action in plan_of(manifest, end, state).actions] == []


@quick
@given(worlds(), drifts())
def test_settings_that_drifted_are_brought_back(
    world: tuple[Manifest, Inventory], drift: tuple[TableSpec, bool]
) -> None:
    manifest, seen = world
    done, state = simulate(plan_of(manifest, seen), seen, state_of(manifest))
    moved = {name: drifted(table, *drift) for name, table in done.target_tables.items()}
    there = dataclasses.replace(done, target_tables=moved)
    plan = plan_of(manifest, there, state)
    assert not [action for action in plan.actions if action.change in (Change.MOVE, Change.DELETE)]
    after, state = simulate(plan, there, state)
    assert [action.address for action in plan_of(manifest, after, state).actions] == []


@quick
@given(worlds())
def test_shares_that_leave_the_manifest_are_taken_back_and_nothing_else(world: tuple[Manifest, Inventory]) -> None:
    manifest, seen = world
    after, state = simulate(plan_of(manifest, seen), seen, state_of(manifest))
    plain = tuple(dataclasses.replace(rule, share=()) for rule in manifest.tables)
    plan = plan_of(dataclasses.replace(manifest, tables=plain), after, state)
    ours = {one.address for one in state.owned().values() if one.kind in SHARES_OF_TABLES}
    assert {action.params["of"] for action in plan.actions} == ours
    end, _ = simulate(plan, after, state)
    assert not any(table.shares or table.stream_policy for table in end.target_tables.values())


@quick
@given(worlds())
def test_equal_inputs_give_equal_plans_whatever_their_order(world: tuple[Manifest, Inventory]) -> None:
    manifest, seen = world
    turned = decode(Inventory, _reversed(encode(seen)))
    assert turned.digest == seen.digest
    assert plan_of(manifest, turned).plan_id == plan_of(manifest, seen).plan_id


@quick
@given(worlds())
def test_a_plan_file_gives_the_same_plan_back(world: tuple[Manifest, Inventory]) -> None:
    plan = plan_of(*world)
    text = json.dumps(plan_document(plan))
    read = read_plan(json.loads(text), "plan.json")
    assert read == plan
    assert read.plan_id == plan.plan_id
    assert json.dumps(plan_document(read)) == text


@quick
@given(worlds(), st.data())
def test_a_plan_file_that_was_edited_is_refused(world: tuple[Manifest, Inventory], data: st.DataObject) -> None:
    document = json.loads(json.dumps(plan_document(plan_of(*world))))
    kind = data.draw(st.sampled_from(["dropped", "address", "params", "account", "id"]))
    action = document["actions"][data.draw(st.integers(0, len(document["actions"]) - 1))]
    if kind == "dropped":
        document["actions"].remove(action)
    elif kind == "address":
        action["address"] += "x"
    elif kind == "params":
        action["params"]["more"] = 1
    elif kind == "account":
        document["target"]["id"] = "333333333333"
    else:
        del document["plan_id"]
    with pytest.raises(ManifestInvalid):
        read_plan(document, "plan.json")


@quick
@given(worlds(), st.data())
def test_nothing_is_deleted_that_is_not_ours(world: tuple[Manifest, Inventory], data: st.DataObject) -> None:
    """Half of the plan done, an import failed, and somebody else's tables: deletions stay within what we own."""
    manifest, seen = world
    plan = plan_of(manifest, seen)
    count = data.draw(st.integers(0, len(plan.actions)))
    half, state = simulate(plan, seen, state_of(manifest), {a.address for a in plan.actions[:count]})
    state = _with_failed_imports(state, data)
    again = plan_of(manifest, half, state)
    ours = {one.address for one in state.owned().values()}
    for action in again.actions:
        if action.change is Change.DELETE:
            assert action.params["of"] in ours | {one.address for one in again.actions[: again.actions.index(action)]}
        if action.kind == "table-removal":
            table = half.target_tables[action.params["table"]]
            assert state.owned()[table.arn].proof["table_id"] == table.table_id


@quick
@given(worlds())
def test_a_table_of_somebody_else_is_never_touched(world: tuple[Manifest, Inventory]) -> None:
    manifest, seen = world
    strangers = {name: facts(name, table.spec, TARGET) for name, table in seen.source_tables.items()}
    plan = plan_of(manifest, dataclasses.replace(seen, target_tables=strangers))
    assert plan.is_errored is any(rule.is_moved for rule in manifest.tables)
    assert not [action for action in plan.actions if action.owner in strangers]


def _with_failed_imports(state: State, data: st.DataObject) -> State:
    files: dict[str, StepFile] = {}
    for name, file in state.files.items():
        record = file.steps.get(f"{name}/import")
        if record is not None and data.draw(st.booleans()):
            file = file.updated(dataclasses.replace(record, status=Status.FAILED))
        files[name] = file
    return dataclasses.replace(state, files=files)


def _reversed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _reversed(value[key]) for key in reversed(list(value))}
    return [_reversed(item) for item in value] if isinstance(value, list) else value
