"""What each kind of action changes in a simulated world: tables, their settings and items, and strategy s3's bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from migrate.core.frozen import replace
from migrate.core.iam_policy import with_statement, without_statement
from migrate.observe.inventory import BucketFacts
from migrate.plan.model import Side
from migrate.plan.predicted import created_spec, with_index, with_setting, with_warmth
from migrate.plan.transforms import planned_digest
from migrate.plan.world import NOTHING, Result, Turn, World, new_table, owned, owned_ids


def setting(turn: Turn) -> Result:
    """Any action of kind `setting.NAME`."""
    tables = turn.world.tables[turn.action.side]
    facts = tables[turn.params["table"]]
    name = turn.action.kind.removeprefix("setting.")
    facts = replace(facts, spec=with_setting(facts.spec, name, turn.params["after"]))
    if "own" in turn.params:
        facts = replace(facts, own_tags={**facts.own_tags, **turn.params["own"]})
    tables[facts.name] = facts
    return NOTHING


def _index(turn: Turn) -> Result:
    facts = turn.world.tables[turn.action.side][turn.params["table"]]
    spec = with_index(facts.spec, turn.params["creation"], turn.params["attributes"])
    turn.world.tables[turn.action.side][facts.name] = replace(facts, spec=spec)
    return NOTHING


def _bucket(turn: Turn) -> Result:
    name, key = turn.params["bucket"], turn.params["encryption_key"]
    turn.world.buckets[name] = BucketFacts(
        name,
        exists=True,
        region=turn.params["region"],
        ownership="BucketOwnerEnforced",
        is_private=True,
        encryption="aws:kms" if key else "AES256",
        encryption_key=key,
        own_tags={"migrate:lineage": turn.world.migration.lineage, "migrate:address": turn.action.address},
    )
    return {"bucket": name}, (owned(turn.action, f"s3://{name}/", "bucket"),), ()


def _grant(turn: Turn) -> Result:
    name, ours = turn.params["bucket"], turn.params["statement"]
    _put_policy(turn.world, name, with_statement(turn.world.buckets[name].policy, ours))
    return {"sid": ours["Sid"]}, (owned(turn.action, f"s3://{name}/?policy#{ours['Sid']}", "bucket-policy"),), ()


def _grant_removal(turn: Turn) -> Result:
    name = turn.params["bucket"]
    if name in turn.world.buckets:
        _put_policy(turn.world, name, without_statement(turn.world.buckets[name].policy, turn.params["sid"]))
    return {}, (), owned_ids(turn.world, turn.params)


def _bucket_removal(turn: Turn) -> Result:
    name = turn.params["bucket"]
    owned = turn.world.state().owned()
    files = (one for one in owned.values() if one.kind in ("export", "job-files", "job-work"))
    is_used = any(one.id.startswith(f"s3://{name}/") for one in files)
    if not is_used and name in turn.world.buckets:
        turn.world.buckets[name] = BucketFacts(name, exists=False)
    return {}, (), owned_ids(turn.world, turn.params)


def _export(turn: Turn) -> Result:
    arn = f"{turn.params['table_arn']}/export/{turn.record.token}"
    folder = f"{turn.params['prefix']}/AWSDynamoDB/{turn.record.token}"
    source = turn.world.tables[Side.SOURCE][turn.world.sources[turn.action.owner]]
    outputs = {"export_arn": arn, "manifest_key": f"{folder}/manifest-summary.json", "item_count": source.item_count}
    return outputs, (owned(turn.action, f"s3://{turn.params['bucket']}/{folder}/", "export", export_arn=arn),), ()


def _export_check(turn: Turn) -> Result:
    folder = str(turn.params["manifest_key"]).rsplit("/", 1)[0]
    return {"items": turn.params["item_count"], "files": 1, "bytes": 0, "data_prefix": f"{folder}/data/"}, (), ()


def _import(turn: Turn) -> Result:
    made = new_table(turn, turn.params["table"], created_spec(turn.params["creation"]))
    outputs = {
        "import_arn": f"{made.arn}/import/{turn.record.token}",
        "table_arn": made.arn,
        "table_id": made.table_id,
    }
    made_owned = owned(turn.action, made.arn, "table", table_id=made.table_id, import_arn=outputs["import_arn"])
    return {**outputs, "items": turn.params["item_count"]}, (made_owned,), ()


def _table_removal(turn: Turn) -> Result:
    turn.world.tables[Side.TARGET].pop(turn.params["table"], None)
    return {}, (), owned_ids(turn.world, turn.params)


def owned_removal(turn: Turn) -> Result:
    """What the action `of` made is gone, and changes no other fact."""
    return {}, (), owned_ids(turn.world, turn.params)


def _verify(turn: Turn) -> Result:
    return {"table_id": turn.params["table_id"], "mode": turn.params["mode"]}, (), ()


def _table(turn: Turn) -> Result:
    creation = turn.params["creation"]
    made = new_table(turn, creation["TableName"], created_spec(creation))
    tags = {tag["Key"]: tag["Value"] for tag in creation.get("Tags", [])}
    own_tags = {"migrate:lineage": turn.world.migration.lineage, "migrate:address": turn.action.address}
    turn.world.tables[Side.TARGET][made.name] = replace(
        made,
        spec=replace(made.spec, table_class=creation["TableClass"], tags=tags),
        own_tags={**own_tags, "migrate:token": turn.record.token},
    )
    made_owned = owned(turn.action, made.arn, "table", table_id=made.table_id)
    return {"table_arn": made.arn, "table_id": made.table_id}, (made_owned,), ()


def _copy(turn: Turn) -> Result:
    outputs = {name: turn.params[name] for name in ("table_id", "is_existing") if name in turn.params}
    outputs |= planned_digest(turn.params)
    return {**outputs, "kept": 0, "source_items": 0, "source_digest": None}, (), ()


def _look(turn: Turn) -> Result:
    return {"table_id": turn.params["table_id"]}, (), ()


def _warm(turn: Turn) -> Result:
    facts = turn.world.tables[Side.TARGET][turn.params["table"]]
    spec = with_warmth(facts.spec, turn.params["index"], turn.params["throughput"])
    turn.world.tables[Side.TARGET][facts.name] = replace(facts, spec=spec)
    return NOTHING


EFFECTS: Mapping[str, Callable[[Turn], Result]] = {
    "index": _index,
    "bucket": _bucket,
    "bucket-policy": _grant,
    "bucket-policy-removal": _grant_removal,
    "bucket-removal": _bucket_removal,
    "export": _export,
    "export-check": _export_check,
    "import": _import,
    "table": _table,
    "copy": _copy,
    "table-look": _look,
    "warm-throughput": _warm,
    "table-removal": _table_removal,
    "export-removal": owned_removal,
    "verify": _verify,
}


def _put_policy(world: World, bucket: str, policy: str | None) -> None:
    world.buckets[bucket] = replace(world.buckets[bucket], policy=policy)
