"""The migrations that are killed: each with the world before it, and what goes wrong during it without any death."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from migrate.core.events import StepEvent
from migrate.sandbox import organizations
from migrate.sandbox.settings import ROLE_NAME, SOURCE_ACCOUNT, TARGET_ACCOUNT
from migrate.state.model import State, Status
from tests.e2e.spark_world import emr_roles, somebodys_cluster
from tests.sandbox.aws import Aws

Migrate = Callable[[str], None]
BUCKET = "transfer"
FOREIGN = {
    "Sid": "SomebodyElse",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{TARGET_ACCOUNT}:root"},
    "Action": "s3:GetObject",
    "Resource": f"arn:aws:s3:::{BUCKET}/theirs/*",
}


SPARK = f"{{bucket: {BUCKET}, create_bucket: true, create: true, workers: 2, segments: 2}}"
REWRITTEN = (
    "transform: [{rename: {PK: customer}}, {filter: SK <> 3}, {drop: [blob]}], "
    "target: {keys: {partition: {name: customer, type: S}, sort: {name: SK, type: N}}}"
)
KEY_OF_3 = {"PK": {"S": "customer#0"}, "SK": {"N": "3"}}


def manifest(tables: str, *, create: bool = True, more: str = "", backup: str = "") -> str:
    """A manifest for these tables (a YAML list in one line); `backup` are options of that strategy."""
    accounts = "".join(
        f'  {side}: {{id: "{id}", region: eu-west-1, role: "arn:aws:iam::{id}:role/{ROLE_NAME}"}}\n'
        for side, id in (("source", SOURCE_ACCOUNT), ("target", TARGET_ACCOUNT))
    )
    s3 = f"{{bucket: {BUCKET}, create_bucket: {str(create).lower()}{more}}}"
    by_backup = f"  backup: {{create: true{backup}}}\n"
    return f"version: 1\nname: shop\naccounts:\n{accounts}strategies:\n  s3: {s3}\n{by_backup}tables: {tables}\n"


def by_spark(tables: str, strategy: str) -> str:
    """A manifest for tables that the Spark job moves."""
    return manifest(tables).replace("  s3:", f"  {strategy}: {SPARK}\n  s3:")


class Case:
    """One migration that comes to its end in `runs` runs when nobody dies."""

    name = ""
    runs = 1
    manifest = manifest("[{name: orders}]")
    pairs = 8
    """How many pairs of deaths are tried."""

    pause = 0.0
    """Real seconds that pass when it sleeps: for what a process of its own is awaited."""

    check = ""
    """The table of `migrate restore-check`, where that is what is killed."""

    begins_with = ""
    """The effect from which on it differs from every case before it: earlier deaths teach nothing new."""

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        """The world before the first run. `migrate` carries out a whole manifest."""
        make_orders(aws)

    def between(self, aws: Aws, state: State | None) -> None:
        """Before each run."""

    def meddle(self, aws: Aws, event: StepEvent) -> None:
        """During a run: a step has changed."""

    def has_arrived(self, source: list[str], target: list[str]) -> bool:
        """True when the target's items (sorted texts) are as the migration should leave them."""
        return target == source


class NewTable(Case):
    """A table with most settings; the bucket is made and taken away again."""

    name = "new-table"


class Copied(Case):
    """The same table, copied item by item."""

    name = "copied"
    manifest = manifest("[{name: orders, strategy: copy}]")


class BackedUp(Case):
    """A table through AWS Backup: keys, vaults, roles and the grant are made and taken away again."""

    name = "backed-up"
    manifest = manifest("[{name: stock, strategy: backup}]")

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        make_provisioned(aws, "stock")


class Protected(BackedUp):
    """Standing protection: a backup plan that copies into the target account."""

    name = "protected"
    begins_with = "source CreateBackupPlan"
    manifest = manifest("[{name: stock, protect: {schedule: daily}}]")

    def has_arrived(self, source: list[str], target: list[str]) -> bool:
        """Nothing is moved, and no scratch table is left."""
        return target == []


class ProtectedOtherwise(Protected):
    """One of two tables gets another schedule: a second plan, and a new selection in place of the first plan's."""

    name = "protected-otherwise"
    begins_with = ""
    manifest = manifest("[{name: stock, protect: {schedule: daily}}, {name: more, protect: {schedule: weekly}}]")

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        super().prepare(aws, migrate)
        make_provisioned(aws, "more")
        migrate(manifest('[{match: "*", protect: {schedule: daily}}]'))


class RestoreChecked(Protected):
    """A copy is restored into a scratch table, compared and dropped."""

    name = "restore-checked"
    begins_with = ""
    check = "stock"

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        super().prepare(aws, migrate)
        migrate(self.manifest)
        aws.sandbox.advance(24 * 3600)


