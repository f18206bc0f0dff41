"""What `simulate` predicts is what is found after the plan was really carried out on the sandbox."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.actions.base import Context
from migrate.actions.registry import handlers
from migrate.apply.ledger import Ledger
from migrate.apply.run import carry_out
from migrate.aws.session import Account, AccountAccess, connect
from migrate.core.clock import SystemClock
from migrate.core.codec import canonical, encode
from migrate.manifest.model import Manifest
from migrate.manifest.tables import resolve_tables
from migrate.observe.collect import collect
from migrate.observe.inventory import Inventory
from migrate.plan.build import build
from migrate.plan.simulate import simulate
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION, ROLE_NAME, SOURCE_ACCOUNT, TARGET_ACCOUNT, Timing
from migrate.state.store import open_store
from migrate.strategies.backup_options import backup_questions
from migrate.strategies.registry import by_name
from migrate.strategies.spark_setup import spark_roles
from tests.worlds import BUCKET, HEAD, LINEAGE, PRICES, manifest_of

TABLES = (
    HEAD
    + """\
tables:
  - {name: plain, target: {tags: {team: data}, encryption: aws-managed}}
  - {name: rich, target: {point_in_time_recovery: 7, table_class: standard-infrequent-access}, share: [%s]}
""".replace("%s", '{principal: "333333333333", access: [read, write]}')
)
KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}]
PK = {"AttributeName": "pk", "AttributeType": "S"}


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Account, Account]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAANYONE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with Sandbox(Timing(create=0, update=0, export=0.02, load=0.02, settings=0)) as sandbox:
        sides = (("source", SOURCE_ACCOUNT), ("target", TARGET_ACCOUNT))
        source, target = (
            connect(
                AccountAccess(
                    side, id, REGION, role=f"arn:aws:iam::{id}:role/{ROLE_NAME}", endpoint_url=sandbox.endpoint_url
                ),
                read_only=False,
            )
            for side, id in sides
        )
        yield source, target
        sandbox.reset()


def make_tables(source: Account) -> None:
    client = source.client("dynamodb")
    client.create_table(TableName="plain", KeySchema=KEYS, AttributeDefinitions=[PK], BillingMode="PAY_PER_REQUEST")
    client.create_table(
        TableName="rich",
        KeySchema=KEYS,
        AttributeDefinitions=[PK, {"AttributeName": "user", "AttributeType": "N"}],
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-user",
                "KeySchema": [{"AttributeName": "user", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["total", "day"]},
                "ProvisionedThroughput": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 3},
            }
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        Tags=[{"Key": "stage", "Value": "prod"}],
        DeletionProtectionEnabled=True,
    )
    client.update_time_to_live(TableName="rich", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"})
    for name in ("plain", "rich"):
        client.put_item(TableName=name, Item={"pk": {"S": "one"}, "user": {"N": "1"}})


def look(source: Account, target: Account, manifest: Manifest) -> Inventory:
    pairs = [("plain", "plain"), ("rich", "rich")]
    mappings, clock = resolve_tables(manifest, ["plain", "rich"])[0], SystemClock()
    questions, roles = backup_questions(manifest, mappings), spark_roles(manifest, mappings)
    return collect(source, target, pairs=pairs, buckets=[BUCKET], keys={}, clock=clock, backup=questions, roles=roles)


@pytest.mark.parametrize(
    "defaults",
    [
        "strategy: s3",
        "strategy: backup",
        "strategy: glue",
        "protect: {schedule: daily}",
    ],
)
@pytest.mark.usefixtures("without_java")
def test_what_is_predicted_is_what_is_found(accounts: tuple[Account, Account], tmp_path: Path, defaults: str) -> None:
    source, target = accounts
    make_tables(source)
    glue = f"  glue: {{bucket: {BUCKET}, create_bucket: true, create: true, workers: 2, segments: 2}}\n"
    text = TABLES.replace(", target: {", ", strategy: s3, target: {") if "protect" in defaults else TABLES
    text = text.replace("strategies:\n", f"strategies:\n{glue}") if "glue" in defaults else text
    manifest = manifest_of(f"{text}defaults: {{{defaults}}}\n")
    mappings, _ = resolve_tables(manifest, ["plain", "rich"])
    store = open_store(str(tmp_path))
    with store.lock("move"):
        state = store.create("move", LINEAGE)
        seen = look(source, target, manifest)
        plan = build(manifest, mappings, seen, state, by_name(), prices=PRICES)
        assert plan.is_applyable, plan.diagnostics
        predicted, end = simulate(plan, seen, state)
        ledger = Ledger(store, state)
        context = Context(source, target, SystemClock(), LINEAGE)
        summary = carry_out(plan, ledger, handlers(), context)
    assert summary.is_complete, summary
    found = look(source, target, manifest)
    assert _specs(found) == _specs(predicted)
    assert found.target_tables["rich"].shares == predicted.target_tables["rich"].shares != ()
    assert found.buckets == predicted.buckets
    assert _nameless(found.backup) == _nameless(predicted.backup)
    assert {name: table.own_tags for name, table in found.target_tables.items()} == {
        name: table.own_tags for name, table in predicted.target_tables.items()
    }
    real = ledger.state()
    assert _nameless(sorted(real.owned())) == _nameless(sorted(end.owned()))
    assert _statuses(real.files) == _statuses(end.files)
    assert build(manifest, mappings, found, real, by_name(), prices=PRICES).actions == ()


def _nameless(value: object) -> list[str]:
    """As text, without the ids that AWS gives to keys, backup plans and selections."""
    text = canonical(encode(value)).replace(" ", "")  # policies are texts, spaced as AWS likes
    places = r"key/|backup-plan:|\"id\":\"|\"migrate-|backup-selection://[^/]*/"
    return re.sub(rf"({places})[0-9a-f]{{8}}[0-9a-f-]*", r"\1(id)", text).split(",")


def _specs(inventory: Inventory) -> dict[str, object]:
    """Settings of every table, without what only AWS decides."""
    sides = {"source": inventory.source_tables, "target": inventory.target_tables}
    return {
        f"{side} {name}": dataclasses.replace(table.spec, warm_throughput=None)
        for side, tables in sides.items()
        for name, table in tables.items()
    }


def _statuses(files: object) -> dict[str, str]:
    assert isinstance(files, dict)
    return {address: record.status.value for file in files.values() for address, record in file.steps.items()}
