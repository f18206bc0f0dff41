"""The recipe of strategies `glue` and `emr` around the engine's own actions: table, source, cleanup."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from migrate.core.table import CUSTOMER_MANAGED
from migrate.plan.model import Action, Change, Risk, Side, ref
from migrate.plan.strategy import SPARK_LOADS, Recipe, TableRequest
from migrate.plan.transforms import transform_params
from migrate.strategies import copy_cost, spark_shared
from migrate.strategies.copy import NO_SNAPSHOT, chosen_indexes, created_spec, made_earlier, table_action
from migrate.strategies.copy_warm import choose_warmth, warm_up
from migrate.strategies.s3_export import export_actions, export_removals, left_to_user
from migrate.strategies.spark_cost import engine_words
from migrate.strategies.spark_setup import SparkSetup

EngineActions = Callable[[SparkSetup, tuple[str, ...]], list[Action]]
"""The engine's actions for one table, given what they need; the last one is the load."""


def load(setup: SparkSetup, engine: EngineActions) -> Recipe:
    """See `Strategy.load`."""
    request = setup.request
    indexes = chosen_indexes(request)
    warmth = choose_warmth(request, indexes.present)
    loaded = created_spec(request.desired, indexes.present)
    table = None if made_earlier(request) else table_action(request, loaded, indexes, warmth)
    before = [*([table] if table else []), *warm_up(request, warmth, table)]
    shared = spark_shared.prerequisites(setup)
    exported = export_actions(request) if setup.is_export else []
    transform = _transform(setup, shared)
    needs = (*_addresses(shared), *_addresses([*exported[-1:], *before[-1:], *transform]))
    planned = [*exported, *before, *transform, *engine(setup, needs)]
    is_tidy = request.cleanup == "after-verify"
    return Recipe(
        load=tuple(planned),
        loaded=loaded,
        cleanup=tuple(_removals(setup, planned)) if is_tidy else (),
        shared=tuple(shared),
        shared_cleanup=tuple(spark_shared.removals(setup, shared)) if is_tidy else (),
        needs_user=tuple(left_to_user(request)) if setup.is_export else (NO_SNAPSHOT,),
        is_tagged=True,
        verify=transform_params(request.transform),
    )


def leftovers(setup: SparkSetup) -> Recipe:
    """See `Strategy.leftovers`."""
    verify = transform_params(setup.request.transform)
    if setup.request.cleanup != "after-verify" or not setup.request.options.get("bucket"):
        return Recipe(verify=verify)
    removals = tuple(spark_shared.removals(setup))
    return Recipe(cleanup=tuple(_removals(setup)), shared_cleanup=removals, verify=verify)


def run_action(
    setup: SparkSetup,
    kind: str,
    title: str,
    engine: Mapping[str, Any],
    *,
    tuning: Mapping[str, Any],
    needs: tuple[str, ...],
) -> Action:
    """The action of a run of the job. `engine` are its own parameters, of which `tuning` does not decide what is
    done."""
    request = setup.request
    rates = {name: units for name, units in copy_cost.rates(request).items() if units}
    if setup.is_export:
        rates.pop("read_units", None)
    source = "the export" if setup.is_export else f"{setup.segments} segments"
    return Action(
        address=request.address(kind),
        kind=kind,
        side=Side.TARGET if setup.is_export else Side.BOTH,
        change=Change.MOVE,
        title=f"copy every item by {title} (from {source}{copy_cost.rate_words(request)})",
        params={**_job(setup), "role_arn": setup.role_arn("target"), **engine},
        tuning={**rates, **tuning},
        needs=needs,
        risk=Risk.COST,
        undo="table-removal",
        why="goes on where it stopped; an item that DynamoDB refuses is kept in a file and named, never dropped",
        details=(engine_words(setup), *_permissions(setup)),
    )


def job_files(setup: SparkSetup) -> dict[str, Any]:
    """Where the job's script and archive are."""
    address = spark_shared.files_address(setup)
    return {"script": ref(address, "script"), "archive": ref(address, "archive")}