class AirGapped(BackedUp):
    """The same through an air-gapped vault, to an account of another organization, which accepts a share."""

    name = "air-gapped"
    begins_with = "source CreateLogicallyAirGappedBackupVault"
    manifest = manifest("[{name: stock, strategy: backup}]", backup=", mode: air-gapped")

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        organizations.place(TARGET_ACCOUNT, "other")
        super().prepare(aws, migrate)


class IndexesLater(Case):
    """A copy whose indexes are created after the load, one at a time; the target is created warm."""

    name = "indexes-later"
    manifest = manifest(
        "[{name: orders, strategy: copy, options: {indexes: after, warm: true}, target: {table_class: standard}}]"
    )

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        make_orders(aws)
        add_index(aws.source, "orders", "by-label")


class Joined(Case):
    """A copy into a table of somebody else, which keeps what it has and is pre-warmed."""

    name = "joined"
    manifest = manifest(
        "[{name: orders, strategy: copy, options: {into: existing, on_conflict: keep, warm: true}, "
        "target: {tags: {joined: yes-it-is}, ttl: expiresAt}}]"
    )
    theirs = ({**KEY_OF_3, "status": {"S": "theirs"}}, {"PK": {"S": "theirs"}, "SK": {"N": "0"}})

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        make_orders(aws)
        make_keyed(aws.target, "orders")
        for item in self.theirs:
            aws.target.put_item(TableName="orders", Item=item)

    def has_arrived(self, source: list[str], target: list[str]) -> bool:
        replaced = json.dumps(order(3), sort_keys=True, default=repr)
        theirs = [json.dumps(item, sort_keys=True, default=repr) for item in self.theirs]
        return target == sorted([*(item for item in source if item != replaced), *theirs])


class Transformed(Case):
    """A copy that changes every item on its way, leaves one out, and gives the others another key."""

    name = "transformed"
    manifest = manifest(f"[{{name: orders, strategy: copy, {REWRITTEN}}}]")

    def has_arrived(self, source: list[str], target: list[str]) -> bool:
        wanted = []
        for item in map(json.loads, source):
            item["customer"] = item.pop("PK")
            del item["blob"]
            wanted += [json.dumps(item, sort_keys=True)] if item["SK"] != {"N": "3"} else []
        return target == sorted(wanted)


class TwoTables(Case):
    """Two tables through one bucket that others use; recovery of the source is turned on and off again."""

    name = "two-tables"
    manifest = manifest("[{name: events}, {name: stock}]", create=False, more=", source_pitr: restore")

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        make_bucket(aws)
        make_provisioned(aws, "events")
        make_provisioned(aws, "stock")


class Drift(Case):
    """A finished migration whose target was changed by hand."""

    name = "drift"

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        make_orders(aws)
        recovery(aws.source, "orders", enabled=True)
        migrate(self.manifest)
        arn = aws.target.describe_table(TableName="orders")["Table"]["TableArn"]
        aws.target.update_table(TableName="orders", DeletionProtectionEnabled=False)
        aws.target.update_table(TableName="orders", TableClass="STANDARD")
        aws.target.update_table(TableName="orders", StreamSpecification={"StreamEnabled": False})
        aws.target.tag_resource(
            ResourceArn=arn, Tags=[{"Key": "team", "Value": "?"}, {"Key": "extra", "Value": "kept"}]
        )
        set_ttl(aws.target, "orders", enabled=False)
        recovery(aws.target, "orders", enabled=False)


class BadFile(Case):
    """An exported file goes bad after its check, so that the import fails half way; it is mended before the retry."""

    name = "bad-file"
    runs = 2
    begins_with = "target ImportTable"
    manifest = manifest("[{name: orders}]", more=", source_pitr: restore")
    is_mended = True

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        make_orders(aws)

    def between(self, aws: Aws, state: State | None) -> None:
        check, load = (state.record(f"orders/{name}") if state else None for name in ("export-check", "import"))
        if load is not None and load.status is Status.FAILED:
            if self.is_mended:
                _write_data(aws, _data(aws).removesuffix(BAD))
        elif load is None and check is not None and check.status is Status.DONE:
            self._spoil(aws)

    def meddle(self, aws: Aws, event: StepEvent) -> None:
        if (event.address, event.change, event.attempt) == ("orders/export-check", "done", 1):
            self._spoil(aws)

    def _spoil(self, aws: Aws) -> None:
        _write_data(aws, _data(aws).removesuffix(BAD) + BAD)


class LostFile(BadFile):
    """The same, and nobody mends it: the check finds it, and a new export is made."""

    name = "lost-file"
    runs = 3
    is_mended = False


