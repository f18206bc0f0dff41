"""What every action handler must keep to, on the sandbox: look, start, wait, be found again, take back, do again."""

from __future__ import annotations

import dataclasses
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from migrate.actions.base import (
    Absent,
    Again,
    Context,
    Done,
    Failed,
    InProgress,
    ReadOnlyHandler,
    Running,
    Satisfied,
    Step,
)
from migrate.actions.registry import handlers
from migrate.actions.removal import Removal
from migrate.aws.session import AccountAccess, connect
from migrate.core.clock import SystemClock
from migrate.core.codec import canonical
from migrate.core.errors import AwsError
from migrate.core.table import Index, Key, KeySchema, TableSpec
from migrate.manifest.model import Share
from migrate.observe.inventory import AccountFacts
from migrate.plan.creation import attribute_definitions, creation_parameters, index_parameters, table_parameters
from migrate.plan.model import Side
from migrate.plan.sharing import stream_statements, table_statements
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION, ROLE_NAME, SOURCE_ACCOUNT, TARGET_ACCOUNT, Timing
from migrate.state.folder import FolderStore
from migrate.state.model import token
from tests.contract import spark_params

pytestmark = pytest.mark.usefixtures("without_java")
LINEAGE = "0123456789abcdef0123456789abcdef"
HANDLERS = handlers()
SPEC = TableSpec(KeySchema((Key("pk", "S"),), (Key("sk", "N"),)))
BY_USER = Index(KeySchema((Key("user", "S"),)))
Params = Mapping[str, Any]
_numbers = itertools.count()


