"""The uploaded script on real local Spark, from the source account's table to the target account's."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.data.transform import TransformSpec
from migrate.sandbox.settings import SOURCE_ACCOUNT, TARGET_ACCOUNT
from migrate.spark.transforming import written
from tests.spark.conftest import ITEMS, World, item
from tests.spark.running import BUCKET, Submitted, needs_spark, role, run, spec_in

pytestmark = needs_spark()


def counts(result: dict[str, Any]) -> dict[str, int]:
    return {name: result[name] for name in ("read", "written", "kept", "rejected", "absent", "units", "units_done")}


@pytest.mark.both_sparks
def test_a_copy_moves_every_item_and_a_second_run_reads_nothing(world: World, tmp_path: Path) -> None:
    spec = spec_in(world.sandbox, "copy", "copy")
    run(spec, tmp_path)
    world.assert_same()
    first = world.result("copy")
    moved = {"read": ITEMS, "written": ITEMS, "kept": 0, "rejected": 0, "absent": 0, "units": 8, "units_done": 8}
    assert counts(first) == moved
    assert (first["balanced"], first["token"]) == (True, "a-token")
    assert min(first["read_units"], first["write_units"] - ITEMS + 1) > 0
    assert first["digest"]
    world.target.delete_item(TableName="copied", Key={"pk": {"S": "key-1"}})
    run(spec, tmp_path)
    assert counts(world.result("copy")) == moved
    assert world.result("copy")["digest"] == first["digest"]
    assert len(world.items(world.target, "copied")) == ITEMS - 1
    Submitted(spec_in(world.sandbox, "copy", "copy", segments=4), tmp_path).fails("belongs to other work")


@pytest.mark.both_sparks
def test_an_export_is_loaded_then_verified_then_repaired(world: World, tmp_path: Path) -> None:
    summary = exported(world)
    run(spec_in(world.sandbox, "load-export", "load", export=f"s3://{BUCKET}/{summary}", source_table=None), tmp_path)
    world.assert_same()
    result = world.result("load")
    assert (result["read"], result["written"], result["balanced"], result["read_units"]) == (ITEMS, ITEMS, True, 0)

    damaged, gone, extra = item(7) | {"flag": {"S": "no"}}, {"pk": {"S": "key-8"}}, {"pk": {"S": "only here"}}
    world.target.put_item(TableName="copied", Item=damaged)
    world.target.delete_item(TableName="copied", Key=gone)
    world.target.put_item(TableName="copied", Item=extra)
    run(spec_in(world.sandbox, "verify", "verify", segments=4), tmp_path)
    found = world.result("verify")["comparison"]
    assert [(one["mark"], one["key"]["pk"]["S"]) for one in found["named"]] == [
        ("*", "key-7"), ("+", "key-8"), ("-", "only here"),
    ]  # fmt: skip
    assert (found["same"], found["source_items"], found["target_items"]) == (ITEMS - 2, ITEMS, ITEMS)

    run(spec_in(world.sandbox, "repair", "repair", keys_from=f"s3://{BUCKET}/verify/{found['differences']}"), tmp_path)
    repaired = world.result("repair")
    assert (repaired["read"], repaired["written"], repaired["absent"], repaired["balanced"]) == (2, 2, 1, True)
    left = world.items(world.target, "copied")
    assert left.pop("only here") == extra
    assert left == world.items(world.source, "orders")


def test_an_export_that_was_changed_is_refused(world: World, tmp_path: Path) -> None:
    summary = exported(world)
    data = [key for key in world.keys(summary.rpartition("/")[0]) if "/data/" in key]
    lines = gzip.decompress(world.object(data[0])).replace(b"key-", b"yek-")
    world.s3.put_object(Bucket=BUCKET, Key=data[0], Body=gzip.compress(lines))
    spec = spec_in(world.sandbox, "load-export", "load", export=f"s3://{BUCKET}/{summary}")
    Submitted(spec, tmp_path).fails(f"the export is not sound | {data[0]} does not match its md5")
    assert not [key for key in world.items(world.target, "copied") if key.startswith("yek")]
    world.s3.delete_object(Bucket=BUCKET, Key=data[0])
    Submitted(spec, tmp_path).fails(f"{data[0]} is missing")
    assert "load/result.json" not in world.keys("load/")


def test_what_the_target_refuses_is_kept_aside_and_counted(world: World, tmp_path: Path) -> None:
    fat = {"pk": {"S": "fat"}, "sort": {"S": "x" * 1100}}  # a key of the target may have 1,024 bytes
    world.source.put_item(TableName="orders", Item=fat)
    world.target.create_table(
        TableName="strict",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "text", "KeyType": "HASH"}, {"AttributeName": "pk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "text", "AttributeType": "S"},
        ],
    )  # fmt: skip
    spec = spec_in(world.sandbox, "copy", "copy", target_table="strict", partition_key="text", sort_key="pk")
    run(spec, tmp_path)
    result = world.result("copy")
    assert (result["read"], result["written"], result["rejected"]) == (ITEMS + 1, ITEMS, 1)
    (letter,) = [line for key in result["dead_letters"] for line in world.object(f"copy/{key}").splitlines()]
    assert json.loads(letter)["item"] == fat
    Submitted(replace(spec, max_rejected=0), tmp_path).fails("strict refuses too many items: 1 of 601")


def test_a_bare_python_copies_the_same_bytes(world: World, tmp_path: Path) -> None:
    for name in ("msgspec", "xxhash", "orjson"):
        (tmp_path / "bare").mkdir(exist_ok=True)
        (tmp_path / "bare" / f"{name}.py").write_text("raise ImportError('not in this image')")
    run(spec_in(world.sandbox, "copy", "copy"), tmp_path, environment={"PYTHONPATH": str(tmp_path / "bare")})
    world.assert_same()
    assert world.result("copy")["digest"].startswith("raw-b1:")


def test_items_are_transformed_on_their_way_and_compared_as_they_are_then(world: World, tmp_path: Path) -> None:
    steps = ({"rename": {"text": "words"}}, {"drop": ["blob", "blobs"]}, {"set": {"schema": {"N": "2"}}})
    transform = TransformSpec(steps, (("pk", "S"),), ("pk",))
    world.s3.put_object(Bucket=BUCKET, Key="transform/orders.json", Body=written(transform))
    more = {"transform": f"s3://{BUCKET}/transform/orders.json", "transform_digest": transform.digest}
    run(spec_in(world.sandbox, "copy", "copy", **more), tmp_path)
    expected = {}
    for key, one in world.items(world.source, "orders").items():
        changed = {name: value for name, value in one.items() if name not in ("text", "blob", "blobs")}
        expected[key] = changed | {"words": one["text"], "schema": {"N": "2"}}
    assert world.items(world.target, "copied") == expected
    world.target.delete_item(TableName="copied", Key={"pk": {"S": "key-3"}})
    run(spec_in(world.sandbox, "verify", "verify", **more), tmp_path)
    found = world.result("verify")["comparison"]
    assert (found["same"], found["missing"], found["differs"], found["extra"]) == (ITEMS - 1, 1, 0, 0)


def test_a_role_that_may_not_be_assumed_ends_the_job(world: World, tmp_path: Path) -> None:
    stranger = role(SOURCE_ACCOUNT).replace("MigrateSandbox", "Nobody")
    spec = spec_in(world.sandbox, "copy", "copy", source_role=stranger)
    Submitted(spec, tmp_path).fails(f"migrate: AssumeRole {stranger}: ")


def exported(world: World) -> str:
    """The key of the summary of an export of the source's table in the work bucket."""
    world.source.update_continuous_backups(
        TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    source_arn = world.source.describe_table(TableName="orders")["Table"]["TableArn"]
    principal = {"AWS": f"arn:aws:iam::{SOURCE_ACCOUNT}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    world.s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    asked = {"TableArn": source_arn, "S3Bucket": BUCKET, "S3BucketOwner": TARGET_ACCOUNT, "S3Prefix": "export"}
    arn = world.source.export_table_to_point_in_time(**asked)["ExportDescription"]["ExportArn"]
    described = world.source.describe_export(ExportArn=arn)["ExportDescription"]
    assert described["ExportStatus"] == "COMPLETED", described
    return str(described["ExportManifest"])