class Unequal(Case):
    """Somebody deletes an item of the target before it is verified, and puts it back after the failure."""

    name = "unequal"
    runs = 2
    begins_with = "target ImportTable"
    manifest = manifest("[{name: orders}]", more=", source_pitr: restore")

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        make_orders(aws)

    def between(self, aws: Aws, state: State | None) -> None:
        load, verify = (state.record(f"orders/{name}") if state else None for name in ("import", "verify"))
        if verify is not None and verify.status is Status.FAILED:
            aws.target.put_item(TableName="orders", Item=order(3))
        elif verify is None and load is not None and load.status is Status.DONE:
            self._damage(aws)

    def meddle(self, aws: Aws, event: StepEvent) -> None:
        if (event.address, event.change) == ("orders/import", "done"):
            self._damage(aws)

    def _damage(self, aws: Aws) -> None:
        aws.target.delete_item(TableName="orders", Key={name: order(3)[name] for name in ("PK", "SK")})


class BySpark(Case):
    """A table by the Spark job. It takes seconds to start, so only deaths at effects of its own are tried.

    This machine verifies, for the same reason, where the verification is not what is tried.
    """

    deaths_at: tuple[str, ...] = ()
    pause = 0.05

    def deaths(self, effects: list[str]) -> list[int]:
        """Numbers of the effects at which to die."""
        return [number for number, effect in enumerate(effects, start=1) if effect in self.deaths_at]


class ByGlue(BySpark):
    """On Glue: roles and bucket are made, and all of it is taken away again."""

    name = "by-glue"
    deaths_at = ("target CreateJob", "target StartJobRun", "target DeleteJob")
    manifest = by_spark("[{name: orders, strategy: glue, verify: {by: local}}]", "glue")


class ByServerless(BySpark):
    """On EMR Serverless."""

    name = "by-serverless"
    deaths_at = ("target CreateApplication", "target StartJobRun", "target StopApplication", "target DeleteApplication")
    manifest = by_spark("[{name: orders, strategy: emr, verify: {by: local}}]", "emr")


SHARES = (
    "share: [{principal: '333333333333', access: [read, stream]}, "
    "{principal: 'arn:aws:iam::333333333333:role/Writer', access: write}]"
)
THEIRS = {
    "Sid": "SomebodyElse",
    "Effect": "Deny",
    "Principal": {"AWS": "arn:aws:iam::444444444444:root"},
    "Action": "dynamodb:Scan",
}


class Shared(Case):
    """Other accounts get access to table and stream, beside a resource policy that is carried over."""

    name = "shared"
    pairs = 3
    begins_with = "target PutResourcePolicy"
    manifest = manifest(f"[{{name: orders, strategy: copy, target: {{resource_policy: rewrite}}, {SHARES}}}]")

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        make_orders(aws)
        arn = aws.describe("orders")["TableArn"]
        text = json.dumps({"Statement": [{**THEIRS, "Resource": arn}]})
        aws.source.put_resource_policy(ResourceArn=arn, Policy=text)


class Unshared(Shared):
    """It is taken back; what somebody else has put into the policy of the stream stays."""

    name = "unshared"
    begins_with = ""
    manifest = manifest("[{name: orders, strategy: copy, target: {resource_policy: rewrite}}]")

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        super().prepare(aws, migrate)
        migrate(Shared.manifest)
        stream = aws.target.describe_table(TableName="orders")["Table"]["LatestStreamArn"]
        policy = json.loads(aws.target.get_resource_policy(ResourceArn=stream)["Policy"])
        policy["Statement"].append({**THEIRS, "Resource": stream})
        aws.target.put_resource_policy(ResourceArn=stream, Policy=json.dumps(policy))


class ByCluster(BySpark):
    """On a cluster of EMR that is made for it."""

    name = "by-cluster"
    deaths_at = ("target RunJobFlow",)
    manifest = ByServerless.manifest.replace("workers: 2", "workers: 2, mode: cluster, release: emr-7.11.0")

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        super().prepare(aws, migrate)
        emr_roles(aws)


class ByStep(ByCluster):
    """On a cluster of EMR that is there, and stays."""

    name = "by-step"
    deaths_at = ("target AddJobFlowSteps",)

    def prepare(self, aws: Aws, migrate: Migrate) -> None:
        super().prepare(aws, migrate)
        id = somebodys_cluster(aws, "EMR_EC2_DefaultRole")
        self.manifest = ByCluster.manifest.replace("workers: 2", f"workers: 2, cluster_id: {id}")


class TransformedByGlue(BySpark, Transformed):
    """On Glue, with a transform that is uploaded for it: the last object before the run."""

    name = "transformed-by-glue"
    deaths_at = ("target PutObject",)
    manifest = by_spark(f"[{{name: orders, strategy: glue, verify: {{by: local}}, {REWRITTEN}}}]", "glue")

    def deaths(self, effects: list[str]) -> list[int]:
        """See `BySpark.deaths`."""
        return super().deaths(effects)[-1:]