class World:
    """Both accounts of a sandbox, and what cases need to be there."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.context = Context(
            self._account("source", SOURCE_ACCOUNT, sandbox),
            self._account("target", TARGET_ACCOUNT, sandbox),
            SystemClock(),
            LINEAGE,
            work=FolderStore(tempfile.mkdtemp()).work("handlers"),
        )
        self.source = self.context.source.client("dynamodb")
        self.target = self.context.target.client("dynamodb")

    def _account(self, side: str, id: str, sandbox: Sandbox) -> Any:
        role = f"arn:aws:iam::{id}:role/{ROLE_NAME}"
        access = AccountAccess(side, id, REGION, role=role, endpoint_url=sandbox.endpoint_url)
        return connect(access, read_only=False)

    def name(self, start: str) -> str:
        """A name that nothing has yet."""
        return f"{start}-{next(_numbers)}"

    def table(self, client: Any, items: int = 0) -> str:
        """A table with the keys of SPEC, that can be exported."""
        name = self.name("table")
        client.create_table(**creation_parameters(name, SPEC))
        client.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        for number in range(items):
            client.put_item(TableName=name, Item={"pk": {"S": f"item-{number}"}, "sk": {"N": str(number)}})
        return name

    def make(self, kind: str, params: Params, side: Side = Side.TARGET) -> tuple[Step, Done]:
        """Carry out an action of another kind, for what a case builds on."""
        step = new_step(kind, side, params)
        return finish(self, step)

    def bucket(self) -> str:
        """A bucket of ours that the source account may write to."""
        name = self.name("bucket")
        self.make("bucket", {"bucket": name, "encryption_key": None})
        self.make("bucket-policy", grant(name))
        return name

    def export(self) -> dict[str, Any]:
        """A finished export of three items: params of its check."""
        params = export_params(self)
        _, done = self.make("export", params, Side.SOURCE)
        return {"bucket": params["bucket"], "bucket_owner": TARGET_ACCOUNT, **pick(done, "manifest_key", "item_count")}

    def exported(self) -> dict[str, Any]:
        """A checked export: params of an import."""
        check = self.export()
        _, done = self.make("export-check", check)
        name = self.name("imported")
        return {
            "table": name,
            "bucket": check["bucket"],
            "bucket_owner": TARGET_ACCOUNT,
            "data_prefix": done.outputs["data_prefix"],
            "item_count": done.outputs["items"],
            "creation": creation_parameters(name, SPEC),
        }


def pick(done: Done, *names: str) -> dict[str, Any]:
    return {name: done.outputs[name] for name in names}


def grant(bucket: str) -> dict[str, Any]:
    statement = {
        "Sid": "Migratecontract",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{SOURCE_ACCOUNT}:root"},
        "Action": ["s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectAcl"],
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    return {"bucket": bucket, "statement": statement}


def export_params(world: World) -> dict[str, Any]:
    table = world.table(world.source, items=3)
    return {
        "table_arn": arn_of(table),
        "bucket": world.bucket(),
        "bucket_owner": TARGET_ACCOUNT,
        "prefix": "migrate/contract",
        "encryption_key": None,
    }


def shared_params(kind: str, world: World) -> dict[str, Any]:
    """A table with a stream, whose policies somebody else has a statement in."""
    table = world.table(world.target)
    world.target.update_table(
        TableName=table, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    )
    described = world.target.describe_table(TableName=table)["Table"]
    arn = described["TableArn"] if kind == "table-share" else described["LatestStreamArn"]
    theirs = {**json.loads(policy(table))["Statement"][0], "Sid": "Theirs", "Resource": arn}
    world.target.put_resource_policy(ResourceArn=arn, Policy=json.dumps({"Statement": [theirs]}))
    shares = [Share("333333333333", ("read", "stream")), Share("arn:aws:iam::444444444444:role/R", ("write", "stream"))]
    account = AccountFacts(TARGET_ACCOUNT, REGION, "")
    if kind == "stream-share":
        return {"table": table, "statements": stream_statements(shares, account, LINEAGE)}
    return {"table": table, "statements": table_statements(shares, table, account, LINEAGE)}


def index_params(world: World) -> dict[str, Any]:
    spec = dataclasses.replace(SPEC, global_indexes={"by-user": BY_USER})
    return {
        "table": world.table(world.target),
        "index": "by-user",
        "creation": index_parameters("by-user", BY_USER, spec),
        "attributes": attribute_definitions(spec, [BY_USER]),
    }


def verify_params(world: World) -> dict[str, Any]:
    return {
        "source_table": world.table(world.source, items=2),
        "target_table": world.table(world.target, items=2),
        "keys": ["pk", "sk"],
        "mode": "digest",
        "size_bytes": 100,
        "table_id": "some-id",
    }


def copy_params(world: World) -> dict[str, Any]:
    source, target = world.table(world.source, items=7), world.table(world.target)
    described = world.context.target.client("dynamodb").describe_table(TableName=target)
    return {
        "source_table": source,
        "source_arn": arn_of(source),
        "target_table": target,
        "table_id": described["Table"]["TableId"],
        "keys": ["pk", "sk"],
        "segments": 2,
        "size_bytes": 100,
    }


def look_params(world: World) -> dict[str, Any]:
    table = world.table(world.target)
    id = world.target.describe_table(TableName=table)["Table"]["TableId"]
    return {"table": table, "table_id": id, "keys": [["pk", "S"], ["sk", "N"]], "must_be_empty": True}


def warm_params(world: World) -> dict[str, Any]:
    warm = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 20_000}
    return {"table": world.table(world.target), "index": None, "throughput": warm}


def arn_of(table: str, account: str = SOURCE_ACCOUNT) -> str:
    return f"arn:aws:dynamodb:{REGION}:{account}:table/{table}"


def vault(world: World, side: Side) -> tuple[str, str]:
    """Name and ARN of a vault with a key of its own; the target's takes copies from the source account."""
    account = world.context.account(side)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam::{id}:root" for id in (SOURCE_ACCOUNT, TARGET_ACCOUNT)]},
        "Action": "kms:*",
        "Resource": "*",
    }
    text = canonical({"Version": "2012-10-17", "Statement": [statement]})
    key = account.client("kms").create_key(Policy=text)["KeyMetadata"]["Arn"]
    name, backup = world.name("vault"), account.client("backup")
    arn = str(backup.create_backup_vault(BackupVaultName=name, EncryptionKeyArn=key)["BackupVaultArn"])
    if side is Side.TARGET:
        copies = {**statement, "Action": "backup:CopyIntoBackupVault"}
        text = canonical({"Version": "2012-10-17", "Statement": [copies]})
        backup.put_backup_vault_access_policy(BackupVaultName=name, Policy=text)
    return name, arn


