"""Both accounts, seen through a server on loopback: what is found, what it costs, and that it is the same each time."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from migrate.aws import autoscaling, dynamodb, errors, s3, session
from migrate.aws.readonly import ReadOnlyViolation
from migrate.core.clock import SystemClock
from migrate.core.diagnostics import Severity
from migrate.core.errors import AlreadyExists, Conflict, CredentialsExpired, Refused
from migrate.core.table import Encryption, KinesisDestination
from migrate.observe import tags
from migrate.observe.collect import collect, list_source_tables, verify_accounts
from migrate.observe.inventory import Inventory
from migrate.sandbox import insights, rest_json
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION, SOURCE_ACCOUNT, TARGET_ACCOUNT

SOURCE, TARGET = SOURCE_ACCOUNT, TARGET_ACCOUNT
STREAM = f"arn:aws:kinesis:{REGION}:{SOURCE}:stream/changes"
TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{SOURCE}:table/orders"
BUCKET = "migration-bucket"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{TARGET_ACCOUNT}:root"},
            "Action": "dynamodb:Scan",
            "Resource": TABLE_ARN,
        }
    ],
}
READS_PER_TABLE = {
    "DescribeTable",
    "DescribeTimeToLive",
    "DescribeContinuousBackups",
    "ListTagsOfResource",
    "GetResourcePolicy",
    "DescribeKinesisStreamingDestination",
}


@pytest.fixture(scope="module")
def emulator(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "example")
        patch.delenv("AWS_PROFILE", raising=False)
        furnish(shared_sandbox)
        yield shared_sandbox


def access(server: Sandbox, id: str, claimed: str | None = None) -> session.AccountAccess:
    role = f"arn:aws:iam::{id}:role/MigrateSandbox"
    side = "source" if id == SOURCE else "target"
    return session.AccountAccess(side, claimed or id, REGION, role=role, endpoint_url=server.endpoint_url)


def connect(server: Sandbox, id: str, *, read_only: bool = True) -> session.Account:
    return session.connect(access(server, id), read_only=read_only)


def furnish(server: Sandbox) -> None:
    """One table with every setting, plain ones, a bucket and keys."""
    source, target = (connect(server, id, read_only=False) for id in (SOURCE, TARGET))
    key = errors.call(source, "kms", "CreateKey")["KeyMetadata"]
    errors.call(source, "kms", "CreateAlias", AliasName="alias/orders", TargetKeyId=key["KeyId"])
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "day")]
    throughput = {"ReadCapacityUnits": 10, "WriteCapacityUnits": 5}
    index = {
        "IndexName": "by-day",
        "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        "ProvisionedThroughput": throughput,
    }
    dynamodb.create_table(
        source,
        TableName="orders",
        AttributeDefinitions=attributes,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        ProvisionedThroughput=throughput,
        GlobalSecondaryIndexes=[index],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key["Arn"]},
        DeletionProtectionEnabled=True,
    )
    dynamodb.update_ttl(source, "orders", "expiresAt", True)
    dynamodb.update_recovery(source, "orders", 7)
    dynamodb.tag(source, TABLE_ARN, {"team": "checkout", "migrate:lineage": "abc"})
    dynamodb.put_resource_policy(source, TABLE_ARN, json.dumps(POLICY, indent=2), None)
    errors.call(source, "kinesis", "CreateStream", StreamName="changes", ShardCount=1)
    errors.call(source, "dynamodb", "EnableKinesisStreamingDestination", TableName="orders", StreamArn=STREAM)
    for place in ({}, {"IndexName": "by-day", "ContributorInsightsMode": "THROTTLED_KEYS"}):
        errors.call(
            source, "dynamodb", "UpdateContributorInsights", TableName="orders", ContributorInsightsAction="ENABLE",
            **place,
        )  # fmt: skip
    for resource, kind in (("table/orders", "table"), ("table/orders/index/by-day", "index")):
        autoscaling.register_target(source, resource, f"dynamodb:{kind}:ReadCapacityUnits", 5, 50)
    autoscaling.put_schedule(
        source, "table/orders", "dynamodb:table:ReadCapacityUnits", "night",
        {"Schedule": "cron(0 22 * * ? *)", "ScalableTargetAction": {"MinCapacity": 1}},
    )  # fmt: skip
    for account, name in ((source, "plain"), (target, "plain"), (target, "other")):
        dynamodb.create_table(
            account,
            TableName=name,
            AttributeDefinitions=attributes[:1],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
    s3.create_bucket(target, BUCKET)
    s3.put_ownership_enforced(target, BUCKET)
    s3.block_public_access(target, BUCKET)
    s3.tag_bucket(target, BUCKET, {"migrate:lineage": "abc", "team": "data"})


class Accounts:
    """Fresh read-only accounts, with the server's record of everything that they send."""

    def __init__(self, server: Sandbox) -> None:
        self.source, self.target = connect(server, SOURCE), connect(server, TARGET)
        self._log = server.calls
        self._before = len(self._log.select())

    @property
    def sent(self) -> list[tuple[str, str, str]]:
        """Side, operation and parameters of each call so far, but of those that get credentials."""
        sides = {SOURCE: "source", TARGET: "target"}
        return [
            (sides[call["account"]], call["operation"], json.dumps(call["params"], sort_keys=True))
            for call in self._log.select()[self._before :]
            if call["operation"] != "AssumeRole"
        ]

    def look(self, *pairs: tuple[str, str], buckets: tuple[str, ...] = (), **keys: tuple[str, str]) -> Inventory:
        return collect(self.source, self.target, pairs=pairs, buckets=buckets, keys=keys, clock=SystemClock())

    def operations(self, side: str) -> Counter[str]:
        return Counter(operation for where, operation, _ in self.sent if where == side)