class VerifiedByGlue(BySpark):
    """On Glue, which is also asked to verify: a second run of the same job."""

    name = "verified-by-glue"
    deaths_at = ("target StartJobRun",)
    manifest = by_spark("[{name: orders, strategy: glue}]", "glue")

    def deaths(self, effects: list[str]) -> list[int]:
        """See `BySpark.deaths`."""
        return super().deaths(effects)[-1:]


SPARK_CASES: dict[str, BySpark] = {
    case.name: case for case in (ByGlue(), ByServerless(), ByCluster(), ByStep(), TransformedByGlue(), VerifiedByGlue())
}
CASES: dict[str, Case] = {
    case.name: case
    for case in (
        NewTable(),
        Copied(),
        IndexesLater(),
        Joined(),
        Transformed(),
        Shared(),
        Unshared(),
        BackedUp(),
        Protected(),
        ProtectedOtherwise(),
        RestoreChecked(),
        AirGapped(),
        TwoTables(),
        Drift(),
        BadFile(),
        LostFile(),
        Unequal(),
    )
}
BAD = gzip.compress(b'{"Item": {"PK": {"N": "1"}, "SK": {"S": "wrong"}}}\n', mtime=0)
"""More content for a compressed file: an item that no import takes."""


def order(number: int) -> dict[str, Any]:
    """An item of `orders`."""
    return {
        "PK": {"S": f"customer#{number % 3}"},
        "SK": {"N": str(number)},
        "status": {"S": ("open", "paid")[number % 2]},
        "labels": {"SS": ["a", f"b{number}"]},
        "blob": {"B": bytes([number])},
        "expiresAt": {"N": str(1_900_000_000 + number)},
    }


def make_orders(aws: Aws) -> None:
    """A table with an index and all the settings that AWS sets after a load."""
    types = {"PK": "S", "SK": "N", "status": "S"}
    aws.source.create_table(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in types.items()],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
        TableClass="STANDARD_INFREQUENT_ACCESS",
        DeletionProtectionEnabled=True,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-status",
                "KeySchema": [{"AttributeName": "status", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        Tags=[{"Key": "team", "Value": "checkout"}],
    )
    set_ttl(aws.source, "orders", enabled=True)
    for number in range(10):
        aws.source.put_item(TableName="orders", Item=order(number))


def make_keyed(client: Any, name: str) -> None:
    """An empty table with the key of `orders` and nothing else."""
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in (("PK", "S"), ("SK", "N"))],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )


def add_index(client: Any, table: str, name: str) -> None:
    """One more global index, with the attribute `label` as its key."""
    client.update_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("PK", "label")],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": name,
                    "KeySchema": [{"AttributeName": "label", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            }
        ],
    )


def make_provisioned(aws: Aws, name: str) -> None:
    """A table with provisioned capacity that auto scaling moves."""
    aws.source.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    scaling = aws.client("application-autoscaling")
    dimension = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": f"table/{name}",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    scaling.register_scalable_target(**dimension, MinCapacity=5, MaxCapacity=50)
    metric = {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"}
    scaling.put_scaling_policy(
        **dimension,
        PolicyName="keep-cool",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 70.0, "PredefinedMetricSpecification": metric},
    )
    for number in range(5):
        aws.source.put_item(TableName=name, Item={"id": {"S": f"{name}-{number}"}, "n": {"N": f"{number}.50"}})


def make_bucket(aws: Aws) -> None:
    """A bucket of the target account with an object and a statement of somebody else."""
    s3 = aws.client("s3", TARGET_ACCOUNT)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket=BUCKET, Key="theirs/file", Body=b"not ours")
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [FOREIGN]}))


def set_ttl(client: Any, table: str, *, enabled: bool) -> None:
    """Turn TTL on `expiresAt` on or off."""
    wish = {"AttributeName": "expiresAt", "Enabled": enabled}
    client.update_time_to_live(TableName=table, TimeToLiveSpecification=wish)


def recovery(client: Any, table: str, *, enabled: bool) -> None:
    """Turn point-in-time recovery on or off."""
    client.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
    )


def _data_key(aws: Aws) -> str:
    """The data file of the first export (its items are in one file)."""
    found = aws.client("s3", TARGET_ACCOUNT).list_objects_v2(Bucket=BUCKET)["Contents"]
    return str(min((e for e in found if "/data/" in e["Key"]), key=lambda e: e["Key"])["Key"])


def _data(aws: Aws) -> bytes:
    content: bytes = aws.client("s3", TARGET_ACCOUNT).get_object(Bucket=BUCKET, Key=_data_key(aws))["Body"].read()
    return content


def _write_data(aws: Aws, content: bytes) -> None:
    aws.client("s3", TARGET_ACCOUNT).put_object(Bucket=BUCKET, Key=_data_key(aws), Body=content)