def backup_role(world: World, side: Side) -> str:
    """ARN of a role that AWS Backup may assume and that may do everything."""
    iam, name = world.context.account(side).client("iam"), world.name("role")
    trust = {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
    text = canonical({"Version": "2012-10-17", "Statement": [trust]})
    arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=text)["Role"]["Arn"])
    may = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    text = canonical({"Version": "2012-10-17", "Statement": [may]})
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=text)
    return arn


def backup_params(world: World) -> dict[str, Any]:
    return {
        "table_arn": arn_of(world.table(world.source, items=3)),
        "vault": vault(world, Side.SOURCE)[0],
        "role_arn": backup_role(world, Side.SOURCE),
        "delete_after_days": None,
        "tags": {},
    }


def copy_job_params(world: World) -> dict[str, Any]:
    backup = backup_params(world)
    _, done = world.make("backup-job", backup, Side.SOURCE)
    name, arn = vault(world, Side.TARGET)
    return {
        "recovery_point_arn": done.outputs["recovery_point_arn"],
        "source_vault": backup["vault"],
        "destination_vault": name,
        "destination_vault_arn": arn,
        "destination_side": "target",
        "role_arn": backup["role_arn"],
        "delete_after_days": None,
    }


def restore_params(world: World) -> dict[str, Any]:
    copied = copy_job_params(world)
    _, done = world.make("copy-job", copied, Side.SOURCE)
    return {
        "recovery_point_arn": done.outputs["recovery_point_arn"],
        "vault": copied["destination_vault"],
        "vault_account_id": None,
        "role_arn": backup_role(world, Side.TARGET),
        "table": world.name("restored"),
        "encryption": {"type": "Default", "key_arn": None},
    }


def plan_params(world: World) -> dict[str, Any]:
    rule = {
        "RuleName": "copy",
        "TargetBackupVaultName": vault(world, Side.SOURCE)[0],
        "ScheduleExpression": "cron(0 3 * * ? *)",
        "ScheduleExpressionTimezone": "Etc/UTC",
        "StartWindowMinutes": 480,
        "CompletionWindowMinutes": 10080,
        "Lifecycle": {"DeleteAfterDays": 7},
        "CopyActions": [{"DestinationBackupVaultArn": vault(world, Side.TARGET)[1]}],
    }
    return {"plan": world.name("plan"), "rules": [rule]}


def selection_params(world: World) -> dict[str, Any]:
    plan = plan_params(world)
    world.make("backup-plan", plan, Side.SOURCE)
    return {
        "plan": plan["plan"],
        "role_arn": backup_role(world, Side.SOURCE),
        "tables": [arn_of(world.table(world.source))],
        "copies_to": plan["rules"][0]["CopyActions"][0]["DestinationBackupVaultArn"],
    }


def key_params(world: World) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{TARGET_ACCOUNT}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"alias": f"alias/{world.name('key')}", "vault": world.name("vault"), "policy": policy}


def vault_params(world: World) -> dict[str, Any]:
    key = key_params(world)
    world.make("key", key)
    return {"vault": key["vault"], "key": key["alias"]}


def vault_policy_params(world: World) -> dict[str, Any]:
    name = world.name("vault")
    world.context.target.client("backup").create_backup_vault(BackupVaultName=name)
    statement = {
        "Sid": "Migratecontract",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{SOURCE_ACCOUNT}:root"},
        "Action": "backup:CopyIntoBackupVault",
        "Resource": "*",
    }
    return {"vault": name, "statement": statement}


