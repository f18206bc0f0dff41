"""Tables moved by AWS Backup through the command line, compared by a script that knows boto3 only."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tests.e2e.checker import differences
from tests.e2e.world import SOURCE, TARGET, World, control

KEYS = {"table": {"account": "target", "id": "alias/table"}}
TABLES = "[{name: orders, target: {encryption: table}}, {name: stock}]"
BY_BACKUP = {"strategy": "backup"}
OPTED = {"ResourceTypeOptInPreference": {"DynamoDB": True}, "ResourceTypeManagementPreference": {"DynamoDB": True}}
FOREIGN = {
    "Sid": "SomebodyElse",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::333333333333:root"},
    "Action": "backup:CopyIntoBackupVault",
    "Resource": "*",
}
WEEK = 8 * 24 * 3600


def fill(world: World) -> None:
    """`orders`: local and global indexes, a key of its own, most settings. `stock`: provisioned."""
    key = world.client("kms", SOURCE).create_key()["KeyMetadata"]["Arn"]
    theirs = world.client("kms", TARGET)
    theirs.create_alias(AliasName="alias/table", TargetKeyId=theirs.create_key()["KeyMetadata"]["KeyId"])
    types = {"id": "S", "n": "N", "day": "S"}

    def index(name: str, *keys: str, **projection: Any) -> dict[str, Any]:
        roles = zip(keys, ("HASH", "RANGE"), strict=False)
        schema = [{"AttributeName": key, "KeyType": role} for key, role in roles]
        return {"IndexName": name, "KeySchema": schema, "Projection": projection or {"ProjectionType": "ALL"}}

    world.table(
        "orders",
        25,
        KeySchema=index("", "id", "n")["KeySchema"],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in types.items()],
        LocalSecondaryIndexes=[index("by-day", "id", "day", ProjectionType="KEYS_ONLY")],
        GlobalSecondaryIndexes=[index("of-day", "day", "n"), index("of-n", "n")],
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        TableClass="STANDARD_INFREQUENT_ACCESS",
        DeletionProtectionEnabled=True,
        Tags=[{"Key": "team", "Value": "checkout"}],
    )
    world.source.update_time_to_live(
        TableName="orders", TimeToLiveSpecification={"AttributeName": "end", "Enabled": True}
    )
    world.table(
        "stock", 7, BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    )


def manifest(world: World, tables: str = TABLES, **options: Any) -> str:
    return world.manifest(tables, keys=KEYS, strategies={"backup": {"create": True, **options}}, defaults=BY_BACKUP)


def vaults(world: World, account: str) -> list[str]:
    """All but AWS's own."""
    found = world.client("backup", account).list_backup_vaults()["BackupVaultList"]
    return [one["BackupVaultName"] for one in found if one["BackupVaultName"] != "Default"]


def calls(world: World, operation: str) -> int:
    with urllib.request.urlopen(f"{world.url}/sandbox/calls?operation={operation}") as answer:
        found = json.loads(answer.read())
    return len(found["calls"] if isinstance(found, dict) else found)


@pytest.mark.parametrize("mode", ["copy", "air-gapped"])
def test_two_tables_arrive_as_they_were(world: World, mode: str) -> None:
    fill(world)
    if mode == "air-gapped":
        control(world.url, "organization", {"account": TARGET, "organization": "other"})
    file = manifest(world, mode=mode)
    world.ok("apply", file, "--auto-approve")
    for name in ("orders", "stock"):
        assert differences(world.source, world.target, name) == []
    described = world.target.describe_table(TableName="orders")["Table"]["SSEDescription"]
    key = world.client("kms", TARGET).describe_key(KeyId="alias/table")["KeyMetadata"]["Arn"]
    assert described["KMSMasterKeyArn"] == key
    assert world.ok("plan", file, "--detailed-exitcode").out.strip().endswith("The target matches the manifest.")
    for operation in ("StartBackupJob", "StartCopyJob", "StartRestoreJob"):
        assert calls(world, operation) == 2, operation
    assert calls(world, "CreateKey") == 2 + (2 if mode == "copy" else 1)
    assert calls(world, "CreateRole") == 2
    assert vaults(world, TARGET) == []
    assert vaults(world, SOURCE) == ([] if mode == "copy" else ["migration-air-gapped"])
    if mode == "air-gapped":
        control(world.url, "clock", {"advance_seconds": WEEK})
        world.ok("cleanup", file, "--auto-approve")
        assert vaults(world, SOURCE) == []


def test_what_was_there_is_used_and_stays(world: World) -> None:
    """A vault with somebody else's statement; a recovery point that is there already is restored from it."""
    fill(world)
    world.ok("apply", manifest(world, "[{name: stock, cleanup: keep}]"), "--auto-approve")
    theirs = world.client("backup", TARGET)
    policy = json.loads(theirs.get_backup_vault_access_policy(BackupVaultName="migration")["Policy"])
    policy["Statement"] = [FOREIGN]
    theirs.put_backup_vault_access_policy(BackupVaultName="migration", Policy=json.dumps(policy))
    again = world.manifest(
        "[{name: stock, target: {name: stock-2}}]",
        name="second",
        file="second.yaml",
        strategies={"backup": {"create": True, "from": "latest"}},
        defaults=BY_BACKUP,
    )
    world.ok("apply", again, "--auto-approve")
    assert calls(world, "StartBackupJob") == 1
    assert len(world.items(TARGET, "stock-2")) == 7
    left = json.loads(theirs.get_backup_vault_access_policy(BackupVaultName="migration")["Policy"])
    assert left["Statement"] == [FOREIGN]
    assert vaults(world, TARGET) == ["migration"]


