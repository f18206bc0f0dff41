"""The recipe of strategies `glue` and `emr` around the engine's runs: table, source, verification, cleanup."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.plan.model import Action, Change, Risk, Side
from migrate.plan.strategy import SPARK_LOADS, Recipe, TableRequest, Verifier
from migrate.plan.transforms import transform_params
from migrate.plan.verification import is_verification_due
from migrate.strategies import spark_shared
from migrate.strategies.copy import NO_SNAPSHOT, chosen_indexes, created_spec, made_earlier, table_action
from migrate.strategies.copy_warm import choose_warmth, warm_up
from migrate.strategies.s3_export import export_actions, export_removals, left_to_user
from migrate.strategies.spark_actions import Engine, addresses, load_action, transform_actions, verifier
from migrate.strategies.spark_setup import SparkSetup

LOCAL = Verifier(words="this machine")


def load(setup: SparkSetup, engine: Engine) -> Recipe:
    """See `Strategy.load`."""
    request = setup.request
    indexes = chosen_indexes(request)
    warmth = choose_warmth(request, indexes.present)
    loaded = created_spec(request.desired, indexes.present)
    table = None if made_earlier(request) else table_action(request, loaded, indexes, warmth)
    before = [*([table] if table else []), *warm_up(request, warmth, table)]
    shared = spark_shared.prerequisites(setup)
    exported = export_actions(request) if setup.is_export else []
    transform = transform_actions(setup, shared)
    needs = (*addresses(shared), *addresses([*exported[-1:], *before[-1:], *transform]))
    run = engine(setup, needs)
    planned = [*exported, *before, *transform, *run.before, load_action(setup, run, needs)]
    is_tidy = request.cleanup == "after-verify"
    return Recipe(
        load=tuple(planned),
        loaded=loaded,
        cleanup=tuple(_removals(setup, planned, verifies=setup.verifies)) if is_tidy else (),
        shared=tuple(shared),
        shared_cleanup=tuple(spark_shared.removals(setup, shared)) if is_tidy else (),
        needs_user=tuple(left_to_user(request)) if setup.is_export else (NO_SNAPSHOT,),
        is_tagged=True,
        verify=transform_params(request.transform),
        verifier=verifier(setup, run) if setup.verifies else LOCAL,
    )


def leftovers(setup: SparkSetup, engine: Engine) -> Recipe:
    """See `Strategy.leftovers`: with a verification that is still due, also what its run needs."""
    request = setup.request
    verify = transform_params(request.transform)
    target = request.inventory.target_tables.get(request.target_name)
    if not request.options.get("bucket") or target is None:
        return Recipe(verify=verify)
    by, verifies = LOCAL, setup.verifies and is_verification_due(request, target)
    if verifies:
        shared = spark_shared.prerequisites(setup)
        transform = transform_actions(setup, shared)
        run = engine(setup, (*addresses(shared), *addresses(transform)))
        by = verifier(setup, run, (*transform, *run.before), tuple(shared))
    if request.cleanup != "after-verify":
        return Recipe(verify=verify, verifier=by)
    return Recipe(
        cleanup=tuple(_removals(setup, list(by.actions), verifies=verifies)),
        shared_cleanup=tuple(spark_shared.removals(setup, by.shared)),
        verify=verify,
        verifier=by,
    )


def _removals(setup: SparkSetup, planned: list[Action], *, verifies: bool) -> Iterator[Action]:
    """The removal of what is ours, or what `planned` actions and a verification make: last made first."""
    request = setup.request
    file = request.state.files.get(request.target_name)
    owned = {(one.kind, one.address) for one in (file.owned.values() if file else ())}
    owned |= {(_MADE_BY[action.kind], action.address) for action in planned if action.kind in _MADE_BY}
    owned |= {("job-work", request.address("verify"))} if verifies else set()
    for kind, address in sorted(owned, reverse=True):
        if kind in _TITLES:
            is_of_verify = address == request.address("verify")
            yield _removal(request, kind, address, _SUMS if is_of_verify else _TITLES[kind])
    exported = [action for action in planned if action.kind in ("export", "setting.recovery", "export-check")]
    if setup.is_export:
        yield from export_removals(request, exported)


_MADE_BY = {**dict.fromkeys(SPARK_LOADS, "job-work"), "glue-job": "glue-job", "job-transform": "job-files"}
"""Kind of action -> kind of what it owns."""

_TITLES = {
    "job-work": "delete the job's checkpoints and logs",
    "glue-job": "delete the Glue job",
    "job-files": "delete the transform",
}
_SUMS = "delete the verification's sums and logs"


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