def role_params(world: World) -> dict[str, Any]:
    statements: dict[str, dict[str, Any]] = {
        "trust": {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"},
        "policy": {"Effect": "Allow", "Action": "dynamodb:DescribeTable", "Resource": "*"},
    }
    policies = {name: {"Version": "2012-10-17", "Statement": [one]} for name, one in statements.items()}
    return {"role": world.name("role"), **policies}


def air_gapped_params(world: World) -> dict[str, Any]:
    return {"vault": world.name("air-gapped"), "min_days": 7, "max_days": 30}


def share_params(world: World) -> dict[str, Any]:
    vault = air_gapped_params(world)
    _, done = world.make("air-gapped-vault", vault, Side.SOURCE)
    return {
        "share": f"share-of-{vault['vault']}",
        "vault": vault["vault"],
        "vault_arn": done.outputs["arn"],
        "principal": TARGET_ACCOUNT,
    }


def stream_arn(world: World) -> str:
    client = world.context.target.client("kinesis")
    name = world.name("stream")
    client.create_stream(StreamName=name, ShardCount=1)
    return str(client.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"])


def policy(table: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{TARGET_ACCOUNT}:root"},
        "Action": "dynamodb:GetItem",
        "Resource": arn_of(table, TARGET_ACCOUNT),
    }
    return canonical({"Statement": [statement], "Version": "2012-10-17"})


def setting(before: Any, after: Any) -> Callable[[World], Params]:
    """Params of a setting's action on a new table; a function in place of `after` gets the world and the table."""

    def params(world: World) -> Params:
        table = world.table(world.target)
        value = after(world, table) if callable(after) else after
        return {"table": table, "before": before, "after": value}

    return params


@dataclass(frozen=True)
class Case:
    """How to begin with a kind: `params` makes what must be there before and says what the action gets."""

    params: Callable[[World], Params]
    side: Side = Side.TARGET


TRACKING = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
        "TargetValue": 70.0,
    },
}
CASES: dict[str, Case] = {
    "bucket": Case(lambda w: {"bucket": w.name("bucket"), "encryption_key": None}),
    "bucket-policy": Case(lambda w: _granted(w)),
    "export": Case(export_params, Side.SOURCE),
    "export-check": Case(World.export),
    "import": Case(World.exported),
    "key": Case(key_params),
    "vault": Case(vault_params),
    "vault-policy": Case(vault_policy_params),
    "air-gapped-vault": Case(air_gapped_params, Side.SOURCE),
    "share": Case(share_params, Side.SOURCE),
    "role": Case(role_params),
    "backup-job": Case(backup_params, Side.SOURCE),
    "backup-plan": Case(plan_params, Side.SOURCE),
    "backup-selection": Case(selection_params, Side.SOURCE),
    "restore-check": Case(verify_params, Side.BOTH),
    "copy-job": Case(copy_job_params, Side.SOURCE),
    "restore-job": Case(restore_params),
    "table": Case(lambda w: {"creation": table_parameters(w.name("made"), SPEC)}),
    "table-look": Case(look_params),
    "warm-throughput": Case(warm_params),
    "copy": Case(copy_params, Side.BOTH),
    "index": Case(index_params),
    "table-share": Case(partial(shared_params, "table-share")),
    "stream-share": Case(partial(shared_params, "stream-share")),
    "verify": Case(verify_params, Side.BOTH),
    "setting.table-class": Case(setting("STANDARD", "STANDARD_INFREQUENT_ACCESS")),
    "setting.billing": Case(
        setting({"mode": "PAY_PER_REQUEST"}, {"mode": "PROVISIONED", "table": {"read": 5, "write": 7}, "indexes": {}})
    ),
    "setting.on-demand-maximum": Case(setting(None, {"table": {"read": 50, "write": 60}, "indexes": {}})),
    "setting.encryption": Case(setting({"kind": "aws-owned"}, {"kind": "aws-managed"})),
    "setting.stream": Case(setting(None, "NEW_IMAGE")),
    "setting.recovery": Case(setting(35, 7)),
    "setting.tags": Case(setting(None, {"team": "checkout"})),
    "setting.kinesis": Case(setting(None, lambda w, _t: {"stream": stream_arn(w), "precision": "MILLISECOND"})),
    "setting.contributor-insights": Case(setting(None, {"": "ACCESSED_AND_THROTTLED_KEYS"})),
    "setting.auto-scaling": Case(
        setting(
            None,
            {"table:Read": {"minimum": 1, "maximum": 9, "policies": {"read": TRACKING}, "schedules": {}}},
        )
    ),
    "setting.resource-policy": Case(setting(None, lambda _w, table: policy(table))),
    "setting.ttl": Case(setting(None, "expires")),
    "setting.deletion-protection": Case(setting(False, True)),
}