@pytest.fixture
def accounts(emulator: Sandbox) -> Accounts:
    return Accounts(emulator)


@contextlib.contextmanager
def denied(server: Sandbox, *refused: tuple[str, str]) -> Iterator[None]:
    """The named operations of the named accounts are refused, as IAM refuses them."""
    rules = [{"kind": "access-denied", "account": account, "operation": operation} for account, operation in refused]
    assert server.faults.replace({"rules": rules}) == []
    yield
    server.faults.clear()


EVERYTHING: dict[str, Any] = {
    "buckets": (BUCKET, "no-such-bucket-anywhere"),
    "orders": ("source", "alias/orders"),
    "missing": ("target", "alias/missing"),
}


def test_every_setting_is_read(accounts: Accounts) -> None:
    seen = accounts.look(("orders", "orders-2"), **EVERYTHING)
    table = seen.source_tables["orders"]
    spec = table.spec
    assert spec.encryption == Encryption("customer-managed", seen.keys["orders"].arn)
    assert (spec.ttl, spec.recovery_days, spec.stream) == ("expiresAt", 7, "NEW_IMAGE")
    assert (spec.tags, table.own_tags) == ({"team": "checkout"}, {"migrate:lineage": "abc"})
    assert spec.resource_policy == json.dumps(POLICY, sort_keys=True, separators=(",", ":"))
    assert spec.kinesis == KinesisDestination(STREAM)
    assert spec.contributor_insights == {"": "ACCESSED_AND_THROTTLED_KEYS", "by-day": "THROTTLED_KEYS"}
    assert set(spec.auto_scaling) == {"table:Read", "index/by-day:Read"}
    assert set(spec.auto_scaling["table:Read"].schedules) == {"night"}
    assert spec.deletion_protection
    assert seen.target_tables == {}
    assert seen.diagnostics == ()


def test_buckets_and_keys(accounts: Accounts) -> None:
    seen = accounts.look(**EVERYTHING)
    bucket = seen.buckets[BUCKET]
    assert (bucket.exists, bucket.reachable, bucket.region, bucket.ownership) == (
        True, True, REGION, "BucketOwnerEnforced",
    )  # fmt: skip
    assert (bucket.is_private, bucket.encryption, bucket.policy) == (True, "AES256", None)
    assert bucket.own_tags == {"migrate:lineage": "abc"}
    assert not seen.buckets["no-such-bucket-anywhere"].exists
    assert seen.keys["orders"].arn.startswith(f"arn:aws:kms:{REGION}:{SOURCE}:key/")
    assert seen.keys["orders"].policy is not None
    assert seen.keys["missing"].arn == ""


def test_no_read_is_made_twice(accounts: Accounts) -> None:
    verify_accounts(accounts.source, accounts.target)
    accounts.look(("orders", "plain"), ("orders", "other"), ("plain", "new"), ("orders", "plain"), **EVERYTHING)
    twice = [call for call, times in Counter(accounts.sent).items() if times > 1]
    assert twice == []


