"""The world at the end of a life, as an independent reader sees it, and what the state has forgotten of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from migrate.sandbox.settings import REGION, SOURCE_ACCOUNT, TARGET_ACCOUNT
from migrate.state.model import State
from tests.crash.backup_ends import backup_end, backup_things, is_announced
from tests.sandbox.aws import Aws

ACCOUNTS = (SOURCE_ACCOUNT, TARGET_ACCOUNT)
CHANGING = {
    "CreationDateTime", "TableId", "ItemCount", "TableSizeBytes", "IndexSizeBytes", "LatestStreamArn",
    "LatestStreamLabel", "LastUpdateToPayPerRequestDateTime", "LastIncreaseDateTime", "LastDecreaseDateTime",
    "NumberOfDecreasesToday", "CreationTime", "Alarms", "ScalableTargetARN", "PolicyARN", "LastUpdateDateTime",
    "WarmThroughput", "RestoreDateTime", "SourceBackupArn",
}  # fmt: skip
"""Members of descriptions that differ between two runs of the same migration."""

JOB = re.compile(r"\d{14}-[0-9a-f]{8}")
SHARE = re.compile(r"MigrateShare[0-9a-f]{12}")
TOKEN = re.compile(r"token=[0-9a-f]{32}")
End = dict[str, Any]


@dataclass(frozen=True)
class Things:
    """Ids of everything that a migration could have made, or could wrongly delete."""

    ids: frozenset[str]


def end_of(aws: Aws, state: State, actions: list[str]) -> End:
    """Everything that two runs of the same migration must agree on."""
    return {
        "tables": {f"{account}/{name}": _table(aws, account, name, state) for account, name in _tables(aws)},
        "buckets": {f"{account}/{name}": _bucket(aws, account, name, state) for account, name in _buckets(aws)},
        "exports": sorted(f"{e['TableArn']} {e['ExportStatus']}" for e in _exports(aws)),
        "imports": sorted(f"{i['TableArn']} {i['ImportStatus']}" for i in _imports(aws)),
        "backup": backup_end(aws),
        "owned": sorted(_timeless(id) for id in state.owned()),
        "steps": {r.address: r.status.value for file in state.files.values() for r in file.steps.values()},
        "is_finished": bool(state.migration.active and state.migration.active.is_finished),
        "next plan": actions,
    }


def things(aws: Aws) -> Things:
    """What exists, by the ids that a state would give it."""
    found = {_arn(account, name) for account, name in _tables(aws)}
    for account, name in _tables(aws):
        for arn, statements in _resource_policies(aws, account, name).items():
            # A statement of the source's policy that is carried over is a setting, and nothing to own.
            sids = (SHARE.match(one["Sid"]) or ("/stream/" in arn and one["Sid"]) for one in statements)
            found |= {f"{arn}?policy#{sid if isinstance(sid, str) else sid.group()}" for sid in sids if sid}
    for account, name in _buckets(aws):
        found.add(f"s3://{name}/")
        found |= {f"s3://{name}/?policy#{one.get('Sid')}" for one in _statements(aws, account, name)}
        found |= {f"s3://{name}/{key}" for key in _keys(aws, account, name)}
    return Things(frozenset(found | backup_things(aws) | set(_engines(aws))))


def forgotten(aws: Aws, state: State | None, before: Things, now: Things) -> list[str]:
    """What is there now, was not there before, and does not stand in the state as ours."""
    owned = set(state.owned()) if state else set()
    tokens = {match.group() for id in owned if (match := TOKEN.search(id))}
    folders = [id for id in owned if id.endswith("/") and id.count("/") > 3]
    of_job = [id for id, one in (state.owned() if state else {}).items() if one.kind in ("job-files", "job-work")]
    lost = []
    for id in sorted(now.ids - before.ids - owned):
        if any(id.startswith(folder) for folder in of_job):
            continue
        if JOB.search(id) and (any(id.startswith(f) for f in folders) or _token(aws, id) in tokens):
            continue
        if not is_announced(aws, id, state):
            lost.append(id)
    return lost


def _engines(aws: Aws) -> Iterator[str]:
    """Jobs of Glue and applications of EMR Serverless."""
    for name in aws.client("glue", TARGET_ACCOUNT).list_jobs()["JobNames"]:
        yield f"arn:aws:glue:{REGION}:{TARGET_ACCOUNT}:job/{name}"
    for one in aws.client("emr-serverless", TARGET_ACCOUNT).list_applications()["applications"]:
        if one["state"] != "TERMINATED":
            yield f"emr-serverless://{TARGET_ACCOUNT}/{one['name']}"


def _token(aws: Aws, key: str) -> str:
    """The token of the export that wrote this object."""
    job = JOB.search(key)
    found = [e for e in _exports(aws) if job and e["ExportArn"].endswith(job.group())]
    return f"token={found[0]['ClientToken']}" if found else ""


def _tables(aws: Aws) -> list[tuple[str, str]]:
    return [(a, name) for a in ACCOUNTS for name in aws.client("dynamodb", a).list_tables()["TableNames"]]


def _buckets(aws: Aws) -> list[tuple[str, str]]:
    return [(a, one["Name"]) for a in ACCOUNTS for one in aws.client("s3", a).list_buckets()["Buckets"]]


def _exports(aws: Aws) -> list[dict[str, Any]]:
    arns = [e["ExportArn"] for e in aws.source.list_exports()["ExportSummaries"]]
    return [aws.source.describe_export(ExportArn=arn)["ExportDescription"] for arn in arns]


def _imports(aws: Aws) -> list[dict[str, Any]]:
    return list(aws.target.list_imports()["ImportSummaryList"])


def _arn(account: str, table: str) -> str:
    return f"arn:aws:dynamodb:eu-west-1:{account}:table/{table}"


def _table(aws: Aws, account: str, name: str, state: State) -> dict[str, Any]:
    client = aws.client("dynamodb", account)
    described = client.describe_table(TableName=name)["Table"]
    tags = client.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
    scaling = aws.client("application-autoscaling", account)
    return {
        "items": sorted(json.dumps(item, sort_keys=True, default=repr) for item in _items(client, name)),
        "description": _lasting(described),
        "ttl": client.describe_time_to_live(TableName=name)["TimeToLiveDescription"],
        "recovery": _recovery(aws, account, name),
        "tags": _tags(tags, state),
        "policies": _timeless(json.dumps(list(_resource_policies(aws, account, name).values()), sort_keys=True)),
        "scaling targets": _of(name, scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]),
        "scaling policies": _of(
            name, scaling.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"]
        ),
    }


def _resource_policies(aws: Aws, account: str, name: str) -> dict[str, list[Any]]:
    """The statements in the policies of a table and of its stream."""
    client = aws.client("dynamodb", account)
    described = client.describe_table(TableName=name)["Table"]
    found: dict[str, list[Any]] = {}
    for arn in (described["TableArn"], described.get("LatestStreamArn")):
        try:
            found[arn] = json.loads(client.get_resource_policy(ResourceArn=arn)["Policy"])["Statement"] if arn else []
        except ClientError:
            found[arn] = []
    return found


def _tags(tags: list[dict[str, str]], state: State) -> dict[str, str]:
    """The tags, with what differs from one life to the next replaced by its name."""
    found = {tag["Key"]: tag["Value"].replace(state.lineage, "(lineage)") for tag in tags}
    return {key: "(token)" if key == "migrate:token" else value for key, value in found.items()}


def _items(client: Any, name: str) -> list[dict[str, Any]]:
    return list(client.scan(TableName=name, ConsistentRead=True)["Items"])


def _recovery(aws: Aws, account: str, name: str) -> int | None:
    described = aws.client("dynamodb", account).describe_continuous_backups(TableName=name)
    found = described["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    return found.get("RecoveryPeriodInDays", 35) if found["PointInTimeRecoveryStatus"] == "ENABLED" else None


def _of(table: str, found: list[dict[str, Any]]) -> list[Any]:
    return [_lasting(one) for one in found if one["ResourceId"].split("/")[1] == table]


def _bucket(aws: Aws, account: str, name: str, state: State) -> dict[str, Any]:
    try:
        tags = aws.client("s3", account).get_bucket_tagging(Bucket=name)["TagSet"]
    except ClientError:
        tags = []
    return {
        "statements": sorted(json.dumps(one, sort_keys=True) for one in _statements(aws, account, name)),
        "objects": sorted(_timeless(key) for key in _keys(aws, account, name)),
        "tags": _tags(tags, state),
    }


def _statements(aws: Aws, account: str, bucket: str) -> list[dict[str, Any]]:
    try:
        text = aws.client("s3", account).get_bucket_policy(Bucket=bucket)["Policy"]
    except ClientError:
        return []
    return list(json.loads(text)["Statement"])


def _keys(aws: Aws, account: str, bucket: str) -> list[str]:
    return [e["Key"] for e in aws.client("s3", account).list_objects_v2(Bucket=bucket).get("Contents", [])]


def _timeless(text: str) -> str:
    """Without job ids and tokens; data files and recovery points have random names."""
    text = SHARE.sub("MigrateShare(lineage)", re.sub(r"/stream/[\dT:.-]+", "/stream/(time)", text))
    text = re.sub(r"recovery-point:.*", "recovery-point:(id)", text)
    text = re.sub(r"(backup-selection://.*/).*", r"\1(id)", text)
    return re.sub(r"data/.*", "data/(file)", TOKEN.sub("(token)", JOB.sub("(job)", text)))


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in sorted(value.items()) if key not in CHANGING}
    if isinstance(value, list):
        return sorted((_lasting(item) for item in value), key=lambda item: json.dumps(item, default=str))
    return value