CASES |= {
    "job-files": Case(spark_params.files),
    "job-transform": Case(spark_params.transform),
    "glue-job": Case(spark_params.glue_job),
    "emr-application": Case(spark_params.application),
    **{kind: Case(partial(spark_params.run, kind=kind)) for kind in spark_params.KINDS},
}

CANNOT_BE_UNDONE = {"warm-throughput"}

REMOVALS: Mapping[str, tuple[str, Callable[[World], Params], Side]] = {
    "export-removal": ("export", export_params, Side.SOURCE),
    "table-removal": ("import", World.exported, Side.TARGET),
    "key-removal": ("key", key_params, Side.TARGET),
    "vault-removal": ("vault", vault_params, Side.TARGET),
    "vault-policy-removal": ("vault-policy", vault_policy_params, Side.TARGET),
    "air-gapped-vault-removal": ("air-gapped-vault", air_gapped_params, Side.SOURCE),
    "share-removal": ("share", share_params, Side.SOURCE),
    "role-removal": ("role", role_params, Side.TARGET),
    "backup-plan-removal": ("backup-plan", plan_params, Side.SOURCE),
    "backup-selection-removal": ("backup-selection", selection_params, Side.SOURCE),
    "recovery-point-removal": ("copy-job", copy_job_params, Side.SOURCE),
    "job-files-removal": ("job-files", spark_params.files, Side.TARGET),
    "job-work-removal": ("glue-run", partial(spark_params.run, kind="glue-run"), Side.TARGET),
    "glue-job-removal": ("glue-job", spark_params.glue_job, Side.TARGET),
    "emr-application-removal": ("emr-application", spark_params.application, Side.TARGET),
    "bucket-policy-removal": ("bucket-policy", lambda w: _granted(w), Side.TARGET),
    "table-share-removal": ("table-share", partial(shared_params, "table-share"), Side.TARGET),
    "stream-share-removal": ("stream-share", partial(shared_params, "stream-share"), Side.TARGET),
    "bucket-removal": ("bucket", lambda w: {"bucket": w.name("bucket"), "encryption_key": None}, Side.TARGET),
}
"""Kind -> the kind that makes what it removes, and how."""


def _granted(world: World) -> Params:
    name = world.name("bucket")
    world.make("bucket", {"bucket": name, "encryption_key": None})
    return grant(name)


def new_step(kind: str, side: Side, params: Params, attempt: int = 1) -> Step:
    address = f"orders/{kind}"
    return Step(address, kind, side, params, token(LINEAGE, address, canonical(params), attempt), attempt)


def begin(world: World, step: Step) -> Step:
    """The step after its start, with the handle."""
    handle = HANDLERS[step.kind].start(step, world.context)
    return dataclasses.replace(step, handle=handle)


def wait(world: World, step: Step) -> Done:
    """Poll to the end, which must be good."""
    for _ in range(6000):
        result = HANDLERS[step.kind].poll(step, world.context)
        if isinstance(result, Done):
            return result
        assert not isinstance(result, Failed), result.error
        assert isinstance(result, (Running, Again)), result
        if isinstance(result, Again):
            step = begin(world, step)
        world.context.clock.sleep(0.01)
    raise AssertionError(f"{step.kind} does not end")


def finish(world: World, step: Step) -> tuple[Step, Done]:
    step = begin(world, step)
    done = wait(world, step)
    return dataclasses.replace(step, owned=done.owned), done


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAANYONE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.delenv("AWS_PROFILE", raising=False)
        with Sandbox(Timing(create=0, update=0, export=0.02, load=0.02, settings=0)) as sandbox:
            yield World(sandbox)
            sandbox.reset()


def test_every_kind_is_in_the_contract() -> None:
    assert set(HANDLERS) == {*CASES, *REMOVALS, *spark_params.SAME}
    assert all(type(HANDLERS[one]) is type(HANDLERS[other]) for one, other in spark_params.SAME.items())