def test_a_pair_of_tables_costs_at_most_twelve_reads(accounts: Accounts) -> None:
    accounts.look(("plain", "plain"))
    for side in ("source", "target"):
        of_table = {name: n for name, n in accounts.operations(side).items() if name in READS_PER_TABLE}
        assert of_table == dict.fromkeys(READS_PER_TABLE, 1)
    # GetCallerIdentity, three lists of auto scaling, one of contributor insights; whatever the number of tables.
    assert len(accounts.sent) == 12 + 2 * 5


def test_contributor_insights_are_read_to_the_last_page(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insights, "PAGE", 1)
    table = accounts.look(("orders", "orders-2")).source_tables["orders"]
    assert set(table.spec.contributor_insights) == {"", "by-day"}
    assert accounts.operations("source")["ListContributorInsights"] == 2


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tables are many."""
    monkeypatch.setattr(tags, "MANY", 1)


PAIRS = (("orders", "orders"), ("plain", "plain"))


@pytest.mark.usefixtures("many")
def test_tags_of_many_source_tables_are_read_at_once(emulator: Sandbox, accounts: Accounts) -> None:
    inventory = accounts.look(*PAIRS)
    assert inventory.source_tables["orders"].spec.tags == {"team": "checkout"}
    assert inventory.source_tables["plain"].spec.tags == {}
    assert accounts.operations("source")["GetResources"] == 1
    assert accounts.operations("source")["ListTagsOfResource"] == 1, "one table that is not in the answer is probed"
    assert accounts.operations("target")["ListTagsOfResource"] == 1, "whose it is, its own tags say"
    assert "GetResources" not in accounts.operations("target")


@pytest.mark.usefixtures("many")
def test_where_tags_may_not_be_read_at_once_they_are_read_one_by_one(emulator: Sandbox, accounts: Accounts) -> None:
    with denied(emulator, (SOURCE, "GetResources")):
        inventory = accounts.look(*PAIRS)
    assert inventory.source_tables["orders"].spec.tags == {"team": "checkout"}
    assert accounts.operations("source")["ListTagsOfResource"] == 2
    (told,) = inventory.diagnostics
    assert told.severity is Severity.NOTE
    assert "tag:GetResources" in told.hint


@pytest.mark.usefixtures("many")
def test_an_answer_that_leaves_tables_out_is_not_believed(
    emulator: Sandbox, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = {"PaginationToken": "", "ResourceTagMappingList": list[Any]()}
    name = ("resourcegroupstaggingapi", "GetResources")
    accepted = rest_json._OPERATIONS[name][1]
    monkeypatch.setitem(rest_json._OPERATIONS, name, (lambda _call: nothing, accepted))
    assert accounts.look(*PAIRS).source_tables["orders"].spec.tags == {"team": "checkout"}


def test_an_absent_target_table_costs_one_read(accounts: Accounts) -> None:
    accounts.look(("plain", "absent"))
    assert accounts.operations("target") == {"GetCallerIdentity": 1, "DescribeTable": 1}


def test_calls_are_counted(accounts: Accounts) -> None:
    accounts.look(("plain", "absent"))
    assert accounts.source.calls == accounts.operations("source")


def test_digest_is_the_same_each_time(emulator: Sandbox) -> None:
    pairs = [("orders", "plain"), ("plain", "other"), ("gone", "gone")]
    first = Accounts(emulator).look(*pairs, **EVERYTHING)
    second = Accounts(emulator).look(*reversed(pairs), **dict(reversed(EVERYTHING.items())))
    assert first.digest == second.digest
    assert list(first.source_tables) == ["orders", "plain"]


def test_a_missing_source_table_is_told_and_the_rest_goes_on(accounts: Accounts) -> None:
    seen = accounts.look(("gone", "gone"), ("plain", "plain"))
    (problem,) = seen.diagnostics
    assert (problem.severity, problem.address) == (Severity.ERROR, "tables.gone")
    assert problem.summary == f"There is no table gone in {SOURCE} {REGION}"
    assert set(seen.source_tables) == {"plain"}


def test_a_missing_permission_names_action_and_table_and_the_rest_goes_on(
    emulator: Sandbox, accounts: Accounts
) -> None:
    with denied(emulator, (SOURCE, "ListTagsOfResource")):
        seen = accounts.look(("orders", "orders"))
    (problem,) = seen.diagnostics
    assert (problem.severity, problem.address) == (Severity.ERROR, "tables.orders")
    assert f"allow dynamodb:ListTagsOfResource on {TABLE_ARN} for arn:aws:sts::{SOURCE}:" in problem.hint
    assert seen.source_tables == {}, "a table without its tags must not look like one that has none"


def test_a_table_that_may_not_be_described(emulator: Sandbox, accounts: Accounts) -> None:
    with denied(emulator, (TARGET, "DescribeTable")):
        seen = accounts.look(("plain", "plain"))
    (problem,) = seen.diagnostics
    assert (problem.severity, problem.address) == (Severity.ERROR, "tables.plain")
    assert set(seen.source_tables) == {"plain"}


@pytest.mark.parametrize(
    ("operation", "address", "words"),
    [
        ("GetResourcePolicy", "tables.orders", "resource policy will not be carried over"),
        ("DescribeKinesisStreamingDestination", "tables.orders", "Kinesis destination will not be carried over"),
        ("ListContributorInsights", "accounts.source", "contributor insights will not be carried over"),
    ],
)
def test_without_an_optional_permission_the_plan_goes_on(
    emulator: Sandbox, accounts: Accounts, operation: str, address: str, words: str
) -> None:
    with denied(emulator, (SOURCE, operation)):
        seen = accounts.look(("orders", "orders"))
    (problem,) = seen.diagnostics
    assert (problem.severity, problem.address) == (Severity.WARNING, address)
    assert words in problem.summary
    assert seen.source_tables["orders"].spec.ttl == "expiresAt"


def test_source_tables_are_listed(emulator: Sandbox, accounts: Accounts) -> None:
    assert list_source_tables(accounts.source) == (["orders", "plain"], [])
    with denied(emulator, (SOURCE, "ListTables")):
        names, (problem,) = list_source_tables(accounts.source)
    assert names == []
    assert "dynamodb:ListTables" in problem.hint


def test_accounts_are_who_the_manifest_says(accounts: Accounts) -> None:
    source, target = verify_accounts(accounts.source, accounts.target)
    assert (source.id, target.id, source.region, source.partition) == (SOURCE, TARGET, REGION, "aws")
    assert source.caller == f"arn:aws:sts::{SOURCE}:assumed-role/MigrateSandbox/migrate"


def test_both_wrong_accounts_are_told_at_once(emulator: Sandbox) -> None:
    source = session.connect(access(emulator, SOURCE, claimed="333333333333"), read_only=True)
    target = session.connect(access(emulator, TARGET, claimed="444444444444"), read_only=True)
    with pytest.raises(Refused) as caught:
        verify_accounts(source, target)
    assert f"accounts.source: the credentials are of account {SOURCE}, the manifest says 333333333333" in str(
        caught.value
    )
    assert f"accounts.target: the credentials are of account {TARGET}, the manifest says 444444444444" in str(
        caught.value
    )
    assert "MigrateSandbox" in caught.value.why


def test_missing_credentials_stop_everything(emulator: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(CredentialsExpired) as caught:
        verify_accounts(connect(emulator, SOURCE), connect(emulator, TARGET))
    assert "accounts.source" in caught.value.hint
    assert "accounts.target" in caught.value.hint


def test_a_role_in_read_only_mode_cannot_write(accounts: Accounts) -> None:
    with pytest.raises(ReadOnlyViolation):
        dynamodb.delete_table(accounts.target, "other")
    assert dynamodb.describe_table(accounts.target, "other") is not None


def test_objects(emulator: Sandbox) -> None:
    target, source = (connect(emulator, id, read_only=False) for id in (TARGET, SOURCE))
    content = b"0123456789" * 300_000
    errors.call(target, "s3", "PutObject", Bucket=BUCKET, Key="a/1", Body=content)
    assert [found["Key"] for found in s3.list_objects(target, BUCKET, "a/")] == ["a/1"]
    assert s3.read(target, BUCKET, "a/1") == content
    assert s3.stream_md5(target, BUCKET, "a/1") == ("ValdJMXlLuJaJFAooXaJYQ==", 3_000_000)
    assert s3.read(target, BUCKET, "a/2") is None
    assert s3.stream_md5(target, BUCKET, "a/2") is None
    with pytest.raises(Conflict):
        s3.delete_bucket(target, BUCKET)
    with pytest.raises(AlreadyExists):
        s3.create_bucket(source, BUCKET)
    assert s3.delete_objects(target, BUCKET, ["a/1", "a/2"]) == []
    assert list(s3.list_objects(target, BUCKET, "a/")) == []
