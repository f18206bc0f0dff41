"""Plan one table: where it stands, what it still needs, in which order."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migrate.core.diagnostics import Diagnostic, error
from migrate.core.frozen import replace
from migrate.core.table import TableFacts, TableSpec
from migrate.plan.diff import FieldChange, compare
from migrate.plan.model import Action, Change, Side
from migrate.plan.settings import AFTER_LOAD, AFTER_VERIFY, BY_NAME, SETTINGS
from migrate.plan.sharing import share_actions, share_removals
from migrate.plan.strategy import (
    LOAD_KINDS,
    REWRITING_LOADS,
    TABLE_MAKING_LOADS,
    Recipe,
    Strategy,
    TableRequest,
    load_record,
    was_filled,
)
from migrate.plan.table_indexes import index_actions, index_problems
from migrate.plan.verification import verify_actions
from migrate.plan.words import change_lines
from migrate.state.model import OwnedResource, State, Status


class Stage(enum.Enum):
    """Where the target table stands. LOADED: full, by us. PARTIAL: ours, left by a failed load (or just removed)."""

    ABSENT = "absent"
    LOADING = "loading"
    PARTIAL = "partial"
    LOADED = "loaded"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class TableActions:
    """The actions of one table, in order, with those that it shares with others."""

    own: tuple[Action, ...] = ()
    shared: tuple[Action, ...] = ()
    shared_cleanup: tuple[Action, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    needs_user: tuple[str, ...] = ()
    is_move: bool = False


def stage_of(target: TableFacts | None, name: str, state: State) -> Stage:
    """Where the target table stands, by what is observed and by what this migration remembers of its load."""
    load = load_record(name, state)
    # These need a table that does not exist; every other load goes on in the table that is there.
    is_left_behind = load is not None and load.kind in TABLE_MAKING_LOADS and load.status is Status.FAILED
    if target is None:
        if load and load.status in (Status.STARTING, Status.RUNNING):
            return Stage.LOADING
        # A removal that a dead run began is carried to its end, so that the table is no longer ours in the state.
        return Stage.PARTIAL if is_left_behind and _owned_table(name, state) else Stage.ABSENT
    if not _is_ours(target, name, state):
        return Stage.LOADED if was_filled(target, state) else Stage.FOREIGN
    if load is not None and load.status is Status.DONE and load.outputs.get("table_id") == target.table_id:
        return Stage.LOADED
    return Stage.PARTIAL if is_left_behind else Stage.LOADING


def plan_table(request: TableRequest, strategy: Strategy, target: TableFacts | None) -> TableActions:
    """All actions that this table still needs."""
    stage = stage_of(target, request.target_name, request.state)
    if stage is Stage.FOREIGN and target is not None and request.existing is None:
        return TableActions(diagnostics=(_foreign(request, target),))
    if stage is Stage.LOADED and target is not None:
        if changed := _another_transform(request):
            return TableActions(diagnostics=(changed,))
        return _after_load(request, strategy.leftovers(request), target.spec, target)
    recipe = strategy.load(replace(request, is_partial=stage is Stage.PARTIAL))
    moving = [d for action in recipe.load for d in _still_running(action, request.state)]
    if moving:
        return TableActions(diagnostics=tuple(moving))
    return _after_load(request, recipe, recipe.loaded or request.desired, None)


def _after_load(request: TableRequest, recipe: Recipe, spec: TableSpec, target: TableFacts | None) -> TableActions:
    """`recipe`, then the settings in which `spec` differs, verify, and what must wait for it."""
    load = _load_address(request, recipe)
    is_not_ours = request.existing is not None
    own_tags = {} if recipe.is_tagged or is_not_ours else _missing_own_tags(request, load, target)
    changes = compare(request.desired, spec)
    first = [*share_removals(request), *_settings_after_load(request, spec, changes, own_tags)]
    first = _chain(first, _last(recipe.load))
    loaded = _last(first) or _last(recipe.load)
    verify = verify_actions(request, recipe, load, loaded, target)
    checked = _last(verify) or loaded
    late = (_setting_action(request, change, {}) for change in changes if change.setting.phase == AFTER_VERIFY)
    second = _chain([*share_actions(request, target or request.existing), *late], checked)
    cleanup = [_needing(action, checked) for action in recipe.cleanup]
    own = (*recipe.load, *first, *verify, *second, *cleanup)
    last = tuple(action.address for action in cleanup) or checked
    return TableActions(
        own=own,
        shared=(*recipe.shared, *(recipe.verifier.shared if verify else ())),
        shared_cleanup=tuple(_needing(action, last) for action in recipe.shared_cleanup),
        diagnostics=tuple(index_problems(request, spec)) if target else (),
        needs_user=recipe.needs_user,
        is_move=bool(recipe.load),
    )


def _settings_after_load(
    request: TableRequest, observed: TableSpec, found: Iterable[FieldChange], own_tags: Mapping[str, str]
) -> list[Action]:
    """`own_tags` are those of ours that the table lacks: they say whose it is."""
    changes = [change for change in found if change.setting.phase == AFTER_LOAD]
    if own_tags and not any(change.setting.name == "tags" for change in changes):
        changes.append(FieldChange(BY_NAME["tags"], None, None))
        changes.sort(key=lambda change: SETTINGS.index(change.setting))
    actions = [_setting_action(request, change, own_tags) for change in changes]
    indexes = index_actions(request, observed)
    place = next((i for i, a in enumerate(actions) if a.kind in _AFTER_INDEXES), len(actions))
    actions[place:place] = indexes
    return actions


_AFTER_INDEXES = {
    "setting." + name
    for name in ("stream", "recovery", "tags", "kinesis", "contributor-insights", "auto-scaling", "resource-policy")
}


def _missing_own_tags(request: TableRequest, load: str, target: TableFacts | None) -> dict[str, str]:
    wanted = {"migrate:lineage": request.state.lineage, "migrate:address": load}
    return wanted if target is None or target.own_tags.get("migrate:lineage") != request.state.lineage else {}


def _setting_action(request: TableRequest, change: FieldChange, own_tags: Mapping[str, str]) -> Action:
    name, label = change.setting.name, change.setting.label
    lines = change_lines(change) if change.before != change.after else []
    params = {"table": request.target_name, "before": change.before, "after": change.after}
    if own_tags and name == "tags":
        params["own"] = dict(own_tags)
        lines = [*lines, "migrate:lineage and migrate:address, which say whose the table is"]
    is_short = len(lines) == 1 and len(lines[0]) <= 80
    return Action(
        address=request.address(name),
        kind=f"setting.{name}",
        side=Side.TARGET,
        change=Change.UPDATE,
        title=f"{label}: {lines[0]}" if is_short else label,
        params=params,
        undo=f"setting.{name}",
        why="the target should have what the source has, or what the manifest says",
        details=() if is_short else tuple(lines),
    )


def _load_address(request: TableRequest, recipe: Recipe) -> str:
    """The action that puts the items there: planned now, or done earlier."""
    planned = [action.address for action in recipe.load if action.kind in LOAD_KINDS]
    done = load_record(request.target_name, request.state)
    return planned[0] if planned else done.address if done else request.address("import")


def _is_ours(target: TableFacts, name: str, state: State) -> bool:
    resource = _owned_table(name, state)
    if resource is None or resource.id != target.arn:
        return False
    return not resource.is_confirmed or resource.proof.get("table_id") in (None, target.table_id)


def _owned_table(name: str, state: State) -> OwnedResource | None:
    file = state.files.get(name)
    return next((one for one in file.owned.values() if one.kind == "table"), None) if file else None


def _foreign(request: TableRequest, target: TableFacts) -> Diagnostic:
    other = target.own_tags.get("migrate:lineage")
    whose = f"another migration (lineage {other})" if other else "something else than this migration"
    if other == request.state.lineage:
        whose = "this migration, but its state no longer knows it"
    return error(
        f"the table {target.name} exists in {request.inventory.target.id} and was made by {whose}",
        address=request.target_name,
        why="the move creates its table; filling or changing a table that is not ours could destroy data",
        hint="set target.name to a free name, remove the table yourself, fill it as it is with `strategy: copy`, or, "
        f"if it is the result of this migration, "
        f"`migrate state adopt {request.migration} {target.name} --manifest FILE`",
    )


def _another_transform(request: TableRequest) -> Diagnostic | None:
    """The items are in the target as another transform has made them than the manifest has now."""
    done = load_record(request.target_name, request.state)
    now = request.transform.digest if request.transform else None
    if done is None or done.kind not in REWRITING_LOADS or done.outputs.get("transform") == now:
        return None
    way_out = f"; or remove the table {request.target_name} yourself, and it is made and filled anew"
    return error(
        f"{request.target_name} was filled with another transform than the manifest has now",
        address=request.target_name,
        why="its items are not what the manifest says, and cannot be changed where they are",
        hint=f"put the transform (and its Python file) back as it was{'' if request.existing else way_out}",
    )


def _still_running(action: Action, state: State) -> list[Diagnostic]:
    record = state.record(action.address)
    if (
        action.kind not in TABLE_MAKING_LOADS
        or record is None
        or record.status not in (Status.STARTING, Status.RUNNING)
    ):
        return []
    if record.action_digest == action.digest:
        return []
    return [
        error(
            f"{action.address} is still running as an earlier plan said, and now it would be different",
            address=action.address,
            why="the manifest or the source table changed while its load runs; AWS cannot cancel it",
            hint="put the manifest back and run `migrate apply` to let it end; then change the manifest",
        )
    ]


def _chain(actions: list[Action], needs: tuple[str, ...]) -> list[Action]:
    """The actions one after the other: DynamoDB takes one change of a table at a time."""
    chained: list[Action] = []
    for action in actions:
        chained.append(_needing(action, (chained[-1].address,) if chained else needs))
    return chained


def _needing(action: Action, needs: tuple[str, ...]) -> Action:
    if not needs:
        return action
    return replace(action, needs=tuple(dict.fromkeys((*action.needs, *needs))))


def _last(actions: Iterable[Action]) -> tuple[str, ...]:
    addresses = [action.address for action in actions]
    return (addresses[-1],) if addresses else ()


def by_address(actions: Iterable[Action]) -> dict[str, Action]:
    """The actions by address; the needs of those with the same address are joined (several tables share them)."""
    first: dict[str, Action] = {}
    more: dict[str, list[str]] = {}
    for action in actions:
        first.setdefault(action.address, action)
        more.setdefault(action.address, []).extend(action.needs)
    return {address: _needing(action, tuple(more[address])) for address, action in first.items()}