@pytest.mark.parametrize("kind", sorted(CASES))
def test_life_of_an_action(world: World, kind: str) -> None:
    handler, case = HANDLERS[kind], CASES[kind]
    step = new_step(kind, case.side, case.params(world))
    assert isinstance(handler.observe(step, world.context), Absent)
    claimed = {one.kind for one in handler.claims(step, world.context)}
    started = begin(world, step)
    done = wait(world, started)
    assert {one.kind for one in done.owned} == claimed, "what is owned at the end was announced before the start"
    assert all(one.is_confirmed and one.address == step.address for one in done.owned)
    assert isinstance(handler.observe(started, world.context), Satisfied)
    _is_found_again(world, step, started)
    _is_harmless_to_start_again(world, step, started)
    if kind in CANNOT_BE_UNDONE:
        with pytest.raises(NotImplementedError):
            handler.undo(started, world.context)
        return
    handler.undo(dataclasses.replace(started, owned=done.owned), world.context)
    if not isinstance(handler, ReadOnlyHandler):
        _can_be_done_again(world, case, step)


def _is_found_again(world: World, step: Step, started: Step) -> None:
    """A run that died before it wrote the handle down finds the work by what it knows."""
    handler = HANDLERS[step.kind]
    if isinstance(handler, ReadOnlyHandler):
        return
    seen = handler.observe(step, world.context)
    assert isinstance(seen, (InProgress, Satisfied))
    assert seen.handle in (started.handle, None, "")
    assert bool(seen.handle) == bool(started.handle)


def _is_harmless_to_start_again(world: World, step: Step, started: Step) -> None:
    """Refused, or the same work: never a second one."""
    handler = HANDLERS[step.kind]
    try:
        handle = handler.start(step, world.context)
    except AwsError:
        handle = started.handle
    assert handle == started.handle
    assert isinstance(handler.observe(started, world.context), Satisfied)


def _can_be_done_again(world: World, case: Case, step: Step) -> None:
    again = new_step(step.kind, case.side, step.params, attempt=2)
    for _ in range(200):
        if isinstance(HANDLERS[step.kind].observe(again, world.context), Absent):
            break
        world.context.clock.sleep(0.01)
    assert isinstance(HANDLERS[step.kind].observe(again, world.context), Absent)
    again, _ = finish(world, again)
    assert isinstance(HANDLERS[step.kind].observe(again, world.context), Satisfied)


@pytest.mark.parametrize("kind", sorted(REMOVALS))
def test_life_of_a_removal(world: World, kind: str) -> None:
    handler = HANDLERS[kind]
    assert isinstance(handler, Removal)
    maker, params, side = REMOVALS[kind]
    made, _ = world.make(maker, params(world), side)
    step = dataclasses.replace(new_step(kind, Side.TARGET, {"of": made.address, **made.params}), owned=made.owned)
    assert isinstance(handler.observe(step, world.context), Absent)
    assert not handler.claims(step, world.context)
    done = wait(world, begin(world, step))
    assert set(done.released) == {one.id for one in made.owned}
    assert isinstance(handler.observe(step, world.context), Satisfied)
    handler.start(step, world.context)
    assert isinstance(handler.observe(step, world.context), Satisfied)
    with pytest.raises(NotImplementedError):
        handler.undo(step, world.context)


@pytest.mark.parametrize("kind", sorted(REMOVALS))
def test_a_removal_touches_only_what_is_owned(world: World, kind: str) -> None:
    maker, params, side = REMOVALS[kind]
    made, _ = world.make(maker, params(world), side)
    step = new_step(kind, Side.TARGET, {"of": made.address, **made.params})
    assert isinstance(HANDLERS[kind].observe(step, world.context), Satisfied)
    HANDLERS[kind].start(step, world.context)
    assert isinstance(HANDLERS[maker].observe(made, world.context), Satisfied)
    resources = [one for one in made.owned if one.kind == getattr(HANDLERS[kind], "kind", "")]
    assert resources
    removal = HANDLERS[kind]
    assert isinstance(removal, Removal)
    assert not any(removal.is_gone(one, world.context) for one in resources)