def test_what_is_off_is_told_with_the_command_that_mends_it(world: World) -> None:
    fill(world)
    off = {name: {"DynamoDB": False} for name in OPTED}
    for account in (SOURCE, TARGET):
        world.client("backup", account).update_region_settings(**off)
    file = manifest(world, "[{name: stock}]")
    refused = world.run("plan", file)
    assert refused.code == 4
    for account in (SOURCE, TARGET):
        command = (
            "aws backup update-region-settings --region eu-west-1 --resource-type-management-preference DynamoDB=true"
        )
        assert f"in {account}: {command}" in refused.err
        world.client("backup", account).update_region_settings(**OPTED)
    world.ok("plan", file)
    assert calls(world, "CreateBackupVault") == 0


def test_looking_costs_the_same_whatever_the_number_of_tables(world: World) -> None:
    names = [f"table-{number}" for number in range(12)]
    for name in names:
        world.table(name, 0)
    tables = ", ".join(f"{{name: {name}}}" for name in names)
    file = world.manifest(f"[{tables}]", strategies={"backup": {"create": True}}, defaults=BY_BACKUP)
    plan = world.ok("plan", file, "--json").json
    for operation in ("DescribeOrganization", "DescribeRegionSettings", "ListBackupVaults", "GetRole"):
        assert calls(world, operation) == 2, operation
    shared = [action["kind"] for action in plan["actions"] if action["address"].startswith("shared/")]
    assert {kind: shared.count(kind) for kind in ("key", "vault", "role", "vault-policy")} == {
        "key": 2,
        "vault": 2,
        "role": 2,
        "vault-policy": 1,
    }


def test_a_missing_permission_is_told_and_auto_goes_another_way(world: World) -> None:
    fill(world)
    world.faults({"kind": "access-denied", "operation": "DescribeOrganization"})
    file = manifest(world, "[{name: orders, target: {encryption: table}}]")
    refused = world.run("plan", file)
    assert refused.code == 9
    assert f"allow organizations:DescribeOrganization on * for arn:aws:sts::{SOURCE}" in refused.err
    options = {"s3": {"bucket": "transfer", "create_bucket": True}, "backup": {"create": True}}
    tables = "[{name: orders, target: {encryption: table}}]"
    plan = world.ok("plan", world.manifest(tables, keys=KEYS, strategies=options), "--json").json
    assert plan["tables"][0]["strategy"] == "copy"
    assert "backup cannot: DescribeOrganization was refused" in plan["tables"][0]["reason"]


def test_a_lost_answer_makes_nothing_twice(world: World) -> None:
    """CreateKey has no token, and botocore repeats it: one of the two keys goes at once, the other with its vault."""
    fill(world)
    world.faults(
        *({"kind": "lost-response", "operation": name, "times": 1} for name in ("CreateKey", "CreateRole")),
        *(
            {"kind": "lost-response", "operation": f"Start{name}Job", "times": 1}
            for name in ("Backup", "Copy", "Restore")
        ),
    )
    world.ok("apply", manifest(world, "[{name: stock}]"), "--auto-approve")
    assert differences(world.source, world.target, "stock") == []
    for account in (SOURCE, TARGET):
        kms, backup = world.client("kms", account), world.client("backup", account)
        keys = [kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in kms.list_keys()["Keys"]]
        made = [key["KeyState"] for key in keys if "made by migrate" in key.get("Description", "")]
        assert set(made) == {"PendingDeletion"}
        jobs = [len(backup.list_backup_jobs()["BackupJobs"]), len(backup.list_restore_jobs()["RestoreJobs"])]
        assert jobs == ([1, 0] if account == SOURCE else [0, 1])
        assert len(world.client("backup", SOURCE).list_copy_jobs()["CopyJobs"]) == 1


def test_a_job_that_ends_partial_is_told_and_tried_anew(world: World) -> None:
    fill(world)
    world.faults({"kind": "job-partial", "operation": "StartCopyJob", "times": 1, "message": "Some data is missing."})
    file = manifest(world, "[{name: stock}]")
    failed = world.run("apply", file, "--auto-approve")
    assert failed.code == 7
    assert "PARTIAL" in failed.out + failed.err
    assert "Some data is missing." in failed.out + failed.err
    world.ok("apply", file, "--auto-approve")
    assert differences(world.source, world.target, "stock") == []
    assert calls(world, "StartBackupJob") == 1
    assert calls(world, "StartCopyJob") == 2
    assert vaults(world, TARGET) == []


def test_a_role_that_may_not_use_the_key_is_found_out_by_verify(world: World) -> None:
    """AWS Backup ends such a job as completed, without any data."""
    fill(world)
    iam = world.client("iam", TARGET)
    may = ["dynamodb:*"]
    documents = [
        {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Action": may, "Resource": "*"},
    ]
    trust, policy = (json.dumps({"Version": "2012-10-17", "Statement": [one]}) for one in documents)
    iam.create_role(RoleName="TooLittle", AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName="TooLittle", PolicyName="all", PolicyDocument=policy)
    file = manifest(world, "[{name: stock}]", role={"source": "migrate-backup", "target": "TooLittle"})
    ended = world.run("apply", file, "--auto-approve")
    assert ended.code == 8, ended.out + ended.err
    assert vaults(world, TARGET) == ["migration"], "nothing is cleaned up before every item is known to be there"
