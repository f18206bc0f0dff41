"""What a run of the Spark job is told by the plan, whether it moves a table or verifies it, on whichever engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.core.table import CUSTOMER_MANAGED
from migrate.plan.model import Action, Change, Risk, Side, ref
from migrate.plan.strategy import Verifier
from migrate.plan.transforms import transform_params
from migrate.plan.verification import verification_rates
from migrate.spark.arguments import VERIFY
from migrate.strategies import copy_cost, spark_shared
from migrate.strategies.spark_cost import engine_words, verification_words
from migrate.strategies.spark_setup import SparkSetup


@dataclass(frozen=True)
class EngineRun:
    """A run on one engine: its kind of load and of verification, its own parameters, and `before`, what it needs.

    `words` name the engine and its workers; `tuning` does not decide what is done.
    """

    load_kind: str
    verify_kind: str
    words: str
    params: Mapping[str, Any]
    tuning: Mapping[str, Any]
    before: tuple[Action, ...] = ()


Engine = Callable[[SparkSetup, tuple[str, ...]], EngineRun]
"""The run of one table, given the addresses of what it needs."""


def load_action(setup: SparkSetup, run: EngineRun, needs: tuple[str, ...]) -> Action:
    """The action that moves the items."""
    request = setup.request
    rates = {name: units for name, units in copy_cost.rates(request).items() if units}
    if setup.is_export:
        rates.pop("read_units", None)
    source = "the export" if setup.is_export else f"{setup.segments} segments"
    return Action(
        address=request.address(run.load_kind),
        kind=run.load_kind,
        side=Side.TARGET if setup.is_export else Side.BOTH,
        change=Change.MOVE,
        title=f"copy every item by {run.words} (from {source}{copy_cost.rate_words(request)})",
        params={**_load_params(setup), "role_arn": setup.role_arn("target"), **run.params},
        tuning={**rates, **run.tuning},
        needs=(*needs, *addresses(run.before)),
        risk=Risk.COST,
        undo="table-removal",
        why="goes on where it stopped; an item that DynamoDB refuses is kept in a file and named, never dropped",
        details=(engine_words(setup), *_permissions(setup, "writes", is_reading=not setup.is_export)),
    )


def verifier(
    setup: SparkSetup, run: EngineRun, actions: tuple[Action, ...] = (), shared: tuple[Action, ...] = ()
) -> Verifier:
    """The same job again, which reads both tables where they are. `actions` and `shared` as in `Verifier`."""
    request, rates = setup.request, verification_rates(setup.request)
    is_told = not setup.is_export and not shared  # by the load, which is planned with it
    permissions = () if is_told else _permissions(setup, "reads", is_reading=True)
    return Verifier(
        kind=run.verify_kind,
        words=f"{run.words} ({setup.segments} segments of each table)",
        params={
            "source_arn": request.source.arn,
            "mode": VERIFY,
            "bucket": request.options["bucket"],
            "folder": setup.verify_folder,
            **_source(setup),
            **_transform_place(setup),
            "role_arn": setup.role_arn("target"),
            **run.params,
        },
        # Both tables have as many items, and are read at the same time: the slower one decides.
        tuning={**({"read_units": min(rates.values())} if rates else {}), **run.tuning},
        details=(verification_words(setup), *permissions),
        actions=actions,
        shared=shared,
    )


def job_files(setup: SparkSetup) -> dict[str, Any]:
    """Where the job's script and archive are."""
    address = spark_shared.files_address(setup)
    return {"script": ref(address, "script"), "archive": ref(address, "archive")}


def transform_actions(setup: SparkSetup, shared: Iterable[Action]) -> list[Action]:
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
            needs=addresses(shared),
            undo="job-files-removal",
            why="the job reads it there; named by what is in it",
        )
    ]


def addresses(actions: Iterable[Action]) -> tuple[str, ...]:
    """Of each."""
    return tuple(action.address for action in actions)


def _load_params(setup: SparkSetup) -> dict[str, Any]:
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
        **transform_params(request.transform),
        **_transform_place(setup),
    }
    if request.transform is not None:
        # Only a comparison of every item finds what an earlier transform has left in the target.
        params["is_proven"] = request.verify == "digest"
    if setup.is_export:
        manifest, count = ref(request.address("export"), "manifest_key"), ref(request.address("export-check"), "items")
        return {**params, "manifest_key": manifest, "item_count": count}
    return {**params, **_source(setup)}


def _source(setup: SparkSetup) -> dict[str, Any]:
    """How it reads the source table."""
    role = setup.role_arn("source") if setup.needs_source_role else None
    external_id = setup.request.options.get("source_external_id") if role else None
    return {"segments": setup.segments, "source_role": role, "external_id": external_id}


def _transform_place(setup: SparkSetup) -> dict[str, Any]:
    request = setup.request
    return {"transform_place": ref(request.address("job-transform"), "place")} if request.transform else {}


def _permissions(setup: SparkSetup, does: str, *, is_reading: bool) -> Iterator[str]:
    """Who does what with which permissions; `does` to the target, and `is_reading` the source table."""
    request, role = setup.request, setup.role_arn("target")
    yield f"works as {role} (trusts {setup.service}): {does} {request.target_name}, and its files in the bucket"
    is_chained = is_reading and setup.needs_source_role
    if is_chained:
        condition = " with the external id" if request.options.get("source_external_id") else ""
        yield f"reads as {setup.role_arn('source')}, which must trust it{condition}: dynamodb:DescribeTable and Scan"
    sides = ((request.source.spec, "source"), (request.desired, "target"))
    for spec, side in sides:
        if spec.encryption.kind == CUSTOMER_MANAGED and (side == "target" or is_reading):
            who = setup.role_arn("source" if side == "source" and is_chained else "target")
            yield f"the policy of the {side} table's key {spec.encryption.key} must let {who} kms:Decrypt"