def _transform(setup: SparkSetup, shared: Iterable[Action]) -> list[Action]:
    """The transform as the job reads it: user's code travels by way of the bucket, never in arguments."""
    request = setup.request
    if request.transform is None:
        return []
    what = ", ".join(["the transform", *sorted(request.transform.code)])
    bucket, prefix = request.options["bucket"], setup.transform_prefix
    return [
        Action(
            address=request.address("job-transform"),
            kind="job-transform",
            side=Side.TARGET,
            change=Change.CREATE,
            title=f"{what} in s3://{bucket}/{prefix}/",
            params={"bucket": bucket, "prefix": prefix, **transform_params(request.transform)},
            needs=_addresses(shared),
            undo="job-files-removal",
            why="the job reads it there; named by what is in it",
        )
    ]


def _addresses(actions: Iterable[Action]) -> tuple[str, ...]:
    return tuple(action.address for action in actions)


def _job(setup: SparkSetup) -> dict[str, Any]:
    """What the job is told of the tables."""
    request = setup.request
    params: dict[str, Any] = {
        "source_table": request.source.name,
        "source_arn": request.source.arn,
        "target_table": request.target_name,
        "table_id": ref(request.address("table"), "table_id"),
        "keys": [key.name for key in request.desired.keys.attributes],
        "mode": setup.mode,
        "bucket": request.options["bucket"],
        "folder": setup.folder,
    }
    if request.transform is not None:
        place = ref(request.address("job-transform"), "place")
        # Only a comparison of every item finds what an earlier transform has left in the target.
        is_proven = request.verify == "digest"
        params |= {**transform_params(request.transform), "transform_place": place, "is_proven": is_proven}
    if setup.is_export:
        manifest, count = ref(request.address("export"), "manifest_key"), ref(request.address("export-check"), "items")
        return {**params, "manifest_key": manifest, "item_count": count}
    role = setup.role_arn("source") if setup.needs_source_role else None
    external_id = request.options.get("source_external_id") if role else None
    return {**params, "segments": setup.segments, "source_role": role, "external_id": external_id}


def _permissions(setup: SparkSetup) -> Iterator[str]:
    """Who does what with which permissions."""
    request, role = setup.request, setup.role_arn("target")
    yield f"works as {role} (trusts {setup.service}): writes {request.target_name}, and its files in the bucket"
    if setup.needs_source_role:
        condition = " with the external id" if request.options.get("source_external_id") else ""
        yield f"reads as {setup.role_arn('source')}, which must trust it{condition}: dynamodb:DescribeTable and Scan"
    sides = ((request.source.spec, "source"), (request.desired, "target"))
    for spec, side in sides:
        if spec.encryption.kind == CUSTOMER_MANAGED and not (side == "source" and setup.is_export):
            who = setup.role_arn("source" if side == "source" and setup.needs_source_role else "target")
            yield f"the policy of the {side} table's key {spec.encryption.key} must let {who} kms:Decrypt"


def _removals(setup: SparkSetup, planned: list[Action] | None = None) -> Iterator[Action]:
    """The removal of what is ours, or what `planned` actions are going to make: last made first."""
    request, actions = setup.request, planned or []
    file = request.state.files.get(request.target_name)
    owned = {(one.kind, one.address) for one in (file.owned.values() if file else ())}
    owned |= {("job-work", action.address) for action in actions if action.kind in SPARK_LOADS}
    owned |= {("glue-job", action.address) for action in actions if action.kind == "glue-job"}
    owned |= {("job-files", action.address) for action in actions if action.kind == "job-transform"}
    titles = {
        "job-work": "delete the job's checkpoints and logs",
        "glue-job": "delete the Glue job",
        "job-files": "delete the transform",
    }
    for kind, address in sorted(owned, reverse=True):
        if kind in titles:
            yield _removal(request, kind, address, titles[kind])
    exported = [action for action in actions if action.kind in ("export", "setting.recovery", "export-check")]
    if setup.is_export:
        yield from export_removals(request, exported)


def _removal(request: TableRequest, kind: str, address: str, title: str) -> Action:
    name = address.rpartition("/")[2]
    return Action(
        address=request.address(f"{name}-removal"),
        kind=f"{kind}-removal",
        side=Side.TARGET,
        change=Change.DELETE,
        title=title,
        params={"of": address},
        risk=Risk.DESTRUCTIVE,
        undo="none: what is needed again is made again",
        why="made by this migration",
    )
